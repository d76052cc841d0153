// SPDX-License-Identifier: Apache-2.0
//! Scalar subqueries, which are answered before the rest of their statement.
//!
//! A statement's node for them stays here: it runs the subqueries, each as a plan of its own, and
//! then its input. The places of the input that read an answer are sent as that answer.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DFResult;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::scalar_subquery::ScalarSubqueryExpr;
use datafusion::physical_plan::scalar_subquery::ScalarSubqueryExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion::scalar::ScalarValue;
use datafusion_proto::physical_plan::to_proto::serialize_physical_expr_with_converter;
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalPlanNodeExt, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::{PhysicalExprNode, PhysicalPlanNode};

/// Returns the plan with the nodes of its subqueries around all others.
pub(crate) fn subqueries_first(plan: Arc<dyn ExecutionPlan>) -> DFResult<Arc<dyn ExecutionPlan>> {
    let mut found = Vec::new();
    let plan = plan.transform_up(|node| {
        let Some(subqueries) = node.downcast_ref::<ScalarSubqueryExec>() else {
            return Ok(Transformed::no(node));
        };
        let input = Arc::clone(subqueries.input());
        found.push((subqueries.subqueries().to_vec(), subqueries.results().clone()));
        Ok(Transformed::yes(input))
    })?;
    let around = |plan, (subqueries, results)| {
        Arc::new(ScalarSubqueryExec::new(plan, subqueries, results)) as Arc<dyn ExecutionPlan>
    };
    // The innermost is answered first.
    Ok(found.into_iter().rev().fold(plan.data, around))
}

/// Turns plans into messages, and the answers of subqueries into values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Subqueries were run: one without an answer is an error.
    Known,
    /// It is only tried whether the plan can be sent.
    Pending,
}

impl Answers {
    /// Turns a plan into a message.
    pub(crate) fn send(
        self,
        plan: &Arc<dyn ExecutionPlan>,
        codec: &dyn PhysicalExtensionCodec,
    ) -> DFResult<PhysicalPlanNode> {
        self.execution_plan_to_proto(plan, codec)
    }

    /// The answer that an expression reads, if it reads one.
    fn of(self, expression: &Arc<dyn PhysicalExpr>) -> DFResult<Option<ScalarValue>> {
        if !expression.is::<ScalarSubqueryExpr>() {
            return Ok(None);
        }
        if self == Self::Pending {
            return ScalarValue::try_new_null(&expression.data_type(&Schema::empty())?).map(Some);
        }
        match expression.evaluate(&RecordBatch::new_empty(Arc::new(Schema::empty())))? {
            ColumnarValue::Scalar(value) => Ok(Some(value)),
            ColumnarValue::Array(_) => internal_err!("a scalar subquery has one answer"),
        }
    }
}

impl PhysicalProtoConverterExtension for Answers {
    fn proto_to_execution_plan(
        &self,
        proto: &PhysicalPlanNode,
        context: &PhysicalPlanDecodeContext<'_>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        self.default_proto_to_execution_plan(proto, context)
    }

    fn execution_plan_to_proto(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        codec: &dyn PhysicalExtensionCodec,
    ) -> DFResult<PhysicalPlanNode> {
        PhysicalPlanNode::try_from_physical_plan_with_converter(Arc::clone(plan), codec, self)
    }

    fn proto_to_physical_expr(
        &self,
        proto: &PhysicalExprNode,
        schema: &Schema,
        context: &PhysicalPlanDecodeContext<'_>,
    ) -> DFResult<Arc<dyn PhysicalExpr>> {
        self.default_proto_to_physical_expr(proto, schema, context)
    }

    fn physical_expr_to_proto(
        &self,
        expression: &Arc<dyn PhysicalExpr>,
        codec: &dyn PhysicalExtensionCodec,
    ) -> DFResult<PhysicalExprNode> {
        match self.of(expression)? {
            Some(value) => {
                let value: Arc<dyn PhysicalExpr> = Arc::new(Literal::new(value));
                serialize_physical_expr_with_converter(&value, codec, self)
            }
            None => serialize_physical_expr_with_converter(expression, codec, self),
        }
    }
}
