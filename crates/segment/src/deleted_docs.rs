// SPDX-License-Identifier: Apache-2.0
//! `deleted_docs`: the offsets of the rows that are deleted.
//!
//! ```text
//! offset  size      value
//! 0       8         n, the bytes of the counted part, u64 little-endian
//! 8       n         n/4 offsets, i32 little-endian
//! 8+n     any       left over by an older, longer file; means nothing
//! ```
//!
//! The offsets are a set: servers up to 1.1.0 append each flush, so they are
//! not sorted and may repeat; 1.1.1 rewrites the file over a longer one without
//! cutting it. Source: `codecs/default/DefaultDeletedDocsFormat.cpp`, v1.0.0,
//! v1.1.0 and v1.1.1.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::header::HEADER_LEN;

/// Bytes of one offset.
const OFFSET_BYTES: usize = 4;

/// The deleted rows of a segment, as a set of offsets.
///
/// * Every offset is below the segment's number of rows.
/// * The offsets are ascending and none repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeletedDocs {
    offsets: Vec<u32>,
    stored_entries: u64,
    trailing_bytes: u64,
}

impl DeletedDocs {
    /// Returns a set without offsets.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Decodes the whole content of a `deleted_docs` file of a segment with `rows` rows.
    ///
    /// # Errors
    ///
    /// When the file is shorter than its header says, the counted part is no
    /// whole number of offsets, or an offset is negative or not below `rows`.
    pub fn decode(bytes: &[u8], rows: u64) -> Result<Self> {
        let file_len = bytes.len() as u64;
        let (header, rest) = bytes.split_first_chunk::<8>().ok_or(Error::NoHeader { found: file_len })?;
        let counted = u64::from_le_bytes(*header);
        let too_short = || Error::FileLength {
            expected: u128::from(counted).saturating_add(u128::from(HEADER_LEN)),
            found: file_len,
        };
        let end = usize::try_from(counted).map_err(|_| too_short())?;
        let (payload, trailing) = rest.split_at_checked(end).ok_or_else(too_short)?;
        let (entries, remainder) = payload.as_chunks::<OFFSET_BYTES>();
        if !remainder.is_empty() {
            return Err(Error::Remainder { unit: "offset", width: OFFSET_BYTES as u64, found: counted });
        }
        let mut offsets = entries
            .iter()
            .enumerate()
            .map(|(entry, bytes)| offset(*bytes, entry, rows))
            .collect::<Result<Vec<u32>>>()?;
        offsets.sort_unstable();
        offsets.dedup();
        Ok(Self { offsets, stored_entries: entries.len() as u64, trailing_bytes: trailing.len() as u64 })
    }

    /// Returns the number of deleted rows.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.offsets.len() as u64
    }

    /// Returns whether no row is deleted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Returns the number of entries in the file, repeated ones included.
    #[must_use]
    pub fn stored_entries(&self) -> u64 {
        self.stored_entries
    }

    /// Returns the bytes behind the counted part.
    #[must_use]
    pub fn trailing_bytes(&self) -> u64 {
        self.trailing_bytes
    }

    /// Returns the deleted offsets, ascending.
    #[must_use]
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// Returns whether the row at `offset` is deleted.
    #[must_use]
    pub fn contains(&self, offset: u64) -> bool {
        u32::try_from(offset).is_ok_and(|offset| self.offsets.binary_search(&offset).is_ok())
    }

    /// Returns how many of the rows in `rows` are deleted.
    #[must_use]
    pub fn count_in(&self, rows: Range<u64>) -> u64 {
        self.within(&rows).len() as u64
    }

    /// Returns the runs of live rows in `rows`: ascending, not empty, as long
    /// as can be, and together every live row once.
    pub fn live_runs(&self, rows: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let ends = self.within(&rows).iter().map(|&offset| u64::from(offset)).chain([rows.end]);
        let mut start = rows.start;
        ends.filter_map(move |end| {
            let run = start..end;
            start = end.saturating_add(1);
            (!run.is_empty()).then_some(run)
        })
    }

    /// The deleted offsets inside `rows`.
    fn within(&self, rows: &Range<u64>) -> &[u32] {
        let from = self.offsets.partition_point(|&offset| u64::from(offset) < rows.start);
        let to = self.offsets.partition_point(|&offset| u64::from(offset) < rows.end);
        self.offsets.get(from..to).unwrap_or_default()
    }
}

fn offset(bytes: [u8; OFFSET_BYTES], entry: usize, rows: u64) -> Result<u32> {
    let found = i32::from_le_bytes(bytes);
    match u32::try_from(found) {
        Ok(offset) if u64::from(offset) < rows => Ok(offset),
        _ => Err(Error::DeletedOffset { rows, found, entry }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn file(offsets: &[i32]) -> Vec<u8> {
        let payload: Vec<u8> = offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
        [&(payload.len() as u64).to_le_bytes(), payload.as_slice()].concat()
    }

    fn live(offsets: &[i32], rows: u64) -> Vec<u64> {
        DeletedDocs::decode(&file(offsets), rows).unwrap().live_runs(0..rows).flatten().collect()
    }

    #[test]
    fn exactly_the_other_rows_are_live() {
        assert_eq!(live(&[5], 10), [0, 1, 2, 3, 4, 6, 7, 8, 9]);
        assert_eq!(live(&[3, 7], 10), [0, 1, 2, 4, 5, 6, 8, 9]);
        assert_eq!(live(&[3, 0], 10), [1, 2, 4, 5, 6, 7, 8, 9]);
        assert_eq!(live(&[3, 3], 10), [0, 1, 2, 4, 5, 6, 7, 8, 9]);
        assert_eq!(live(&[], 3), [0, 1, 2]);
        assert_eq!(live(&[2, 1, 0], 3), [0_u64; 0]);
        assert_eq!(live(&[], 0), [0_u64; 0]);
    }

    #[test]
    fn repeats_count_once_and_are_remembered() {
        let deleted = DeletedDocs::decode(&file(&[3, 3, 1, 3]), 10).unwrap();
        assert_eq!((deleted.len(), deleted.stored_entries()), (2, 4));
        assert_eq!(deleted.offsets(), [1, 3]);
    }

    #[test]
    fn bytes_behind_the_counted_part_mean_nothing() {
        let mut bytes = file(&[4]);
        bytes.extend([0xff; 9]);
        let deleted = DeletedDocs::decode(&bytes, 10).unwrap();
        assert_eq!((deleted.offsets(), deleted.trailing_bytes()), (&[4][..], 9));
    }

    #[test]
    fn a_file_that_is_cut_is_refused() {
        let whole = file(&[1, 2]);
        for length in 0..whole.len() {
            let error = DeletedDocs::decode(&whole[..length], 10).unwrap_err();
            let found = length as u64;
            let expected = if length < 8 {
                Error::NoHeader { found }
            } else {
                Error::FileLength { expected: 16, found }
            };
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn a_header_that_lies_is_refused() {
        for lie in [9_u64, 12, 1 << 32, 1 << 40, u64::MAX - 7, u64::MAX] {
            let mut bytes = file(&[1, 2]);
            bytes[..8].copy_from_slice(&lie.to_le_bytes());
            let expected = u128::from(lie) + 8;
            let error = DeletedDocs::decode(&bytes, 10).unwrap_err();
            assert_eq!(error, Error::FileLength { expected, found: 16 });
        }
        let mut bytes = file(&[1, 2]);
        bytes[..8].copy_from_slice(&6_u64.to_le_bytes());
        assert_eq!(
            DeletedDocs::decode(&bytes, 10).unwrap_err(),
            Error::Remainder { unit: "offset", width: 4, found: 6 }
        );
    }

    #[test]
    fn an_offset_beyond_the_rows_is_refused() {
        for found in [10, i32::MAX, -1, i32::MIN] {
            let error = DeletedDocs::decode(&file(&[1, found]), 10).unwrap_err();
            assert_eq!(error, Error::DeletedOffset { rows: 10, found, entry: 1 });
        }
    }

    #[test]
    fn a_segment_without_rows_has_no_offset_to_delete() {
        assert_eq!(DeletedDocs::decode(&file(&[]), 0).unwrap(), DeletedDocs::none());
        let error = DeletedDocs::decode(&file(&[0]), 0).unwrap_err();
        assert_eq!(error.to_string(), "expected deleted offsets from 0 to below 0, found 0 at entry 0");
    }

    #[test]
    fn runs_keep_to_their_range() {
        let deleted = DeletedDocs::decode(&file(&[0, 4, 5, 9]), 10).unwrap();
        let runs = |rows| deleted.live_runs(rows).collect::<Vec<_>>();
        assert_eq!(runs(0..10), [1..4, 6..9]);
        assert_eq!(runs(2..5), [2..4]);
        assert_eq!(runs(4..6), [0_u64..0; 0]);
        assert_eq!(runs(5..7), [6..7]);
        assert_eq!(runs(7..7), [0_u64..0; 0]);
        #[expect(clippy::reversed_empty_ranges, reason = "what a caller may compute")]
        let reversed = 7..2;
        assert_eq!((runs(reversed.clone()), deleted.count_in(reversed)), (vec![], 0));
        assert_eq!(deleted.count_in(4..6), 2);
        assert!(deleted.contains(9) && !deleted.contains(8) && !deleted.contains(u64::MAX));
    }

    proptest! {
        #[test]
        fn runs_are_the_rows_that_are_not_deleted(
            offsets in prop::collection::vec(0_i32..40, 0..60), start in 0_u64..40, length in 0_u64..41,
        ) {
            let rows = start..(start + length).min(40);
            let deleted = DeletedDocs::decode(&file(&offsets), 40).unwrap();
            let runs: Vec<_> = deleted.live_runs(rows.clone()).collect();
            let expected: Vec<u64> = rows.clone().filter(|row| !offsets.contains(&(*row as i32))).collect();
            prop_assert_eq!(runs.iter().cloned().flatten().collect::<Vec<_>>(), expected.clone());
            prop_assert!(runs.iter().all(|run| !run.is_empty()), "no run is empty");
            // A deleted row stands between any two, so none could be longer.
            prop_assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start));
            prop_assert_eq!(rows.end.saturating_sub(rows.start) - deleted.count_in(rows), expected.len() as u64);
        }

        #[test]
        fn what_is_encoded_is_decoded_as_a_set(
            offsets in prop::collection::vec(0_i32..1000, 0..300),
            tail in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let bytes = [file(&offsets), tail.clone()].concat();
            let deleted = DeletedDocs::decode(&bytes, 1000).unwrap();
            let set: BTreeSet<u32> = offsets.iter().map(|offset| *offset as u32).collect();
            prop_assert_eq!(deleted.offsets(), set.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(deleted.len(), set.len() as u64);
            prop_assert_eq!(deleted.is_empty(), set.is_empty());
            prop_assert_eq!(deleted.stored_entries(), offsets.len() as u64);
            prop_assert_eq!(deleted.trailing_bytes(), tail.len() as u64);
            prop_assert!((0..1001).all(|row| deleted.contains(row) == set.contains(&(row as u32))));
        }

        #[test]
        fn any_bytes_behind_a_header_that_fits_are_an_answer_or_an_error(
            payload in prop::collection::vec(any::<u8>(), 0..64), rows: u64,
        ) {
            let bytes = [&(payload.len() as u64).to_le_bytes(), payload.as_slice()].concat();
            if let Ok(deleted) = DeletedDocs::decode(&bytes, rows) {
                prop_assert_eq!(payload.len() % 4, 0);
                prop_assert!(deleted.offsets().iter().all(|offset| u64::from(*offset) < rows));
            }
        }

        #[test]
        fn any_bytes_are_an_answer_or_an_error(bytes: Vec<u8>, rows in 0_u64..100) {
            if let Ok(deleted) = DeletedDocs::decode(&bytes, rows) {
                prop_assert!(deleted.len() <= rows);
            }
        }
    }
}
