// SPDX-License-Identifier: Apache-2.0
//! Schemas whose tables are made when they are scanned.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use m2m_datasource::{CATALOG, FixedSchema};

use crate::error::{Error, Result};

/// Types of columns.
pub(crate) const TEXT: DataType = DataType::Utf8;
pub(crate) const NUMBER: DataType = DataType::Int64;
pub(crate) const REAL: DataType = DataType::Float64;
pub(crate) const TRUTH: DataType = DataType::Boolean;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Text(Option<String>),
    Number(Option<i64>),
    Real(Option<f64>),
    Truth(bool),
}

/// Cells in the order of the columns.
pub(crate) type Row = Vec<Cell>;

/// What knows the rows of a table.
#[async_trait]
pub(crate) trait Answers: Debug + Send + Sync {
    /// The table's name.
    fn name(&self) -> &'static str;

    /// Names and types of its columns.
    fn columns(&self) -> &'static [(&'static str, DataType)];

    /// Its rows. Cells of columns that are not among `asked` mean nothing.
    async fn rows(&self, asked: &Schema) -> Result<Vec<Row>>;
}

/// Adds a schema to the installation's catalog of a session.
///
/// # Errors
///
/// When the session has no installation registered.
pub(crate) fn register(ctx: &SessionContext, name: &str, tables: Vec<Arc<dyn Answers>>) -> Result<()> {
    let catalog = ctx.catalog(CATALOG);
    let catalog =
        catalog.ok_or_else(|| Error::from(DataFusionError::Internal(format!("no catalog `{CATALOG}`"))))?;
    let tables = tables.into_iter().map(|answers| {
        let (name, schema) = (answers.name(), schema(answers.columns()));
        (name, Arc::new(AskedTable { answers, schema }) as _)
    });
    catalog.register_schema(name, Arc::new(FixedSchema::new(tables.collect())))?;
    Ok(())
}

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let fields = columns.iter().map(|(name, of)| Field::new(*name, of.clone(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A table whose rows are asked for when it is scanned.
#[derive(Debug)]
struct AskedTable {
    answers: Arc<dyn Answers>,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for AskedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        let asked = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let rows = self.answers.rows(&asked).await;
        let rows = rows.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let table = MemTable::try_new(Arc::clone(&self.schema), vec![vec![batch(&self.schema, &rows)?]])?;
        table.scan(state, projection, filters, limit).await
    }
}

/// The rows as a batch.
fn batch(schema: &SchemaRef, rows: &[Row]) -> DFResult<RecordBatch> {
    let columns = schema.fields().iter().enumerate().map(|(at, field)| {
        let cells = rows.iter().map(|row| row.get(at));
        match field.data_type() {
            DataType::Int64 => Arc::new(cells.map(number).collect::<Int64Array>()) as ArrayRef,
            DataType::Float64 => Arc::new(cells.map(real).collect::<Float64Array>()),
            DataType::Boolean => Arc::new(cells.map(truth).collect::<BooleanArray>()),
            _ => Arc::new(cells.map(text).collect::<StringArray>()),
        }
    });
    Ok(RecordBatch::try_new(Arc::clone(schema), columns.collect())?)
}

fn number(cell: Option<&Cell>) -> Option<i64> {
    if let Some(Cell::Number(number)) = cell { *number } else { None }
}

fn real(cell: Option<&Cell>) -> Option<f64> {
    if let Some(Cell::Real(real)) = cell { *real } else { None }
}

fn truth(cell: Option<&Cell>) -> Option<bool> {
    if let Some(Cell::Truth(truth)) = cell { Some(*truth) } else { None }
}

fn text(cell: Option<&Cell>) -> Option<&str> {
    if let Some(Cell::Text(text)) = cell { text.as_deref() } else { None }
}

/// Whether a row has a cell of its type for each column of a table.
#[cfg(test)]
pub(crate) fn fits(columns: &[(&str, DataType)], row: &Row) -> bool {
    let is_of = |(cell, (_, of)): (&Cell, &(&str, DataType))| match cell {
        Cell::Text(_) => *of == TEXT,
        Cell::Number(_) => *of == NUMBER,
        Cell::Real(_) => *of == REAL,
        Cell::Truth(_) => *of == TRUTH,
    };
    row.len() == columns.len() && row.iter().zip(columns).all(is_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [(&str, DataType); 4] = [("a", TEXT), ("b", NUMBER), ("c", REAL), ("d", TRUTH)];

    #[test]
    fn rows_fill_the_columns_of_their_table() {
        let row = vec![
            Cell::Text(Some("x".into())),
            Cell::Number(Some(7)),
            Cell::Real(Some(0.5)),
            Cell::Truth(true),
        ];
        assert!(fits(&COLUMNS, &row));
        let nothing = vec![Cell::Text(None), Cell::Number(None), Cell::Real(None), Cell::Truth(false)];
        let batch = batch(&schema(&COLUMNS), &[row.clone(), nothing]).unwrap();
        let nulls: Vec<_> = batch.columns().iter().map(|column| column.null_count()).collect();
        assert_eq!((batch.num_rows(), nulls), (2, vec![1, 1, 1, 0]));
        assert_eq!(super::batch(&schema(&COLUMNS), &[]).unwrap().num_rows(), 0);
        assert!(!fits(&COLUMNS, &row[..3].to_vec()));
    }

    #[test]
    fn a_session_without_an_installation_is_refused() {
        let error = register(&SessionContext::new(), "x", Vec::new()).unwrap_err().to_string();
        assert!(error.contains("milvus"), "{error}");
    }
}
