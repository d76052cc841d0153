// SPDX-License-Identifier: Apache-2.0
//! Which part of a plan is sent away.

use std::sync::Arc;

use datafusion::datasource::sink::DataSinkExec;
use datafusion::error::Result as DFResult;
use datafusion::physical_plan::analyze::AnalyzeExec;
use datafusion::physical_plan::explain::ExplainExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

use crate::cluster::Cluster;
use crate::local::reads_files;
use crate::node::ClusterExec;
use crate::order::sorted_again;

/// Sends away what reads files, but for the node that writes to files of this process.
pub(crate) fn place(cluster: &Cluster, plan: Arc<dyn ExecutionPlan>) -> DFResult<Arc<dyn ExecutionPlan>> {
    if !has_files(&plan) || plan.is::<ClusterExec>() {
        return Ok(plan);
    }
    if plan.is::<DataSinkExec>() || plan.is::<AnalyzeExec>() || plan.is::<ExplainExec>() {
        let children = plan.children().into_iter().cloned();
        let placed = children.map(|child| place(cluster, child)).collect::<DFResult<_>>()?;
        return replace_children_if_necessary(plan, placed);
    }
    Ok(Arc::new(ClusterExec::new(sorted_again(plan)?, cluster.clone())))
}

fn has_files(plan: &Arc<dyn ExecutionPlan>) -> bool {
    match plan.children().as_slice() {
        [] => reads_files(plan.as_ref()),
        children => children.iter().any(|child| has_files(child)),
    }
}
