// SPDX-License-Identifier: Apache-2.0
//! What can end a dump, a load or a verification.

mod kinds;

use datafusion::error::DataFusionError;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a step of a migration ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The metadata of the installation cannot be read.
    #[error(transparent)]
    Catalog(#[from] m2m_catalog::Error),
    /// The segments of the installation cannot be read.
    #[error(transparent)]
    Datasource(#[from] m2m_datasource::Error),
    /// The dump cannot be written or read back.
    #[error(transparent)]
    Sink(#[from] m2m_sink::Error),
    /// The object store refused or failed.
    #[error(transparent)]
    Storage(#[from] m2m_storage::Error),
    /// Milvus 2.x refused or failed.
    #[error(transparent)]
    Milvus(#[from] m2m_milvus::Error),
    /// A query plan failed; what failed stands in the error itself.
    #[error(transparent)]
    Query(Box<dyn std::error::Error + Send + Sync>),
    /// Rows or deletes stand only in the write-ahead log of the old server.
    #[error(
        "{rows} inserted and {deletes} deleted rows of {collections} stand only in the write-ahead log: start the old server once and stop it cleanly, which flushes them, or leave them behind with `--allow-unflushed`"
    )]
    Unflushed {
        /// Rows inserted but not in any segment.
        rows: u64,
        /// Rows deleted but still live in their segments.
        deletes: u64,
        /// The collections, quoted and joined.
        collections: String,
    },
    /// The installation holds nothing to migrate.
    #[error(
        "metadata `{meta}` has no live collection: make sure that it is the right file and came with its `-wal`"
    )]
    NoCollections {
        /// The metadata.
        meta: String,
    },
    /// A condition is no SQL, or names something that the collection has not.
    #[error("condition `{filter}` does not fit collection `{collection}`")]
    Filter {
        /// The collection.
        collection: String,
        /// The condition.
        filter: String,
        /// What is wrong with it.
        source: Box<DataFusionError>,
    },
    /// A query is no SQL, or names something that is not there.
    #[error("the query of `{name}` is wrong")]
    NamedQuery {
        /// The name of its rows.
        name: String,
        /// What is wrong with it.
        source: Box<DataFusionError>,
    },
    /// A check of an audit is not written as one.
    #[error("`{id}` is no check: {reason}")]
    Check {
        /// Its id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A check is named that does not exist.
    #[error("there is no check `{id}`")]
    NoCheck {
        /// What was named.
        id: String,
    },
    /// A shipped query answered what it never should.
    #[error("cannot sum up the installation")]
    Summary(#[source] serde_json::Error),
    /// A folder that is named for its checks has none.
    #[error("there is no check in `{}`: expected files that end with `.sql`", path.display())]
    NoChecks {
        /// The folder.
        path: std::path::PathBuf,
    },
    /// The checks in a folder cannot be read.
    #[error("cannot read checks of an audit in `{}`", path.display())]
    Checks {
        /// The folder or the file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A condition is given for the rows of a query.
    #[error("`{name}` is a query, and a condition is for collections: put it into the query")]
    FilterOfQuery {
        /// The name of the query's rows.
        name: String,
    },
    /// It is not known whose metric and index the rows of a query have.
    #[error(
        "the query of `{name}` reads {found}, expected one collection: name the one whose metric and index its rows get by `m2m.collections.{name}.from`"
    )]
    QueryBase {
        /// The name of the query's rows.
        name: String,
        /// The collections that it reads, quoted and joined.
        found: String,
    },
    /// A query reads deleted rows.
    #[error("the query of `{name}` reads `{table}`, where deleted rows are: read the collection itself")]
    StoredRows {
        /// The name of the query's rows.
        name: String,
        /// The table.
        table: String,
    },
    /// A query or a condition gives other rows each time.
    #[error(
        "the rows of `{name}` are not the same each time they are read: {reason}; write what it chooses into a file first (`m2m sql -o chosen.parquet …`), and join that"
    )]
    NotRepeatable {
        /// The collection, or the name of the query's rows.
        name: String,
        /// Why.
        reason: String,
    },
    /// Rows are of other columns than a migration needs.
    #[error("`{name}` has no column `{column}`; it has {found}")]
    NoColumn {
        /// The collection, or the name of the query's rows.
        name: String,
        /// The column.
        column: String,
        /// The columns it has, quoted and joined.
        found: String,
    },
    /// Two columns have one name.
    #[error("the query of `{name}` yields column `{column}` twice: name its columns one by one")]
    ColumnTwice {
        /// The name of the query's rows.
        name: String,
        /// The column.
        column: String,
    },
    /// Two columns would become one field.
    #[error("two columns of `{name}` would become field `{field}`: give one of them another name")]
    FieldTwice {
        /// The collection, or the name of the query's rows.
        name: String,
        /// The field.
        field: String,
    },
    /// A column is of a type that Milvus 2.x has not.
    #[error("column `{column}` of `{name}` is {found}: {remedy}")]
    ColumnType {
        /// The collection, or the name of the query's rows.
        name: String,
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The vectors of a query are not of the kind that its metric compares.
    #[error("the vectors of `{name}` are {found}, and metric {metric} compares {expected} ones")]
    VectorKind {
        /// The name of the query's rows.
        name: String,
        /// What they are.
        found: &'static str,
        /// The metric.
        metric: &'static str,
        /// What they should be.
        expected: &'static str,
    },
    /// Values are missing where a file cannot say so.
    #[error(
        "column `{column}` of `{name}` has {nulls} NULLs, which NumPy files cannot hold: put a value in their place with `coalesce`, or write Parquet with `--to-format parquet` for Milvus 2.5 and newer"
    )]
    NullValues {
        /// The collection, or the name of the query's rows.
        name: String,
        /// The column.
        column: String,
        /// How many.
        nulls: u64,
    },
    /// A text is longer than its field.
    #[error("column `{column}` of `{name}` has a text of {found} bytes, expected at most {expected}")]
    LongText {
        /// The collection, or the name of the query's rows.
        name: String,
        /// The column.
        column: String,
        /// The longest text.
        found: u64,
        /// The length of the field.
        expected: u32,
    },
    /// A chosen type would change values.
    #[error(
        "{rows} values of column `{column}` of `{name}` would not be the same as {field_type}: choose another type, or change them in the query"
    )]
    ChangedValues {
        /// The collection, or the name of the query's rows.
        name: String,
        /// The column.
        column: String,
        /// How many.
        rows: u64,
        /// The type that was chosen.
        field_type: String,
    },
    /// Tags are to be a partition key, and there are none.
    #[error("`{name}` has no column `partition_tag`, which is to be the partition key: add it to the query")]
    NoTags {
        /// The name of the query's rows.
        name: String,
    },
    /// Rows of a query have no id.
    #[error("{rows} rows of `{name}` have a NULL as `id`: leave them out with `WHERE id IS NOT NULL`")]
    NullIds {
        /// The name of the query's rows.
        name: String,
        /// How many.
        rows: u64,
    },
    /// Rows of a query have no partition.
    #[error(
        "{rows} rows of `{name}` have a NULL as `partition_tag`: `coalesce(partition_tag, '_default')` gives them one"
    )]
    NullTags {
        /// The name of the query's rows.
        name: String,
        /// How many.
        rows: u64,
    },
    /// Rows share ids, and none may.
    #[error(
        "{rows} rows of `{name}` share {ids} ids: keep the first or the last row of each with `m2m.duplicates`, or all of them with `keep`"
    )]
    RepeatedIds {
        /// The collection, or the name of the query's rows.
        name: String,
        /// Ids that stand in more than one row.
        ids: u64,
        /// Rows that have them.
        rows: u64,
    },
    /// Rows of a query share ids, and none may.
    #[error(
        "{rows} rows of `{name}` share {ids} ids, because its query repeats them: have it yield one row for each id, or take all rows with `m2m.duplicates: keep`"
    )]
    QueryRepeatsIds {
        /// The name of the query's rows.
        name: String,
        /// Ids that stand in more than one row.
        ids: u64,
        /// Rows that have them.
        rows: u64,
    },
    /// `IP` is to become `COSINE` where that changes nothing, and it would.
    #[error(
        "the metric of `{name}` cannot become COSINE: {report}; set `m2m.ipToCosine` to `always` to do it all the same"
    )]
    NotNormalised {
        /// The collection, or the name of the query's rows.
        name: String,
        /// What the lengths of its vectors are.
        report: String,
    },
    /// Settings name a collection in another case than it has.
    #[error("`m2m.collections.{name}` names no collection: write it as the collection is written")]
    SettingsCase {
        /// The name in the settings.
        name: String,
    },
    /// Two selections become one collection.
    #[error("`{one}` and `{other}` would both become collection `{target}`: give one of them another name")]
    SameTarget {
        /// One of them.
        one: String,
        /// The other.
        other: String,
        /// The name.
        target: String,
    },
    /// A name is given for one collection, and not one is selected.
    #[error(
        "`{name}` is to be the name of one collection, and {collections} are selected: select one with `--col`"
    )]
    RenameOfMany {
        /// The name.
        name: String,
        /// How many are selected.
        collections: usize,
    },
    /// A `meta.json` lists a partition without saying of what.
    #[error(
        "collection `{name}` seems to be a partition: a `meta.json` of milvus-migration does not say of which collection. Use the server's own metadata, or leave it out with `--col`, or give it a name with `target.create.collection.name`"
    )]
    PartitionAsCollection {
        /// Its number.
        name: String,
    },
    /// A collection is not what the configuration expects of it.
    #[error("collection `{collection}` has {what} {found}, expected {expected} (`target.create.collection`)")]
    Unexpected {
        /// The collection.
        collection: String,
        /// What is compared.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// What the collection has.
        found: String,
    },
    /// The output folder is one of the installation's own.
    #[error("`{location}` belongs to the 1.x installation, which is never changed: choose another place")]
    InSource {
        /// The output folder.
        location: String,
    },
    /// The output folder holds a complete dump already.
    #[error(
        "`{location}` holds a complete dump already: choose another folder, or have a dump replace it with `--overwrite`"
    )]
    DumpExists {
        /// The dump's folder.
        location: String,
    },
    /// The output folder holds the files of other rows, or of other choices.
    #[error(
        "`{location}` holds {what} dump that is not this one: {difference}; choose another folder, or begin anew with `--overwrite`"
    )]
    DumpDiffers {
        /// The dump's folder.
        location: String,
        /// Whether it is a complete one.
        what: &'static str,
        /// The first difference.
        difference: String,
    },
    /// The record of a load is not JSON of the expected shape.
    #[error(
        "cannot decode `{location}`, the record of the import jobs: without it nobody knows which rows are in Milvus; if no load of this dump is unfinished, remove the file"
    )]
    Ledger {
        /// The ledger.
        location: String,
        /// Where and what the fault is.
        source: serde_json::Error,
    },
    /// The record of a load is of another version.
    #[error(
        "`{location}` has version {found}, this m2m reads version {expected}: end the load with the m2m that began it"
    )]
    LedgerVersion {
        /// The ledger.
        location: String,
        /// The version that is understood.
        expected: u32,
        /// The version that stands there.
        found: u64,
    },
    /// The record of a load cannot be written.
    #[error(
        "cannot write `{location}`, the record of who is at work on the dump and of what is imported: nothing is begun without it, because Milvus would take the same rows twice; see that the place can be written to"
    )]
    LedgerNotWritten {
        /// The ledger.
        location: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another process is at work on a dump.
    #[error(
        "another m2m, process {pid}, is at work on the dump in `{location}`: wait for its end, or stop it; two at once would have Milvus take rows twice"
    )]
    Held {
        /// The dump's folder.
        location: String,
        /// The other process.
        pid: u32,
    },
    /// Whether an import job has run cannot be told any more.
    #[error(
        "nobody knows whether the import job of `{set}` into collection `{collection}` has run: it was begun {age} s ago, and the server does not list it any more; look which rows of the set are in Milvus; if the collection may be dropped, have it replaced with `--if-exists replace`"
    )]
    UncertainImport {
        /// The file set.
        set: String,
        /// The collection.
        collection: String,
        /// Seconds since it was begun.
        age: u64,
    },
    /// A new collection has other rows than were imported.
    #[error(
        "collection `{collection}` has {found} rows, and {expected} were imported: has somebody else written to it, or was the server killed while it imported? If it may be dropped, have it replaced with `--if-exists replace`"
    )]
    CollectionRows {
        /// The collection.
        collection: String,
        /// Rows that were imported.
        expected: u64,
        /// Rows that the server has.
        found: u64,
    },
    /// A dump ended before it told which file sets it wrote.
    #[error("the dump of collection `{collection}` did not end")]
    DumpBroken {
        /// The collection.
        collection: String,
    },
    /// There is no complete dump to load.
    #[error(
        "`{location}` holds no complete dump: there is no `manifest.json`, which a dump writes last; run `m2m dump` again"
    )]
    NoDump {
        /// The folder that was looked at.
        location: String,
    },
    /// A dump was made under another name than it is to be loaded under.
    #[error(
        "the dump names collection `{dumped}`, and `target.create.collection.name` is `{name}`: set that to `{dumped}`, or dump again"
    )]
    DumpedName {
        /// The name in the dump.
        dumped: String,
        /// The name that is wanted.
        name: String,
    },
    /// The dump does not hold a collection that was asked for.
    #[error("the dump in `{location}` has no collection `{collection}`; it has {known}")]
    NotInDump {
        /// The dump's folder.
        location: String,
        /// The collection that was asked for.
        collection: String,
        /// The collections it has, quoted and joined.
        known: String,
    },
    /// The target collection exists.
    #[error(
        "collection `{collection}` exists in Milvus already: say what becomes of it with `--if-exists` (`append`, `skip` or `replace`), or choose another database with `--milvus-database`"
    )]
    CollectionExists {
        /// Its name.
        collection: String,
    },
    /// The target collection cannot take the rows.
    #[error("collection `{collection}` in Milvus cannot take the rows: {differences}")]
    TargetDiffers {
        /// Its name.
        collection: String,
        /// All differences, joined.
        differences: String,
    },
    /// The target collection has other names for the fields of a dump.
    #[error(
        "the files of the dump have other names than the fields of collection `{collection}` in Milvus: {differences}; dump again with these settings"
    )]
    FieldNames {
        /// Its name.
        collection: String,
        /// All differences, each with its setting, joined.
        differences: String,
    },
    /// The target collection has rows that are to be appended.
    #[error(
        "collection `{collection}` in Milvus already has {found} of {asked} ids of the dump that it was asked for: {ids}; Milvus does not notice repeated rows, so nothing is appended: leave such rows out of the dump, or delete them in Milvus"
    )]
    RowsThere {
        /// Its name.
        collection: String,
        /// How many ids it was asked for.
        asked: usize,
        /// How many of them it has.
        found: usize,
        /// Some of these.
        ids: String,
    },
    /// It cannot be told whether the target collection has rows that are to be appended.
    #[error(
        "collection `{collection}` in Milvus has {rows} rows and no index, so that it cannot be asked whether those of the dump are among them; Milvus does not notice repeated rows: build an index on its vectors, or have the collection replaced with `--if-exists replace`"
    )]
    CannotAsk {
        /// Its name.
        collection: String,
        /// How many rows it has.
        rows: u64,
    },
    /// A collection, or a partition of it, grew by another number of rows than were appended.
    #[error(
        "{what} in Milvus has {found} rows, expected {expected}: it had {before} before the import, which succeeded; rows may have been inserted or deleted meanwhile"
    )]
    AppendedRows {
        /// What was counted.
        what: String,
        /// Rows before.
        before: u64,
        /// These and the appended ones.
        expected: u64,
        /// Rows now.
        found: u64,
    },
    /// A manifest names a field of a type that does not exist.
    #[error(
        "the manifest names field `{field}` of collection `{collection}` with type `{field_type}`, which m2m does not know or which lacks its dimension or length"
    )]
    ManifestField {
        /// The collection.
        collection: String,
        /// The field.
        field: String,
        /// Its type.
        field_type: String,
    },
    /// A file set is not one file with all fields, nor one for each of them.
    #[error("file set `{set}` of the dump cannot be imported: {reason}; dump again")]
    FileSet {
        /// The file set.
        set: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An import file is longer than the server takes.
    #[error(
        "{what} {bytes} bytes, and Milvus {version} imports at most {limit}: dump again with a smaller `--file-size`"
    )]
    FileTooLarge {
        /// What is too long, with its verb.
        what: String,
        /// How long it is.
        bytes: u64,
        /// The longest that the server takes.
        limit: u64,
        /// The server's version.
        version: String,
    },
    /// The collection does not fit into the target.
    #[error("collection `{collection}` cannot be created in Milvus {version}: {reason}")]
    Unsupported {
        /// Its name.
        collection: String,
        /// The server's version.
        version: String,
        /// What does not fit, and what to do.
        reason: String,
    },
    /// Milvus ended an import job as failed.
    #[error(
        "import job {task} of `{set}` into collection `{collection}` failed: {reason}; rows of other jobs may be there already: {remedy}"
    )]
    ImportFailed {
        /// The server's id of the job.
        task: i64,
        /// The file set.
        set: String,
        /// The collection.
        collection: String,
        /// The server's own words.
        reason: String,
        /// What to do before loading again.
        remedy: &'static str,
    },
    /// An import job wrote another number of rows than its files hold.
    #[error(
        "import job {task} of `{set}` into collection `{collection}` imported {found} rows, expected {expected}"
    )]
    ImportedRows {
        /// The server's id of the job.
        task: i64,
        /// The file set.
        set: String,
        /// The collection.
        collection: String,
        /// Rows of the file set.
        expected: u64,
        /// Rows the server counted.
        found: u64,
    },
    /// Something did not happen in time.
    #[error("{what} did not end within {seconds} s; last seen: {last}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// The last state seen.
        last: String,
    },
    /// A collection is not in Milvus' memory, or only parts of it, and cannot be compared.
    #[error(
        "collection `{collection}` is not loaded in Milvus as a whole, so its rows cannot be compared: load it there, or release it and it is loaded for the comparison"
    )]
    NotLoaded {
        /// Its name in Milvus.
        collection: String,
        /// What could not be done.
        source: Box<Error>,
    },
    /// Milvus could not build the index.
    #[error("the index of collection `{collection}` failed: {reason}")]
    IndexFailed {
        /// The collection.
        collection: String,
        /// The server's own words.
        reason: String,
    },
    /// The plan and the files that were written disagree.
    #[error(
        "the dump of `{collection}` wrote {found} rows, expected {expected}: they changed while they were read; dump again when nothing writes to what they are made of"
    )]
    DumpedRows {
        /// The collection.
        collection: String,
        /// Live rows of its segments.
        expected: u64,
        /// Rows written.
        found: u64,
    },
    /// The answer of a query of our own has another shape than its text says.
    #[error("query `{query}` answered without column `{column}` of the expected type: this is a bug in m2m")]
    Answer {
        /// The query's name.
        query: &'static str,
        /// The column.
        column: &'static str,
    },
}
