// SPDX-License-Identifier: Apache-2.0

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
fn more_offsets_make_a_larger_set_and_none_is_beyond_the_rows() {
    let deleted = DeletedDocs::decode(&file(&[3, 1, 3]), 10).unwrap();
    let more = deleted.with(&[9, 3, 0, 9], 10).unwrap();
    assert_eq!((more.offsets(), more.stored_entries()), (&[0, 1, 3, 9][..], 3));
    assert_eq!(deleted.with(&[], 10).unwrap(), deleted);
    assert_eq!(deleted.with(&[9, 10], 10), Err(Error::Offset { rows: 10, found: 10 }));
    assert_eq!(DeletedDocs::none().with(&[u32::MAX], 0), Err(Error::Offset { rows: 0, found: u32::MAX }));
}

#[test]
fn bytes_behind_the_counted_part_mean_nothing() {
    let mut bytes = file(&[4]);
    bytes.extend([0xff; 9]);
    assert_eq!(DeletedDocs::decode(&bytes, 10).unwrap(), DeletedDocs::decode(&file(&[4]), 10).unwrap());
}

#[test]
fn repeats_are_left_out_long_before_the_end() {
    let mut decoder = Decoder::new(u64::MAX.wrapping_sub(15).to_le_bytes(), u64::MAX, 100_000).unwrap();
    let part: Vec<u8> = (0..100_000_u32).rev().flat_map(u32::to_le_bytes).collect();
    for _ in 0..20 {
        decoder.push(&part).unwrap();
        assert!(decoder.offsets.len() <= 200_000, "{}", decoder.offsets.len());
    }
    assert_eq!(decoder.missing(), u64::MAX - 15 - 20 * 400_000);
    let found = 20 * 400_000 + 8;
    let expected = u128::from(u64::MAX) - 7;
    assert_eq!(decoder.clone().finish().unwrap_err(), Error::FileLength { expected, found });
    decoder.missing = 0;
    let deleted = decoder.finish().unwrap();
    assert_eq!((deleted.len(), deleted.stored_entries()), (100_000, 2_000_000));
    assert!(deleted.offsets().iter().copied().eq(0..100_000));
}

#[test]
fn an_offset_beyond_the_rows_is_named_by_its_place_in_the_file() {
    let mut decoder = Decoder::new(12_u64.to_le_bytes(), 20, 10).unwrap();
    decoder.push(&[1, 0, 0, 0, 2, 0]).unwrap();
    let error = decoder.push(&[0, 0, 10, 0, 0, 0]).unwrap_err();
    assert_eq!(error, Error::DeletedOffset { rows: 10, found: 10, entry: 2 });
}

#[test]
fn a_file_that_is_cut_is_refused() {
    let whole = file(&[1, 2]);
    for length in 0..whole.len() {
        let error = DeletedDocs::decode(&whole[..length], 10).unwrap_err();
        let found = length as u64;
        let expected =
            if length < 8 { Error::NoHeader { found } } else { Error::FileLength { expected: 16, found } };
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
        let bytes = [file(&offsets), tail].concat();
        let deleted = DeletedDocs::decode(&bytes, 1000).unwrap();
        let set: BTreeSet<u32> = offsets.iter().map(|offset| *offset as u32).collect();
        prop_assert_eq!(deleted.offsets(), set.iter().copied().collect::<Vec<_>>());
        prop_assert_eq!(deleted.len(), set.len() as u64);
        prop_assert_eq!(deleted.is_empty(), set.is_empty());
        prop_assert_eq!(deleted.stored_entries(), offsets.len() as u64);
        prop_assert!((0..1001).all(|row| deleted.contains(row) == set.contains(&(row as u32))));
    }

    #[test]
    fn parts_are_decoded_as_the_whole(
        offsets in prop::collection::vec(-1_i32..42, 0..40),
        tail in prop::collection::vec(any::<u8>(), 0..20),
        lengths in prop::collection::vec(0_usize..12, 0..60),
    ) {
        let bytes = [file(&offsets), tail].concat();
        let (header, mut rest) = bytes.split_first_chunk().unwrap();
        let mut decoder = Decoder::new(*header, bytes.len() as u64, 41).unwrap();
        let mut pushed = Ok(());
        for length in lengths.into_iter().chain([usize::MAX]) {
            let (part, behind) = rest.split_at(length.min(rest.len()));
            pushed = pushed.and_then(|()| decoder.push(part));
            rest = behind;
        }
        let decoded = pushed.and_then(|()| decoder.finish());
        prop_assert_eq!(decoded, DeletedDocs::decode(&bytes, 41));
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
