// SPDX-License-Identifier: Apache-2.0
//! What can go wrong while an installation is read.

use datafusion::error::DataFusionError;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an installation cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The metadata cannot be read.
    #[error(transparent)]
    Catalog(#[from] m2m_catalog::Error),
    /// A `tables` folder cannot be opened.
    #[error(transparent)]
    Storage(#[from] m2m_storage::Error),
    /// A file that must be there is not.
    #[error(
        "{what} `{path}` is missing, and with it {rows}: restore it from a backup, or leave its collection out with `--col`"
    )]
    Missing {
        /// What the file holds.
        what: &'static str,
        /// The file.
        path: String,
        /// The rows at risk, in words.
        rows: String,
    },
    /// Ids are there, deleted docs are not.
    #[error(
        "deleted docs `{path}` are missing: which of the {rows} stored rows are deleted cannot be told; restore them from a backup, or, if no row was deleted, write a file of 8 zero bytes there"
    )]
    MissingDeletedDocs {
        /// The file.
        path: String,
        /// Stored rows of the segment.
        rows: u64,
    },
    /// A scan that came from another process is none.
    #[error("the values of a scan are damaged")]
    ScanValues(#[source] m2m_segment::Error),
    /// The bytes of a file are not what they should be.
    #[error("{what} `{path}` are damaged")]
    Damaged {
        /// What the file holds.
        what: &'static str,
        /// The file.
        path: String,
        /// Expected and found.
        source: m2m_segment::Error,
    },
    /// A bloom filter is not what it should be.
    #[error("bloom filter `{path}` is damaged")]
    DamagedBloomFilter {
        /// The file.
        path: String,
        /// Expected and found.
        source: m2m_segment::Error,
    },
    /// Fewer bytes came than were asked for.
    #[error(
        "{what} `{path}` changed while they were read: expected {expected} bytes at offset {offset}, found {found}"
    )]
    ShortRead {
        /// What the file holds.
        what: &'static str,
        /// The file.
        path: String,
        /// Where was read.
        offset: u64,
        /// Bytes asked for.
        expected: u64,
        /// Bytes that came.
        found: u64,
    },
    /// The file has another length than when the query was planned.
    #[error(
        "{what} `{path}` changed after the query was planned: expected {expected} bytes, found {found}; stop the old server before its files are read"
    )]
    Changed {
        /// What the file holds.
        what: &'static str,
        /// The file.
        path: String,
        /// Bytes at planning.
        expected: u64,
        /// Bytes at reading.
        found: u64,
    },
    /// The file is one of Milvus 0.11.
    #[error("{what} `{path}` are of Milvus 0.11, whose files have another format that m2m does not read")]
    Milvus011 {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: String,
    },
    /// The file cannot be read.
    #[error("cannot read {what} `{path}`")]
    Read {
        /// What the file holds.
        what: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: object_store::Error,
    },
    /// A folder cannot be listed.
    #[error("cannot list folder `{path}`")]
    ListFolder {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A bucket cannot be listed.
    #[error("cannot list `{path}`")]
    ListBucket {
        /// The prefix.
        path: String,
        /// Why.
        source: object_store::Error,
    },
    /// Keys that begin with a `/` cannot be listed.
    #[error(
        "cannot list `{path}`: keys that begin with a `/` can be read, but not listed; look for left-over folders with the tools of the bucket"
    )]
    ListLeadingSlash {
        /// The prefix.
        path: String,
    },
    /// The installation has no `tables` folder.
    #[error("no `tables` folder is named: give it with `--tables`")]
    NoTables,
    /// The `tables` folders are in stores that one plan cannot read.
    #[error(
        "`{first}` and `{other}` are in different stores: bring all `tables` folders of the installation to one bucket, or to this machine"
    )]
    SeveralStores {
        /// The first folder.
        first: String,
        /// One that is elsewhere.
        other: String,
    },
    /// The bucket has none of the first segments.
    #[error(
        "the bucket has no segments of this metadata: looked for {looked_for}; check that bucket and prefix belong to the metadata, or restore what was removed"
    )]
    NoSegments {
        /// What was looked for, and where, in words.
        looked_for: String,
    },
    /// The bucket has none of the first segments, as far as its server lets it be seen.
    #[error(
        "found no segments of this metadata, and access was denied for `{key}`: looked for {looked_for}; check bucket and prefix, and that the credentials may read there: who may not list a bucket is denied what is not in it, too"
    )]
    SegmentsDenied {
        /// The first key that was denied.
        key: String,
        /// What was looked for, and where, in words.
        looked_for: String,
        /// What the server said.
        source: Box<Error>,
    },
    /// Segments are in two folders.
    #[error(
        "both `{first}` and `{second}` are there, and which of them the server used cannot be told: name the folder that is meant more exactly, or move the other away"
    )]
    SegmentsTwice {
        /// The file of ids of a segment.
        first: String,
        /// That of the same or of another segment, elsewhere.
        second: String,
    },
    /// There is no such collection.
    #[error("there is no collection `{name}`{hint}")]
    NoCollection {
        /// The name that was asked for.
        name: String,
        /// The nearest names, or nothing.
        hint: String,
    },
    /// Several collections differ from the name in case alone.
    #[error(
        "collection `{name}` could be any of {candidates}: write the one that is meant exactly, in SQL between double quotes"
    )]
    AmbiguousName {
        /// The name that was asked for.
        name: String,
        /// The names that it could be.
        candidates: String,
    },
    /// A row that is left out does not exist.
    #[error("cannot leave rows of segment `{segment}` out of collection `{collection}`")]
    ExcludedRow {
        /// The collection.
        collection: String,
        /// The segment.
        segment: String,
        /// Expected and found.
        source: m2m_segment::Error,
    },
    /// Rows are left out of a segment that the collection does not have once.
    #[error(
        "cannot leave rows of segment `{segment}` out of collection `{collection}`, which has none or several of this id"
    )]
    ExcludedSegment {
        /// The collection.
        collection: String,
        /// The segment.
        segment: String,
    },
    /// The rows of a collection cannot be looked through.
    #[error("cannot look through the rows of collection `{collection}`")]
    Audit {
        /// The collection.
        collection: String,
        /// Why.
        source: Box<DataFusionError>,
    },
    /// The segments of a folder cannot be compared with each other.
    #[error("cannot compare the segments of folder `{folder}`")]
    Overlap {
        /// The folder, by its name in `tables`.
        folder: String,
        /// Why.
        source: Box<DataFusionError>,
    },
    /// There is no segment at all.
    #[error(
        "no segment was found in {place}: name the `tables` folder of the old server; keys of a bucket that begin with a `/` cannot be listed, and have to be copied to a folder first"
    )]
    NothingToRecover {
        /// Where was looked.
        place: String,
    },
    /// What was said of an installation without metadata cannot be.
    #[error("{option}: {reason}")]
    Choice {
        /// The option that says it.
        option: &'static str,
        /// Why it cannot be.
        reason: String,
    },
    /// The query engine cannot be set up.
    #[error("cannot set up the query engine")]
    Session(#[source] DataFusionError),
}

impl Error {
    /// Whether the files themselves are wrong, so that reading them once more would
    /// find the same. Any other error may be gone the next time.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. }
                | Self::MissingDeletedDocs { .. }
                | Self::Damaged { .. }
                | Self::DamagedBloomFilter { .. }
                | Self::Milvus011 { .. }
                | Self::SegmentsTwice { .. }
        )
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}
