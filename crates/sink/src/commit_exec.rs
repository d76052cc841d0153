// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeMap;
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

use crate::file_sets::FileSet;
use crate::written_file::{WrittenFile, written_files_schema};
use crate::{Error, Result};

/// Checks that every file set was written, once and with the rows it promises,
/// and yields the files sorted by path.
///
/// It runs once: it asks for an input of one partition.
#[derive(Debug)]
pub struct NpyCommitExec {
    input: Arc<dyn ExecutionPlan>,
    expected_sets: Arc<[FileSet]>,
    properties: Arc<PlanProperties>,
}

impl NpyCommitExec {
    /// Plans the check of what an input writes.
    ///
    /// # Errors
    ///
    /// [`DataFusionError::External`] with [`Error::NotWrittenFiles`] when the
    /// input does not say which files were written.
    pub fn try_new(input: Arc<dyn ExecutionPlan>, expected_sets: Vec<FileSet>) -> DFResult<Self> {
        WrittenFile::from_batches(&[RecordBatch::new_empty(input.schema())])?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(written_files_schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Ok(Self { input, expected_sets: expected_sets.into(), properties: Arc::new(properties) })
    }
}

/// Returns the one child that both plan nodes have.
pub(crate) fn only_child(mut children: Vec<Arc<dyn ExecutionPlan>>) -> DFResult<Arc<dyn ExecutionPlan>> {
    match (children.pop(), children.len()) {
        (Some(child), 0) => Ok(child),
        (_, others) => {
            Err(DataFusionError::Internal(format!("expected one child, found another {others} or none")))
        }
    }
}

impl DisplayAs for NpyCommitExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: u64 = self.expected_sets.iter().map(|set| set.rows).sum();
        let sets = self.expected_sets.len();
        match format {
            DisplayFormatType::TreeRender => write!(f, "sets={sets}\nrows={rows}"),
            _ => write!(f, "NpyCommitExec: sets={sets}, rows={rows}"),
        }
    }
}

impl ExecutionPlan for NpyCommitExec {
    fn name(&self) -> &'static str {
        "NpyCommitExec"
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
        Ok(Arc::new(Self::try_new(only_child(children)?, self.expected_sets.to_vec())?))
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
                "NpyCommitExec expects an input of one partition, found {partitions}, and to run once"
            )));
        }
        let input = self.input.execute(0, context)?;
        let expected_sets = Arc::clone(&self.expected_sets);
        let files = async move {
            let batches: Vec<_> = input.try_collect().await?;
            let mut files = WrittenFile::from_batches(&batches)?;
            files.sort_by(|a, b| a.path.cmp(&b.path));
            check(&expected_sets, &files)?;
            Ok(WrittenFile::to_batch(&files)?)
        };
        let stream = futures::stream::once(files);
        Ok(Box::pin(RecordBatchStreamAdapter::new(written_files_schema(), stream)))
    }
}

/// Compares what was written with what was planned.
fn check(expected_sets: &[FileSet], files: &[WrittenFile]) -> Result<()> {
    let mut of_set: BTreeMap<&str, Vec<&WrittenFile>> = BTreeMap::new();
    for file in files {
        of_set.entry(&file.set).or_default().push(file);
    }
    let mut fields = None;
    for set in expected_sets {
        let found = of_set.remove(set.name.as_str()).unwrap_or_default();
        let expected = fields.get_or_insert_with(|| fields_of(&found));
        check_set(set, expected, &found)?;
    }
    match of_set.into_iter().next() {
        None => Ok(()),
        Some((set, found)) => Err(unexpected(set, "no such set", format!("{} files", found.len()))),
    }
}

/// Every set has the fields of the first, each once, with the promised rows.
fn check_set(set: &FileSet, fields: &[String], files: &[&WrittenFile]) -> Result<()> {
    if files.is_empty() {
        return Err(unexpected(&set.name, &format!("{} rows", set.rows), "no file".to_owned()));
    }
    let found = fields_of(files);
    if found != fields || found.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        let expected = format!("one file for each of {}", fields.join(", "));
        return Err(unexpected(&set.name, &expected, format!("files for {}", found.join(", "))));
    }
    match files.iter().find(|file| file.rows != set.rows) {
        None => Ok(()),
        Some(file) => {
            let found = format!("{} in `{}`", file.rows, file.path);
            Err(unexpected(&set.name, &format!("{} rows", set.rows), found))
        }
    }
}

fn fields_of(files: &[&WrittenFile]) -> Vec<String> {
    let mut fields: Vec<_> = files.iter().map(|file| file.field.clone()).collect();
    fields.sort();
    fields
}

fn unexpected(set: &str, expected: &str, found: String) -> Error {
    Error::UnexpectedSet { set: set.to_owned(), expected: expected.to_owned(), found }
}

#[cfg(test)]
mod tests;
