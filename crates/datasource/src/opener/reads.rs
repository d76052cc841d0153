// SPDX-License-Identifier: Apache-2.0
//! Which ranges of a file are read for some of its rows.

use std::convert::Infallible;
use std::ops::Range;

use bytes::Bytes;

use crate::block::Block;

/// How rows that are near each other are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merging {
    /// Rows between two wanted ones that are read along.
    pub(super) gap: u64,
    /// Rows that are held at once, wanted or not.
    pub(super) most: u64,
}

/// Wanted rows that are read and held at once: in one range, which may be as long
/// as a block, or in several, which are half as much, because their rows are
/// copied together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// The places of its rows among all wanted ones.
    pub(super) places: Range<usize>,
    /// Its rows, each run as long as can be.
    pub(super) runs: Vec<Range<u64>>,
    /// The ranges that hold them.
    pub(super) reads: Vec<Range<u64>>,
}

/// The parts that hold the rows of all runs, which are ascending: few, and with
/// little between the wanted rows.
pub(super) fn parts(runs: &[Range<u64>], merging: Merging) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut part = Part::default();
    for run in runs {
        let mut start = run.start;
        while start < run.end {
            let taken = part.take(start..run.end, merging);
            if taken == 0 {
                let places = part.places.end..part.places.end;
                parts.push(std::mem::replace(&mut part, Part { places, ..Part::default() }));
            }
            start += taken;
        }
    }
    parts.extend((!part.runs.is_empty()).then_some(part));
    parts
}

impl Part {
    /// Takes as many of the next rows as may be held with those that it has, and
    /// says how many. A part without rows takes one at least.
    fn take(&mut self, rows: Range<u64>, merging: Merging) -> u64 {
        let held: u64 = self.reads.iter().map(|read| read.end - read.start).sum();
        let skipped = self.reads.last().map(|read| rows.start - read.end).filter(|gap| *gap <= merging.gap);
        let ranges = self.reads.len() + usize::from(skipped.is_none());
        let room = if ranges > 1 { merging.most / 2 } else { merging.most.max(1) };
        let room = room.saturating_sub(held).saturating_sub(skipped.unwrap_or(0));
        let taken = rows.start..rows.end.min(rows.start.saturating_add(room));
        if taken.is_empty() {
            return 0;
        }
        let rows = taken.end - taken.start;
        self.places.end = self.places.end.saturating_add(usize::try_from(rows).unwrap_or(usize::MAX));
        match self.reads.last_mut() {
            Some(read) if skipped.is_some() => read.end = taken.end,
            _ => self.reads.push(taken.clone()),
        }
        self.runs.push(taken);
        rows
    }
}

/// The first rows of runs, as many as are wanted.
pub(super) fn first(runs: Vec<Range<u64>>, wanted: u64) -> Vec<Range<u64>> {
    let mut missing = wanted;
    let cut = runs.into_iter().map_while(|run| {
        let end = run.end.min(run.start.saturating_add(missing));
        missing -= end - run.start;
        (end > run.start).then_some(run.start..end)
    });
    cut.collect()
}

/// Closes the bytes of a range of rows over those between the runs, in place.
/// `first` is the offset of the first row.
pub(super) fn close_over(block: Block, first: u64, runs: &[Range<u64>], width: usize) -> Bytes {
    if let [run] = runs {
        let (run, bytes) = (place(run, first, width), Bytes::from(block));
        return if run.end <= bytes.len() { bytes.slice(run) } else { bytes };
    }
    let closed = block.changed(|bytes| {
        let mut kept = 0;
        for run in runs.iter().map(|run| place(run, first, width)) {
            let length = run.len();
            // Rows stand behind where they go, so that none is written over before it is moved.
            if run.end <= bytes.len() && run.start != kept {
                bytes.copy_within(run, kept);
            }
            kept += length;
        }
        Ok::<_, Infallible>(kept)
    });
    match closed {
        Ok(bytes) => bytes,
        Err(never) => match never {},
    }
}

/// Appends the rows of runs that stand in a range of rows to `out`. The bytes are those of the range.
pub(super) fn pick(bytes: &[u8], range: &Range<u64>, runs: &[Range<u64>], width: usize, out: &mut Vec<u8>) {
    let before = |end: u64| runs.partition_point(|run| run.start < end);
    let runs = runs.get(before(range.start)..before(range.end)).unwrap_or_default();
    for run in runs {
        out.extend_from_slice(bytes.get(place(run, range.start, width)).unwrap_or_default());
    }
}

/// The bytes of a run, among those of a range that begins with the row `first`.
fn place(run: &Range<u64>, first: u64, width: usize) -> Range<usize> {
    let at = |row: u64| usize::try_from(row - first).unwrap_or(usize::MAX).saturating_mul(width);
    at(run.start)..at(run.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Merging = Merging { gap: 3, most: 10 };

    /// Runs of rows, as long as can be.
    fn runs(rows: &[u64]) -> Vec<Range<u64>> {
        rows.chunk_by(|row, next| *next == row + 1).map(|run| run[0]..run[run.len() - 1] + 1).collect()
    }

    fn reads(rows: &[u64], merging: Merging) -> Vec<Vec<Range<u64>>> {
        parts(&runs(rows), merging).into_iter().map(|part| part.reads).collect()
    }

    #[test]
    fn near_rows_are_read_at_once_and_far_ones_are_not() {
        assert_eq!(reads(&[], NEAR), [[0..0]; 0]);
        assert_eq!(reads(&[5], NEAR), [[5..6]]);
        assert_eq!(reads(&[0, 1, 2], NEAR), [[0..3]]);
        assert_eq!(reads(&[0, 4, 9], NEAR), [vec![0..5], vec![9..10]]);
        assert_eq!(reads(&[0, 3, 9], NEAR), [vec![0..4, 9..10]]);
        assert_eq!(reads(&(0..25).collect::<Vec<_>>(), NEAR), [[0..10], [10..20], [20..25]]);
        assert_eq!(reads(&[1, 2, 9], Merging { gap: 0, most: 1 }), [[1..2], [2..3], [9..10]]);
        assert_eq!(reads(&[1, 9, 17, 30], Merging { gap: 0, most: 4 }), [[1..2, 9..10], [17..18, 30..31]]);
    }

    #[test]
    fn several_ranges_hold_half_as_much_as_one() {
        let wanted: Vec<u64> = (0..10).chain(20..25).chain(40..60).collect();
        for part in parts(&runs(&wanted), NEAR) {
            let held: u64 = part.reads.iter().map(|read| read.end - read.start).sum();
            assert!(held <= if part.reads.len() > 1 { 5 } else { 10 }, "{part:?}");
        }
    }

    #[test]
    fn the_first_rows_of_runs_are_as_many_as_are_wanted() {
        let some = || vec![2..5, 7..8, 10..14];
        assert_eq!(first(some(), 0), []);
        assert_eq!(first(some(), 2), [2..4]);
        assert_eq!(first(some(), 3), [2..5]);
        assert_eq!(first(some(), 6), [2..5, 7..8, 10..12]);
        assert_eq!(first(some(), 99), some());
    }

    #[test]
    fn what_was_wanted_is_there_in_order_however_it_is_read() {
        let file: Vec<u8> = (0..200u8).collect();
        let mut seed = 7_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        for round in 0..300 {
            let one_in = 1 + round % 9;
            let wanted: Vec<u64> = (0..50).filter(|_| random(one_in) == 0).collect();
            let merging = Merging { gap: random(6), most: 1 + random(20) };
            let mut found = Vec::new();
            let mut next = 0;
            for part in parts(&runs(&wanted), merging) {
                assert_eq!(part.places.start, next);
                next = part.places.end;
                let bytes = |read: &Range<u64>| {
                    let at = |row: u64| usize::try_from(row).unwrap() * 4;
                    Bytes::copy_from_slice(&file[at(read.start)..at(read.end)])
                };
                if let [read] = part.reads.as_slice() {
                    found.extend(close_over(bytes(read).into(), read.start, &part.runs, 4));
                    continue;
                }
                for read in &part.reads {
                    pick(&bytes(read), read, &part.runs, 4, &mut found);
                }
            }
            assert_eq!(next, wanted.len());
            let row = |row: &u64| file.chunks(4).nth(usize::try_from(*row).unwrap()).unwrap().to_vec();
            assert_eq!(found, wanted.iter().flat_map(row).collect::<Vec<u8>>(), "{wanted:?} {merging:?}");
        }
    }
}
