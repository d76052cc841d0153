// SPDX-License-Identifier: Apache-2.0
//! The process that cuts plans into tasks and hands these out.

use std::net::SocketAddr;
use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;
use datafusion::error::DataFusionError;

use crate::codec::PlanCodec;
use crate::error::{Error, Result};
use crate::session::{MESSAGE_BYTES, default_config, state};

/// An executor that has not been heard of for so many seconds is taken for dead, and its tasks
/// are given to others.
const DEAD_AFTER_SECONDS: u64 = 20;
/// How often the dead are looked for, in seconds.
const LOOK_SECONDS: u64 = 5;
/// How often a task is begun again before its job fails.
const ATTEMPTS: usize = 4;

/// Where a scheduler listens.
#[derive(Clone, Debug)]
pub struct SchedulerOptions {
    /// `IP:PORT`, for clients and executors.
    pub listen: String,
}

/// Runs a scheduler until it fails or is dropped.
///
/// Jobs are kept in memory: a scheduler that ends takes them along, and clients fail.
///
/// # Errors
///
/// When the address is none or taken.
pub async fn run_scheduler(options: &SchedulerOptions) -> Result<()> {
    let address: SocketAddr =
        options.listen.parse().map_err(|_| Error::Listen { found: options.listen.clone() })?;
    let failed = |error: ballista_core::error::BallistaError| Error::Ended {
        part: "scheduler",
        message: error.to_string(),
    };
    let config = Arc::new(SchedulerConfig {
        external_host: address.ip().to_string(),
        bind_host: address.ip().to_string(),
        bind_port: address.port(),
        scheduling_policy: TaskSchedulingPolicy::PushStaged,
        // Clients need to reach the scheduler alone.
        enable_embedded_flight_proxy: true,
        executor_timeout_seconds: DEAD_AFTER_SECONDS,
        no_executors_grace_period_seconds: DEAD_AFTER_SECONDS,
        expire_dead_executor_interval_seconds: LOOK_SECONDS,
        task_max_failures: ATTEMPTS,
        stage_max_failures: ATTEMPTS,
        grpc_server_max_decoding_message_size: MESSAGE_BYTES,
        grpc_server_max_encoding_message_size: MESSAGE_BYTES,
        grpc_client_max_message_size: MESSAGE_BYTES,
        override_config_producer: Some(Arc::new(default_config)),
        override_session_builder: Some(Arc::new(|config| {
            state(config).map_err(|error| DataFusionError::External(Box::new(error)))
        })),
        override_physical_codec: Some(Arc::new(PlanCodec::default())),
        ..SchedulerConfig::default()
    });
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(failed)?;
    start_server(cluster, address, config).await.map_err(failed)
}
