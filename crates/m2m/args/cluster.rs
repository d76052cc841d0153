// SPDX-License-Identifier: Apache-2.0
//! Arguments that are about a cluster.

#[cfg(feature = "ballista")]
use std::path::PathBuf;

use clap::Args as ClapArgs;

#[cfg(feature = "ballista")]
use super::given;
#[cfg(feature = "ballista")]
use crate::config::keys;
use crate::config::keys::Key;

/// Where a command's plans run.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct ClusterOption {
    /// Scheduler of the cluster that reads and writes in place of this process, as `host:port` [env: M2M_CLUSTER]
    #[cfg(feature = "ballista")]
    #[arg(long, value_name = "URL", help_heading = "Cluster")]
    cluster: Option<String>,
}

/// Arguments of `m2m scheduler`.
#[cfg(feature = "ballista")]
#[derive(Debug, ClapArgs)]
pub(crate) struct Scheduler {
    /// Where clients and executors reach it. Whoever does can have plans run: name no address of an open network
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:50050")]
    pub(crate) listen: String,
}

/// Arguments of `m2m executor`.
#[cfg(feature = "ballista")]
#[derive(Debug, ClapArgs)]
pub(crate) struct Executor {
    /// The scheduler
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:50050")]
    pub(crate) scheduler: String,
    /// Where rows are fetched from it, by the scheduler and by other executors
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:50051")]
    pub(crate) listen: String,
    /// Port for the scheduler's orders, on the same address
    #[arg(long, value_name = "PORT", default_value_t = 50052)]
    pub(crate) orders_port: u16,
    /// Host by which the others reach it; without it the one that the scheduler sees it by
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// Folder for rows on their way between tasks; without it one for temporary files (`TMPDIR`)
    #[arg(long, value_name = "DIR")]
    pub(crate) work_folder: Option<PathBuf>,
}

impl ClusterOption {
    pub(super) fn keys(&self) -> Vec<(&'static Key, Vec<String>)> {
        #[cfg(feature = "ballista")]
        return given([(&keys::CLUSTER, &self.cluster)]);
        #[cfg(not(feature = "ballista"))]
        return Vec::new();
    }
}
