// SPDX-License-Identifier: Apache-2.0
//! What a migration tells whoever watches it. Nothing here prints.

/// The steps of a migration, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Checks are run over what is there.
    Audit,
    /// Segments are read and import files written.
    Dump,
    /// Import files are imported by Milvus 2.x.
    Load,
    /// Source and target are compared.
    Verify,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A phase began, with what it will move.
    Started {
        /// Which.
        phase: Phase,
        /// Rows to move or to compare.
        rows: u64,
        /// Bytes to write; 0 where bytes are not what counts.
        bytes: u64,
    },
    /// How far a phase has come, counted from its start.
    Progress {
        /// Which.
        phase: Phase,
        /// Rows moved.
        rows: u64,
        /// Bytes written.
        bytes: u64,
    },
    /// A phase ended well.
    Finished {
        /// Which.
        phase: Phase,
    },
    /// An import job was started.
    JobStarted {
        /// The file set.
        set: String,
        /// The server's id of the job.
        task: i64,
    },
    /// An import job ended well.
    JobFinished {
        /// The file set.
        set: String,
        /// The server's id of the job.
        task: i64,
        /// Rows it imported.
        rows: u64,
    },
    /// Rows of a collection that its index covers.
    Indexing {
        /// The collection.
        collection: String,
        /// Rows indexed.
        indexed: u64,
        /// Rows in all.
        total: u64,
    },
    /// A collection can be searched.
    Queryable {
        /// The collection.
        collection: String,
    },
    /// Something the user should know: a substitution, a new name, a warning.
    Note {
        /// What it is about, as a rule a collection.
        subject: String,
        /// The note, one sentence without a final period.
        text: String,
    },
}

/// Receives the events of a migration, from any thread.
pub trait Observer: Send + Sync {
    /// Called once for each event, in the order of the events of one phase.
    fn on_event(&self, event: &Event);
}

/// An observer that looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on_event(&self, _: &Event) {}
}
