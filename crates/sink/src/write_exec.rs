// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PlanProperties, ReplaceChildrenOptions, SendableRecordBatchStream,
};
use futures::TryStreamExt;

use crate::column::Column;
use crate::commit_exec::only_child;
use crate::origin::OriginColumns;
use crate::partition_writer::{PartitionWriter, Progress};
use crate::set_writer::Job;
use crate::write_options::NpyWriteOptions;
use crate::written_file::written_files_schema;

/// Writes the rows of each input partition into NumPy import files, one file
/// set after the other, and yields a row for every file that was written.
///
/// * The input has the columns to write, and `id`, `segment_id` and
///   `segment_offset`. Rows must come in the order of the plan that made the
///   [`FileSet`](crate::FileSet)s, because a set is found by its first row.
/// * A set takes exactly the rows it promises, wherever batches end. Rows that
///   begin no set, or that lack at the end, are errors.
/// * A set is there whole or not at all: on an error, and when the stream is
///   dropped, its uploads are aborted. Sets that were finished stay.
/// * Metrics: `rows_written`, `bytes_written` (headers not counted) and
///   `files_written`.
#[derive(Debug)]
pub struct NpyWriteExec {
    input: Arc<dyn ExecutionPlan>,
    job: Arc<Job>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl NpyWriteExec {
    /// Plans the writing of an input.
    ///
    /// # Errors
    ///
    /// [`DataFusionError::External`] with an [`Error`](crate::Error) when a column
    /// is missing or of a type that no import file can hold, when the sets
    /// contradict each other, or when parts are too small for an object store;
    /// [`DataFusionError::Plan`] when the input never ends.
    pub fn try_new(input: Arc<dyn ExecutionPlan>, options: NpyWriteOptions) -> DFResult<Self> {
        let schema = input.schema();
        let columns = Column::of_options(&options, &schema)?;
        options.check(&columns)?;
        let origins = OriginColumns::of_options(&options, &schema)?;
        let properties = properties(&input)?;
        let job = Arc::new(Job { options, columns, origins });
        Ok(Self { input, job, properties, metrics: ExecutionPlanMetricsSet::new() })
    }

    /// Returns what is written, and where to.
    pub fn options(&self) -> &NpyWriteOptions {
        &self.job.options
    }
}

pub(crate) fn properties(input: &Arc<dyn ExecutionPlan>) -> DFResult<Arc<PlanProperties>> {
    if input.boundedness().is_unbounded() {
        let reason = "cannot write import files from an input that never ends";
        return Err(DataFusionError::Plan(reason.to_owned()));
    }
    let partitions = input.output_partitioning().partition_count();
    Ok(Arc::new(PlanProperties::new(
        EquivalenceProperties::new(written_files_schema()),
        Partitioning::UnknownPartitioning(partitions),
        EmissionType::Incremental,
        Boundedness::Bounded,
    )))
}

impl DisplayAs for NpyWriteExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.job.options;
        let rows: u64 = options.sets.iter().map(|set| set.rows).sum();
        let files = self.job.columns.iter().map(|column| match column.width {
            None => format!("{}.npy {} (N,)", column.field, column.dtype.descr()),
            Some(width) => format!("{}.npy {} (N, {width})", column.field, column.dtype.descr()),
        });
        let files = files.collect::<Vec<_>>().join(", ");
        let (sets, to) = (options.sets.len(), options.display(&options.prefix));
        if matches!(format, DisplayFormatType::TreeRender) {
            return write!(f, "collection={}\nsets={sets}\nrows={rows}\nto={to}", options.collection);
        }
        let collection = &options.collection;
        write!(f, "NpyWriteExec: collection={collection}, sets={sets}, rows={rows}, files=[{files}], to={to}")
    }
}

impl ExecutionPlan for NpyWriteExec {
    fn name(&self) -> &'static str {
        "NpyWriteExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    /// Rows dealt out anew would no longer follow the plan of the file sets.
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
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::try_new(only_child(children)?, self.job.options.clone())?))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DFResult<SendableRecordBatchStream> {
        let store = context.runtime_env().object_store_registry.get_store(&self.job.options.base_url)?;
        let input = self.input.execute(partition, context)?;
        let progress = Progress::new(&self.metrics, partition);
        let writer = PartitionWriter::new(Arc::clone(&self.job), store, input, progress);
        let stream = futures::stream::try_unfold(writer, |mut writer| async move {
            Ok(writer.next_set().await?.map(|files| (files, writer)))
        });
        let schema = written_files_schema();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream.into_stream())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

#[cfg(test)]
mod tests;
