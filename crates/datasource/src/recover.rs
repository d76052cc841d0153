// SPDX-License-Identifier: Apache-2.0
//! An installation without its metadata, as far as its files tell.
//!
//! | what | how it is known |
//! |---|---|
//! | collections | folders whose names a collection can have. Certain, but for whether they were dropped |
//! | partitions | folders whose names are numbers. Whose they are is guessed when one collection alone can have them; the tag stands nowhere |
//! | rows, bytes of a row | lengths and headers of the files. Certain |
//! | float or binary | an index file says so, or the width of a row leaves one of both. Else it has to be told |
//! | metric | L2 or HAMMING is guessed |
//! | live segments | all that are whole, without those whose live rows are in a newer segment too: sources of a merge |
//!
//! Segment ids are times, so newer is what has the larger one. The old server drops
//! deleted rows when it merges, and writes no more deletes into what it has merged. So
//! a segment whose live rows all stand in a newer one, deleted there or not, was merged
//! into it. When rows that are deleted in the older one stand in the newer one as well, the
//! merge is older than the deletes: it was never finished, and the sources count.
//!
//! ```no_run
//! use m2m_datasource::recover::{Choices, Findings};
//! use m2m_datasource::{SessionOptions, session};
//! use m2m_storage::Storage;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let tables = Storage::local("/var/lib/milvus/db/tables".as_ref())?;
//! let findings = Findings::read(vec![tables]).await?;
//! let choices = Choices::default();
//! if findings.questions(&choices)?.is_empty() {
//!     let recovered = findings.recover(&session(SessionOptions::default())?, &choices).await?;
//!     println!("{}", recovered.report);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Promises
//!
//! * What is left out is in the report, and [`Report::is_incomplete`] tells when rows
//!   are that nobody asked to leave out and that no other segment has.
//! * What counts and may be left over is in the report as a warning, and
//!   [`Report::is_doubtful`] tells when nobody said that it counts.
//! * No file is believed before its lengths are checked, and nothing but regular files
//!   is opened.
//! * Memory is that of the listing and of the session, whatever the files hold.

mod choices;
mod decide;
mod evidence;
mod groups;
mod listing;
mod overlap;
mod report;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::prelude::SessionContext;
use m2m_catalog::Inventory;
use m2m_storage::Storage;

use crate::error::Result;
use crate::roots::Roots;

pub use choices::{Choices, Owner};
pub use groups::Question;
pub use report::{Certainty, CollectionReport, Remark, Report};

use table::Table;

/// What the files of an installation say.
#[derive(Debug)]
pub struct Findings {
    roots: Arc<Roots>,
    /// The folders in `tables`, by name.
    tables: BTreeMap<String, Table>,
    /// What is no part of an installation, in words.
    strays: Vec<String>,
}

/// Metadata that was made from files.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The metadata.
    pub inventory: Inventory,
    /// What it rests on.
    pub report: Report,
}

impl Findings {
    /// Lists the `tables` folders and reads the headers of all segments.
    ///
    /// # Errors
    ///
    /// When a folder or a file cannot be read, or there is no segment at all. A
    /// damaged segment is none: it is left out, and reported.
    pub async fn read(roots: Vec<Storage>) -> Result<Self> {
        let listing = listing::list(&roots).await?;
        table::read(roots, listing).await
    }

    /// Returns what the files do not say and has to be told, after the choices.
    ///
    /// # Errors
    ///
    /// When a choice names what is not there, or contradicts the files.
    pub fn questions(&self, choices: &Choices) -> Result<Vec<Question>> {
        Ok(groups::group(&self.tables, choices)?.questions())
    }

    /// Finds out which segments were merged into others, and makes the metadata.
    ///
    /// # Errors
    ///
    /// Those of [`Findings::questions`]; when a question is open; when rows cannot be read.
    pub async fn recover(&self, ctx: &SessionContext, choices: &Choices) -> Result<Recovered> {
        let groups = groups::group(&self.tables, choices)?;
        if let Some(question) = groups.questions().first() {
            return Err(question.unanswered());
        }
        let mut overlaps = BTreeMap::new();
        for table in groups.tables().filter_map(|id| self.tables.get(id)) {
            let found = overlap::find(ctx, &self.roots, table, choices).await?;
            overlaps.insert(table.id.clone(), found);
        }
        Ok(decide::decide(&self.tables, &groups, &overlaps, choices, &self.strays))
    }
}

#[cfg(test)]
mod tests;
