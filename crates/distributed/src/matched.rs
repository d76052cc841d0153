// SPDX-License-Identifier: Apache-2.0
//! Joins that compare every row of one side with every row of the other.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DFResult;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary};

/// Returns a plan whose joins know of each row of their left side whether it was matched at all.
///
/// In one process the partitions of such a join remember that together. On a cluster each is a
/// task of its own, which would tell for itself: where it counts, there is one partition.
pub(crate) fn matched_once(plan: Arc<dyn ExecutionPlan>) -> DFResult<Arc<dyn ExecutionPlan>> {
    let gather = |node: Arc<dyn ExecutionPlan>| {
        let Some(join) = node.downcast_ref::<NestedLoopJoinExec>().filter(|join| counts(join)) else {
            return Ok(Transformed::no(node));
        };
        // A limit of nothing keeps the one partition, which a scheduler would take for needless.
        let gathered = Arc::new(CoalescePartitionsExec::new(Arc::clone(join.right())));
        let right = Arc::new(GlobalLimitExec::new(gathered, 0, None));
        let children = vec![Arc::clone(join.left()), right as Arc<dyn ExecutionPlan>];
        replace_children_if_necessary(node, children).map(Transformed::yes)
    };
    Ok(plan.transform_up(gather)?.data)
}

/// Whether rows of the left side are told by whether they were matched.
fn counts(join: &NestedLoopJoinExec) -> bool {
    let tells = match join.join_type() {
        JoinType::Left | JoinType::Full | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
            true
        }
        JoinType::Inner
        | JoinType::Right
        | JoinType::RightSemi
        | JoinType::RightAnti
        | JoinType::RightMark => false,
    };
    tells && join.right().output_partitioning().partition_count() > 1
}
