// SPDX-License-Identifier: Apache-2.0
//! Reading with a filter: ids first, vectors of the rows that pass.

use std::future::ready;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch};
use datafusion::arrow::compute::filter;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::error::{DataFusionError, Result as DFResult};
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use m2m_segment::HEADER_LEN;
use m2m_segment::ids::ID_BYTES;

use super::reads::{Merging, pick, ranges};
use super::{BATCH_BYTES, OpenPiece, ids, rows_of_width};
use crate::error::{Error, Result};
use crate::files::{IDS, VECTORS};
use crate::schema::{FILE_DELETED, FILE_ID, FILE_OFFSET, FILE_VECTOR};

/// Ranges of one batch that are read at once.
const READS_AT_ONCE: usize = 4;

/// The batches of a piece whose rows pass the filter.
///
/// Blocks of ids are read ahead, and so are the vectors of a few batches; what
/// is not wanted any more, because a limit is reached, is not begun.
pub(super) fn batches(piece: Arc<OpenPiece>) -> impl Stream<Item = DFResult<RecordBatch>> {
    let (blocks, ahead, limit) = (piece.filter_blocks(), piece.reading.ahead.blocks, piece.reading.limit);
    let finder = Arc::clone(&piece);
    stream::iter(blocks)
        .map(move |block| {
            let piece = Arc::clone(&finder);
            async move { piece.matches(block).await }
        })
        .buffered(ahead)
        .map_ok(|found| stream::iter(found).map(Ok))
        .try_flatten()
        .scan(limit, |left, found| ready(within(left, found)))
        .map(move |found| {
            let piece = Arc::clone(&piece);
            async move { piece.fetch(found?).await }
        })
        .buffered(ahead)
}

/// What is wanted of some matches, nothing when the limit was reached before.
fn within(left: &mut u64, found: DFResult<Matches>) -> Option<DFResult<Matches>> {
    if *left == 0 {
        return None;
    }
    Some(found.map(|found| {
        let wanted = found.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        *left -= wanted as u64;
        found.slice(0, wanted)
    }))
}

/// Rows that passed, in the order of the file, without their vectors.
struct Matches {
    offsets: Int64Array,
    ids: Option<ArrayRef>,
    deleted: Option<ArrayRef>,
}

impl Matches {
    fn len(&self) -> usize {
        self.offsets.len()
    }

    fn slice(&self, first: usize, rows: usize) -> Self {
        let part = |column: &ArrayRef| column.slice(first, rows);
        Self {
            offsets: self.offsets.slice(first, rows),
            ids: self.ids.as_ref().map(part),
            deleted: self.deleted.as_ref().map(part),
        }
    }
}

impl OpenPiece {
    /// Ranges of rows whose ids are read at once, those without a row to show left out.
    fn filter_blocks(&self) -> Vec<Range<u64>> {
        let rows = rows_of_width(self.reading.ahead.block_bytes, ID_BYTES);
        let starts = (self.rows.start..self.rows.end).step_by(usize::try_from(rows).unwrap_or(usize::MAX));
        let blocks = starts.map(|start| start..start.saturating_add(rows).min(self.rows.end));
        blocks.filter(|block| self.live(block) > 0).collect()
    }

    /// The rows of a block that pass, cut into what becomes a batch each.
    async fn matches(&self, block: Range<u64>) -> DFResult<Vec<Matches>> {
        let Some(filter_of_rows) = &self.reading.filter else { return Ok(Vec::new()) };
        let bytes = self.column(FILE_ID, IDS, self.files.ids_path(), ID_BYTES, block.clone()).await?;
        let offsets: ArrayRef = Arc::new(Int64Array::from(self.offsets(&block)));
        let rows = offsets.len();
        let all_ids = self.needs(FILE_ID).then(|| ids(&bytes, rows));
        let marks = || Arc::new(BooleanArray::from(self.marks(&block))) as ArrayRef;
        let deleted = self.needs(FILE_DELETED).then(marks);
        let mask = filter_of_rows.passing(rows, |column| {
            let known = match column {
                FILE_ID => all_ids.clone(),
                FILE_OFFSET => Some(Arc::clone(&offsets)),
                FILE_DELETED => deleted.clone(),
                _ => None,
            };
            known.ok_or_else(|| DataFusionError::Internal(format!("column {column} cannot be filtered")))
        })?;
        let of = |column: Option<ArrayRef>| column.map(|column| filter(&column, &mask)).transpose();
        let found = Matches {
            offsets: filter(&offsets, &mask)?.as_primitive::<Int64Type>().clone(),
            ids: of(all_ids.filter(|_| self.has(FILE_ID)))?,
            deleted: of(deleted.filter(|_| self.has(FILE_DELETED)))?,
        };
        let rows = usize::try_from(self.rows_of(BATCH_BYTES)).unwrap_or(usize::MAX);
        let starts = (0..found.len()).step_by(rows);
        Ok(starts.map(|first| found.slice(first, rows.min(found.len() - first))).collect())
    }

    /// The batch of some rows, their vectors read.
    async fn fetch(&self, found: Matches) -> DFResult<RecordBatch> {
        let rows = found.len();
        let vectors = match self.has(FILE_VECTOR) {
            true => Some(self.vectors(&self.rows_at(found.offsets.values()).await?, rows)?),
            false => None,
        };
        let column = |column: &usize| match *column {
            FILE_ID => found.ids.clone(),
            FILE_VECTOR => vectors.clone(),
            FILE_OFFSET => Some(Arc::new(found.offsets.clone()) as ArrayRef),
            FILE_DELETED => found.deleted.clone(),
            _ => None,
        };
        let columns = self.reading.columns.iter().filter_map(column).collect();
        self.of_columns(columns, rows)
    }

    /// The vectors at some offsets, one behind the other.
    async fn rows_at(&self, offsets: &[i64]) -> Result<Bytes> {
        let width = self.reading.layout.row_bytes();
        let bytes = width as u64;
        let merging = Merging {
            gap: self.reading.ahead.gap_bytes / bytes.max(1),
            most: rows_of_width(BATCH_BYTES, bytes),
        };
        let path = self.files.vectors_path();
        let read = |range: Range<u64>| {
            let bytes = HEADER_LEN + range.start * bytes..HEADER_LEN + range.end * bytes;
            let path = &path;
            async move { Ok::<_, Error>((self.files.read(VECTORS, path, bytes).await?, range)) }
        };
        let mut parts = stream::iter(ranges(offsets, merging)).map(read).buffered(READS_AT_ONCE);
        let mut picked = Vec::new();
        while let Some((part, range)) = parts.try_next().await? {
            self.reading.bytes_scanned.add(part.len());
            // Rows that stand as they are wanted are not copied.
            if part.len() == offsets.len().saturating_mul(width) {
                return Ok(part);
            }
            picked.reserve(offsets.len().saturating_mul(width).saturating_sub(picked.len()));
            pick(&part, &range, offsets, width, &mut picked);
        }
        Ok(picked.into())
    }
}

#[cfg(test)]
mod tests;
