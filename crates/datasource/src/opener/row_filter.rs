// SPDX-License-Identifier: Apache-2.0
//! Conditions over what is known of a row without its vector.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::prep_null_mask_filter;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;

/// A condition over the columns of one segment's files.
#[derive(Debug)]
pub(super) struct RowFilter {
    predicate: Arc<dyn PhysicalExpr>,
    /// The file columns that it names, by their places.
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl RowFilter {
    /// Takes a predicate over `table_schema`, whose last columns have the same
    /// value in the whole segment.
    pub(super) fn new(
        predicate: &Arc<dyn PhysicalExpr>,
        table_schema: &SchemaRef,
        constants: &[ScalarValue],
    ) -> DFResult<Self> {
        let first = table_schema.fields().len().saturating_sub(constants.len());
        let constant = |column: &Column| constants.get(column.index().checked_sub(first)?).cloned();
        let with_constants = Arc::clone(predicate).transform_down(|expression| {
            let value = expression.downcast_ref::<Column>().and_then(constant);
            Ok(match value {
                Some(value) => Transformed::yes(Arc::new(Literal::new(value)) as Arc<dyn PhysicalExpr>),
                None => Transformed::no(expression),
            })
        })?;
        let mut columns: Vec<usize> =
            collect_columns(&with_constants.data).iter().map(|column| column.index()).collect();
        columns.sort_unstable();
        columns.dedup();
        let schema = Arc::new(table_schema.project(&columns)?);
        let predicate = reassign_expr_columns(with_constants.data, &schema)?;
        Ok(Self { predicate, columns, schema })
    }

    /// Whether the condition names a file column.
    pub(super) fn names(&self, column: usize) -> bool {
        self.columns.contains(&column)
    }

    /// The rows that pass: those for which the condition is true. `column`
    /// gives the values of a file column.
    pub(super) fn passing(
        &self,
        rows: usize,
        column: impl Fn(usize) -> DFResult<ArrayRef>,
    ) -> DFResult<BooleanArray> {
        let columns = self.columns.iter().map(|named| column(*named)).collect::<DFResult<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let mask = self.predicate.evaluate(&batch)?.into_array(rows)?;
        let mask = mask.as_boolean_opt().ok_or_else(|| {
            DataFusionError::Internal(format!("filter `{}` is no condition", self.predicate))
        })?;
        Ok(if mask.null_count() > 0 { prep_null_mask_filter(mask) } else { mask.clone() })
    }
}
