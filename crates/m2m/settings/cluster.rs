// SPDX-License-Identifier: Apache-2.0
//! The cluster that plans run on.

use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::prelude::SessionContext;
use m2m_datasource::stores_of_segments;
use m2m_distributed::{Cluster, ExecutorOptions, WritesBelow};
use m2m_sink::{OpenStorage, OutputStorages};

use super::stores::ConfiguredStores;
use super::{Access, Settings, source, target};
use crate::args::Executor;
use crate::config::keys;
use crate::error::Result;

impl Settings {
    /// Connects to the cluster, when one is named and the command uses it.
    pub(crate) async fn join_cluster(&self) -> Result<()> {
        match self.config.text(&keys::CLUSTER).filter(|_| self.uses_cluster) {
            Some(scheduler) => {
                let cluster = Cluster::connect(scheduler).await?;
                // It is joined once, before anything else is done.
                self.cluster.set(cluster).ok();
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Cancels what still runs on the cluster.
    pub(crate) async fn leave_cluster(&self) {
        if let Some(cluster) = self.cluster.get() {
            cluster.close().await;
        }
    }

    /// Has the statements of a session run on the cluster, when there is one.
    pub(super) fn on_cluster(&self, ctx: SessionContext) -> SessionContext {
        match self.cluster.get() {
            Some(cluster) => cluster.session(&ctx),
            None => ctx,
        }
    }

    /// What an executor is: what it reads and writes is named as for a dump.
    pub(crate) async fn executor(&self, args: Executor) -> Result<ExecutorOptions> {
        let stores = Arc::new(ConfiguredStores::new(&self.config));
        if source::is_described(&self.config) {
            for (url, store) in stores_of_segments(&source::tables(&self.config).await?)? {
                stores.register_store(url.as_ref(), store);
            }
        }
        let mut writes_below = None;
        if target::is_described(&self.config) {
            let target = self.target(Access::Write).await?;
            stores.register_store(target.base_url(), Arc::clone(target.store()));
            writes_below = Some(WritesBelow::new(target.base_url().clone(), target.prefix().clone()));
        }
        let outputs = OutputStorages::new(Arc::clone(&stores) as Arc<dyn OpenStorage>);
        let session = self.session_options();
        Ok(ExecutorOptions {
            scheduler: args.scheduler,
            listen: args.listen,
            orders_port: args.orders_port,
            host: args.host,
            workers: session.workers,
            memory_bytes: session.memory_bytes,
            work_folder: args.work_folder,
            stores,
            outputs: Arc::new(outputs),
            writes_below,
        })
    }
}
