// SPDX-License-Identifier: Apache-2.0
//! Which ranges of a file are read for some of its rows.

use std::ops::Range;

/// How rows that are near each other are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merging {
    /// Rows between two wanted ones that are read along.
    pub(super) gap: u64,
    /// Rows of one range, wanted or not.
    pub(super) most: u64,
}

/// The ranges of rows that hold all of `wanted`, which is ascending: few, and
/// with little between the wanted rows.
pub(super) fn ranges(wanted: &[i64], merging: Merging) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for row in wanted.iter().filter_map(|row| u64::try_from(*row).ok()) {
        match ranges.last_mut() {
            Some(last) if row - last.end <= merging.gap && row - last.start < merging.most => {
                last.end = row + 1;
            }
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

/// Appends the wanted rows of a range to `out`. `bytes` are those of the range,
/// `width` each row's; a run of wanted rows is one copy.
pub(super) fn pick(bytes: &[u8], range: &Range<u64>, wanted: &[i64], width: usize, out: &mut Vec<u8>) {
    let place = |row: i64| u64::try_from(row).unwrap_or(0).saturating_sub(range.start);
    let of_range = wanted.partition_point(|row| u64::try_from(*row).is_ok_and(|row| row < range.start))
        ..wanted.partition_point(|row| u64::try_from(*row).is_ok_and(|row| row < range.end));
    let rows = wanted.get(of_range).unwrap_or_default();
    for run in rows.chunk_by(|row, next| *next == row + 1) {
        let Some(first) = run.first() else { continue };
        let start = usize::try_from(place(*first)).unwrap_or(usize::MAX).saturating_mul(width);
        let end = start.saturating_add(run.len().saturating_mul(width));
        out.extend_from_slice(bytes.get(start..end).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Merging = Merging { gap: 3, most: 10 };

    #[test]
    fn near_rows_are_read_at_once_and_far_ones_are_not() {
        assert_eq!(ranges(&[], NEAR), []);
        assert_eq!(ranges(&[5], NEAR), [5..6]);
        assert_eq!(ranges(&[0, 1, 2], NEAR), [0..3]);
        assert_eq!(ranges(&[0, 4, 9], NEAR), [0..5, 9..10]);
        assert_eq!(ranges(&[0, 1, 5, 9, 10], NEAR), [0..10, 10..11]);
        assert_eq!(ranges(&(0..25).collect::<Vec<_>>(), NEAR), [0..10, 10..20, 20..25]);
        assert_eq!(ranges(&[1, 2, 9], Merging { gap: 0, most: 1 }), [1..2, 2..3, 9..10]);
    }

    #[test]
    fn what_was_wanted_is_picked_in_order() {
        let file: Vec<u8> = (0..200u8).collect();
        for wanted in [vec![], vec![0], vec![3, 4, 5, 11, 30, 31, 49], (0..50).collect::<Vec<i64>>()] {
            for merging in [NEAR, Merging { gap: 0, most: 1 }, Merging { gap: 99, most: 99 }] {
                let mut found = Vec::new();
                for range in ranges(&wanted, merging) {
                    let at = |row: u64| usize::try_from(row).unwrap() * 4;
                    pick(&file[at(range.start)..at(range.end)], &range, &wanted, 4, &mut found);
                }
                let expected: Vec<u8> = wanted
                    .iter()
                    .flat_map(|row| file.chunks(4).nth(*row as usize).unwrap().to_vec())
                    .collect();
                assert_eq!(found, expected, "{wanted:?} {merging:?}");
            }
        }
    }
}
