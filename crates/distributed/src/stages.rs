// SPDX-License-Identifier: Apache-2.0
//! Running stages so that their errors can be read where the plan came from.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::error::BallistaError;
use ballista_core::serde::protobuf::{
    RuntimeStatsReport, ShuffleWritePartition, TaskColumnStats, WindowStateReport,
};
use ballista_executor::execution_engine::{DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::prelude::SessionConfig;
use m2m_sink::{NpyWriteExec, StreamWriteExec};
use tokio::sync::watch;

use crate::error::Error;
use crate::refused::RefusedExec;
use crate::told::Told;
use crate::watched::WatchedExec;

/// Runs stages as Ballista does, and has the words of our errors survive.
#[derive(Default)]
pub(crate) struct Stages(DefaultExecutionEngine);

#[derive(Debug)]
struct Stage {
    stage: Arc<dyn QueryStageExecutor>,
    /// Tells what writes that nobody waits for it any more.
    stop: watch::Sender<bool>,
}

/// Stops what writes when a task ends, however it does.
struct Ending<'a>(&'a watch::Sender<bool>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

impl ExecutionEngine for Stages {
    fn create_query_stage_exec(
        &self,
        job_id: JobId,
        stage_id: usize,
        task_id: usize,
        partitions: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        work_dir: &str,
        config: &SessionConfig,
    ) -> DFResult<Arc<dyn QueryStageExecutor>> {
        let (stop, stopped) = watch::channel(false);
        let plan = plan.transform_up(|node| Ok(watched(node, &stopped)))?.data;
        let stage =
            self.0.create_query_stage_exec(job_id, stage_id, task_id, partitions, plan, work_dir, config)?;
        Ok(Arc::new(Stage { stage, stop }))
    }
}

/// Has a node that writes import files stop with its task, and refuses those that write others.
fn watched(
    node: Arc<dyn ExecutionPlan>,
    stopped: &watch::Receiver<bool>,
) -> Transformed<Arc<dyn ExecutionPlan>> {
    if node.is::<NpyWriteExec>() || node.is::<StreamWriteExec>() {
        Transformed::yes(Arc::new(WatchedExec::new(node, stopped.clone())))
    } else if node.is::<DataSinkExec>() {
        Transformed::yes(Arc::new(RefusedExec::new(node, Error::OtherFiles)))
    } else {
        Transformed::no(node)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stage.fmt(f)
    }
}

#[async_trait]
impl QueryStageExecutor for Stage {
    async fn execute_query_stage(
        &self,
        task_id: usize,
        context: Arc<TaskContext>,
    ) -> DFResult<Vec<ShuffleWritePartition>> {
        let _ending = Ending(&self.stop);
        self.stage.execute_query_stage(task_id, context).await.map_err(readable)
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        self.stage.collect_plan_metrics()
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.stage.collect_runtime_stats_reports()
    }

    fn collect_window_state_reports(&self) -> DFResult<Vec<WindowStateReport>> {
        self.stage.collect_window_state_reports()
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        self.stage.collect_column_stats()
    }
}

/// The words of an error in place of itself, unless the scheduler decides by its kind whether the
/// task is begun again.
fn readable(error: DataFusionError) -> DataFusionError {
    match words(&error) {
        Some(told) => DataFusionError::Execution(told.mark()),
        None => error,
    }
}

/// The words of an error, below all that engines have put around it; none where its kind counts.
fn words(error: &DataFusionError) -> Option<Told> {
    match error.find_root() {
        DataFusionError::IoError(_) => None,
        DataFusionError::External(other) => match other.downcast_ref::<BallistaError>() {
            Some(BallistaError::DataFusionError(inner)) => words(inner),
            Some(BallistaError::ArrowError(inner)) => Some(Told::of(inner)),
            Some(_) => None,
            None => Some(Told::of(other.as_ref())),
        },
        root => Some(Told::of(root)),
    }
}
