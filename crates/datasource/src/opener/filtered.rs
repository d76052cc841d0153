// SPDX-License-Identifier: Apache-2.0
//! Reading with a filter: ids first, vectors of the rows that pass.

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

use super::reads::{Merging, Part, close_over, parts, pick, within};
use super::{BATCH_BYTES, OpenPiece, ids, rows_of_width};
use crate::error::{Error, Result};
use crate::files::{IDS, VECTORS};
use crate::schema::{FILE_DELETED, FILE_ID, FILE_OFFSET, FILE_VECTOR};

/// Ranges of one part that are read at once.
const READS_AT_ONCE: usize = 8;

/// The batches of a piece whose rows pass the filter.
///
/// Blocks of ids are read ahead, and so are the vectors of the rows that pass.
/// With a limit no block of ids is, because nobody may ask for the next one.
pub(super) fn batches(piece: Arc<OpenPiece>) -> impl Stream<Item = DFResult<RecordBatch>> {
    let (blocks, ahead, limit) = (piece.filter_blocks(), piece.reading.ahead.blocks, piece.reading.limit);
    let (finder, cutter) = (Arc::clone(&piece), Arc::clone(&piece));
    let found = stream::iter(blocks)
        .map(move |block| {
            let piece = Arc::clone(&finder);
            async move { piece.matches(block).await }
        })
        .buffered(if limit == u64::MAX { ahead } else { 1 });
    until(found.boxed(), limit)
        .map_ok(move |found| stream::iter(cutter.parts(&found)).map(Ok))
        .try_flatten()
        .map(move |part: DFResult<_>| {
            let piece = Arc::clone(&piece);
            async move { piece.fetch(part?).await }
        })
        .buffered(ahead)
        .map_ok(|batches| stream::iter(batches).map(Ok))
        .try_flatten()
}

/// The matches up to the limit. When it is reached, no more is asked for.
fn until(
    found: impl Stream<Item = DFResult<Matches>> + Unpin,
    limit: u64,
) -> impl Stream<Item = DFResult<Matches>> {
    stream::try_unfold((found, limit), async |(mut found, left)| {
        if left == 0 {
            return Ok(None);
        }
        let Some(next) = found.try_next().await? else { return Ok(None) };
        let wanted = next.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        Ok(Some((next.slice(0, wanted), (found, left - wanted as u64))))
    })
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

    /// The rows of a block that pass.
    async fn matches(&self, block: Range<u64>) -> DFResult<Matches> {
        let Some(filter_of_rows) = &self.reading.filter else {
            return Err(DataFusionError::Internal("rows are matched without a filter".into()));
        };
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
        Ok(Matches {
            offsets: filter(&offsets, &mask)?.as_primitive::<Int64Type>().clone(),
            ids: of(all_ids.filter(|_| self.has(FILE_ID)))?,
            deleted: of(deleted.filter(|_| self.has(FILE_DELETED)))?,
        })
    }

    /// Matches cut into what is read and held at once.
    fn parts(&self, found: &Matches) -> Vec<(Matches, Vec<Range<u64>>)> {
        let whole = Part { wanted: 0..found.len(), reads: Vec::new() };
        let parts = if self.has(FILE_VECTOR) {
            let width = self.reading.layout.row_bytes() as u64;
            let merging = Merging {
                gap: self.reading.ahead.gap_bytes / width.max(1),
                most: rows_of_width(self.reading.ahead.block_bytes, width),
            };
            parts(found.offsets.values(), merging)
        } else {
            vec![whole]
        };
        let cut = |part: Part| (found.slice(part.wanted.start, part.wanted.len()), part.reads);
        parts.into_iter().map(cut).collect()
    }

    /// The batches of some rows, whose vectors are in the given ranges.
    async fn fetch(&self, (found, reads): (Matches, Vec<Range<u64>>)) -> DFResult<Vec<RecordBatch>> {
        let rows = found.len();
        let vectors = match self.has(FILE_VECTOR) {
            true => Some(self.vectors(&self.rows_at(found.offsets.values(), &reads).await?, rows)?),
            false => None,
        };
        let column = |column: &usize| match *column {
            FILE_ID => found.ids.clone(),
            FILE_VECTOR => vectors.clone(),
            FILE_OFFSET => Some(Arc::new(found.offsets.clone()) as ArrayRef),
            FILE_DELETED => found.deleted.clone(),
            _ => None,
        };
        let whole = self.of_columns(self.reading.columns.iter().filter_map(column).collect(), rows)?;
        let at_once = usize::try_from(self.rows_of(BATCH_BYTES)).unwrap_or(usize::MAX);
        let starts = (0..rows).step_by(at_once);
        Ok(starts.map(|first| whole.slice(first, at_once.min(rows - first))).collect())
    }

    /// The vectors at some offsets, one behind the other, out of the ranges that hold them.
    async fn rows_at(&self, offsets: &[i64], reads: &[Range<u64>]) -> Result<Bytes> {
        let width = self.reading.layout.row_bytes();
        let path = self.files.vectors_path();
        let read = |range: Range<u64>| {
            let at = |row: u64| HEADER_LEN + row * width as u64;
            let (bytes, path) = (at(range.start)..at(range.end), &path);
            async move { Ok::<_, Error>((self.files.read(VECTORS, path, bytes).await?, range)) }
        };
        if let [one] = reads {
            let (bytes, range) = read(one.clone()).await?;
            self.reading.bytes_scanned.add(bytes.len());
            return Ok(close_over(bytes, range.start, offsets, width));
        }
        let mut picked = Vec::with_capacity(offsets.len().saturating_mul(width));
        let mut parts = stream::iter(reads.to_vec()).map(read).buffered(READS_AT_ONCE);
        while let Some((part, range)) = parts.try_next().await? {
            self.reading.bytes_scanned.add(part.len());
            pick(&part, range.start, within(offsets, &range), width, &mut picked);
        }
        Ok(picked.into())
    }
}

#[cfg(test)]
mod tests;
