// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions, SendableRecordBatchStream,
};
use futures::StreamExt;
use tokio::sync::watch;

/// A node that writes files, and stops when its task is cancelled: what runs a stage drives it from
/// a place that a cancellation does not reach.
#[derive(Debug)]
pub(crate) struct WatchedExec {
    node: Arc<dyn ExecutionPlan>,
    stopped: watch::Receiver<bool>,
}

impl WatchedExec {
    pub(crate) fn new(node: Arc<dyn ExecutionPlan>, stopped: watch::Receiver<bool>) -> Self {
        Self { node, stopped }
    }
}

impl DisplayAs for WatchedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WatchedExec")
    }
}

impl ExecutionPlan for WatchedExec {
    fn name(&self) -> &'static str {
        "WatchedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.node.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.node]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DFResult<TreeNodeRecursion>,
    ) -> DFResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(node), true) => Ok(Arc::new(Self::new(node, self.stopped.clone()))),
            _ => Err(DataFusionError::Internal("WatchedExec has one input".into())),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    /// It has no metrics: the scheduler counts those of all nodes, and does not know this one.
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DFResult<SendableRecordBatchStream> {
        let rows = self.node.execute(partition, context)?;
        let mut stopped = self.stopped.clone();
        let stop = async move {
            // Whoever could say so is gone when the task is.
            stopped.wait_for(|stopped| *stopped).await.ok();
        };
        let stop = futures::stream::once(Box::pin(stop))
            .map(|()| Err(DataFusionError::Execution("the task was cancelled".into())));
        let schema = rows.schema();
        let rows = Box::pin(rows);
        let watched = futures::stream::unfold(Some((rows, stop)), |state| async move {
            let (mut rows, mut stop) = state?;
            tokio::select! {
                biased;
                Some(error) = stop.next() => Some((error, None)),
                next = rows.next() => next.map(|next| (next, Some((rows, stop)))),
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, watched)))
    }
}
