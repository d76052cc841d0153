// SPDX-License-Identifier: Apache-2.0
//! Which part of a plan is sent away.

use std::sync::Arc;

use datafusion::datasource::sink::DataSinkExec;
use datafusion::error::Result as DFResult;
use datafusion::physical_plan::analyze::AnalyzeExec;
use datafusion::physical_plan::explain::ExplainExec;
use datafusion::physical_plan::scalar_subquery::ScalarSubqueryExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};
use datafusion_proto::physical_plan::AsExecutionPlan;
use m2m_sink::{NpyWriteExec, StreamWriteExec};

use crate::cluster::Cluster;
use crate::local::{reads_files, without_local_rows};
use crate::matched::matched_once;
use crate::node::ClusterExec;
use crate::order::sorted_again;
use crate::subquery::{Answers, subqueries_first};

/// Sends away what reads files, but for the node that writes to files of this process.
pub(crate) fn place(cluster: &Cluster, plan: Arc<dyn ExecutionPlan>) -> DFResult<Arc<dyn ExecutionPlan>> {
    if !has_files(&plan) || plan.is::<ClusterExec>() {
        return Ok(plan);
    }
    place_parts(cluster, subqueries_first(plan)?)
}

fn place_parts(cluster: &Cluster, plan: Arc<dyn ExecutionPlan>) -> DFResult<Arc<dyn ExecutionPlan>> {
    if plan.is::<ScalarSubqueryExec>()
        || plan.is::<DataSinkExec>()
        || plan.is::<AnalyzeExec>()
        || plan.is::<ExplainExec>()
    {
        let children = plan.children().into_iter().cloned();
        let placed = children.map(|child| place(cluster, child)).collect::<DFResult<_>>()?;
        return replace_children_if_necessary(plan, placed);
    }
    let sorted = matched_once(sorted_again(Arc::clone(&plan))?)?;
    // What writes runs there or nowhere: that it cannot be sent is told when it is.
    let is_write = plan.is::<NpyWriteExec>() || plan.is::<StreamWriteExec>();
    if !is_write && let Err(error) = try_to_send(cluster, &sorted) {
        tracing::warn!(%error, "a plan runs here: it has parts that cannot be sent");
        return Ok(plan);
    }
    Ok(Arc::new(ClusterExec::new(sorted, cluster.clone())))
}

/// Does what a client and a scheduler do with a plan, but for running it.
fn try_to_send(cluster: &Cluster, plan: &Arc<dyn ExecutionPlan>) -> DFResult<()> {
    let plan = without_local_rows(Arc::clone(plan))?;
    let sent = Answers::Pending.send(&plan, cluster.codec())?;
    sent.try_into_physical_plan(cluster.context(), cluster.codec())?;
    Ok(())
}

fn has_files(plan: &Arc<dyn ExecutionPlan>) -> bool {
    match plan.children().as_slice() {
        [] => reads_files(plan.as_ref()),
        children => children.iter().any(|child| has_files(child)),
    }
}
