// SPDX-License-Identifier: Apache-2.0
//! A cluster as a client sees it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use datafusion::error::Result as DFResult;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use datafusion::prelude::SessionContext;
use futures::future::join_all;
use m2m_datasource::{Engine, running_on};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::client::{Address, Client};
use crate::codec::PlanCodec;
use crate::error::Result;
use crate::job::Answer;
use crate::place::place;
use crate::session::{default_config, for_plans, state};

/// Jobs that are on their way at once: enough for any number of executors to have work, and
/// few enough for a journal of what they wrote.
const JOBS: usize = 64;
/// How long the scheduler may take to be told that nothing is waited for any more.
const GOODBYE: Duration = Duration::from_secs(1);

/// A scheduler, and what was asked of it. Cloning is cheap.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

struct Inner {
    address: Address,
    session: String,
    client: OnceCell<Client>,
    codec: PlanCodec,
    /// What a scheduler knows when it reads a plan.
    context: Arc<TaskContext>,
    jobs: Arc<Semaphore>,
    /// Jobs that were begun and have not ended.
    running: Mutex<BTreeSet<String>>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cluster({})", self.url())
    }
}

impl Cluster {
    /// Connects to a scheduler, `host:port` or `http://host:port`.
    ///
    /// # Errors
    ///
    /// When the address is none, or nobody answers there.
    pub async fn connect(scheduler: &str) -> Result<Self> {
        let cluster = Self(Arc::new(Inner {
            address: Address::parse(scheduler)?,
            session: Uuid::new_v4().to_string(),
            client: OnceCell::new(),
            codec: PlanCodec::default(),
            context: Arc::new(TaskContext::from(&state(default_config())?)),
            jobs: Arc::new(Semaphore::new(JOBS)),
            running: Mutex::default(),
        }));
        cluster.client().await?;
        Ok(cluster)
    }

    /// Returns a session that plans as `ctx` does, and whose statements run here.
    #[must_use]
    pub fn session(&self, ctx: &SessionContext) -> SessionContext {
        let mut state = ctx.state();
        *state.config_mut() = for_plans(state.config().clone());
        running_on(&SessionContext::new_with_state(state), Arc::new(self.clone()))
    }

    /// Returns where the scheduler is.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.address.url()
    }

    /// Cancels what still runs. To be called before the process ends.
    pub async fn close(&self) {
        let Some(client) = self.0.client.get() else { return };
        let running: Vec<_> = std::mem::take(&mut *self.running()).into_iter().collect();
        let cancelled = join_all(running.iter().map(|job| client.cancel(job)));
        let goodbye = async {
            for error in cancelled.await.into_iter().filter_map(Result::err) {
                tracing::warn!(%error, "a job was left running");
            }
            client.end_session(&self.0.session).await.ok();
        };
        tokio::time::timeout(GOODBYE, goodbye).await.ok();
    }

    /// Has a plan run, and hands on its rows, partition by partition.
    pub(crate) fn run(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        context: &Arc<TaskContext>,
    ) -> SendableRecordBatchStream {
        Answer::of(self.clone(), Arc::clone(plan), Arc::clone(context)).into_stream()
    }

    pub(crate) async fn client(&self) -> Result<&Client> {
        self.0.client.get_or_try_init(|| Client::connect(&self.0.address)).await
    }

    pub(crate) fn address(&self) -> &Address {
        &self.0.address
    }

    pub(crate) fn session_id(&self) -> &str {
        &self.0.session
    }

    pub(crate) fn codec(&self) -> &PlanCodec {
        &self.0.codec
    }

    /// What a scheduler knows when it reads a plan.
    pub(crate) fn context(&self) -> &TaskContext {
        &self.0.context
    }

    /// Leave to begin a job.
    pub(crate) async fn leave(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed; were it, running at once is still right.
        Arc::clone(&self.0.jobs).acquire_owned().await.ok()
    }

    /// Jobs that were begun and have not ended.
    pub(crate) fn running(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Cluster {
    fn place(&self, plan: Arc<dyn ExecutionPlan>) -> DFResult<Arc<dyn ExecutionPlan>> {
        place(self, plan)
    }
}
