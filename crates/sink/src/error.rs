// SPDX-License-Identifier: Apache-2.0

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;
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
        "vector of entity {id} in collection `{collection}` has {value} as component {component} (segment `{segment}`, offset {offset}): Milvus 2.x imports finite numbers only; leave such rows out with `m2m.invalidVectors=skip`, or delete the entity on the old server, flush, and dump again"
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

    /// A value cannot stand in an import file, or Milvus 2.x would refuse it.
    #[error(
        "cannot write column `{column}` of collection `{collection}`: expected {expected}, found {found} in {row}"
    )]
    InvalidValue {
        /// The collection.
        collection: String,
        /// The input column.
        column: String,
        /// What the field takes.
        expected: String,
        /// What the row has.
        found: String,
        /// The entity by its id, and its segment and offset where they are known.
        row: String,
    },

    /// A text of a JSON field is not JSON.
    #[error("cannot write column `{column}` of collection `{collection}`: expected JSON in {row}")]
    InvalidJson {
        /// The collection.
        collection: String,
        /// The input column.
        column: String,
        /// The entity by its id, and its segment and offset where they are known.
        row: String,
        /// Where and what the fault is.
        source: serde_json::Error,
    },

    /// An input column does not fit its field.
    #[error(
        "cannot write column `{column}` of collection `{collection}` to field `{field}` ({kind}): expected {expected}, found {found}"
    )]
    ColumnOfAnotherType {
        /// The collection.
        collection: String,
        /// The input column.
        column: String,
        /// The field in Milvus 2.x.
        field: String,
        /// What the field holds.
        kind: String,
        /// The type that such a field is made of.
        expected: String,
        /// The type of the column.
        found: String,
    },

    /// Arrays of a batch cannot be put into the shape that a file needs.
    #[error("cannot prepare rows of collection `{collection}` to be written")]
    Prepare {
        /// The collection.
        collection: String,
        /// What the fault is.
        source: ArrowError,
    },

    /// Rows cannot be encoded as Parquet.
    #[error("cannot encode `{location}`")]
    Encode {
        /// The file.
        location: String,
        /// What the fault is.
        source: ParquetError,
    },

    /// A file set is named after a row that does not say where it was stored.
    #[error("cannot name a file set of collection `{collection}` after its first row: {reason}")]
    UnnamedSet {
        /// The collection.
        collection: String,
        /// What was expected and what was found.
        reason: String,
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

    /// The rows of a file set that is complete already are no longer those that it
    /// was made of.
    #[error(
        "file set `{set}` of an earlier run has other rows: expected rows of {expected}, found rows of {found}; the source has changed, dump again from the beginning"
    )]
    ChangedSet {
        /// The file set.
        set: String,
        /// The segments of its rows then, quoted and joined.
        expected: String,
        /// The segments of its rows now.
        found: String,
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

    /// There is no room for a file.
    #[error(
        "no space left on the disk of `{location}`: make room there, or choose another place, and run the command again"
    )]
    DiskFull {
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

    /// A file is not what was written.
    #[error(
        "`{location}` is not as it was written: expected {expected}, found {found}; copy it once more from where it is whole, or dump again"
    )]
    Damaged {
        /// The file.
        location: String,
        /// Length or checksum of what was written.
        expected: String,
        /// That of the file.
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
        dtype: String,
        /// What does not fit.
        reason: &'static str,
    },

    /// Columns of a query have types that NumPy has not.
    #[error(
        "cannot write {columns} as NumPy arrays: expected boolean, integers, floats, dates, timestamps, durations, lists of them or fixed-size binary; leave them out, cast them, or use `STORED AS PARQUET`"
    )]
    CopyColumns {
        /// The columns and their types.
        columns: String,
    },

    /// A column of a query cannot name its file.
    #[error("cannot name a file after column `{column}`: {reason}; give the column a name with `AS`")]
    CopyName {
        /// The column, or its beginning.
        column: String,
        /// What is wrong with the name.
        reason: String,
    },

    /// A query of several columns is to become one file.
    #[error(
        "cannot write {columns} columns to `{location}`: a `.npy` file holds one array; select one column, or end the path with `/` for a folder with a file for each column"
    )]
    CopySingleFile {
        /// The file, as the statement has it.
        location: String,
        /// The columns of the query.
        columns: usize,
    },

    /// A value of a query is missing, which a NumPy array cannot express.
    #[error(
        "cannot write column `{column}` as a NumPy array: expected a value in every row, found null in row {row}, counted from 0; leave such rows out with `IS NOT NULL`, or use `coalesce`"
    )]
    CopyNull {
        /// The column.
        column: String,
        /// The row of the query.
        row: u64,
    },

    /// The lists of a column differ in length.
    #[error(
        "cannot write column `{column}` as a NumPy array: expected {expected} values in every row, as in the first, found {found} in row {row}, counted from 0"
    )]
    CopyLength {
        /// The column.
        column: String,
        /// The row of the query.
        row: u64,
        /// The values of the first row.
        expected: u64,
        /// The values of the row.
        found: usize,
    },

    /// A `COPY` asks for what this format has not.
    #[error("cannot copy to NumPy arrays: {reason}")]
    CopyUnsupported {
        /// What it has not.
        reason: String,
    },

    /// The result of a query is longer than an object store takes.
    #[error(
        "cannot write `{location}`: it is longer than {parts} parts of {part_bytes} bytes; write the rows in several files, such as by ranges of `id`"
    )]
    CopyTooLong {
        /// The file.
        location: String,
        /// Parts that a file can have.
        parts: usize,
        /// The length of a part.
        part_bytes: usize,
    },

    /// The folder of the files cannot be made.
    #[error("cannot make folder `{folder}`")]
    CopyFolder {
        /// The folder.
        folder: String,
        /// What the system said.
        source: std::io::Error,
    },

    /// The session knows no buckets to write to.
    #[error("cannot write to `{location}`: this session can write to local folders only")]
    NoOutputStorages {
        /// The place, as the statement has it.
        location: String,
    },

    /// The session writes to another bucket.
    #[error("cannot write to `{location}`: this session writes to `{expected}` only")]
    AnotherStorage {
        /// The bucket that was asked for.
        location: String,
        /// The bucket that the session knows.
        expected: String,
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

    /// A manifest says that file sets are still to come.
    #[error(
        "manifest `{location}` is of a dump that did not end: partition `{partition}` of collection `{collection}` is unfinished; run the dump again"
    )]
    ManifestUnfinished {
        /// The manifest.
        location: String,
        /// The collection.
        collection: String,
        /// The partition's tag.
        partition: String,
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

    /// A manifest names a file that would not lie below it.
    #[error(
        "manifest `{location}` names `{path}`, expected a path below its own folder, as a dump writes it: do not use this manifest"
    )]
    ManifestPath {
        /// The manifest.
        location: String,
        /// The path.
        path: String,
    },

    /// The storage of the dump cannot be used.
    #[error(transparent)]
    Storage(#[from] m2m_storage::Error),
}

impl Error {
    /// Says why a file cannot be written.
    pub(crate) fn unwritten(location: String, error: object_store::Error) -> Self {
        let source = Cause::from(error);
        if source.is_disk_full() {
            return Self::DiskFull { location, source };
        }
        Self::Write { location, source }
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}
