// SPDX-License-Identifier: Apache-2.0
//! The process that runs tasks.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use ballista_core::config::TaskSchedulingPolicy;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use m2m_sink::OutputStorages;
use tempfile::TempDir;

use crate::client::Address;
use crate::codec::{PlanCodec, WritesBelow};
use crate::error::{Error, Result};
use crate::session::{MESSAGE_BYTES, default_config, functions};
use crate::stages::Stages;
use crate::stores::Stores;

/// How often an executor tells the scheduler that it is alive, in seconds.
const HEARTBEAT_SECONDS: u64 = 3;
/// How long an executor waits for a scheduler that is not there yet, in seconds.
const PATIENCE_SECONDS: u16 = 30;

/// What an executor is.
#[derive(Clone, Debug)]
pub struct ExecutorOptions {
    /// The scheduler, as `host:port` or `http://host:port`.
    pub scheduler: String,
    /// `IP:PORT` for those who fetch rows.
    pub listen: String,
    /// Port for the scheduler's orders, on the same address.
    pub orders_port: u16,
    /// Host by which the others reach this executor; the one that it is seen by without it.
    pub host: Option<String>,
    /// Tasks at once.
    pub workers: usize,
    /// Memory of all tasks together for sorting, grouping and joining, in bytes.
    pub memory_bytes: usize,
    /// Where the executor makes a folder of its own, for the rows that tasks hand over; where
    /// temporary files are without it.
    pub work_folder: Option<PathBuf>,
    /// Finds the object stores that plans read from and write to.
    pub stores: Arc<dyn ObjectStoreRegistry>,
    /// Finds the storages that plans write to.
    pub outputs: Arc<OutputStorages>,
    /// Below what plans may write; nowhere without it.
    pub writes_below: Option<WritesBelow>,
}

/// Runs an executor until it is told to end.
///
/// # Errors
///
/// When an address is none or taken, or the scheduler is not there within 30 seconds.
pub async fn run_executor(options: ExecutorOptions) -> Result<()> {
    let address: SocketAddr =
        options.listen.parse().map_err(|_| Error::Listen { found: options.listen.clone() })?;
    let scheduler = Address::parse(&options.scheduler)?;
    let own_folder = own_folder(options.work_folder.as_deref()).map_err(Error::WorkFolder)?;
    let folder = own_folder.path().to_string_lossy().into_owned();
    let stores: Arc<dyn ObjectStoreRegistry> = Arc::new(Stores(options.stores));
    let temporary = folder.clone();
    let outputs = options.outputs;
    let config = ExecutorProcessConfig {
        bind_host: address.ip().to_string(),
        external_host: options.host,
        port: address.port(),
        grpc_port: options.orders_port,
        scheduler_host: scheduler.host,
        scheduler_port: scheduler.port,
        scheduler_connect_timeout_seconds: PATIENCE_SECONDS,
        vcores: options.workers.max(1),
        task_scheduling_policy: TaskSchedulingPolicy::PushStaged,
        work_dir: Some(folder),
        executor_heartbeat_interval_seconds: HEARTBEAT_SECONDS,
        memory_pool_size: Some(u64::try_from(options.memory_bytes).unwrap_or(u64::MAX)),
        grpc_max_decoding_message_size: MESSAGE_BYTES,
        grpc_max_encoding_message_size: MESSAGE_BYTES,
        override_execution_engine: Some(Arc::new(Stages::default())),
        override_function_registry: Some(functions()?),
        override_runtime_producer: Some(Arc::new(move |_| {
            let runtime = RuntimeEnvBuilder::new().with_object_store_registry(Arc::clone(&stores));
            runtime.with_temp_file_path(temporary.clone()).build_arc()
        })),
        override_config_producer: Some(Arc::new(move || {
            let mut config = default_config();
            config.set_extension(Arc::clone(&outputs));
            config
        })),
        override_physical_codec: Some(Arc::new(PlanCodec::of_executor(options.writes_below))),
        ..ExecutorProcessConfig::default()
    };
    let ended = start_executor_process(Arc::new(config)).await;
    drop(own_folder);
    ended.map_err(|error| Error::Ended { part: "executor", message: error.to_string() })
}

/// A new folder: all that is in it is removed when the executor ends, so it must be nobody else's.
fn own_folder(within: Option<&Path>) -> io::Result<TempDir> {
    match within {
        Some(folder) => {
            fs::create_dir_all(folder)?;
            tempfile::tempdir_in(folder)
        }
        None => tempfile::tempdir(),
    }
}
