// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::path::Path as FsPath;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DFResult;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{Distribution, PhysicalExpr};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PlanProperties, ReplaceChildrenOptions, SendableRecordBatchStream,
};
use m2m_storage::Storage;

use super::column::{Column, Job};
use super::options::{ImportFormat, SetNaming, StreamWriteOptions};
use super::set::Places;
use super::writer::written_files;
use crate::commit_exec::only_child;
use crate::header_last::FilePlace;
use crate::partition_writer::Progress;
use crate::write_exec::properties;
use crate::write_options::display;
use crate::{Error, OutputStorages, Result};

/// Writes the rows of each input partition into import files, one file set after
/// the other, and yields a row for every file that was written.
///
/// * The input has the columns to write and the one that messages name a row by,
///   and `segment_id` and `segment_offset` where [`SetNaming::Origin`] wants them.
///   How many rows come need not be known.
/// * A set ends with its `set_rows`th row, wherever batches end, or with the
///   input. Rows stand in the order of the input. Without rows there is no set.
/// * Values that a file cannot hold, or that Milvus 2.x refuses or stores wrongly,
///   are errors that name the row: NULL, NaN, infinity, texts that are too long,
///   have a NUL or are not the JSON that they should be.
/// * A set is there whole or not at all: on an error, and when the stream is
///   dropped, what there is of it is removed. Sets that were finished stay.
/// * Sets that are [`finished`](StreamWriteOptions::finished) already are not written
///   again.
/// * Buckets are found through the session's [`OutputStorages`]; local files need
///   nothing.
/// * Metrics: `rows_written`, `bytes_written` (headers of NumPy files not counted)
///   and `files_written`, of what is written now.
#[derive(Debug)]
pub struct StreamWriteExec {
    input: Arc<dyn ExecutionPlan>,
    job: Arc<Job>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl StreamWriteExec {
    /// Plans the writing of an input.
    ///
    /// # Errors
    ///
    /// [`DataFusionError::External`] with an [`Error`](enum@crate::Error) when a
    /// column is missing or does not fit its field, when the options contradict
    /// themselves, or when files would be longer than an object store takes;
    /// [`DataFusionError::Plan`] when the input never ends.
    ///
    /// [`DataFusionError::External`]: datafusion::error::DataFusionError::External
    /// [`DataFusionError::Plan`]: datafusion::error::DataFusionError::Plan
    pub fn try_new(input: Arc<dyn ExecutionPlan>, options: StreamWriteOptions) -> DFResult<Self> {
        let job = Arc::new(Job::of_options(options, &input.schema())?);
        let properties = properties(&input)?;
        Ok(Self { input, job, properties, metrics: ExecutionPlanMetricsSet::new() })
    }

    /// Returns what is written, and where to.
    pub fn options(&self) -> &StreamWriteOptions {
        &self.job.options
    }

    /// Finds the storage without asking a server.
    fn places(&self, context: &TaskContext) -> Result<Places> {
        let base_url = &self.job.options.base_url;
        let storage = if self.job.options.is_local() {
            Storage::local(FsPath::new("/"))?
        } else {
            let storages = context.session_config().get_extension::<OutputStorages>();
            let storages =
                storages.ok_or_else(|| Error::NoOutputStorages { location: base_url.to_string() })?;
            storages.open(base_url)?
        };
        Ok(Arc::new(move |path, part_bytes| FilePlace::of_storage(&storage, path, part_bytes)))
    }

    /// The files of a set, as EXPLAIN shows them.
    fn files(&self) -> String {
        let of_field = |Column { field, .. }: &Column| match (self.job.options.format, field.kind.npy_type())
        {
            (ImportFormat::Npy, Some((dtype, None))) => format!("{}.npy {} (N,)", field.field, dtype.descr()),
            (ImportFormat::Npy, Some((dtype, Some(width)))) => {
                format!("{}.npy {} (N, {width})", field.field, dtype.descr())
            }
            _ if field.nullable => format!("{} {} NULL", field.field, field.kind),
            _ => format!("{} {}", field.field, field.kind),
        };
        self.job.columns.iter().map(of_field).collect::<Vec<_>>().join(", ")
    }
}

impl DisplayAs for StreamWriteExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StreamWriteOptions { collection, folder, set_rows, base_url, prefix, .. } = &self.job.options;
        let to = format!("{}/{folder}", display(base_url, prefix).trim_end_matches('/'));
        let files_format = self.job.options.format;
        if matches!(format, DisplayFormatType::TreeRender) {
            return write!(f, "collection={collection}\nformat={files_format}\nset_rows={set_rows}\nto={to}");
        }
        let files = match files_format {
            ImportFormat::Npy => format!("files=[{}]", self.files()),
            ImportFormat::Parquet => format!("columns=[{}]", self.files()),
        };
        write!(
            f,
            "StreamWriteExec: collection={collection}, format={files_format}, set_rows={set_rows}, {files}, to={to}"
        )
    }
}

impl ExecutionPlan for StreamWriteExec {
    fn name(&self) -> &'static str {
        "StreamWriteExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    /// Numbers of sets are counted in one place.
    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![match self.job.options.naming {
            SetNaming::Origin => Distribution::UnspecifiedDistribution,
            SetNaming::Numbered => Distribution::SinglePartition,
        }])
    }

    /// Rows dealt out anew would make more and smaller sets.
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
        let partitions = self.input.output_partitioning().partition_count();
        if self.job.options.naming == SetNaming::Numbered && partitions != 1 {
            let reason =
                format!("expected an input of one partition for sets with numbers, found {partitions}");
            return Err(self.job.options.invalid(reason).into());
        }
        let places = self.places(&context)?;
        let input = self.input.execute(partition, context)?;
        let progress = Progress::new(&self.metrics, partition);
        Ok(written_files(Arc::clone(&self.job), places, input, progress))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
