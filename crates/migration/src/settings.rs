// SPDX-License-Identifier: Apache-2.0
//! The settings of each step, as plain values.

use std::collections::BTreeMap;
use std::time::Duration;

use m2m_sink::{Checksum, ImportFormat};

/// Rows of a verified sample, by default.
pub const DEFAULT_SAMPLE_ROWS: usize = 1000;
/// Bytes of one import file, by default: an import job of this size takes
/// Milvus seconds, and a server works on few jobs at once.
pub const DEFAULT_FILE_BYTES: u64 = 1 << 30;
/// Import jobs in flight, by default.
pub const DEFAULT_JOBS: usize = 2;

/// Which rows a step is about, and what is expected of their collections.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Names of collections, or of configured queries; none means all.
    pub collections: Vec<String>,
    /// The condition that rows of every selected collection must meet, in SQL.
    pub filter: Option<String>,
    /// A query whose rows are migrated in place of collections.
    pub query: Option<NamedQuery>,
    /// The name in Milvus 2.x of the one collection that is selected.
    pub rename: Option<String>,
    /// The dimension that each must have.
    pub dimension: Option<u32>,
    /// The metric that each must have, in any case.
    pub metric: Option<String>,
    /// What is said of single collections, by their names; `choices` holds for the others.
    pub of_collections: BTreeMap<String, CollectionSettings>,
    /// What is chosen for every collection that nothing else is said of.
    pub choices: Choices,
}

/// A query and the name of what it yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedQuery {
    /// The name, in place of a collection's.
    pub name: String,
    /// One `SELECT`.
    pub sql: String,
}

impl Selection {
    /// Selects the named collections, or all when none is named.
    #[must_use]
    pub fn of(collections: &[String]) -> Self {
        Self { collections: collections.to_vec(), ..Self::default() }
    }

    /// What is said of a collection.
    pub(crate) fn settings(&self, name: &str) -> CollectionSettings {
        let found = self.of_collections.get(name).cloned();
        let mut settings = found
            .unwrap_or_else(|| CollectionSettings { choices: self.choices.clone(), ..Default::default() });
        if let Some(filter) = &self.filter {
            settings.filter = Some(filter.clone());
        }
        settings
    }
}

/// What is said of one collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectionSettings {
    /// The condition that its rows must meet, in SQL.
    pub filter: Option<String>,
    /// The query whose rows are migrated under its name.
    pub query: Option<String>,
    /// The 1.x collection whose metric and index a query's rows have; without
    /// it the only one that the query names.
    pub from: Option<String>,
    /// The name in Milvus 2.x.
    pub target_name: Option<String>,
    /// What becomes of columns, by their names in the source.
    pub fields: BTreeMap<String, FieldSettings>,
    /// What is chosen for it.
    pub choices: Choices,
}

/// What becomes of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSettings {
    /// Its name in Milvus 2.x.
    pub name: Option<String>,
    /// Its type in Milvus 2.x, such as `varchar`, in lower case.
    pub field_type: Option<String>,
    /// The longest text, in bytes.
    pub max_length: Option<u32>,
}

/// What a user chooses for a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choices {
    /// The format of the import files.
    pub format: ImportFormat,
    /// What becomes of partitions.
    pub partitions: Partitions,
    /// The field of the tags, when they become a partition key.
    pub partition_field: String,
    /// Whether `IP` becomes `COSINE`.
    pub cosine: Cosine,
    /// What becomes of the index.
    pub index: IndexChoice,
    /// What becomes of rows that share an id.
    pub duplicates: Duplicates,
    /// What becomes of vectors that Milvus 2.x refuses.
    pub invalid_vectors: InvalidVectors,
    /// Name of the primary key in Milvus 2.x.
    pub id_field: String,
    /// Name of the vector field in Milvus 2.x.
    pub vector_field: String,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            format: ImportFormat::Npy,
            partitions: Partitions::default(),
            partition_field: "partition_tag".into(),
            cosine: Cosine::default(),
            index: IndexChoice::default(),
            duplicates: Duplicates::default(),
            invalid_vectors: InvalidVectors::default(),
            id_field: "id".into(),
            vector_field: "vector".into(),
        }
    }
}

/// What becomes of partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partitions {
    /// They stay partitions.
    #[default]
    Keep,
    /// Their tags become a field, the partition key.
    Key,
}

/// Whether the metric `IP` becomes `COSINE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cosine {
    /// Never.
    #[default]
    Never,
    /// Where every vector has length 1, so that results keep their order; otherwise nothing is done.
    IfNormalised,
    /// Always.
    Always,
}

/// What becomes of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexChoice {
    /// The same, or the nearest that the server has.
    #[default]
    Keep,
    /// What the server or the number of rows suggests.
    Auto,
    /// None is built.
    None,
}

/// What becomes of rows that share an id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// All are migrated.
    #[default]
    Keep,
    /// The first of each id, in the order of partitions, segments and rows.
    First,
    /// The last of each id.
    Last,
    /// Nothing is done.
    Fail,
}

/// What becomes of vectors that Milvus 2.x refuses: those with NaN or infinity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvalidVectors {
    /// Nothing is done.
    #[default]
    Fail,
    /// Their rows go to a quarantine file.
    Skip,
}

/// What is done when a collection is in Milvus 2.x already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfExists {
    /// Nothing is done.
    #[default]
    Fail,
    /// Rows are added to it.
    Append,
    /// It is left alone.
    Skip,
    /// It is dropped when its successor's files are complete.
    Replace,
}

/// How to dump.
#[derive(Clone, Debug)]
pub struct DumpSettings {
    /// Scan partitions, and so writers, at work at once.
    pub workers: usize,
    /// About how large an import file becomes.
    pub file_bytes: u64,
    /// Size of one part of an upload.
    pub part_bytes: usize,
    /// Dump although rows stand only in the write-ahead log.
    pub allow_unflushed: bool,
    /// Replace what another dump left in the output folder, and this one when it is complete.
    pub overwrite: bool,
    /// The checksum of each file besides CRC-32C, if there is to be one.
    pub checksum: Checksum,
}

impl Default for DumpSettings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            file_bytes: DEFAULT_FILE_BYTES,
            part_bytes: 8 << 20,
            allow_unflushed: false,
            overwrite: false,
            checksum: Checksum::default(),
        }
    }
}

/// How to load.
#[derive(Clone, Debug)]
pub struct LoadSettings {
    /// Import jobs in flight.
    pub jobs: usize,
    /// Shards of a new collection; 0 leaves it to the server.
    pub shards: i32,
    /// The folder of a local target as the server sees it; `None` where both
    /// see it by the same path, and for buckets.
    pub server_path: Option<String>,
    /// What is done when a collection is there already.
    pub if_exists: IfExists,
    /// Whether collections are in memory afterwards, ready to be searched.
    pub load_after: bool,
    /// What becomes of indexes; one choice for each collection by its name.
    pub indexes: BTreeMap<String, IndexChoice>,
    /// What becomes of the indexes of all others.
    pub index: IndexChoice,
    /// Longest time that an import job may take without moving. Servers of
    /// 2.2 and 2.3 end a job themselves after 15 minutes.
    pub import_stall: Duration,
    /// Whether every import file is read again, and its checksums compared, before it is imported.
    pub check_checksums: bool,
    /// Longest time that an index may take without covering one more row.
    pub index_stall: Duration,
}

impl LoadSettings {
    /// What becomes of a collection's index.
    #[must_use]
    pub fn index_of(&self, collection: &str) -> IndexChoice {
        self.indexes.get(collection).copied().unwrap_or(self.index)
    }
}

impl Default for LoadSettings {
    fn default() -> Self {
        Self {
            jobs: DEFAULT_JOBS,
            shards: 0,
            server_path: None,
            if_exists: IfExists::default(),
            load_after: true,
            indexes: BTreeMap::new(),
            index: IndexChoice::default(),
            import_stall: Duration::from_secs(900),
            check_checksums: false,
            index_stall: Duration::from_secs(900),
        }
    }
}
