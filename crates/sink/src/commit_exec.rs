// SPDX-License-Identifier: Apache-2.0

mod promise;

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{Distribution, EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, Partitioning, PlanProperties, ReplaceChildrenOptions,
    SendableRecordBatchStream,
};
use futures::TryStreamExt;

use self::promise::Promise;
use crate::file_sets::FileSet;
use crate::stream::ImportFormat;
use crate::written_file::{WrittenFile, written_files_schema};

/// Hands on which files were written, and checks that every file set is whole and
/// was written once.
///
/// * Files come in the order in which they are written, each set as soon as it is
///   complete.
/// * What all of them must be together is known at the end: the stream ends with an
///   error when it is not so. Whoever acts on a file before must be able to take
///   that back.
/// * It runs once: it asks for an input of one partition.
#[derive(Debug)]
pub struct CommitExec {
    input: Arc<dyn ExecutionPlan>,
    promise: Promise,
    properties: Arc<PlanProperties>,
}

impl CommitExec {
    /// Plans the check of sets that are known to the row: each is written with the
    /// rows that it promises, and no other is.
    ///
    /// # Errors
    ///
    /// [`DataFusionError::External`] with [`Error::NotWrittenFiles`](crate::Error::NotWrittenFiles)
    /// when the input does not say which files were written.
    pub fn of_sets(input: Arc<dyn ExecutionPlan>, sets: Vec<FileSet>) -> DFResult<Self> {
        Self::try_new(input, Promise::Sets(sets.into()))
    }

    /// Plans the check of sets of any number and length, by the fields in Milvus
    /// 2.x: each has one file for each field, or one Parquet file, all with the
    /// same rows.
    ///
    /// # Errors
    ///
    /// Those of [`CommitExec::of_sets`].
    pub fn of_fields(
        input: Arc<dyn ExecutionPlan>,
        fields: Vec<String>,
        format: ImportFormat,
    ) -> DFResult<Self> {
        Self::try_new(input, Promise::Fields { fields: fields.into(), format })
    }

    fn try_new(input: Arc<dyn ExecutionPlan>, promise: Promise) -> DFResult<Self> {
        WrittenFile::from_batches(&[RecordBatch::new_empty(input.schema())])?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(written_files_schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self { input, promise, properties: Arc::new(properties) })
    }
}

/// Returns the one child that every plan node here has.
pub(crate) fn only_child(mut children: Vec<Arc<dyn ExecutionPlan>>) -> DFResult<Arc<dyn ExecutionPlan>> {
    match (children.pop(), children.len()) {
        (Some(child), 0) => Ok(child),
        (_, others) => {
            Err(DataFusionError::Internal(format!("expected one child, found another {others} or none")))
        }
    }
}

impl DisplayAs for CommitExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [(one, first), (other, second)] = self.promise.parts();
        match format {
            DisplayFormatType::TreeRender => write!(f, "{one}={first}\n{other}={second}"),
            _ => write!(f, "CommitExec: {one}={first}, {other}={second}"),
        }
    }
}

impl ExecutionPlan for CommitExec {
    fn name(&self) -> &'static str {
        "CommitExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition])
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
        Ok(Arc::new(Self::try_new(only_child(children)?, self.promise.clone())?))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DFResult<SendableRecordBatchStream> {
        let partitions = self.input.output_partitioning().partition_count();
        if partition != 0 || partitions != 1 {
            return Err(DataFusionError::Internal(format!(
                "CommitExec expects an input of one partition, found {partitions}, and to run once"
            )));
        }
        let input = self.input.execute(0, context)?;
        let checked = Checked { input, promise: self.promise.clone(), files: Vec::new() };
        let stream = futures::stream::try_unfold(checked, |mut checked| async move {
            Ok(checked.next().await?.map(|batch| (batch, checked)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(written_files_schema(), stream.into_stream())))
    }
}

/// Written files on their way through, and all that have passed.
struct Checked {
    input: SendableRecordBatchStream,
    promise: Promise,
    files: Vec<WrittenFile>,
}

impl Checked {
    /// The next files; none when the input has ended and everything promised is there.
    async fn next(&mut self) -> DFResult<Option<RecordBatch>> {
        match self.input.try_next().await? {
            Some(batch) => {
                self.files.extend(WrittenFile::from_batches(std::slice::from_ref(&batch))?);
                Ok(Some(batch))
            }
            None => {
                self.promise.check(&self.files)?;
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests;
