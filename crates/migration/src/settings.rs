// SPDX-License-Identifier: Apache-2.0
//! The settings of each step, as plain values.

use std::time::Duration;

/// Rows of a verified sample, by default.
pub const DEFAULT_SAMPLE_ROWS: usize = 1000;
/// Bytes of one import file, by default: an import job of this size takes
/// Milvus seconds, and a server works on few jobs at once.
pub const DEFAULT_FILE_BYTES: u64 = 1 << 30;
/// Import jobs in flight, by default.
pub const DEFAULT_JOBS: usize = 2;

/// Which collections a step is about, and what is expected of them.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Their names; none means all.
    pub collections: Vec<String>,
    /// The name in Milvus 2.x of the one collection that is selected.
    pub rename: Option<String>,
    /// The dimension that each must have.
    pub dimension: Option<u32>,
    /// The metric that each must have, in any case.
    pub metric: Option<String>,
}

impl Selection {
    /// Selects the named collections, or all when none is named.
    #[must_use]
    pub fn of(collections: &[String]) -> Self {
        Self { collections: collections.to_vec(), ..Self::default() }
    }
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
    /// Name of the primary key in Milvus 2.x.
    pub id_field: String,
    /// Name of the vector field in Milvus 2.x.
    pub vector_field: String,
    /// Dump although rows stand only in the write-ahead log.
    pub allow_unflushed: bool,
    /// Replace a complete dump in the output folder.
    pub overwrite: bool,
}

impl Default for DumpSettings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            file_bytes: DEFAULT_FILE_BYTES,
            part_bytes: 8 << 20,
            id_field: "id".into(),
            vector_field: "vector".into(),
            allow_unflushed: false,
            overwrite: false,
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
    /// Longest time from the start of one import job to its end. Servers of
    /// 2.2 and 2.3 end a job themselves after 15 minutes.
    pub import_timeout: Duration,
    /// Longest time that an index may take without covering one more row.
    pub index_stall: Duration,
}

impl Default for LoadSettings {
    fn default() -> Self {
        Self {
            jobs: DEFAULT_JOBS,
            shards: 0,
            server_path: None,
            import_timeout: Duration::from_secs(3600),
            index_stall: Duration::from_secs(900),
        }
    }
}
