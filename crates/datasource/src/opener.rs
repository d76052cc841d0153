// SPDX-License-Identifier: Apache-2.0
//! From a range of a segment's rows to batches.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use datafusion::arrow::array::{
    ArrayRef, FixedSizeBinaryArray, FixedSizeListArray, Float32Array, Int64Array, RecordBatch,
    RecordBatchOptions,
};
use datafusion::arrow::buffer::{Buffer, ScalarBuffer};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener};
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::physical_plan::metrics::Count;
use futures::FutureExt;
use futures::stream::{self, StreamExt};
use m2m_segment::deleted_docs::DeletedDocs;
use m2m_segment::ids::ID_BYTES;
use m2m_segment::{HEADER_LEN, VectorElement, VectorLayout, rows};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::Result;
use crate::files::{IDS, SegmentFiles, VECTORS};
use crate::piece::rows_of_range;
use crate::schema::{FILE_ID, FILE_OFFSET, FILE_VECTOR, vector_item};

/// Bytes of vectors in one block, so in one batch.
const BLOCK_BYTES: usize = 4 << 20;
/// Rows in one block that has no vectors.
const BLOCK_ROWS: u64 = 1 << 16;
/// Blocks that are read ahead of the one that is worked on.
const BLOCKS_AHEAD: usize = 2;

/// Opens pieces of segments: a file is a segment's file of ids, its byte range
/// the piece's rows. Everything else follows from the path.
#[derive(Debug)]
pub(crate) struct SegmentOpener {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) base: Arc<str>,
    pub(crate) layout: VectorLayout,
    /// Columns that are read, by their places in the file schema.
    pub(crate) columns: Vec<usize>,
    /// Their schema.
    pub(crate) schema: SchemaRef,
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
        let reading = Reading {
            layout: self.layout,
            columns: self.columns.clone(),
            schema: Arc::clone(&self.schema),
            bytes_scanned: self.bytes_scanned.clone(),
        };
        Ok(async move {
            let piece = Piece::open(files, &file, reading).await?;
            let blocks = piece.blocks();
            let piece = Arc::new(piece);
            let batches = stream::iter(blocks)
                .map(move |block| {
                    let piece = Arc::clone(&piece);
                    async move { piece.batch(block).await.map_err(DataFusionError::from) }
                })
                .buffered(BLOCKS_AHEAD);
            Ok(batches.boxed())
        }
        .boxed())
    }
}

/// What is read, whichever the segment.
#[derive(Debug)]
struct Reading {
    layout: VectorLayout,
    columns: Vec<usize>,
    schema: SchemaRef,
    bytes_scanned: Count,
}

/// A range of a segment's rows that is being read.
#[derive(Debug)]
struct Piece {
    files: SegmentFiles,
    reading: Reading,
    rows: Range<u64>,
    deleted: DeletedDocs,
}

impl Piece {
    async fn open(files: SegmentFiles, file: &PartitionedFile, reading: Reading) -> Result<Self> {
        let (stored, _) = files.rows(None).await?;
        let deleted = files.deleted_docs(stored).await?;
        if reading.columns.contains(&FILE_VECTOR) {
            files.check_vectors(stored, reading.layout).await?;
        }
        let rows = rows_of_range(file.range.as_ref(), stored);
        Ok(Self { files, reading, rows, deleted })
    }

    fn has(&self, column: usize) -> bool {
        self.reading.columns.contains(&column)
    }

    /// Ranges of rows, each with a live row and of a size that fits in memory.
    fn blocks(&self) -> Vec<Range<u64>> {
        let rows = if self.has(FILE_VECTOR) {
            ((BLOCK_BYTES / self.reading.layout.row_bytes()) as u64).clamp(1, BLOCK_ROWS)
        } else {
            BLOCK_ROWS
        };
        let starts = self.rows.clone().step_by(usize::try_from(rows).unwrap_or(usize::MAX));
        starts
            .map(|start| start..(start + rows).min(self.rows.end))
            .filter(|block| self.deleted.count_in(block.clone()) < block.end - block.start)
            .collect()
    }

    /// Reads the columns of one block at once and leaves the deleted rows out.
    async fn batch(&self, block: Range<u64>) -> Result<RecordBatch> {
        let live = (block.end - block.start) - self.deleted.count_in(block.clone());
        let live = usize::try_from(live).unwrap_or(usize::MAX);
        let (ids, vectors) = futures::try_join!(
            self.column(FILE_ID, IDS, self.files.ids_path(), ID_BYTES, block.clone()),
            self.column(
                FILE_VECTOR,
                VECTORS,
                self.files.vectors_path(),
                self.reading.layout.row_bytes() as u64,
                block.clone()
            ),
        )?;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.reading.columns.len());
        for column in &self.reading.columns {
            columns.push(match *column {
                FILE_ID => self.ids(&ids, live),
                FILE_VECTOR => self.vectors(&vectors, live)?,
                FILE_OFFSET => self.offsets(block.clone(), live),
                other => {
                    return Err(crate::Error::Session(DataFusionError::Internal(format!(
                        "no file column {other}"
                    ))));
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(live));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.reading.schema), columns, &options);
        batch.map_err(|error| crate::Error::Session(error.into()))
    }

    /// The live bytes of one column, or nothing when the column is not asked for.
    async fn column(
        &self,
        column: usize,
        what: &'static str,
        path: Path,
        width: u64,
        block: Range<u64>,
    ) -> Result<Bytes> {
        if !self.has(column) {
            return Ok(Bytes::new());
        }
        let range = HEADER_LEN + block.start * width..HEADER_LEN + block.end * width;
        let bytes = self.files.read(what, &path, range).await?;
        self.reading.bytes_scanned.add(bytes.len());
        if self.deleted.count_in(block.clone()) == 0 {
            return Ok(bytes);
        }
        // Bytes that nobody else holds become writable without a copy.
        let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(shared.as_ref()));
        let width = usize::try_from(width).unwrap_or(usize::MAX);
        let kept = rows::retain_live(&mut bytes, width, block.start, &self.deleted);
        let path = self.files.display(&path);
        bytes.truncate(kept.map_err(|source| crate::Error::Damaged { what, path, source })?);
        Ok(bytes.freeze())
    }

    fn ids(&self, bytes: &Bytes, live: usize) -> ArrayRef {
        Arc::new(Int64Array::new(ScalarBuffer::new(aligned(bytes), 0, live), None))
    }

    fn vectors(&self, bytes: &Bytes, live: usize) -> Result<ArrayRef> {
        let wrong = |error: ArrowError| crate::Error::Session(error.into());
        let size = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        Ok(match self.reading.layout.element() {
            VectorElement::Float32 => {
                let dimension = self.reading.layout.dimension() as usize;
                let values = Float32Array::new(ScalarBuffer::new(aligned(bytes), 0, live * dimension), None);
                let list =
                    FixedSizeListArray::try_new(vector_item(), size(dimension), Arc::new(values), None);
                Arc::new(list.map_err(wrong)?)
            }
            VectorElement::Bit => {
                let width = size(self.reading.layout.row_bytes());
                Arc::new(
                    FixedSizeBinaryArray::try_new(width, Buffer::from(bytes.clone()), None).map_err(wrong)?,
                )
            }
        })
    }

    fn offsets(&self, block: Range<u64>, live: usize) -> ArrayRef {
        let mut offsets = Vec::with_capacity(live);
        rows::live_offsets(block, &self.deleted, &mut offsets);
        Arc::new(Int64Array::from(offsets))
    }
}

/// The bytes as a buffer, copied only when a store hands out memory at an odd address.
fn aligned(bytes: &Bytes) -> Buffer {
    if bytes.as_ptr().addr().is_multiple_of(align_of::<i64>()) {
        Buffer::from(bytes.clone())
    } else {
        Buffer::from_slice_ref(bytes.as_ref())
    }
}
