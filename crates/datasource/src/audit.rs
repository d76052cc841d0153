// SPDX-License-Identifier: Apache-2.0
//! What is to be known of a collection's rows before they are migrated.
//!
//! Each query is a file of SQL in `sql/migrate`, put to one table; a filter is what
//! stands behind `WHERE`. The table need not be the one that the session knows
//! by the collection's name: it may leave rows out. Memory is that of the session, and
//! 4 bytes for each row that is found.

mod repeated;

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::TryStreamExt;
use m2m_segment::VectorElement;

use crate::error::{Error, Result};
use crate::excluded::ExcludedRows;
use crate::table::CollectionTable;

pub use repeated::{Keep, RepeatedIds, repeated_rows};

const INVALID_VECTORS: &str = include_str!("../../../sql/migrate/invalid_vectors.sql");

/// Returns the rows whose float vector has a component that is NaN or infinite.
/// Binary vectors have none.
///
/// # Errors
///
/// When the filter cannot be planned, or the vectors cannot be read.
pub async fn invalid_rows(
    ctx: &SessionContext,
    table: &Arc<CollectionTable>,
    filter: Option<&str>,
) -> Result<ExcludedRows> {
    let mut rows = ExcludedRows::default();
    if table.collection().layout.element() == VectorElement::Bit {
        return Ok(rows);
    }
    let found = async {
        let found = of_table(ctx.state(), table, INVALID_VECTORS, filter).await?;
        let mut found = found.execute_stream().await?;
        while let Some(batch) = found.try_next().await? {
            let [segments, offsets] = batch.columns() else { return Err(unexpected(&batch)) };
            let segments = segments.as_string_view_opt().ok_or_else(|| unexpected(&batch))?;
            let offsets = offsets.as_primitive_opt::<Int64Type>().ok_or_else(|| unexpected(&batch))?;
            for (segment, offset) in segments.iter().zip(offsets) {
                let offset = offset.and_then(|offset| u32::try_from(offset).ok());
                rows.insert(
                    segment.ok_or_else(|| unexpected(&batch))?,
                    offset.ok_or_else(|| unexpected(&batch))?,
                );
            }
        }
        Ok(rows)
    };
    found.await.map_err(|source| failed(table, source))
}

/// Plans a shipped query over one table. Queries inside the filter read what the
/// session knows by the collection's name: what is left out does not change what
/// a condition means.
async fn of_table(
    state: SessionState,
    table: &Arc<CollectionTable>,
    sql: &str,
    filter: Option<&str>,
) -> DFResult<DataFrame> {
    let name = &table.collection().name;
    let quoted = format!("\"{}\"", name.replace('"', "\"\""));
    // What is put in is never searched for placeholders.
    let (before, after) = sql.split_once("{where}").unwrap_or((sql, ""));
    let [before, after] = [before, after].map(|sql| sql.replace("{collection}", &quoted));
    let sql = [before.as_str(), filter.unwrap_or("true"), after.as_str()].concat();
    let plan = reading(state.create_logical_plan(&sql).await?, table)?;
    Ok(DataFrame::new(state, plan))
}

/// Returns a plan that reads a table where it read another of the same collection.
/// Queries inside its expressions stay as they are.
///
/// # Errors
///
/// When the plan cannot be changed.
pub fn reading(plan: LogicalPlan, table: &Arc<CollectionTable>) -> DFResult<LogicalPlan> {
    let is_of_collection = |plan: &LogicalPlan| match plan {
        LogicalPlan::TableScan(scan) => source_as_provider(&scan.source).is_ok_and(|known| {
            known.downcast_ref::<CollectionTable>().is_some_and(|known| known.is_same_kind(table))
        }),
        _ => false,
    };
    let plan = plan.transform_down(|plan| {
        let is_of_collection = is_of_collection(&plan);
        Ok(match plan {
            LogicalPlan::TableScan(mut scan) if is_of_collection => {
                scan.source = provider_as_source(Arc::clone(table) as _);
                Transformed::yes(LogicalPlan::TableScan(scan))
            }
            other => Transformed::no(other),
        })
    })?;
    Ok(plan.data)
}

fn failed(table: &CollectionTable, source: DataFusionError) -> Error {
    Error::Audit { collection: table.collection().name.clone(), source: Box::new(source) }
}

fn unexpected(batch: &RecordBatch) -> DataFusionError {
    DataFusionError::Internal(format!("a shipped query answered {}", batch.schema()))
}

#[cfg(test)]
mod tests;
