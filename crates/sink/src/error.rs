// SPDX-License-Identifier: Apache-2.0

use datafusion::error::DataFusionError;
use m2m_storage::Cause;

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why import files cannot be planned, written, or believed.
///
/// Plan nodes hand it on as [`DataFusionError::External`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What is to be written contradicts itself.
    #[error("cannot plan the import files of `{collection}`: {reason}")]
    InvalidPlan {
        /// The collection, or its folder in the dump.
        collection: String,
        /// What was expected and what was found.
        reason: String,
    },

    /// A column has a type that no import file can hold.
    #[error(
        "cannot write column `{column}` of collection `{collection}`: expected boolean, Int8 to Int64, Float32, Float64, a fixed-size list of Float32 or fixed-size binary, found {found}"
    )]
    UnsupportedColumn {
        /// The collection.
        collection: String,
        /// The input column.
        column: String,
        /// Its type.
        found: String,
    },

    /// A value is missing, which an import file cannot express.
    #[error(
        "cannot write column `{column}` of collection `{collection}`: expected a value in every row, found null in segment `{segment}` at offset {offset}"
    )]
    Null {
        /// The collection.
        collection: String,
        /// The input column.
        column: String,
        /// The segment of the row.
        segment: String,
        /// The row's offset in the segment.
        offset: i64,
    },

    /// A vector has a component that Milvus 2.x refuses.
    #[error(
        "vector of entity {id} in collection `{collection}` has {value} as component {component} (segment `{segment}`, offset {offset}): Milvus 2.x imports finite numbers only; delete or replace the entity on the old server, flush, and dump again"
    )]
    NotFinite {
        /// The collection.
        collection: String,
        /// The segment of the row.
        segment: String,
        /// The row's offset in the segment.
        offset: i64,
        /// The entity's id.
        id: i64,
        /// Which component of the vector, from 0.
        component: usize,
        /// What stands there.
        value: f32,
    },

    /// A row that should begin a file set is not the first row of any.
    #[error(
        "rows of collection `{collection}` do not follow the plan: expected the first row of a file set, found segment `{segment}` offset {offset}"
    )]
    UnknownSet {
        /// The collection.
        collection: String,
        /// The segment of the row.
        segment: String,
        /// The row's offset in the segment.
        offset: i64,
    },

    /// A row of another segment stands inside a file set.
    #[error(
        "rows of file set `{set}` do not follow the plan: expected rows of {expected}, found segment `{segment}` offset {offset}"
    )]
    ForeignRow {
        /// The file set.
        set: String,
        /// Its segments, quoted and joined.
        expected: String,
        /// The segment of the row.
        segment: String,
        /// The row's offset in the segment.
        offset: i64,
    },

    /// The rows ended inside a file set.
    #[error("rows of file set `{set}` ended early: expected {expected}, found {found}")]
    ShortSet {
        /// The file set.
        set: String,
        /// The rows that the plan and the files' headers promise.
        expected: u64,
        /// The rows that came.
        found: u64,
    },

    /// What was written is not what was planned.
    #[error("file set `{set}` is not as planned: expected {expected}, found {found}")]
    UnexpectedSet {
        /// The file set.
        set: String,
        /// What the plan says.
        expected: String,
        /// What was written.
        found: String,
    },

    /// Record batches do not describe written files.
    #[error("cannot read the list of written files: {reason}")]
    NotWrittenFiles {
        /// What was expected and what was found.
        reason: String,
    },

    /// A column is not what the plan said it would be.
    #[error(
        "column `{column}` of collection `{collection}` changed its type: expected {expected}, found {found}"
    )]
    ChangedColumn {
        /// The collection.
        collection: String,
        /// The input column.
        column: String,
        /// The type in the plan.
        expected: String,
        /// The type of the array.
        found: String,
    },

    /// An import file cannot be written.
    #[error("cannot write `{location}`")]
    Write {
        /// The file.
        location: String,
        /// What the store said.
        source: Cause,
    },

    /// An import file cannot be read.
    #[error("cannot read `{location}`")]
    Read {
        /// The file.
        location: String,
        /// What the store said.
        source: Cause,
    },

    /// A file is not an import file that this crate writes.
    #[error("`{location}` is not an import file: expected {expected}, found {found}")]
    NotAnImportFile {
        /// The file.
        location: String,
        /// What an import file has.
        expected: String,
        /// What the file has.
        found: String,
    },

    /// A header cannot be made or does not fit its fixed length.
    #[error("cannot describe {rows} rows of {width} × {dtype} in a NumPy header: {reason}")]
    Header {
        /// The rows.
        rows: u64,
        /// Values in a row.
        width: u64,
        /// The type in NumPy's notation.
        dtype: &'static str,
        /// What does not fit.
        reason: &'static str,
    },

    /// A manifest is not JSON of the expected shape.
    #[error("cannot decode manifest `{location}`")]
    Manifest {
        /// The manifest.
        location: String,
        /// Where and what the fault is.
        source: serde_json::Error,
    },

    /// A manifest cannot be turned into JSON.
    #[error("cannot encode the manifest for `{location}`")]
    EncodeManifest {
        /// The manifest.
        location: String,
        /// What the fault is.
        source: serde_json::Error,
    },

    /// A manifest was written by a later m2m.
    #[error(
        "manifest `{location}` has version {found}, this m2m reads version {expected}: use the m2m that wrote it, or dump again"
    )]
    ManifestVersion {
        /// The manifest.
        location: String,
        /// The version that is understood.
        expected: u32,
        /// The version that stands there.
        found: u64,
    },

    /// A manifest contradicts itself.
    #[error(
        "manifest `{location}` contradicts itself: {subject} has {found} rows, its parts have {expected}"
    )]
    ManifestRows {
        /// The manifest.
        location: String,
        /// The collection, partition, file set or file.
        subject: String,
        /// The sum over the parts.
        expected: u64,
        /// The number that stands there.
        found: u64,
    },

    /// The storage of the dump cannot be used.
    #[error(transparent)]
    Storage(#[from] m2m_storage::Error),
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}
