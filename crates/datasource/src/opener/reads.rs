// SPDX-License-Identifier: Apache-2.0
//! Which ranges of a file are read for some of its rows.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// How rows that are near each other are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merging {
    /// Rows between two wanted ones that are read along.
    pub(super) gap: u64,
    /// Rows that are held at once, wanted or not.
    pub(super) most: u64,
}

/// Wanted rows that are read and held at once: one range, which may be as long
/// as a block, or several, which are half as much, because their rows are copied
/// together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The places of its rows among all wanted ones.
    pub(super) wanted: Range<usize>,
    /// The ranges of stored rows that hold them.
    pub(super) reads: Vec<Range<u64>>,
}

/// The parts that hold all of `wanted`, which is ascending: few, and with
/// little between the wanted rows.
pub(super) fn parts(wanted: &[i64], merging: Merging) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut held = 0;
    for (place, row) in wanted.iter().filter_map(|row| u64::try_from(*row).ok()).enumerate() {
        let last = parts.last_mut().map(|part| (&mut part.wanted, &mut part.reads));
        let Some((places, reads)) = last else {
            parts.push(Part { wanted: place..place + 1, reads: vec![row..row + 1] });
            held = 1;
            continue;
        };
        let end = reads.last().map_or(row, |read| read.end);
        let is_near = row - end <= merging.gap;
        let more = if is_near { row + 1 - end } else { 1 };
        let is_one = is_near && reads.len() == 1;
        let room = if is_one { merging.most } else { merging.most / 2 };
        if held + more > room {
            parts.push(Part { wanted: place..place + 1, reads: vec![row..row + 1] });
            held = 1;
            continue;
        }
        match reads.last_mut() {
            Some(read) if is_near => read.end = row + 1,
            _ => reads.push(row..row + 1),
        }
        places.end = place + 1;
        held += more;
    }
    parts
}

/// Closes the bytes of a range of rows over those that are not wanted, in place
/// where nobody else holds them. `first` is the offset of the first row.
pub(super) fn close_over(bytes: Bytes, first: u64, wanted: &[i64], width: usize) -> Bytes {
    if bytes.len() == wanted.len().saturating_mul(width) {
        return bytes;
    }
    let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(shared.as_ref()));
    let mut kept = 0;
    for run in runs(wanted, first, width) {
        let length = run.len();
        // Rows stand behind where they go, so that none is written over before it is moved.
        if run.end <= bytes.len() && run.start != kept {
            bytes.copy_within(run, kept);
        }
        kept += length;
    }
    bytes.truncate(kept);
    bytes.freeze()
}

/// Appends the wanted rows of a range to `out`.
pub(super) fn pick(bytes: &[u8], first: u64, wanted: &[i64], width: usize, out: &mut Vec<u8>) {
    for run in runs(wanted, first, width) {
        out.extend_from_slice(bytes.get(run).unwrap_or_default());
    }
}

/// The wanted rows that stand in a range.
pub(super) fn within<'a>(wanted: &'a [i64], range: &Range<u64>) -> &'a [i64] {
    let before = |end: u64| wanted.partition_point(|row| u64::try_from(*row).is_ok_and(|row| row < end));
    wanted.get(before(range.start)..before(range.end)).unwrap_or_default()
}

/// The bytes of each run of wanted rows, in a range that begins with the row `first`.
fn runs(wanted: &[i64], first: u64, width: usize) -> impl Iterator<Item = Range<usize>> + '_ {
    let place = move |row: i64| u64::try_from(row).unwrap_or(first).saturating_sub(first);
    wanted.chunk_by(|row, next| *next == row + 1).filter_map(move |run| {
        let start = usize::try_from(place(*run.first()?)).ok()?.checked_mul(width)?;
        Some(start..start.checked_add(run.len().checked_mul(width)?)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Merging = Merging { gap: 3, most: 10 };

    fn reads(wanted: &[i64], merging: Merging) -> Vec<Vec<Range<u64>>> {
        parts(wanted, merging).into_iter().map(|part| part.reads).collect()
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
        let wanted: Vec<i64> = (0..10).chain(20..25).chain(40..60).collect();
        for part in parts(&wanted, NEAR) {
            let held: u64 = part.reads.iter().map(|read| read.end - read.start).sum();
            assert!(held <= if part.reads.len() > 1 { 5 } else { 10 }, "{part:?}");
        }
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
            let wanted: Vec<i64> = (0..50).filter(|_| random(one_in) == 0).collect();
            let merging = Merging { gap: random(6), most: 1 + random(20) };
            let mut found = Vec::new();
            let mut next = 0;
            for part in parts(&wanted, merging) {
                assert_eq!(part.wanted.start, next);
                next = part.wanted.end;
                let wanted = &wanted[part.wanted];
                let bytes = |read: &Range<u64>| {
                    let at = |row: u64| usize::try_from(row).unwrap() * 4;
                    Bytes::copy_from_slice(&file[at(read.start)..at(read.end)])
                };
                if let [read] = part.reads.as_slice() {
                    found.extend(close_over(bytes(read), read.start, wanted, 4));
                    continue;
                }
                for read in &part.reads {
                    pick(&bytes(read), read.start, within(wanted, read), 4, &mut found);
                }
            }
            assert_eq!(next, wanted.len());
            let row = |row: &i64| file.chunks(4).nth(usize::try_from(*row).unwrap()).unwrap().to_vec();
            assert_eq!(found, wanted.iter().flat_map(row).collect::<Vec<u8>>(), "{wanted:?} {merging:?}");
        }
    }
}
