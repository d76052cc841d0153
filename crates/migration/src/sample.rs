// SPDX-License-Identifier: Apache-2.0
//! A sample of a collection's live rows, read by row ranges.

use std::ops::Range;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Float32Type, Int64Type};
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;
use m2m_datasource::{CollectionTable, Piece, SegmentStats};

use crate::error::{Error, Result};
use crate::plan::row_bytes;

/// Neighbouring rows that one spot of the sample takes.
const SPOT_ROWS: u64 = 8;
/// The most bytes of vectors that a sample holds.
const SAMPLE_BYTES: u64 = 64 << 20;

/// One row of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SampledRow {
    /// Place of its partition in the collection.
    pub(crate) partition: usize,
    /// Its id.
    pub(crate) id: i64,
    /// Its vector, as stored.
    pub(crate) vector: Vec<u8>,
}

/// Reads about `rows` live rows, spread evenly over all segments.
pub(crate) async fn sample(
    ctx: &SessionContext,
    table: &CollectionTable,
    rows: usize,
) -> Result<Vec<SampledRow>> {
    let stats = table.segments().await?;
    let wanted = (rows as u64).min(SAMPLE_BYTES / row_bytes(table.collection()).max(1));
    let pieces = spots(&stats, wanted);
    if pieces.is_empty() {
        return Ok(Vec::new());
    }
    let partitions: Vec<usize> =
        pieces.iter().filter_map(|piece| stats.get(piece.segment)).map(|segment| segment.partition).collect();
    let mut sampled = Vec::new();
    // One group for each partition keeps the rows' partitions apart.
    let mut groups: Vec<(usize, Vec<Piece>)> = Vec::new();
    for (partition, piece) in partitions.into_iter().zip(pieces) {
        match groups.last_mut() {
            Some((known, group)) if *known == partition => group.push(piece),
            _ => groups.push((partition, vec![piece])),
        }
    }
    for (partition, group) in groups {
        let scan = table.scan_pieces(vec![group], &["id", "vector"])?;
        for batch in collect(scan, ctx.task_ctx()).await? {
            append(&mut sampled, partition, &batch)?;
        }
    }
    Ok(sampled)
}

/// Ranges of live rows: spots of a few rows, at even distances in the order of
/// all live rows.
fn spots(stats: &[SegmentStats], wanted: u64) -> Vec<Piece> {
    let total: u64 = stats.iter().map(SegmentStats::live).sum();
    let wanted = wanted.min(total);
    if wanted == 0 {
        return Vec::new();
    }
    let count = wanted.div_ceil(SPOT_ROWS);
    let mut pieces = Vec::new();
    let mut before = 0;
    for (index, segment) in stats.iter().enumerate() {
        let live = segment.live();
        let ranks = ranks_within(before..before + live, total, count);
        pieces.extend(stored_ranges(segment, &ranks).into_iter().map(|rows| Piece { segment: index, rows }));
        before += live;
    }
    pieces
}

/// The sampled ranks inside a segment that holds the live rows `span` of
/// `total`, counted from the segment's first live row. A spot ends where the
/// next begins, so no row is taken twice and a full sample takes every row.
fn ranks_within(span: Range<u64>, total: u64, count: u64) -> Vec<Range<u64>> {
    let start_of = |spot: u64| {
        u64::try_from(u128::from(spot) * u128::from(total) / u128::from(count.max(1))).unwrap_or(total)
    };
    let mut ranks: Vec<Range<u64>> = Vec::new();
    for spot in 0..count {
        let start = start_of(spot);
        let end = start_of(spot + 1).min(start + SPOT_ROWS);
        let (from, to) = (start.max(span.start), end.min(span.end));
        if from < to {
            ranks.push(from - span.start..to - span.start);
        }
    }
    ranks
}

/// Turns ranks among live rows into ranges of stored rows.
fn stored_ranges(segment: &SegmentStats, ranks: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let mut rank = 0;
    for run in segment.deleted.live_runs(0..segment.rows) {
        let length = run.end - run.start;
        for wanted in ranks {
            let (from, to) = (wanted.start.max(rank), wanted.end.min(rank + length));
            if from < to {
                ranges.push(run.start + from - rank..run.start + to - rank);
            }
        }
        rank += length;
    }
    ranges
}

fn append(sampled: &mut Vec<SampledRow>, partition: usize, batch: &RecordBatch) -> Result<()> {
    let wrong = |column| Error::Answer { query: "sample", column };
    let ids = batch.column_by_name("id").and_then(|column| column.as_primitive_opt::<Int64Type>());
    let ids = ids.ok_or_else(|| wrong("id"))?;
    let vectors = batch.column_by_name("vector").ok_or_else(|| wrong("vector"))?;
    for (row, id) in ids.values().iter().enumerate() {
        let vector = vector_bytes(vectors.as_ref(), row).ok_or_else(|| wrong("vector"))?;
        sampled.push(SampledRow { partition, id: *id, vector });
    }
    Ok(())
}

fn vector_bytes(vectors: &dyn Array, row: usize) -> Option<Vec<u8>> {
    match vectors.data_type() {
        DataType::FixedSizeList(..) => {
            let values = vectors.as_fixed_size_list_opt()?.value(row);
            let values = values.as_primitive_opt::<Float32Type>()?.values();
            Some(values.iter().flat_map(|value| value.to_le_bytes()).collect())
        }
        DataType::FixedSizeBinary(_) => Some(vectors.as_fixed_size_binary_opt()?.value(row).to_vec()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_ranks(spans: &[u64], total: u64, wanted: u64) -> Vec<u64> {
        let mut before = 0;
        let mut ranks = Vec::new();
        for live in spans {
            for range in ranks_within(before..before + live, total, wanted.div_ceil(SPOT_ROWS)) {
                ranks.extend(range.map(|rank| rank + before));
            }
            before += live;
        }
        ranks
    }

    #[test]
    fn a_sample_as_large_as_the_data_takes_every_row_once() {
        for total in 1..70 {
            let spans = [total / 3, 0, total - total / 3];
            assert_eq!(all_ranks(&spans, total, total), (0..total).collect::<Vec<_>>(), "{total} rows");
        }
    }

    #[test]
    fn a_small_sample_is_spread_over_all_segments() {
        let ranks = all_ranks(&[1000, 1000, 1000, 1000], 4000, 80);
        assert_eq!(ranks.len(), 80);
        assert!((0..4).all(|segment| ranks.iter().any(|rank| rank / 1000 == segment)));
    }
}
