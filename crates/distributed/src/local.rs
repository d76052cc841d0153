// SPDX-License-Identifier: Apache-2.0
//! Rows that only this process can read: they travel with the plan.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::{
    ArrowSource, CsvSource, FileScanConfig, JsonSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary};
use futures::TryStreamExt;
use futures::future::BoxFuture;
use m2m_datasource::SegmentSource;

use crate::error::Error;

/// MiB that may travel for each table.
const MOST_MIB: usize = 64;

/// Whether a leaf reads files that executors reach as well, and can be sent as it is.
///
/// A leaf without files, such as `EmptyExec`, is not sent: the scheduler replaces it by another
/// node in the tasks that do not run it, and then never ends a job whose tasks report different nodes.
pub(crate) fn reads_files(leaf: &dyn ExecutionPlan) -> bool {
    let Some(source) = leaf.downcast_ref::<DataSourceExec>().map(DataSourceExec::data_source) else {
        return false;
    };
    let Some(scan) = source.downcast_ref::<FileScanConfig>() else { return false };
    let source = scan.file_source();
    source.is::<SegmentSource>()
        || source.is::<ParquetSource>()
        || source.is::<CsvSource>()
        || source.is::<JsonSource>()
        || source.is::<ArrowSource>()
}

/// Returns the plan with the rows of all leaves that cannot be sent, which are read now.
pub(crate) fn with_local_rows(
    plan: Arc<dyn ExecutionPlan>,
    context: &Arc<TaskContext>,
) -> BoxFuture<'_, DFResult<Arc<dyn ExecutionPlan>>> {
    Box::pin(async move {
        let children: Vec<_> = plan.children().into_iter().cloned().collect();
        if children.is_empty() {
            return if reads_files(plan.as_ref()) { Ok(plan) } else { gather(&plan, context).await };
        }
        let mut here = Vec::with_capacity(children.len());
        for child in children {
            here.push(with_local_rows(child, context).await?);
        }
        replace_children_if_necessary(plan, here)
    })
}

/// Returns the plan as it will be sent, without the rows that travel with it.
pub(crate) fn without_local_rows(plan: Arc<dyn ExecutionPlan>) -> DFResult<Arc<dyn ExecutionPlan>> {
    let children: Vec<_> = plan.children().into_iter().cloned().collect();
    if children.is_empty() && !reads_files(plan.as_ref()) {
        let partitions = plan.output_partitioning().partition_count();
        return Ok(Arc::new(EmptyExec::new(plan.schema()).with_partitions(partitions)));
    }
    let children = children.into_iter().map(without_local_rows).collect::<DFResult<_>>()?;
    replace_children_if_necessary(plan, children)
}

/// The rows of a leaf, partition by partition.
async fn gather(
    leaf: &Arc<dyn ExecutionPlan>,
    context: &Arc<TaskContext>,
) -> DFResult<Arc<dyn ExecutionPlan>> {
    let mut partitions: Vec<Vec<RecordBatch>> = Vec::new();
    let mut bytes = 0_usize;
    for partition in 0..leaf.output_partitioning().partition_count() {
        let mut batches = Vec::new();
        let mut rows = leaf.execute(partition, Arc::clone(context))?;
        while let Some(batch) = rows.try_next().await? {
            bytes = bytes.saturating_add(batch.get_array_memory_size());
            if bytes > MOST_MIB << 20 {
                let too_large = Error::TooLarge { what: leaf.name().to_owned(), most: MOST_MIB };
                return Err(DataFusionError::from(too_large));
            }
            batches.push(batch);
        }
        partitions.push(batches);
    }
    let rows = MemorySourceConfig::try_new(&partitions, leaf.schema(), None)?;
    Ok(DataSourceExec::from_data_source(rows))
}
