// SPDX-License-Identifier: Apache-2.0
//! Ranges of rows, and the byte ranges that stand for them.
//!
//! One file stands for all arrays of a table, and any part of its bytes for the
//! same part of the rows. So it does not matter which array it is, and whoever
//! cuts a file by bytes shares out the rows.

use std::ops::Range;

use datafusion::datasource::listing::FileRange;

/// Bytes below which a partition of its own does not pay.
const PIECE_BYTES: u64 = 8 << 20;

/// The partitions, one at least and `most` at most, that reading so many bytes pays for.
pub(crate) fn pieces(bytes: u64, most: usize) -> u64 {
    (bytes / PIECE_BYTES).clamp(1, most.max(1) as u64)
}

/// Cuts rows into so many ranges of about the same length.
pub(crate) fn cut(rows: u64, pieces: u64) -> impl Iterator<Item = Range<u64>> {
    (0..pieces).map(move |piece| part(rows, piece, pieces)..part(rows, piece + 1, pieces))
}

/// The byte range that stands for a range of `rows` in a file of `bytes`; there
/// are at least as many bytes as rows.
pub(crate) fn range_of_rows(range: &Range<u64>, bytes: u64, rows: u64) -> FileRange {
    let at = |row: u64| {
        let byte = (u128::from(row) * u128::from(bytes)).div_ceil(u128::from(rows.max(1)));
        i64::try_from(byte).unwrap_or(i64::MAX)
    };
    FileRange { start: at(range.start), end: at(range.end) }
}

/// The rows that a byte range stands for: all of them without one.
pub(crate) fn rows_of_range(range: Option<&FileRange>, bytes: u64, rows: u64) -> Range<u64> {
    let Some(range) = range else { return 0..rows };
    let at = |byte: i64| {
        let byte = u64::try_from(byte).unwrap_or(0).min(bytes);
        part(rows, byte, bytes)
    };
    let (start, end) = (at(range.start), at(range.end));
    start..end.max(start)
}

/// `whole × numerator / denominator`, rounded down.
fn part(whole: u64, numerator: u64, denominator: u64) -> u64 {
    let part = u128::from(whole) * u128::from(numerator) / u128::from(denominator.max(1));
    u64::try_from(part).unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_each_other_and_hold_all_rows() {
        for (rows, pieces) in [(0, 1), (10, 1), (1 << 20, 7), (3, 5), (u64::MAX, 3)] {
            let shares: Vec<_> = cut(rows, pieces).collect();
            assert_eq!(shares.len() as u64, pieces, "{rows}");
            let end = shares.iter().fold(0, |end, share| {
                assert_eq!(share.start, end);
                share.end
            });
            assert_eq!(end, rows);
        }
    }

    #[test]
    fn a_partition_has_8_mib_to_read() {
        assert_eq!(
            (pieces(0, 4), pieces(15 << 20, 4), pieces(16 << 20, 4), pieces(u64::MAX, 4)),
            (1, 1, 2, 4)
        );
        assert_eq!(pieces(u64::MAX, 0), 1);
    }

    #[test]
    fn ranges_and_rows_are_each_others_inverse() {
        for (bytes, rows) in [(100, 10), (101, 10), (10, 10), (128 + 8 * 7, 7), (u64::MAX >> 1, 1 << 40)] {
            for range in [0..rows, 3..7, 5..5, rows - 1..rows] {
                let found = rows_of_range(Some(&range_of_rows(&range, bytes, rows)), bytes, rows);
                assert_eq!(found, range, "{bytes} bytes, {rows} rows");
            }
        }
    }

    #[test]
    fn a_file_cut_anywhere_has_every_row_once() {
        let (bytes, rows) = (93, 10);
        for cut in 0..=bytes {
            let first = rows_of_range(Some(&FileRange { start: 0, end: cut }), 93, rows);
            let second = rows_of_range(Some(&FileRange { start: cut, end: bytes }), 93, rows);
            assert_eq!((first.start, first.end, second.end), (0, second.start, rows), "cut at {cut}");
        }
        assert_eq!(rows_of_range(Some(&FileRange { start: -5, end: i64::MAX }), 93, rows), 0..10);
        assert_eq!(rows_of_range(Some(&FileRange { start: 50, end: 3 }), 93, rows), 5..5);
        assert_eq!(rows_of_range(None, 93, rows), 0..10);
        assert_eq!(rows_of_range(Some(&FileRange { start: 0, end: 1 }), 0, 0), 0..0);
    }
}
