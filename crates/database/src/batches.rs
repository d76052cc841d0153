// SPDX-License-Identifier: Apache-2.0
//! From rows to batches.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::error::Result as DFResult;
use tokio::sync::mpsc::Sender;

use crate::column::{Cell, Column, Misfit, Values, schema};
use crate::error::{Error, Result};

/// Bytes of texts and blobs after which a batch ends.
const BATCH_BYTES: usize = 8 << 20;

/// Gathers rows into batches and sends them on.
pub(crate) struct Batches<'a> {
    /// The database and the table, for messages.
    database: &'a str,
    table: &'a str,
    columns: &'a [Column],
    schema: SchemaRef,
    values: Vec<Values>,
    /// Rows that were sent.
    sent: u64,
    rows: usize,
    bytes: usize,
    batch_rows: usize,
    out: &'a Sender<DFResult<RecordBatch>>,
}

/// Whether somebody still waits for rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    More,
    NoMore,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(
        (database, table): (&'a str, &'a str),
        columns: &'a [Column],
        batch_rows: usize,
        out: &'a Sender<DFResult<RecordBatch>>,
    ) -> Self {
        let values = columns.iter().map(|column| column.kind.values(column.nullable)).collect();
        let schema = schema(columns);
        Self {
            database,
            table,
            columns,
            schema,
            values,
            sent: 0,
            rows: 0,
            bytes: 0,
            batch_rows: batch_rows.max(1),
            out,
        }
    }

    /// Adds a row; `cell` gives the value at a place.
    pub(crate) fn row<'c>(&mut self, mut cell: impl FnMut(usize) -> Result<Cell<'c>>) -> Result<()> {
        for (place, values) in self.values.iter_mut().enumerate() {
            match values.push(cell(place)?) {
                Ok(bytes) => self.bytes = self.bytes.saturating_add(bytes),
                Err(misfit) => return Err(self.misfit(place, misfit)),
            }
        }
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }

    fn misfit(&self, place: usize, misfit: Misfit) -> Error {
        Error::Value {
            database: self.database.into(),
            table: self.table.into(),
            row: self.sent.saturating_add(self.rows as u64),
            column: self.columns.get(place).map(|column| column.name.clone()).unwrap_or_default(),
            expected: misfit.expected,
            found: misfit.found,
        }
    }

    /// Sends the batch when it is full.
    pub(crate) async fn send_full(&mut self) -> DFResult<Wanted> {
        let is_full = self.rows >= self.batch_rows || self.bytes >= BATCH_BYTES;
        if is_full { self.send().await } else { Ok(Wanted::More) }
    }

    /// Sends what there is.
    pub(crate) async fn send(&mut self) -> DFResult<Wanted> {
        if self.rows == 0 {
            return Ok(Wanted::More);
        }
        let arrays = self.values.iter_mut().map(Values::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?;
        self.sent = self.sent.saturating_add(self.rows as u64);
        (self.rows, self.bytes) = (0, 0);
        let sent = self.out.send(Ok(batch)).await;
        Ok(if sent.is_ok() { Wanted::More } else { Wanted::NoMore })
    }
}
