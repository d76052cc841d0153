// SPDX-License-Identifier: Apache-2.0
//! Comparing the rows of a plan with what Milvus 2.x answers.
//!
//! # What a full comparison proves
//!
//! Every row of the source is looked for by its id in its partition, and must be
//! there with the same values; and Milvus must count as many rows in each
//! partition as the source has. Where no id repeats inside a partition, the
//! partition's n rows have n different ids, so that n different rows of Milvus are
//! equal to them, one to one. It counts n: there is no other. So both hold the
//! same rows, each as often.
//!
//! Of rows that share an id inside a partition, Milvus shows one. It must be equal
//! to one of theirs; the others are known by their number only. Nor does it show
//! rows with the largest or the smallest 64-bit id.
//!
//! On 2.2 the counts are of stored rows, which may be more than those of now.

mod blocks;
mod collection;
mod counts;
mod held;
mod ids;
mod layout;
mod nearest;
mod report;
mod rows;
mod schema;
mod search;
mod tally;
mod values;

use std::collections::BTreeMap;
use std::time::Instant;

use m2m_milvus::Client;

use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::plan::DumpPlan;
use crate::settings::DEFAULT_SAMPLE_ROWS;
use collection::Check;
pub(crate) use ids::{IDS_AT_ONCE, Ids};
pub use report::{
    CollectionVerification, Counting, Layout, PartitionCounts, SearchVerification, VERIFY_REPORT_FORMAT,
    Verification, VerifyMode, VerifyTotals,
};

/// Questions that a server is asked at once. At strong consistency an answer
/// waits for the server's clock, which moves five times a second, however few
/// the rows: one after the other they would take longer than their rows.
const QUESTIONS_AT_ONCE: usize = 16;
/// Neighbours that a search asks for, by default.
pub const DEFAULT_TOP_K: usize = 10;

/// How to verify.
#[derive(Clone, Debug)]
pub struct VerifySettings {
    /// About how many rows of each collection are compared field by field; all
    /// of them without a number.
    pub sample_rows: Option<usize>,
    /// How searches are compared, if they are.
    pub search: Option<SearchSettings>,
    /// Rows that collections had before others were appended, by their names in Milvus.
    pub before: BTreeMap<String, RowsBefore>,
}

impl Default for VerifySettings {
    fn default() -> Self {
        Self { sample_rows: Some(DEFAULT_SAMPLE_ROWS), search: None, before: BTreeMap::new() }
    }
}

/// How searches are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchSettings {
    /// How many vectors of each collection are searched for.
    pub queries: usize,
    /// How many neighbours each search asks for.
    pub top_k: usize,
    /// A smaller recall is a difference; without it recall is only told.
    pub min_recall: Option<f64>,
    /// Parameters of the search, such as `nprobe`, in place of those that suit the index.
    pub params: BTreeMap<String, i64>,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self { queries: 100, top_k: DEFAULT_TOP_K, min_recall: None, params: BTreeMap::new() }
    }
}

/// Rows that a collection had before others were appended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowsBefore {
    /// Rows of the whole collection.
    pub rows: u64,
    /// Rows of single partitions; those that are not named had none.
    pub partitions: BTreeMap<String, u64>,
}

/// Compares the rows of a plan with Milvus: fields and metric, the numbers of
/// rows, every field of a sample of rows or of all, to the bit, and what searches
/// find. Differences are an answer, not an error.
///
/// The collection may have been made by others: what of it cannot be compared is
/// said in its notes, and what is not as it should be in its differences.
///
/// A collection that is not in Milvus' memory is loaded, and released afterwards;
/// one that has no index cannot be, and is compared by the rows that are stored.
///
/// # Errors
///
/// When the source cannot be read, when the server cannot be asked, or when a
/// collection cannot be loaded.
pub async fn verify(
    plan: &mut DumpPlan,
    client: &Client,
    settings: &VerifySettings,
    observer: &dyn Observer,
) -> Result<Verification> {
    let started = Instant::now();
    plan.count().await?;
    observer.on_event(&Event::Started { phase: Phase::Verify, rows: plan.rows(), bytes: 0 });
    let mut collections = Vec::with_capacity(plan.collections.len());
    let mut rows = 0;
    for collection in &plan.collections {
        let check = Check { client, plan: collection, settings, observer, rows_before: rows };
        // Boxed: the states of a comparison are large.
        collections.push(Box::pin(check.run()).await?);
        rows += collection.rows();
        observer.on_event(&Event::Progress { phase: Phase::Verify, rows, bytes: 0 });
    }
    observer.on_event(&Event::Finished { phase: Phase::Verify });
    let sample_rows = settings.sample_rows.map(|rows| rows as u64);
    let seconds = started.elapsed().as_secs_f64();
    Ok(Verification::of(client.version().to_string(), sample_rows, collections, seconds))
}
