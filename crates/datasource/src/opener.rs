// SPDX-License-Identifier: Apache-2.0
//! From a range of a segment's rows to batches.

mod filtered;
mod reads;
mod row_filter;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, FixedSizeBinaryArray, FixedSizeListArray, Float32Array, Int64Array, RecordBatch,
    RecordBatchOptions,
};
use datafusion::arrow::buffer::{Buffer, ScalarBuffer};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener};
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::metrics::Count;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_segment::deleted_docs::DeletedDocs;
use m2m_segment::ids::ID_BYTES;
use m2m_segment::{HEADER_LEN, VectorElement, VectorLayout, rows};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::block::{Block, BlockMemory};
use crate::error::{Error, Result};
use crate::excluded::Hidden;
use crate::files::{IDS, Reused, SegmentFiles, VECTORS};
use crate::piece::rows_of_range;
use crate::read_options::ReadAhead;
use crate::schema::{FILE_DELETED, FILE_ID, FILE_OFFSET, FILE_VECTOR, Shown, vector_item};
use row_filter::RowFilter;

// Files are little-endian, and their bytes become arrays as they are.
#[cfg(target_endian = "big")]
compile_error!("segment files are little-endian and are read without conversion");

/// Bytes of vectors in one batch.
const BATCH_BYTES: u64 = 2 << 20;
/// Rows in one batch of a scan, at most, however narrow they are.
pub const SCAN_BATCH_ROWS: usize = 1 << 16;

/// Opens pieces of segments: a file is a segment's file of ids, its byte range
/// the piece's rows. Everything else follows from the path, and of rows that are
/// left out beside deleted ones, from the id of the segment.
#[derive(Debug)]
pub(crate) struct SegmentOpener {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) base: Arc<str>,
    pub(crate) layout: VectorLayout,
    pub(crate) shown: Shown,
    pub(crate) ahead: ReadAhead,
    pub(crate) hidden: Hidden,
    /// Lets rows pass before their vectors are read.
    pub(crate) predicate: Option<Arc<dyn PhysicalExpr>>,
    /// The columns that the predicate is about: those of files, then constants.
    pub(crate) table_schema: SchemaRef,
    /// Columns that are read, by their places in the file schema.
    pub(crate) columns: Vec<usize>,
    /// Their schema.
    pub(crate) schema: SchemaRef,
    /// Rows after which nobody asks for more.
    pub(crate) limit: Option<usize>,
    /// What its blocks of vectors are read into.
    pub(crate) memory: BlockMemory,
    /// Counts the bytes that are read.
    pub(crate) bytes_scanned: Count,
}

impl FileOpener for SegmentOpener {
    fn open(&self, file: PartitionedFile) -> DFResult<FileOpenFuture> {
        let files = SegmentFiles::of_ids_path(
            Arc::clone(&self.store),
            Arc::clone(&self.base),
            &file.object_meta.location,
        );
        let filter = self.predicate.as_ref();
        let filter =
            filter.map(|predicate| RowFilter::new(predicate, &self.table_schema, &file.partition_values));
        let reading = Reading {
            layout: self.layout,
            shown: self.shown,
            ahead: self.ahead,
            left_out: self.hidden.of(files.segment_id()).cloned(),
            filter: filter.transpose()?,
            columns: self.columns.clone(),
            schema: Arc::clone(&self.schema),
            limit: self.limit.map_or(u64::MAX, |limit| limit as u64),
            memory: self.memory.clone(),
            bytes_scanned: self.bytes_scanned.clone(),
        };
        Ok(async move {
            let piece = Arc::new(OpenPiece::open(files, &file, reading).await?);
            if piece.reading.filter.is_some() {
                return Ok(filtered::batches(piece).boxed());
            }
            let (blocks, ahead) = (piece.blocks(), piece.reading.ahead.blocks);
            let batches = stream::iter(blocks)
                .map(move |block| {
                    let piece = Arc::clone(&piece);
                    async move { piece.batches(block).await }
                })
                .buffered(ahead)
                .map_ok(|batches| stream::iter(batches).map(Ok))
                .try_flatten();
            Ok(batches.boxed())
        }
        .boxed())
    }
}

/// What is read, whichever the segment.
#[derive(Debug)]
struct Reading {
    layout: VectorLayout,
    shown: Shown,
    ahead: ReadAhead,
    left_out: Option<Arc<DeletedDocs>>,
    filter: Option<RowFilter>,
    columns: Vec<usize>,
    schema: SchemaRef,
    limit: u64,
    memory: BlockMemory,
    bytes_scanned: Count,
}

/// A range of a segment's rows that is being read.
#[derive(Debug)]
struct OpenPiece {
    files: SegmentFiles,
    ids: Reused,
    vectors: Reused,
    reading: Reading,
    rows: Range<u64>,
    /// Rows that are left out.
    hidden: DeletedDocs,
    /// Rows that are marked as deleted.
    marked: DeletedDocs,
}

impl OpenPiece {
    async fn open(files: SegmentFiles, file: &PartitionedFile, reading: Reading) -> Result<Self> {
        let planned = file.object_meta.size;
        let stored = planned.saturating_sub(HEADER_LEN) / ID_BYTES;
        let vectors = async {
            match reading.columns.contains(&FILE_VECTOR) {
                true => files.check_vectors(stored, reading.layout).await,
                false => Ok(()),
            }
        };
        // At once, and of several faults always the same is told.
        let (ids, deleted, vectors) =
            futures::join!(files.check_planned(planned), files.deleted_docs(stored), vectors);
        ids?;
        let (mut deleted, _) = deleted?;
        vectors?;
        if let Some(left_out) = &reading.left_out {
            let both = deleted.with(left_out.offsets(), stored);
            deleted = both.map_err(|source| files.damaged_ids(source))?;
        }
        let rows = rows_of_range(file.range.as_ref(), stored);
        let (hidden, marked) = match reading.shown {
            Shown::Live => (deleted, DeletedDocs::none()),
            Shown::Stored => (DeletedDocs::none(), deleted),
        };
        let (ids, vectors) =
            (Reused::of_memory(reading.memory.clone()), Reused::of_memory(reading.memory.clone()));
        Ok(Self { files, ids, vectors, reading, rows, hidden, marked })
    }

    fn has(&self, column: usize) -> bool {
        self.reading.columns.contains(&column)
    }

    /// Whether a column is asked for, by the query or by the filter of rows.
    fn needs(&self, column: usize) -> bool {
        self.has(column) || self.reading.filter.as_ref().is_some_and(|filter| filter.names(column))
    }

    /// The rows, one at least, whose widest column has so many bytes.
    fn rows_of(&self, bytes: u64) -> u64 {
        let width = if self.has(FILE_VECTOR) { self.reading.layout.row_bytes() as u64 } else { ID_BYTES };
        rows_of_width(bytes, width)
    }

    /// Ranges of rows, each with a live row and of a size that fits in memory.
    /// The last one ends where the limit is reached.
    fn blocks(&self) -> Vec<Range<u64>> {
        let rows = self.rows_of(self.reading.ahead.block_bytes);
        let mut wanted = self.reading.limit;
        let mut blocks = Vec::new();
        let mut start = self.rows.start;
        while start < self.rows.end && wanted > 0 {
            let block = start..(start + rows).min(self.rows.end);
            start = block.end;
            let live = self.live(&block);
            if live > wanted {
                blocks.push(first_live(&self.hidden, block, wanted));
            } else if live > 0 {
                blocks.push(block);
            }
            wanted = wanted.saturating_sub(live);
        }
        blocks
    }

    fn live(&self, block: &Range<u64>) -> u64 {
        (block.end - block.start) - self.hidden.count_in(block.clone())
    }

    /// Reads the columns of one block at once and leaves the deleted rows out.
    async fn batches(&self, block: Range<u64>) -> DFResult<Vec<RecordBatch>> {
        let live = usize::try_from(self.live(&block)).unwrap_or(usize::MAX);
        let (ids, vectors) = futures::try_join!(
            self.column(FILE_ID, block.clone()),
            self.column(FILE_VECTOR, block.clone()),
        )?;
        let offsets = if self.has(FILE_OFFSET) { self.offsets(&block) } else { Vec::new() };
        let deleted = if self.has(FILE_DELETED) { self.marks(&block) } else { Vec::new() };
        let block = LiveBlock { ids, vectors, offsets, deleted };
        let rows = usize::try_from(self.rows_of(BATCH_BYTES)).unwrap_or(usize::MAX);
        (0..live).step_by(rows).map(|first| self.batch(&block, first..live.min(first + rows))).collect()
    }

    /// Some of the live rows of a block as a batch, without a copy.
    fn batch(&self, block: &LiveBlock, rows: Range<usize>) -> DFResult<RecordBatch> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.reading.columns.len());
        for column in &self.reading.columns {
            columns.push(match *column {
                FILE_ID => ids(&part(&block.ids, &rows, size_of::<i64>()), rows.len()),
                FILE_VECTOR => {
                    let bytes = part(&block.vectors, &rows, self.reading.layout.row_bytes());
                    self.vectors(&bytes, rows.len())?
                }
                FILE_OFFSET => Arc::new(Int64Array::from_iter_values(
                    block.offsets.get(rows.clone()).unwrap_or_default().iter().copied(),
                )),
                FILE_DELETED => {
                    Arc::new(BooleanArray::from(block.deleted.get(rows.clone()).unwrap_or_default().to_vec()))
                }
                other => return Err(DataFusionError::Internal(format!("no file column {other}"))),
            });
        }
        self.of_columns(columns, rows.len())
    }

    fn of_columns(&self, columns: Vec<ArrayRef>, rows: usize) -> DFResult<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.reading.schema), columns, &options)?)
    }

    /// The live bytes of one column, or nothing when the column is not asked for.
    async fn column(&self, column: usize, block: Range<u64>) -> Result<Bytes> {
        if !self.needs(column) {
            return Ok(Bytes::new());
        }
        let file = if column == FILE_VECTOR { self.vectors_file() } else { self.ids_file() };
        let read = self.read(&file, block.clone()).await?;
        if self.hidden.count_in(block.clone()) == 0 {
            return Ok(read.into());
        }
        let live = read.changed(|bytes| rows::retain_live(bytes, file.width, block.start, &self.hidden));
        let path = self.files.display(&file.path);
        live.map_err(|source| Error::Damaged { what: file.what, path, source })
    }

    fn ids_file(&self) -> ColumnFile<'_> {
        ColumnFile { what: IDS, path: self.files.ids_path(), width: size_of::<i64>(), reused: &self.ids }
    }

    fn vectors_file(&self) -> ColumnFile<'_> {
        let width = self.reading.layout.row_bytes();
        ColumnFile { what: VECTORS, path: self.files.vectors_path(), width, reused: &self.vectors }
    }

    /// Reads the values of a range of rows.
    async fn read(&self, file: &ColumnFile<'_>, rows: Range<u64>) -> Result<Block> {
        let at = |row: u64| HEADER_LEN + row * file.width as u64;
        let bytes = at(rows.start)..at(rows.end);
        let block = self.files.read_block(file.what, &file.path, bytes, file.reused).await?;
        self.reading.bytes_scanned.add(block.len());
        Ok(block)
    }

    fn vectors(&self, bytes: &Bytes, live: usize) -> DFResult<ArrayRef> {
        let size = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        Ok(match self.reading.layout.element() {
            VectorElement::Float32 => {
                let dimension = self.reading.layout.dimension() as usize;
                let values =
                    Float32Array::new(ScalarBuffer::new(aligned::<f32>(bytes), 0, live * dimension), None);
                let values = Arc::new(values);
                Arc::new(FixedSizeListArray::try_new(vector_item(), size(dimension), values, None)?)
            }
            VectorElement::Bit => {
                let width = size(self.reading.layout.row_bytes());
                Arc::new(FixedSizeBinaryArray::try_new(width, Buffer::from(bytes.clone()), None)?)
            }
        })
    }

    /// The offsets of a block's rows.
    fn offsets(&self, block: &Range<u64>) -> Vec<i64> {
        let mut offsets = Vec::new();
        rows::live_offsets(block.clone(), &self.hidden, &mut offsets);
        offsets
    }

    /// For each row of a block whether it is deleted. It is asked of stored rows
    /// alone, none of which is left out.
    fn marks(&self, block: &Range<u64>) -> Vec<bool> {
        let mut marks = vec![true; usize::try_from(block.end - block.start).unwrap_or(usize::MAX)];
        for run in self.marked.live_runs(block.clone()) {
            let at = |row: u64| usize::try_from(row - block.start).unwrap_or(usize::MAX);
            marks.get_mut(at(run.start)..at(run.end)).unwrap_or_default().fill(false);
        }
        marks
    }
}

/// A file with a value for each row.
struct ColumnFile<'a> {
    what: &'static str,
    path: Path,
    /// Bytes of a value.
    width: usize,
    reused: &'a Reused,
}

/// What was read of a block: its live rows, one column after the other.
struct LiveBlock {
    ids: Bytes,
    vectors: Bytes,
    offsets: Vec<i64>,
    deleted: Vec<bool>,
}

/// The rows, one at least, that have so many bytes.
fn rows_of_width(bytes: u64, width: u64) -> u64 {
    // Narrow rows have as many to a block as batches of them have.
    let most = (SCAN_BATCH_ROWS as u64).saturating_mul(bytes.div_ceil(BATCH_BYTES));
    (bytes / width.max(1)).clamp(1, most)
}

/// The bytes of some rows.
fn part(bytes: &Bytes, rows: &Range<usize>, width: usize) -> Bytes {
    let end = bytes.len();
    bytes.slice(rows.start.saturating_mul(width).min(end)..rows.end.saturating_mul(width).min(end))
}

fn ids(bytes: &Bytes, live: usize) -> ArrayRef {
    Arc::new(Int64Array::new(ScalarBuffer::new(aligned::<i64>(bytes), 0, live), None))
}

/// The shortest range from the start of `block` with `wanted` live rows.
fn first_live(deleted: &DeletedDocs, block: Range<u64>, wanted: u64) -> Range<u64> {
    let mut missing = wanted;
    for run in deleted.live_runs(block.clone()) {
        if run.end - run.start >= missing {
            return block.start..run.start + missing;
        }
        missing -= run.end - run.start;
    }
    block
}

/// The bytes as a buffer, copied only when a store hands out memory at an odd address.
fn aligned<T>(bytes: &Bytes) -> Buffer {
    if bytes.as_ptr().addr().is_multiple_of(align_of::<T>()) {
        Buffer::from(bytes.clone())
    } else {
        Buffer::from_slice_ref(bytes.as_ref())
    }
}

#[cfg(test)]
mod tests;
