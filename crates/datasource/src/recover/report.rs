// SPDX-License-Identifier: Apache-2.0
//! What recovered metadata rests on.

use std::fmt;

/// How sure a remark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Certainty {
    /// The files say so.
    Certain,
    /// The user said so.
    Given,
    /// It is likely, and the files do not say so.
    Guessed,
    /// Something is not in the metadata.
    LeftOut,
    /// Something may be wrong.
    Warning,
}

/// One thing that is to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// How sure it is.
    pub certainty: Certainty,
    /// What it is, one line.
    pub text: String,
}

/// What is to be known of one collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectionReport {
    /// Its name.
    pub name: String,
    /// Its live rows.
    pub live_rows: u64,
    /// Its stored rows, the deleted ones among them.
    pub stored_rows: u64,
    /// Its segments.
    pub segments: usize,
    /// Its partitions, `_default` among them.
    pub partitions: usize,
    /// What it rests on.
    pub remarks: Vec<Remark>,
}

/// What is to be known of an installation. Its text is for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The collections, by name.
    pub collections: Vec<CollectionReport>,
    /// What belongs to no collection.
    pub remarks: Vec<Remark>,
    /// Whether rows are left out that no other segment has and that were not to be left out.
    pub is_incomplete: bool,
    /// Whether segments count that may be left over, so that rows would be there twice or
    /// come back after they were deleted, and of which it was not said that they count.
    pub is_doubtful: bool,
}

/// What never stands in the files.
const UNKNOWN: &str = "not in the files: whether a collection or partition was dropped; index types and their parameters (FLAT is written); whether the server made the ids; tags of partitions; collections and partitions without rows; rows and deletes that stand only in the write-ahead log";

impl Certainty {
    /// Returns the word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Given => "given",
            Self::Guessed => "guessed",
            Self::LeftOut => "left out",
            Self::Warning => "warning",
        }
    }
}

impl Report {
    /// Returns each remark as one line, with the collection that it is about.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let of = |name: &str, remark: &Remark| format!("{name}{}: {}", remark.certainty.name(), remark.text);
        let mut lines = Vec::new();
        for collection in &self.collections {
            let name = format!("{}: ", collection.name);
            lines.extend(collection.remarks.iter().map(|remark| of(&name, remark)));
        }
        lines.extend(self.remarks.iter().map(|remark| of("", remark)));
        lines.push(UNKNOWN.to_owned());
        lines
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for collection in &self.collections {
            let CollectionReport { name, live_rows, stored_rows, segments, partitions, .. } = collection;
            writeln!(
                f,
                "{name}: {} ({stored_rows} stored), {}, {}",
                count(*live_rows, "live row"),
                count(*segments as u64, "segment"),
                count(*partitions as u64, "partition"),
            )?;
            collection.remarks.iter().try_for_each(|remark| writeln!(f, "  {remark}"))?;
            writeln!(f)?;
        }
        self.remarks.iter().try_for_each(|remark| writeln!(f, "{remark}"))?;
        writeln!(f, "{UNKNOWN}")
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<9} {}", self.certainty.name(), self.text)
    }
}

/// A number with its noun.
pub(super) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A list of remarks in the making.
#[derive(Debug, Default)]
pub(super) struct Remarks(pub(super) Vec<Remark>);

impl Remarks {
    pub(super) fn add(&mut self, certainty: Certainty, text: impl Into<String>) {
        self.0.push(Remark { certainty, text: text.into() });
    }
}
