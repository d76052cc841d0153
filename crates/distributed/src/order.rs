// SPDX-License-Identifier: Apache-2.0
//! The order of rows behind an exchange.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DFResult;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// Returns a plan that relies on no order of rows that were dealt out anew.
///
/// In one process the rows of a single partition stay in their order when they are dealt out, and
/// what comes behind counts on it. On a cluster they are files that are read in any order: where
/// a plan counts on one, rows are sorted again.
pub(crate) fn sorted_again(plan: Arc<dyn ExecutionPlan>) -> DFResult<Arc<dyn ExecutionPlan>> {
    let sort = |node: Arc<dyn ExecutionPlan>| {
        let order = node.output_ordering().filter(|_| node.is::<RepartitionExec>()).cloned();
        Ok(match order {
            Some(order) => {
                let sorted = SortExec::new(order, node).with_preserve_partitioning(true);
                Transformed::yes(Arc::new(sorted) as Arc<dyn ExecutionPlan>)
            }
            None => Transformed::no(node),
        })
    };
    Ok(plan.transform_up(sort)?.data)
}
