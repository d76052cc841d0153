// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::error::Result as DFResult;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use super::sink::WholeSink;

pub(super) const NAME: &str = "whole_files";

/// Puts a [`WholeSink`] around every sink of a plan.
#[derive(Debug)]
pub(super) struct WholeFiles;

impl PhysicalOptimizerRule for WholeFiles {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| Ok(wrapped(&node).map_or_else(|| Transformed::no(node), Transformed::yes)))
            .data()
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn wrapped(node: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    let exec = node.downcast_ref::<DataSinkExec>().filter(|exec| !exec.sink().is::<WholeSink>())?;
    let (input, order) = (Arc::clone(exec.input()), exec.sort_order().clone());
    Some(Arc::new(DataSinkExec::new(input, Arc::new(WholeSink::new(exec.clone())), order)))
}
