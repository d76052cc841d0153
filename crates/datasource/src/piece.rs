// SPDX-License-Identifier: Apache-2.0
//! Ranges of a segment's rows, and how they are shared out to scan partitions.

use std::ops::Range;

use datafusion::datasource::listing::FileRange;
use m2m_segment::HEADER_LEN;
use m2m_segment::ids::ID_BYTES;

use crate::stats::SegmentStats;

/// Rows below which a segment is not split between scan partitions.
const SPLIT_ROWS: u64 = 1 << 16;

/// A range of stored rows of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The segment's place in [`crate::CollectionTable::segments`].
    pub segment: usize,
    /// Its rows, the deleted ones among them.
    pub rows: Range<u64>,
}

impl Piece {
    /// A whole segment.
    #[must_use]
    pub fn whole(segment: usize, stats: &SegmentStats) -> Self {
        Self { segment, rows: 0..stats.rows }
    }
}

/// The byte range of a file of ids that stands for a range of rows.
pub(crate) fn range_of_rows(rows: &Range<u64>) -> FileRange {
    let at = |row: u64| i64::try_from(HEADER_LEN + row * ID_BYTES).unwrap_or(i64::MAX);
    FileRange { start: at(rows.start), end: at(rows.end) }
}

/// The rows whose ids begin in a byte range of a file of ids. Ranges that share
/// out the file share out the rows, wherever they are cut.
pub(crate) fn rows_of_range(range: Option<&FileRange>, stored: u64) -> Range<u64> {
    let row = |at: i64| {
        let at = u64::try_from(at).unwrap_or(0).saturating_sub(HEADER_LEN);
        at.div_ceil(ID_BYTES).min(stored)
    };
    match range {
        None => 0..stored,
        Some(range) => {
            let start = row(range.start);
            start..row(range.end).max(start)
        }
    }
}

/// Shares the segments out to at most `groups` scan partitions: the largest
/// first, each to the partition with the least to do, in the order of the
/// segments inside one. Segments that are larger than a partition's share are
/// split.
pub(crate) fn share_out(segments: &[(usize, &SegmentStats)], groups: usize) -> Vec<Vec<Piece>> {
    let groups = groups.max(1);
    let total: u64 = segments.iter().map(|(_, stats)| stats.rows).sum();
    let share = total.div_ceil(groups as u64).max(SPLIT_ROWS);
    let mut pieces: Vec<Piece> =
        segments.iter().flat_map(|(index, stats)| split(*index, stats, share)).collect();
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.rows.end - piece.rows.start));
    let mut shared: Vec<(u64, Vec<Piece>)> = vec![(0, Vec::new()); groups];
    for piece in pieces {
        if let Some((load, group)) = shared.iter_mut().min_by_key(|(load, _)| *load) {
            *load += piece.rows.end - piece.rows.start;
            group.push(piece);
        }
    }
    let mut shared: Vec<Vec<Piece>> =
        shared.into_iter().map(|(_, group)| group).filter(|group| !group.is_empty()).collect();
    for group in &mut shared {
        group.sort_by_key(|piece| (piece.segment, piece.rows.start));
    }
    shared
}

fn split(segment: usize, stats: &SegmentStats, share: u64) -> impl Iterator<Item = Piece> + use<> {
    let rows = stats.rows;
    let parts = rows.div_ceil(share);
    (0..parts).map(move |part| Piece { segment, rows: rows * part / parts..rows * (part + 1) / parts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(rows: &[u64]) -> Vec<SegmentStats> {
        rows.iter().map(|&rows| SegmentStats::for_test(rows)).collect()
    }

    fn shared(rows: &[u64], groups: usize) -> Vec<Vec<Piece>> {
        let stats = stats(rows);
        let segments: Vec<_> = stats.iter().enumerate().collect();
        share_out(&segments, groups)
    }

    #[test]
    fn every_row_is_in_one_piece() {
        for sizes in [&[10][..], &[0, 5, 0], &[1_000_000], &[300_000, 10, 70_000, 0, 900_000, 3], &[]] {
            for groups in [1, 2, 3, 16] {
                let shared = shared(sizes, groups);
                assert!(shared.len() <= groups && shared.iter().all(|group| !group.is_empty()));
                for (index, &rows) in sizes.iter().enumerate() {
                    let mut pieces: Vec<_> = shared
                        .iter()
                        .flatten()
                        .filter(|piece| piece.segment == index)
                        .map(|piece| piece.rows.clone())
                        .collect();
                    pieces.sort_by_key(|piece| piece.start);
                    let covered = pieces.iter().fold(0, |end, piece| {
                        assert_eq!(piece.start, end);
                        piece.end
                    });
                    assert_eq!(covered, rows);
                }
            }
        }
    }

    #[test]
    fn a_large_segment_is_split_between_all_partitions() {
        assert_eq!(shared(&[1_000_000], 4).len(), 4);
        assert_eq!(shared(&[1000], 4).len(), 1);
    }

    #[test]
    fn ranges_and_rows_are_each_others_inverse() {
        for rows in [0..10, 3..7, 5..5] {
            assert_eq!(rows_of_range(Some(&range_of_rows(&rows)), 10), rows);
        }
        assert_eq!(rows_of_range(None, 10), 0..10);
        assert_eq!(rows_of_range(Some(&FileRange { start: 0, end: i64::MAX }), 10), 0..10);
        assert_eq!(rows_of_range(Some(&FileRange { start: -5, end: -1 }), 10), 0..0);
    }

    #[test]
    fn ranges_cut_anywhere_share_out_the_rows() {
        for cut in 0..=90 {
            let first = rows_of_range(Some(&FileRange { start: 0, end: cut }), 10);
            let second = rows_of_range(Some(&FileRange { start: cut, end: 88 }), 10);
            assert_eq!(
                (first.start, first.end, second.end.max(second.start)),
                (0, second.start, 10),
                "cut at {cut}"
            );
        }
    }
}
