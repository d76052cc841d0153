// SPDX-License-Identifier: Apache-2.0
//! A plan that is run by a cluster, from its beginning to its last row.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballista_core::client::BallistaClient;
use ballista_core::serde::protobuf::{PartitionLocation, job_status};
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use datafusion_proto::physical_plan::AsExecutionPlan;
use futures::TryStreamExt;
use tokio::sync::OwnedSemaphorePermit;

use crate::client::settings;
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::local::with_local_rows;
use crate::session::{MESSAGE_BYTES, for_plans};
use crate::subquery::Answers;
use crate::told::Told;

/// How soon a job is asked for again, and how long it may take to be asked again.
const SOON: Duration = Duration::from_millis(5);
const LATE: Duration = Duration::from_millis(200);
/// How often a job that takes long is asked whether anyone is there to do it.
const LOOK: Duration = Duration::from_secs(2);
/// How often a scheduler may know nothing of a job: it is begun after it was taken.
const UNKNOWN: u32 = 50;
/// How long nobody may be there.
const ALONE: Duration = Duration::from_secs(15);
/// How often a plan is run when an executor is lost with the rows that it had.
const ATTEMPTS: u32 = 3;

/// The rows of a plan that a cluster runs.
pub(crate) struct Answer {
    cluster: Cluster,
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    schema: SchemaRef,
    attempts: u32,
    ended: Option<Ended>,
    has_given: bool,
    /// Held until all rows were fetched.
    leave: Option<OwnedSemaphorePermit>,
}

/// A job that came to its end, and the rows that are still to be fetched.
struct Ended {
    job: Job,
    partitions: VecDeque<PartitionLocation>,
    rows: Option<SendableRecordBatchStream>,
}

/// A job of a scheduler, which is cancelled when nobody waits for it any more.
struct Job {
    cluster: Cluster,
    id: String,
}

impl Answer {
    pub(crate) fn of(cluster: Cluster, plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Self {
        let schema = plan.schema();
        Self { cluster, plan, context, schema, attempts: 0, ended: None, has_given: false, leave: None }
    }

    pub(crate) fn into_stream(self) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let rows = futures::stream::try_unfold(self, |mut answer| async move {
            Ok(answer.next().await?.map(|batch| (batch, answer)))
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, rows))
    }

    /// The next rows. While none was handed on, a plan whose rows are lost with their executor
    /// is run again.
    async fn next(&mut self) -> DFResult<Option<RecordBatch>> {
        loop {
            match self.advance().await {
                Err(error) if error.is_lost() && !self.has_given && self.attempts < ATTEMPTS => {
                    tracing::warn!(%error, "its plan is run again");
                    self.ended = None;
                }
                Err(error) => return Err(error.into()),
                Ok(batch) => {
                    self.has_given = true;
                    return Ok(batch);
                }
            }
        }
    }

    async fn advance(&mut self) -> Result<Option<RecordBatch>> {
        let mut ended = match self.ended.take() {
            Some(ended) => ended,
            None => self.run().await?,
        };
        let batch = ended.next(&self.schema).await?;
        match batch {
            Some(batch) => {
                self.ended = Some(ended);
                Ok(Some(batch))
            }
            None => {
                ended.job.forget().await;
                self.leave = None;
                Ok(None)
            }
        }
    }

    async fn run(&mut self) -> Result<Ended> {
        self.attempts = self.attempts.saturating_add(1);
        // What is read here may need jobs of its own.
        let plan = with_local_rows(Arc::clone(&self.plan), &self.context).await?;
        if self.leave.is_none() {
            self.leave = self.cluster.leave().await;
        }
        let plan = Answers::Known.send(&plan, self.cluster.codec())?;
        let mut bytes = Vec::new();
        plan.try_encode(&mut bytes)?;
        let job = Job::begin(&self.cluster, bytes, &self.context).await?;
        let partitions = job.end().await?.into();
        Ok(Ended { job, partitions, rows: None })
    }
}

impl Ended {
    async fn next(&mut self, schema: &SchemaRef) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(rows) = &mut self.rows {
                let executor = || self.partitions.front().map_or_else(String::new, host);
                let next = rows.try_next().await;
                match next.map_err(|error| self.job.lost(executor(), error))? {
                    Some(batch) => return Ok(Some(same_columns(&batch, schema)?)),
                    None => {
                        self.rows = None;
                        self.partitions.pop_front();
                    }
                }
            }
            let Some(partition) = self.partitions.front() else { return Ok(None) };
            self.rows = Some(self.job.fetch(partition).await?);
        }
    }
}

/// The batch with the very schema that was promised: metadata of fields does not travel.
fn same_columns(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().to_vec();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let batch = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options);
    Ok(batch.map_err(DataFusionError::from)?)
}

fn host(partition: &PartitionLocation) -> String {
    let executor = partition.executor_meta.as_ref();
    executor.map_or_else(|| "?".into(), |executor| format!("{}:{}", executor.host, executor.port))
}

impl Job {
    async fn begin(cluster: &Cluster, plan: Vec<u8>, context: &TaskContext) -> Result<Self> {
        let settings = settings(&for_plans(context.session_config().clone()));
        let client = cluster.client().await?.clone();
        let id = client.submit(cluster.session_id(), plan, settings).await?;
        cluster.running().insert(id.clone());
        tracing::debug!(job = %id, "begun");
        Ok(Self { cluster: cluster.clone(), id })
    }

    /// Waits for the end, and says where the rows are, in the order of the partitions.
    async fn end(&self) -> Result<Vec<PartitionLocation>> {
        let client = self.cluster.client().await?;
        let mut pause = SOON;
        let mut looked = Instant::now();
        let mut alone_since = None;
        let mut unknown = 0_u32;
        loop {
            let status = client.status(&self.id).await?.status.and_then(|status| status.status);
            match status {
                Some(job_status::Status::Successful(job)) => {
                    self.cluster.running().remove(&self.id);
                    let mut partitions = job.partition_location;
                    let place = |partition: &PartitionLocation| {
                        partition.partition_id.as_ref().map(|partition| partition.partition_id)
                    };
                    partitions.sort_by_key(place);
                    return Ok(partitions);
                }
                Some(job_status::Status::Failed(job)) => {
                    self.cluster.running().remove(&self.id);
                    return Err(match job.error.as_str() {
                        "Cancelled" => Error::Cancelled { job: self.id.clone() },
                        message => Error::Failed { job: self.id.clone(), source: Told::find(message) },
                    });
                }
                Some(job_status::Status::Queued(_) | job_status::Status::Running(_)) => unknown = 0,
                None => unknown = unknown.saturating_add(1),
            }
            if unknown > UNKNOWN {
                return Err(Error::Forgotten { job: self.id.clone(), url: self.cluster.url() });
            }
            if looked.elapsed() > LOOK {
                looked = Instant::now();
                alone_since = match client.has_executors().await {
                    true => None,
                    false => alone_since.or(Some(looked)),
                };
                if alone_since.is_some_and(|since| since.elapsed() > ALONE) {
                    return Err(Error::NoExecutors { url: self.cluster.url() });
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LATE);
        }
    }

    /// The rows of a partition, which come by way of the scheduler.
    async fn fetch(&self, partition: &PartitionLocation) -> Result<SendableRecordBatchStream> {
        let lost = |error| self.lost(host(partition), error);
        let missing = || Error::Node { reason: "the rows of a partition have no place".into() };
        let executor = partition.executor_meta.as_ref().ok_or_else(missing)?;
        let id = partition.partition_id.clone().ok_or_else(missing)?;
        let port = u16::try_from(executor.port).map_err(|_| missing())?;
        let scheduler = self.cluster.address();
        let most = usize::try_from(MESSAGE_BYTES).unwrap_or(usize::MAX);
        let client = BallistaClient::try_new(&scheduler.host, scheduler.port, most, false, None, 1, 0, 0, 0);
        let mut client = client.await.map_err(lost)?;
        let (id, file, layout) = (id.into(), partition.file_id, partition.layout());
        let rows =
            client.fetch_partition_proxied(&executor.id, &id, file, layout, &executor.host, port, true);
        rows.await.map_err(lost)
    }

    fn lost(&self, executor: String, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::Fetch { job: self.id.clone(), executor, source: Box::new(error) }
    }

    /// Has executors remove the rows, which nobody needs any more.
    async fn forget(&self) {
        let Ok(client) = self.cluster.client().await else { return };
        if let Err(error) = client.clean(&self.id).await {
            tracing::debug!(%error, job = %self.id, "its rows stay until the scheduler removes them");
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // It stays among those that run until it is known to be cancelled.
        if !self.cluster.running().contains(&self.id) {
            return;
        }
        let (cluster, id) = (self.cluster.clone(), std::mem::take(&mut self.id));
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        drop(runtime.spawn(async move {
            let Ok(client) = cluster.client().await else { return };
            match client.cancel(&id).await {
                Ok(()) => drop(cluster.running().remove(&id)),
                Err(error) => tracing::debug!(%error, job = %id, "it is cancelled at the end"),
            }
        }));
    }
}
