// SPDX-License-Identifier: Apache-2.0
//! Rows of a whole collection, read by row ranges: spots of a few neighbours.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::physical_plan::collect;
use m2m_datasource::{Piece, SegmentStats};

use crate::error::{Error, Result};
use crate::fields::PlannedField;
use crate::plan::CollectionPlan;

/// Reads about `wanted` live rows, spread evenly over all segments in spots of so many rows.
pub(super) async fn read(plan: &CollectionPlan, wanted: u64, spot: u64) -> Result<Vec<Vec<RecordBatch>>> {
    let stats = plan.table().segments().await?;
    let mut of_partitions = vec![Vec::new(); plan.partitions.len()];
    let columns: Vec<&str> = plan.fields.iter().map(|field| field.column.as_str()).collect();
    // One scan for each partition keeps the rows' partitions apart.
    for (partition, pieces) in by_partition(&stats, spots(&stats, wanted, spot)) {
        // All rows are in one where a partition key decides.
        let at = if plan.routes() { partition } else { 0 };
        let rows = of_partitions.get_mut(at).ok_or(Error::Answer { query: "sample", column: "partition" })?;
        let scan = plan.table().scan_pieces(vec![pieces], &columns)?;
        for batch in collect(scan, plan.rows.ctx.task_ctx()).await? {
            rows.push(as_written(&batch, &plan.fields)?);
        }
    }
    Ok(of_partitions)
}

fn by_partition(stats: &[SegmentStats], pieces: Vec<Piece>) -> Vec<(usize, Vec<Piece>)> {
    let mut groups: Vec<(usize, Vec<Piece>)> = Vec::new();
    for piece in pieces {
        let Some(partition) = stats.get(piece.segment).map(|segment| segment.partition) else { continue };
        match groups.last_mut() {
            Some((known, group)) if *known == partition => group.push(piece),
            _ => groups.push((partition, vec![piece])),
        }
    }
    groups
}

/// The columns in the types that they were written in.
fn as_written(batch: &RecordBatch, fields: &[PlannedField]) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(fields);
    let columns = columns.map(|(column, field)| cast(column, &field.data_type)).collect::<Result<_, _>>()?;
    let fields = fields.iter().map(|field| Field::new(&field.column, field.data_type.clone(), true));
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns)?)
}

/// Ranges of live rows: spots of a few rows, at even distances in the order of
/// all live rows.
fn spots(stats: &[SegmentStats], wanted: u64, spot: u64) -> Vec<Piece> {
    let total: u64 = stats.iter().map(SegmentStats::live).sum();
    let wanted = wanted.min(total);
    if wanted == 0 {
        return Vec::new();
    }
    let count = wanted.div_ceil(spot.max(1));
    let mut pieces = Vec::new();
    let mut before = 0;
    for (index, segment) in stats.iter().enumerate() {
        let live = segment.live();
        let ranks = ranks_within(before..before + live, total, count, spot);
        pieces.extend(stored_ranges(segment, &ranks).into_iter().map(|rows| Piece { segment: index, rows }));
        before += live;
    }
    pieces
}

/// The sampled ranks inside a segment that holds the live rows `span` of
/// `total`, counted from the segment's first live row. A spot ends where the
/// next begins, so no row is taken twice and a full sample takes every row.
fn ranks_within(span: Range<u64>, total: u64, count: u64, rows: u64) -> Vec<Range<u64>> {
    let start_of = |spot: u64| {
        u64::try_from(u128::from(spot) * u128::from(total) / u128::from(count.max(1))).unwrap_or(total)
    };
    let mut ranks: Vec<Range<u64>> = Vec::new();
    for spot in 0..count {
        let start = start_of(spot);
        let end = start_of(spot + 1).min(start + rows);
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

#[cfg(test)]
mod tests {
    use super::*;

    const SPOT_ROWS: u64 = 8;

    fn all_ranks(spans: &[u64], total: u64, wanted: u64) -> Vec<u64> {
        ranks(spans, total, wanted, SPOT_ROWS)
    }

    fn ranks(spans: &[u64], total: u64, wanted: u64, spot: u64) -> Vec<u64> {
        let mut before = 0;
        let mut ranks = Vec::new();
        for live in spans {
            for range in ranks_within(before..before + live, total, wanted.div_ceil(spot), spot) {
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
    fn single_rows_are_as_far_from_each_other_as_can_be() {
        assert_eq!(ranks(&[30, 0, 70], 100, 4, 1), [0, 25, 50, 75]);
        assert_eq!(ranks(&[2, 1], 3, 3, 1), [0, 1, 2]);
    }

    #[test]
    fn a_small_sample_is_spread_over_all_segments() {
        let ranks = all_ranks(&[1000, 1000, 1000, 1000], 4000, 80);
        assert_eq!(ranks.len(), 80);
        assert!((0..4).all(|segment| ranks.iter().any(|rank| rank / 1000 == segment)));
    }
}
