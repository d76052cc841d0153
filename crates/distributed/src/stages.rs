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
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::prelude::SessionConfig;

use crate::told::Told;

/// Runs stages as Ballista does, and has the words of our errors survive.
#[derive(Default)]
pub(crate) struct Stages(DefaultExecutionEngine);

#[derive(Debug)]
struct Stage(Arc<dyn QueryStageExecutor>);

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
        let stage =
            self.0.create_query_stage_exec(job_id, stage_id, task_id, partitions, plan, work_dir, config)?;
        Ok(Arc::new(Stage(stage)))
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl QueryStageExecutor for Stage {
    async fn execute_query_stage(
        &self,
        task_id: usize,
        context: Arc<TaskContext>,
    ) -> DFResult<Vec<ShuffleWritePartition>> {
        self.0.execute_query_stage(task_id, context).await.map_err(readable)
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        self.0.collect_plan_metrics()
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.0.collect_runtime_stats_reports()
    }

    fn collect_window_state_reports(&self) -> DFResult<Vec<WindowStateReport>> {
        self.0.collect_window_state_reports()
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        self.0.collect_column_stats()
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
