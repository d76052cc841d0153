// SPDX-License-Identifier: Apache-2.0
//! Reading with a filter: ids first, vectors of the rows that pass.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::filter;
use datafusion::error::{DataFusionError, Result as DFResult};
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use m2m_segment::ids::ID_BYTES;

use super::reads::{Merging, Part, close_over, first, parts, pick};
use super::{BATCH_BYTES, OpenPiece, ids, rows_of_width};
use crate::error::{Error, Result};
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
            async move {
                let (part, columns) = part?;
                piece.fetch(part, columns).await
            }
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
        let next = next.first(left);
        let left = left.saturating_sub(next.rows as u64);
        Ok(Some((next, (found, left))))
    })
}

/// Rows that passed, in the order of the file, without their vectors.
struct Matches {
    rows: usize,
    /// Their offsets.
    runs: Vec<Range<u64>>,
    /// The other columns that are asked for, by their places in the file schema.
    columns: Vec<(usize, ArrayRef)>,
}

impl Matches {
    fn first(self, wanted: u64) -> Self {
        let rows = self.rows.min(usize::try_from(wanted).unwrap_or(usize::MAX));
        let columns = part_of(&self.columns, 0..rows);
        Self { rows, runs: first(self.runs, wanted), columns }
    }
}

fn part_of(columns: &[(usize, ArrayRef)], rows: Range<usize>) -> Vec<(usize, ArrayRef)> {
    columns.iter().map(|(place, column)| (*place, column.slice(rows.start, rows.len()))).collect()
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
        let bytes = self.column(FILE_ID, block.clone()).await?;
        let rows = usize::try_from(self.live(&block)).unwrap_or(usize::MAX);
        let mut columns: Vec<(usize, ArrayRef)> = Vec::new();
        if self.needs(FILE_ID) {
            columns.push((FILE_ID, ids(&bytes, rows)));
        }
        if self.needs(FILE_OFFSET) {
            columns.push((FILE_OFFSET, Arc::new(Int64Array::from(self.offsets(&block)))));
        }
        if self.needs(FILE_DELETED) {
            columns.push((FILE_DELETED, Arc::new(BooleanArray::from(self.marks(&block)))));
        }
        let mask = filter_of_rows.passing(rows, |place| {
            let known =
                columns.iter().find(|(known, _)| *known == place).map(|(_, column)| Arc::clone(column));
            known.ok_or_else(|| DataFusionError::Internal(format!("column {place} cannot be filtered")))
        })?;
        columns.retain(|(place, _)| self.has(*place));
        let passed = mask.true_count();
        if passed < rows {
            for (_, column) in &mut columns {
                *column = filter(column, &mask)?;
            }
        }
        Ok(Matches { rows: passed, runs: self.runs(&block, mask.values()), columns })
    }

    /// The offsets of the rows of a block that a mask lets pass, which has a bit
    /// for each row that is shown.
    fn runs(&self, block: &Range<u64>, mask: &BooleanBuffer) -> Vec<Range<u64>> {
        let mut runs = Vec::new();
        let mut before = 0;
        for run in self.hidden.live_runs(block.clone()) {
            let rows = usize::try_from(run.end - run.start).unwrap_or(usize::MAX);
            let passed = mask.slice(before, rows);
            runs.extend(
                passed.set_slices().map(|(start, end)| run.start + start as u64..run.start + end as u64),
            );
            before += rows;
        }
        runs
    }

    /// Matches cut into what is read and held at once.
    fn parts(&self, found: &Matches) -> Vec<(Part, Vec<(usize, ArrayRef)>)> {
        let parts = if self.has(FILE_VECTOR) {
            let width = self.reading.layout.row_bytes() as u64;
            let merging = Merging {
                gap: self.reading.ahead.gap_bytes / width.max(1),
                most: rows_of_width(self.reading.ahead.block_bytes, width),
            };
            parts(&found.runs, merging)
        } else {
            vec![Part { places: 0..found.rows, ..Part::default() }]
        };
        let with_columns = |part: Part| {
            let columns = part_of(&found.columns, part.places.clone());
            (part, columns)
        };
        parts.into_iter().map(with_columns).collect()
    }

    /// The batches of some rows, their vectors read.
    async fn fetch(&self, part: Part, mut known: Vec<(usize, ArrayRef)>) -> DFResult<Vec<RecordBatch>> {
        let rows = part.places.len();
        if self.has(FILE_VECTOR) {
            known.push((FILE_VECTOR, self.vectors(&self.rows_of_part(&part).await?, rows)?));
        }
        let column = |place: &usize| known.iter().find(|(known, _)| known == place);
        let columns = self.reading.columns.iter().filter_map(|place| Some(Arc::clone(&column(place)?.1)));
        let whole = self.of_columns(columns.collect(), rows)?;
        let at_once = usize::try_from(self.rows_of(BATCH_BYTES)).unwrap_or(usize::MAX);
        let starts = (0..rows).step_by(at_once);
        Ok(starts.map(|first| whole.slice(first, at_once.min(rows - first))).collect())
    }

    /// The vectors of a part, one behind the other.
    async fn rows_of_part(&self, part: &Part) -> Result<Bytes> {
        let file = &self.vectors_file();
        let width = file.width;
        let read = |range: Range<u64>| async move {
            let block = self.read(file, range.clone()).await?;
            Ok::<_, Error>((block, range))
        };
        if let [one] = part.reads.as_slice() {
            let (block, range) = read(one.clone()).await?;
            return Ok(close_over(block, range.start, &part.runs, width));
        }
        let mut picked = Vec::with_capacity(part.places.len().saturating_mul(width));
        let mut ranges = stream::iter(part.reads.clone()).map(read).buffered(READS_AT_ONCE);
        while let Some((block, range)) = ranges.try_next().await? {
            pick(block.as_ref(), &range, &part.runs, width, &mut picked);
        }
        Ok(picked.into())
    }
}

#[cfg(test)]
mod tests;
