// SPDX-License-Identifier: Apache-2.0
//! A session of the query engine, with bounded memory.

use std::sync::Arc;

use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::error::{Error, Result};
use crate::functions;
use crate::sort_keys::SortKeysOnce;

/// Name of the catalog with the installation's tables.
pub const CATALOG: &str = "milvus";
/// Name of the schema with one table for each collection, the default one.
pub const COLLECTIONS: &str = "collections";
/// Name of the schema with one table for each collection that has its deleted rows too.
pub const STORED: &str = "stored";
/// Name of the schema with the metadata.
pub const META: &str = "meta";
/// Name of the schema with the views of [`crate::inspect`].
pub const INSPECT: &str = "inspect";
/// Name of the schema with what reading all files tells.
pub const MEASURE: &str = "measure";

/// Rows in a batch that the engine makes. Rows with vectors are wide: a sort
/// that spills holds one batch of each spilled run, and they must fit in memory.
const BATCH_ROWS: usize = 1024;
/// The part of the memory that is set aside for merging sorted runs is one in so many.
const MERGE_SHARE: usize = 4;

/// How a session works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOptions {
    /// Scan partitions that are at work at once.
    pub workers: usize,
    /// Memory for sorting, grouping and joining. Beyond it sorts and groups spill to the
    /// system's folder for temporary files (`TMPDIR`).
    pub memory_bytes: usize,
}

impl Default for SessionOptions {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        Self { workers, memory_bytes: 256 << 20 }
    }
}

/// Returns a session with the [`functions`] of vectors, whose default schema is [`COLLECTIONS`] of [`CATALOG`].
///
/// # Errors
///
/// When the folder for spilled data cannot be made.
pub fn session(options: SessionOptions) -> Result<SessionContext> {
    session_with(options, Arc::new(DefaultObjectStoreRegistry::new()))
}

/// Returns a [`session`] that finds the stores of other data by their URLs in `stores`.
///
/// # Errors
///
/// Those of [`session`].
pub fn session_with(options: SessionOptions, stores: Arc<dyn ObjectStoreRegistry>) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        .with_target_partitions(options.workers.max(1))
        .with_batch_size(BATCH_ROWS)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, COLLECTIONS)
        .with_information_schema(true)
        .with_repartition_file_scans(false);
    // Mistakes in statements are shown where they stand.
    config.options_mut().sql_parser.collect_spans = true;
    // A view that is sorted is shown as it is sorted.
    config.options_mut().sql_parser.enable_subquery_sort_elimination = false;
    let execution = &mut config.options_mut().execution;
    // The engine would take a column of a file for a constant where smallest and largest
    // value are the same; NaN is neither, and would become that value.
    execution.collect_statistics = false;
    // Each worker's sorter takes this share at once; together they must leave room to sort.
    let share = options.memory_bytes / (MERGE_SHARE * options.workers.max(1));
    execution.sort_spill_reservation_bytes = execution.sort_spill_reservation_bytes.min(share);
    // A partition that ran dry would take files of others, and with them their exact row counts.
    execution.enable_file_stream_work_stealing = false;
    let runtime = RuntimeEnvBuilder::new()
        .with_object_store_registry(stores)
        .with_memory_pool(Arc::new(FairSpillPool::new(options.memory_bytes)))
        .build_arc()
        .map_err(Error::Session)?;
    let ctx = SessionContext::new_with_config_rt(config, runtime);
    ctx.add_optimizer_rule(Arc::new(SortKeysOnce));
    functions::register(&ctx);
    Ok(ctx)
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;
    use crate::testing::{TestInstall, sorted};

    #[tokio::test]
    async fn a_sort_that_does_not_fit_in_memory_spills() {
        // 16 MiB of vectors, 8 MiB of memory.
        let install = TestInstall::float(512).segment("_default", 1, 8192, &[]);
        let source = install.open().await;
        for workers in [1, 2, 6] {
            let ctx = session(SessionOptions { workers, memory_bytes: 8 << 20 }).unwrap();
            source.register(&ctx).unwrap();
            let rows = ctx.sql("SELECT id, vector FROM c ORDER BY id DESC").await.unwrap();
            let rows = rows.execute_stream().await.unwrap();
            let batches: Vec<_> = rows.try_collect().await.unwrap();
            assert_eq!(sorted(&batches), (1000..9192).collect::<Vec<i64>>(), "{workers} workers");
        }
    }
}
