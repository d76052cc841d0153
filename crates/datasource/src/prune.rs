// SPDX-License-Identifier: Apache-2.0
//! Leaving segments out of a plan by what is constant in them, and by the ranges
//! of their ids and offsets where these are known.
//!
//! A filter is taken over completely only when it is made of comparisons that
//! cannot fail. Every other filter over the constant columns is evaluated too,
//! but the engine evaluates it once more: were it dropped, rows would be wrong.

mod ranges;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::prep_null_mask_filter;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown};

use crate::schema::{PARTITION_TAG, SEGMENT_ID, Shown, constant_columns};
use crate::stats::SegmentStats;

/// Says what a scan makes of a filter.
pub(crate) fn support(filter: &Expr) -> TableProviderFilterPushDown {
    if !is_constant_in_segment(filter) {
        // The scan may evaluate it for each row, but only the plan's optimizer tells.
        if is_about_ranges(filter) {
            TableProviderFilterPushDown::Inexact
        } else {
            TableProviderFilterPushDown::Unsupported
        }
    } else if is_plain(filter) {
        TableProviderFilterPushDown::Exact
    } else {
        TableProviderFilterPushDown::Inexact
    }
}

/// The segments that the filters let pass, each with its place.
///
/// Every filter counts, whatever its form: the engine simplifies filters after
/// it has handed them over, `partition_tag <> NULL` to a mere `NULL`, and keeps
/// no copy of those that were taken over completely.
pub(crate) fn prune<'a>(
    state: &dyn Session,
    filters: &[Expr],
    segments: &'a [SegmentStats],
    shown: Shown,
) -> DFResult<Vec<(usize, &'a SegmentStats)>> {
    let constants = constants(segments)?;
    let schema = DFSchema::try_from(constants.schema())?;
    let (mut masks, mut of_ranges) = (Vec::new(), Vec::new());
    for filter in filters {
        if !is_known_at_planning(filter) && is_about_ranges(filter) {
            of_ranges.push(filter.clone());
            continue;
        }
        if !is_known_at_planning(filter) {
            let text = format!("filter `{filter}` was handed to a scan that did not take it over");
            return Err(DataFusionError::Internal(text));
        }
        match passes(state, filter, &constants, &schema) {
            Ok(mask) => masks.push(mask),
            Err(error) if is_plain(filter) => return Err(error),
            // The engine evaluates it again, and only for rows that reach it.
            Err(_) => {}
        }
    }
    let kept = segments.iter().enumerate();
    let mut kept = kept.filter(|(index, _)| masks.iter().all(|mask| mask.value(*index))).collect();
    ranges::retain(state, &of_ranges, &mut kept, shown == Shown::Live);
    Ok(kept)
}

/// The constant columns, one row for each segment.
fn constants(segments: &[SegmentStats]) -> DFResult<RecordBatch> {
    let schema: SchemaRef = Arc::new(Schema::new(constant_columns()));
    let tags = StringViewArray::from_iter_values(segments.iter().map(|segment| &segment.partition_tag));
    let ids = StringViewArray::from_iter_values(segments.iter().map(|segment| &segment.segment_id));
    Ok(RecordBatch::try_new(schema, vec![Arc::new(tags) as ArrayRef, Arc::new(ids)])?)
}

fn passes(
    state: &dyn Session,
    filter: &Expr,
    constants: &RecordBatch,
    schema: &DFSchema,
) -> DFResult<BooleanArray> {
    let filter = state.create_physical_expr(filter.clone(), schema)?;
    let mask = filter.evaluate(constants)?.into_array(constants.num_rows())?;
    let mask = mask
        .as_boolean_opt()
        .ok_or_else(|| DataFusionError::Internal(format!("filter `{filter}` is no condition")))?;
    // A condition that is neither true nor false lets nothing pass.
    Ok(if mask.null_count() > 0 { prep_null_mask_filter(mask) } else { mask.clone() })
}

/// Whether a filter has one value for all rows of a segment, but not one for all segments.
fn is_constant_in_segment(filter: &Expr) -> bool {
    !filter.column_refs().is_empty() && is_known_at_planning(filter)
}

/// Whether the value of a filter follows from the columns that are constant in a segment.
pub(crate) fn is_known_at_planning(filter: &Expr) -> bool {
    follows_from(filter, |name| name == PARTITION_TAG || name == SEGMENT_ID)
}

/// Whether ranges of a segment's columns may tell that a filter lets no row pass.
fn is_about_ranges(filter: &Expr) -> bool {
    !filter.column_refs().is_empty() && follows_from(filter, ranges::has_range)
}

/// Whether the value of a filter follows from these columns alone.
fn follows_from(filter: &Expr, column: impl Fn(&str) -> bool) -> bool {
    filter.column_refs().iter().all(|named| column(&named.name))
        && !filter.is_volatile()
        && !filter.exists(|part| Ok(depends_on_more(part))).unwrap_or(true)
}

/// Whether a value is not known before other parts of the plan have run.
fn depends_on_more(part: &Expr) -> bool {
    matches!(
        part,
        Expr::ScalarSubquery(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::SetComparison(_)
            | Expr::OuterReferenceColumn(..)
            | Expr::Placeholder(_)
    )
}

/// Whether a filter consists of comparisons of the columns as they are, which cannot fail.
fn is_plain(filter: &Expr) -> bool {
    match filter {
        Expr::Column(_) | Expr::Literal(..) => true,
        Expr::BinaryExpr(binary) => {
            let compares = matches!(
                binary.op,
                Operator::Eq
                    | Operator::NotEq
                    | Operator::Lt
                    | Operator::LtEq
                    | Operator::Gt
                    | Operator::GtEq
                    | Operator::And
                    | Operator::Or
                    | Operator::IsDistinctFrom
                    | Operator::IsNotDistinctFrom
            );
            compares && is_plain(&binary.left) && is_plain(&binary.right)
        }
        Expr::InList(list) => is_plain(&list.expr) && list.list.iter().all(is_plain),
        Expr::Between(between) => {
            is_plain(&between.expr) && is_plain(&between.low) && is_plain(&between.high)
        }
        Expr::Not(inner) | Expr::IsNull(inner) | Expr::IsNotNull(inner) => is_plain(inner),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
