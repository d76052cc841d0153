// SPDX-License-Identifier: Apache-2.0
//! Filters that a scan takes over from the engine.
//!
//! The engine evaluates the conditions of a query together, and leaves one out
//! where another has decided already. A scan evaluates its own before all
//! others, for rows that the engine would perhaps not have asked it about. So it
//! takes over only what has a value for every row: a division by a column, or
//! the number that a text stands for, may fail, and stays with the engine.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, DynamicFilterPhysicalExpr, InListExpr, IsNotNullExpr, IsNullExpr,
    LikeExpr, Literal, NotExpr, TryCastExpr,
};
use datafusion::physical_expr::scalar_subquery::ScalarSubqueryExpr;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;

use crate::schema::FILE_VECTOR;

/// Whether a filter over the scan's columns needs no vector and cannot fail.
///
/// What is not known is refused, and with it what has another value each time.
/// A filter that changes while the query runs is judged by what it is about: it
/// compares that with values that were seen.
pub(crate) fn can_take(filter: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    let parts = filter.apply(|part| {
        let fits = never_fails(part, schema);
        Ok(if fits { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    matches!(parts, Ok(TreeNodeRecursion::Continue))
        && matches!(filter.data_type(schema), Ok(DataType::Boolean))
}

/// Whether a part of a filter has a value for every row if its own parts have.
fn never_fails(part: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    if let Some(column) = part.downcast_ref::<Column>() {
        column.index() != FILE_VECTOR
    } else if let Some(binary) = part.downcast_ref::<BinaryExpr>() {
        is_total(binary, schema)
    } else if let Some(cast) = part.downcast_ref::<CastExpr>() {
        cast.expr().data_type(schema).is_ok_and(|from| always_fits(&from, cast.cast_type()))
    } else if let Some(like) = part.downcast_ref::<LikeExpr>() {
        like.pattern().is::<Literal>()
    } else {
        part.is::<Literal>()
            || part.is::<NotExpr>()
            || part.is::<IsNullExpr>()
            || part.is::<IsNotNullExpr>()
            || part.is::<InListExpr>()
            || part.is::<CaseExpr>()
            || part.is::<TryCastExpr>()
            // It has run before rows are asked for.
            || part.is::<ScalarSubqueryExpr>()
            || part.is::<DynamicFilterPhysicalExpr>()
    }
}

/// Whether an operation has a result for all values of its sides.
fn is_total(binary: &BinaryExpr, schema: &Schema) -> bool {
    let (Ok(left), Ok(right)) = (binary.left().data_type(schema), binary.right().data_type(schema)) else {
        return false;
    };
    let is_float = left == DataType::Float64;
    left == right
        && match binary.op() {
            Operator::And | Operator::Or => left == DataType::Boolean,
            Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom => !left.is_nested(),
            Operator::Plus | Operator::Minus | Operator::Multiply => {
                is_float || left == DataType::Int64 && wraps(binary)
            }
            Operator::Divide | Operator::Modulo => is_float || is_safe_divisor(binary.right()),
            _ => false,
        }
}

/// Whether a result that does not fit is cut, as it is unless asked otherwise.
fn wraps(binary: &BinaryExpr) -> bool {
    let (left, right) = (Arc::clone(binary.left()), Arc::clone(binary.right()));
    *binary == BinaryExpr::new(left, *binary.op(), right)
}

/// Whether every number can be divided by it: by -1 the smallest one cannot.
fn is_safe_divisor(divisor: &Arc<dyn PhysicalExpr>) -> bool {
    let value = divisor.downcast_ref::<Literal>().map(Literal::value);
    matches!(value, Some(ScalarValue::Int64(Some(number))) if !matches!(number, -1 | 0))
}

/// Whether each value of a type has one of the other.
fn always_fits(from: &DataType, to: &DataType) -> bool {
    let is_text = |of: &DataType| matches!(of, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    match from {
        DataType::Int64 => match to {
            DataType::Int64 | DataType::Float32 | DataType::Float64 => true,
            // Ids have up to 19 digits.
            DataType::Decimal128(digits, scale) => i16::from(*digits) - i16::from(*scale) >= 19,
            to => is_text(to),
        },
        DataType::Boolean => is_text(to),
        from => is_text(from) && is_text(to),
    }
}

#[cfg(test)]
mod tests;
