// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result as DFResult;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

/// Returns whether each partition of a plan gives the same rows in the same order
/// whenever it runs, as long as its files are the same.
///
/// That is known of a scan of files which reads each file in the partition that it
/// is planned for, of filters and projections of such scans, and of nothing else. A
/// function that answers differently each time, such as `random()`, makes it untrue.
///
/// Only then has a file set that is named after its first row the same rows at
/// every writing, and may be given to another as
/// [`StreamWriteOptions::finished`](crate::StreamWriteOptions::finished).
pub fn keeps_source_order(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let is_kept_here = match plan.downcast_ref::<DataSourceExec>() {
        Some(scan) => scan.data_source().downcast_ref().is_some_and(reads_files_in_place),
        None => plan.is::<FilterExec>() || plan.is::<ProjectionExec>() || plan.is::<CooperativeExec>(),
    };
    is_kept_here && !is_capricious(plan) && plan.children().into_iter().all(keeps_source_order)
}

/// Returns a plan for each partition of one that [keeps the order of its
/// source](keeps_source_order): with the same rows in the same order, and none of the others.
///
/// # Errors
///
/// When a node refuses an input with fewer partitions.
pub fn split_by_partition(plan: &Arc<dyn ExecutionPlan>) -> DFResult<Vec<Arc<dyn ExecutionPlan>>> {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>()
        && let Some(files) = scan.data_source().downcast_ref::<FileScanConfig>()
    {
        let only = |group: &FileGroup| {
            let files = FileScanConfigBuilder::from(files.clone()).with_file_groups(vec![group.clone()]);
            DataSourceExec::from_data_source(files.build()) as Arc<dyn ExecutionPlan>
        };
        return Ok(files.file_groups.iter().map(only).collect());
    }
    match plan.children().as_slice() {
        [input] => {
            let inputs = split_by_partition(input)?.into_iter();
            let with = |input| replace_children_if_necessary(Arc::clone(plan), vec![input]);
            inputs.map(with).collect()
        }
        _ => Ok(vec![Arc::clone(plan)]),
    }
}

/// Returns whether a node answers differently each time.
fn is_capricious(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let mut found = false;
    let asked = plan.apply_expressions(&mut |expression| {
        found |= is_volatile(expression);
        Ok(TreeNodeRecursion::Continue)
    });
    found || asked.is_err()
}

/// A partition that is idle may otherwise read the files of another.
fn reads_files_in_place(scan: &FileScanConfig) -> bool {
    scan.preserve_order || scan.file_groups.len() <= 1
}

#[cfg(test)]
mod tests;
