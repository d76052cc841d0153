// SPDX-License-Identifier: Apache-2.0
//! A session of the query engine, with bounded memory.

use std::sync::Arc;

use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::error::{Error, Result};

/// Name of the catalog with the installation's tables.
pub const CATALOG: &str = "milvus";
/// Name of the schema with one table for each collection, the default one.
pub const COLLECTIONS: &str = "collections";
/// Name of the schema with the metadata.
pub const META: &str = "meta";

/// How a session works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOptions {
    /// Scan partitions that are at work at once.
    pub workers: usize,
    /// Memory for sorting, grouping and joining; beyond it they spill to disk.
    pub memory_bytes: usize,
}

impl Default for SessionOptions {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        Self { workers, memory_bytes: 256 << 20 }
    }
}

/// Returns a session whose default schema is [`COLLECTIONS`] of [`CATALOG`].
///
/// # Errors
///
/// When the folder for spilled data cannot be made.
pub fn session(options: SessionOptions) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        .with_target_partitions(options.workers.max(1))
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, COLLECTIONS)
        .with_information_schema(true)
        .with_repartition_file_scans(false);
    // A partition that ran dry would take files of others, and with them their exact row counts.
    config.options_mut().execution.enable_file_stream_work_stealing = false;
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(options.memory_bytes)))
        .build_arc()
        .map_err(Error::Session)?;
    Ok(SessionContext::new_with_config_rt(config, runtime))
}
