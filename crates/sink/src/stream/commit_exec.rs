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

use super::options::ImportFormat;
use crate::commit_exec::only_child;
use crate::written_file::{WrittenFile, written_files_schema};
use crate::{Error, Result};

/// Checks that every file set that was written is whole, and was written once, and
/// yields the files sorted by path.
///
/// Each set has one file for each field, or one Parquet file, all with the same
/// rows. It runs once: it asks for an input of one partition.
#[derive(Debug)]
pub struct StreamCommitExec {
    input: Arc<dyn ExecutionPlan>,
    fields: Arc<[String]>,
    format: ImportFormat,
    properties: Arc<PlanProperties>,
}

impl StreamCommitExec {
    /// Plans the check of what an input writes, by the fields in Milvus 2.x.
    ///
    /// # Errors
    ///
    /// [`DataFusionError::External`] with [`Error::NotWrittenFiles`] when the
    /// input does not say which files were written.
    pub fn try_new(
        input: Arc<dyn ExecutionPlan>,
        fields: Vec<String>,
        format: ImportFormat,
    ) -> DFResult<Self> {
        WrittenFile::from_batches(&[RecordBatch::new_empty(input.schema())])?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(written_files_schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Ok(Self { input, fields: fields.into(), format, properties: Arc::new(properties) })
    }
}

impl DisplayAs for StreamCommitExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (files, fields) = (self.format, self.fields.join(", "));
        match format {
            DisplayFormatType::TreeRender => write!(f, "format={files}\nfields={fields}"),
            _ => write!(f, "StreamCommitExec: format={files}, fields=[{fields}]"),
        }
    }
}

impl ExecutionPlan for StreamCommitExec {
    fn name(&self) -> &'static str {
        "StreamCommitExec"
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
        Ok(Arc::new(Self::try_new(only_child(children)?, self.fields.to_vec(), self.format)?))
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
                "StreamCommitExec expects an input of one partition, found {partitions}, and to run once"
            )));
        }
        let input = self.input.execute(0, context)?;
        let fields = match self.format {
            ImportFormat::Npy => Arc::clone(&self.fields),
            ImportFormat::Parquet => Arc::from([String::new()]),
        };
        let files = async move {
            let batches: Vec<_> = input.try_collect().await?;
            let mut files = WrittenFile::from_batches(&batches)?;
            files.sort_by(|a, b| a.path.cmp(&b.path));
            check(&fields, &files)?;
            Ok(WrittenFile::to_batch(&files)?)
        };
        let stream = futures::stream::once(files);
        Ok(Box::pin(RecordBatchStreamAdapter::new(written_files_schema(), stream)))
    }
}

/// Every set has a file for each field, once, and all with the same rows.
fn check(fields: &[String], files: &[WrittenFile]) -> Result<()> {
    let mut of_set: BTreeMap<&str, Vec<&WrittenFile>> = BTreeMap::new();
    for file in files {
        of_set.entry(&file.set).or_default().push(file);
    }
    let mut fields = fields.to_vec();
    fields.sort();
    of_set.into_iter().try_for_each(|(set, files)| check_set(set, &fields, &files))
}

fn check_set(set: &str, fields: &[String], files: &[&WrittenFile]) -> Result<()> {
    let unexpected = |expected, found| Err(Error::UnexpectedSet { set: set.to_owned(), expected, found });
    let mut found: Vec<_> = files.iter().map(|file| file.field.clone()).collect();
    found.sort();
    if found != fields {
        return unexpected(described(fields), described(&found));
    }
    let Some(rows) = files.first().map(|file| file.rows).filter(|&rows| rows > 0) else {
        return unexpected("a row at least".to_owned(), "0 rows".to_owned());
    };
    match files.iter().find(|file| file.rows != rows) {
        None => Ok(()),
        Some(file) => unexpected(format!("{rows} rows"), format!("{} in `{}`", file.rows, file.path)),
    }
}

/// A file for all fields has no name of a field.
fn described(fields: &[String]) -> String {
    match fields {
        [field] if field.is_empty() => "one file for all fields".to_owned(),
        fields if fields.iter().all(String::is_empty) => format!("{} files for all fields", fields.len()),
        fields => format!("files for {}", fields.join(", ")),
    }
}
