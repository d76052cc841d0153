// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};

use super::stage::Stage;
use super::store::StagedStores;

/// Another sink, whose files are there when all of it succeeded.
#[derive(Debug)]
pub(super) struct WholeSink {
    /// The node of the other sink, which cannot be had without it.
    exec: DataSinkExec,
}

impl WholeSink {
    pub(super) fn new(exec: DataSinkExec) -> Self {
        Self { exec }
    }
}

impl DisplayAs for WholeSink {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.exec.sink().fmt_as(format, f)
    }
}

#[async_trait]
impl DataSink for WholeSink {
    fn metrics(&self) -> Option<MetricsSet> {
        self.exec.sink().metrics()
    }

    fn schema(&self) -> &SchemaRef {
        self.exec.sink().schema()
    }

    async fn write_all(&self, data: SendableRecordBatchStream, context: &Arc<TaskContext>) -> DFResult<u64> {
        let statement = Statement { stage: Arc::default() };
        let context = staged(context, &statement.stage);
        match self.exec.sink().write_all(data, &context).await {
            Ok(rows) => statement.commit().await.map(|()| rows),
            Err(error) => Err(statement.give_up(error).await),
        }
    }
}

/// The stage of a statement, which is given up unless it is committed.
struct Statement {
    stage: Arc<Stage>,
}

impl Statement {
    async fn commit(self) -> DFResult<()> {
        let files = self.stage.close();
        // Of its own, so that it goes on to its end when nobody waits any more.
        let completed = tokio::spawn(files.complete()).await;
        Ok(completed.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))??)
    }

    /// Takes back what was sent, and returns the reason: what a store said, if it did.
    async fn give_up(self, error: DataFusionError) -> DataFusionError {
        self.stage.settle().await;
        let failure = self.stage.failure();
        if let Err(fault) = tokio::spawn(self.stage.close().discard()).await {
            tracing::warn!(%fault, "unfinished files not removed");
        }
        failure.map_or(error, Into::into)
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        drop(self.stage.close());
    }
}

/// The same context, with stores that write to a stage.
fn staged(context: &TaskContext, stage: &Arc<Stage>) -> Arc<TaskContext> {
    let runtime = context.runtime_env();
    let stores = StagedStores::new(Arc::clone(&runtime.object_store_registry), Arc::clone(stage));
    let runtime = RuntimeEnv { object_store_registry: Arc::new(stores), ..RuntimeEnv::clone(&runtime) };
    Arc::new(TaskContext::new(
        context.task_id(),
        context.session_id(),
        context.session_config().clone(),
        context.scalar_functions().clone(),
        context.higher_order_functions().clone(),
        context.aggregate_functions().clone(),
        context.window_functions().clone(),
        Arc::new(runtime),
    ))
}
