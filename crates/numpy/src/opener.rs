// SPDX-License-Identifier: Apache-2.0
//! From a range of rows to batches.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener};
use datafusion::error::Result as DFResult;
use datafusion::physical_plan::metrics::Count;
use futures::FutureExt;
use futures::future;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::ObjectStore;

use crate::archive;
use crate::column::{Column, row_numbers};
use crate::error::Result;
use crate::piece::rows_of_range;

/// Bytes of one block in its widest column.
const BLOCK_BYTES: u64 = 2 << 20;
/// Bytes of one block in all columns.
const BLOCK_BYTES_OF_ALL: u64 = 8 << 20;
/// Rows in one batch, however narrow they are.
const BATCH_ROWS: u64 = 1 << 16;
/// Blocks that are read while one is handed out.
const BLOCKS_AHEAD: usize = 2;

/// Opens ranges of rows: a file stands for all arrays of the table, its byte
/// range for as much of their rows.
#[derive(Debug)]
pub(crate) struct ArrayOpener {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// Rows of the table.
    pub(crate) rows: u64,
    /// Rows after which nobody asks for more.
    pub(crate) limit: Option<usize>,
    pub(crate) reading: Reading,
}

/// What is read, whichever the rows.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// Columns that are read.
    pub(crate) columns: Arc<[Column]>,
    /// Their schema.
    pub(crate) schema: SchemaRef,
    /// Counts the bytes that are read.
    pub(crate) bytes_scanned: Count,
}

impl FileOpener for ArrayOpener {
    fn open(&self, file: PartitionedFile) -> DFResult<FileOpenFuture> {
        let mut rows = rows_of_range(file.range.as_ref(), file.object_meta.size, self.rows);
        if let Some(limit) = self.limit {
            rows.end = rows.end.min(rows.start.saturating_add(limit as u64));
        }
        let reading = self.reading.clone();
        let store = Arc::clone(&self.store);
        Ok(async move { Ok(batches(reading, store, rows)) }.boxed())
    }
}

fn batches(
    reading: Reading,
    store: Arc<dyn ObjectStore>,
    rows: Range<u64>,
) -> BoxStream<'static, DFResult<RecordBatch>> {
    let packed = reading.columns.iter().find(|column| column.is_stored() && column.entry.is_some());
    match packed.map(|column| column.file(&store)) {
        Some(file) => archive::batches(reading, file, rows),
        None => {
            let (for_blocks, reading) = (reading.block_rows(), Arc::new(reading));
            stream::iter(blocks(rows, for_blocks))
                .map(move |block| {
                    let (reading, store) = (Arc::clone(&reading), Arc::clone(&store));
                    async move { reading.block(&store, block).await }
                })
                .buffered(BLOCKS_AHEAD)
                .map_ok(|batches| stream::iter(batches).map(Ok))
                .try_flatten()
                .boxed()
        }
    }
}

impl Reading {
    /// The rows, one at least, that are read at once.
    pub(crate) fn block_rows(&self) -> u64 {
        let widths = self.columns.iter().map(Column::row_bytes);
        let (widest, all) = widths.fold((1, 1), |(widest, all), width| (width.max(widest), all + width));
        (BLOCK_BYTES / widest).min(BLOCK_BYTES_OF_ALL / all).max(1)
    }

    /// Reads the columns of one block at once.
    async fn block(&self, store: &Arc<dyn ObjectStore>, rows: Range<u64>) -> DFResult<Vec<RecordBatch>> {
        let columns = self.columns.iter().map(|column| self.bytes(column, store, &rows));
        let columns = future::try_join_all(columns).await?;
        self.batches(&columns, rows)
    }

    async fn bytes(&self, column: &Column, store: &Arc<dyn ObjectStore>, rows: &Range<u64>) -> Result<Bytes> {
        if !column.is_stored() {
            return Ok(row_numbers(rows));
        }
        // That these products are in the file was seen in the header.
        let at = |row: u64| column.header.data_start + row * column.row_bytes();
        let bytes = column.file(store).read(at(rows.start)..at(rows.end)).await?;
        self.bytes_scanned.add(bytes.len());
        Ok(bytes)
    }

    /// Turns the bytes of a block, one item a column, into batches.
    pub(crate) fn batches(&self, columns: &[Bytes], rows: Range<u64>) -> DFResult<Vec<RecordBatch>> {
        let arrays = self.columns.iter().zip(columns).map(|(column, bytes)| column.decode(bytes, rows.start));
        let arrays: Vec<ArrayRef> = arrays.collect::<DFResult<_>>()?;
        let count = usize::try_from(rows.end - rows.start).unwrap_or(usize::MAX);
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let block = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?;
        let slice = |range: Range<u64>| {
            let offset = usize::try_from(range.start - rows.start).unwrap_or(usize::MAX);
            block.slice(offset, usize::try_from(range.end - range.start).unwrap_or(usize::MAX))
        };
        Ok(blocks(rows.clone(), BATCH_ROWS).map(slice).collect())
    }
}

/// Cuts a range into parts of so many rows.
pub(crate) fn blocks(rows: Range<u64>, size: u64) -> impl Iterator<Item = Range<u64>> {
    let end = rows.end;
    let mut start = rows.start;
    std::iter::from_fn(move || {
        let block = start..end.min(start.saturating_add(size.max(1)));
        start = block.end;
        (!block.is_empty()).then_some(block)
    })
}
