// SPDX-License-Identifier: Apache-2.0
//! Arrays as a table.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result as DFResult;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;

use crate::arrays::{Arrays, Kind, NumpyOptions};
use crate::column::{Column, schema};
use crate::error::{Error, Result};
use crate::piece::{cut, pieces, range_of_rows};
use crate::place::Place;
use crate::source::ArraySource;

/// NumPy files as a table, a column for each array.
///
/// Headers are read when the table is made and again by each query, so a file
/// that was written anew with the same columns is read as it is then. The number
/// of rows of a plan is exact: `count(*)` reads no more than headers.
#[derive(Debug)]
pub struct NumpyTable {
    location: String,
    kind: Kind,
    options: NumpyOptions,
    definition: Option<String>,
    schema: SchemaRef,
}

impl NumpyTable {
    /// Opens one `.npy` file, or all that are directly in a folder.
    ///
    /// # Errors
    ///
    /// When there is no file, when one of them is damaged or cannot be a column,
    /// or when they have different numbers of rows.
    pub async fn open_npy(state: &dyn Session, location: &str, options: NumpyOptions) -> DFResult<Self> {
        Self::open(state, location, Kind::Npy, options).await
    }

    /// Opens the arrays of one `.npz` file.
    ///
    /// # Errors
    ///
    /// Those of [`open_npy`](Self::open_npy).
    pub async fn open_npz(state: &dyn Session, location: &str, options: NumpyOptions) -> DFResult<Self> {
        Self::open(state, location, Kind::Npz, options).await
    }

    pub(crate) async fn open(
        state: &dyn Session,
        location: &str,
        kind: Kind,
        options: NumpyOptions,
    ) -> DFResult<Self> {
        let place = Place::new(state, location)?;
        let arrays = Arrays::read(&place, kind, &options).await?;
        let schema = schema(&arrays.columns);
        Ok(Self { location: location.to_owned(), kind, options, definition: None, schema })
    }

    /// Keeps the statement that made the table.
    pub(crate) fn defined_by(self, definition: Option<String>) -> Self {
        Self { definition, ..self }
    }

    /// The arrays as they are now.
    async fn arrays(&self, place: &Place) -> Result<Arrays> {
        let arrays = Arrays::read(place, self.kind, &self.options).await?;
        let now = schema(&arrays.columns);
        if now != self.schema {
            return Err(Error::ColumnsChanged {
                location: place.location(),
                expected: in_words(&self.schema),
                found: in_words(&now),
            });
        }
        Ok(arrays)
    }
}

#[async_trait]
impl TableProvider for NumpyTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_table_definition(&self) -> Option<&str> {
        self.definition.as_deref()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        let place = Place::new(state, &self.location)?;
        let arrays = self.arrays(&place).await?;
        let most = match self.kind {
            Kind::Npy => state.config().target_partitions(),
            // What is packed can only be read from its start.
            Kind::Npz => 1,
        };
        let config = FileScanConfigBuilder::new(place.url, Arc::new(ArraySource::new(self.kind, &arrays)))
            .with_file_groups(groups(&arrays, &self.schema, projection, limit, most))
            .with_statistics(statistics(&self.schema, arrays.rows))
            .with_projection_indices(projection.cloned())?
            .with_output_ordering(ordering(&arrays))
            .with_limit(limit)
            .with_preserve_order(true)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Shares the rows out, a file for each partition.
fn groups(
    arrays: &Arrays,
    schema: &Schema,
    projection: Option<&Vec<usize>>,
    limit: Option<usize>,
    most: usize,
) -> Vec<FileGroup> {
    let is_read = |place: &usize| projection.is_none_or(|places| places.contains(place));
    let read = arrays.columns.iter().enumerate().filter(|(place, _)| is_read(place));
    let row_bytes = read.filter(|(_, column)| column.is_stored()).map(|(_, column)| column.row_bytes()).sum();
    let wanted = limit.map_or(arrays.rows, |limit| arrays.rows.min(limit as u64));
    // Few rows are not worth a second partition, and come in the file's order from one.
    let pieces = pieces(wanted.saturating_mul(row_bytes), most);
    let Some(first) = arrays.columns.first() else { return Vec::new() };
    let group = |rows: Range<u64>| {
        let statistics = Arc::new(statistics(schema, rows.end - rows.start));
        let file = file(first, &rows, arrays.rows).with_statistics(Arc::clone(&statistics));
        FileGroup::new(vec![file]).with_statistics(statistics)
    };
    cut(arrays.rows, pieces).map(group).collect()
}

/// The order that each partition has: that of the row numbers.
fn ordering(arrays: &Arrays) -> Vec<LexOrdering> {
    let numbers = arrays.columns.iter().position(|column| !column.is_stored());
    let sorted = numbers.and_then(|place| {
        let name = &arrays.columns.get(place)?.name;
        LexOrdering::new([PhysicalSortExpr::new_default(Arc::new(ColumnExpr::new(name, place)))])
    });
    sorted.into_iter().collect()
}

/// The file of the first array, which stands for all.
fn file(first: &Column, rows: &Range<u64>, all: u64) -> PartitionedFile {
    let file = PartitionedFile::new_from_meta(first.meta.clone());
    if *rows == (0..all) {
        return file;
    }
    let range = range_of_rows(rows, first.meta.size, all);
    file.with_range(range.start, range.end)
}

/// So many rows, and no nulls where none can be.
fn statistics(schema: &Schema, rows: u64) -> Statistics {
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let mut statistics = Statistics::new_unknown(schema).with_num_rows(Precision::Exact(rows));
    for (column, field) in statistics.column_statistics.iter_mut().zip(schema.fields()) {
        if !field.is_nullable() {
            *column = ColumnStatistics::new_unknown().with_null_count(Precision::Exact(0));
        }
    }
    statistics
}

fn in_words(schema: &Schema) -> String {
    let columns = schema.fields().iter().map(|field| format!("`{}` {}", field.name(), field.data_type()));
    columns.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
