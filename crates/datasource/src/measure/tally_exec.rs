// SPDX-License-Identifier: Apache-2.0
//! Counting rows where they are read.

use std::fmt;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{AsArray, BinaryArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PlanProperties, ReplaceChildrenOptions, SendableRecordBatchStream,
};
use futures::{TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::pass::{Outcome, Unread};
use super::tally::Tally;
use crate::engine::RemoteEngine;

/// The only column.
static SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(vec![Field::new("tally", DataType::Binary, false)])));

/// Counts the rows of each input partition, and yields one row for it that says what they are.
///
/// * The input is a scan of one piece of a segment for each partition, with the columns that are
///   to be counted.
/// * It does not fail when its rows cannot be read: the row says why, and whether the files are
///   damaged. As the error of a task it would be a text alone, and could not be told from a
///   failure of the engine.
#[derive(Debug)]
pub struct TallyExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

/// What a row says: an [`Outcome`] as values.
#[derive(Serialize, Deserialize)]
enum Told {
    Tally(Box<Tally>),
    Unread { text: String, is_damage: bool },
}

impl TallyExec {
    /// Plans the counting of an input.
    #[must_use]
    pub fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&SCHEMA)),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Final,
            input.boundedness(),
        );
        Self { input, properties: Arc::new(properties) }
    }
}

/// Has an engine count the rows of a scan of one partition. An error is one of the engine.
pub(super) async fn count_on(
    engine: &RemoteEngine,
    scan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
) -> DFResult<Outcome> {
    let rows = engine.place(Arc::new(TallyExec::new(scan)))?.execute(0, context)?;
    outcome(&rows.try_collect::<Vec<_>>().await?)
}

/// Counts the rows of a partition.
async fn count(mut rows: SendableRecordBatchStream) -> DFResult<Tally> {
    let mut tally = Tally::default();
    while let Some(batch) = rows.try_next().await? {
        tally.add(&batch)?;
    }
    Ok(tally)
}

/// The row of an outcome.
fn row(outcome: Outcome) -> DFResult<RecordBatch> {
    let told = match outcome {
        Ok(tally) => Told::Tally(Box::new(tally)),
        Err(Unread { text, is_damage, .. }) => Told::Unread { text, is_damage },
    };
    let told = serde_json::to_vec(&told).map_err(|error| DataFusionError::External(Box::new(error)))?;
    let column = BinaryArray::from_vec(vec![told.as_slice()]);
    Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), vec![Arc::new(column)])?)
}

/// The outcome that the only row says.
fn outcome(rows: &[RecordBatch]) -> DFResult<Outcome> {
    let unexpected = |reason: String| {
        DataFusionError::Execution(format!("expected one row that says what was counted, found {reason}"))
    };
    let mut values = Vec::new();
    for batch in rows {
        let column = batch.columns().first().and_then(|column| column.as_binary_opt::<i32>());
        values.extend(column.ok_or_else(|| unexpected(batch.schema().to_string()))?.iter().flatten());
    }
    let [value] = values.as_slice() else { return Err(unexpected(format!("{} rows", values.len()))) };
    Ok(match serde_json::from_slice(value).map_err(|error| unexpected(error.to_string()))? {
        Told::Tally(tally) => Ok(*tally),
        Told::Unread { text, is_damage } => Err(Unread::told(text, is_damage)),
    })
}

impl DisplayAs for TallyExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => Ok(()),
            _ => f.write_str("TallyExec"),
        }
    }
}

impl ExecutionPlan for TallyExec {
    fn name(&self) -> &'static str {
        "TallyExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    /// The rows of a piece come in their order.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
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
            (Some(input), true) => Ok(Arc::new(Self::new(input))),
            _ => Err(DataFusionError::Internal("TallyExec has one input".into())),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DFResult<SendableRecordBatchStream> {
        let rows = self.input.execute(partition, context)?;
        let rows = stream::once(async move { row(count(rows).await.map_err(Unread::new)) });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&SCHEMA), rows)))
    }
}

#[cfg(test)]
mod tests;
