// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;

use super::*;

fn set(offsets: &[i32], rows: u64) -> DeletedDocs {
    let payload: Vec<u8> = offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
    let file = [&(payload.len() as u64).to_le_bytes(), payload.as_slice()].concat();
    DeletedDocs::decode(&file, rows).unwrap()
}

/// Rows whose bytes tell them apart: `row_bytes` times the row's number.
fn block(rows: Range<u64>, row_bytes: usize) -> Vec<u8> {
    rows.flat_map(|row| std::iter::repeat_n(row as u8, row_bytes)).collect()
}

/// What is left of ten ids and vectors, and the offsets of both.
fn ten(offsets: &[i32]) -> (Vec<i64>, Vec<u8>, Vec<i64>) {
    let deleted = set(offsets, 10);
    let mut ids: Vec<u8> = (100_i64..110).flat_map(i64::to_le_bytes).collect();
    let kept = retain_live(&mut ids, 8, 0, &deleted).unwrap();
    let ids = ids[..kept].as_chunks::<8>().0.iter().map(|id| i64::from_le_bytes(*id)).collect();
    let mut vectors = block(0..10, 16);
    let kept = retain_live(&mut vectors, 16, 0, &deleted).unwrap();
    let vectors = vectors[..kept].chunks(16).map(|vector| vector[15]).collect();
    let mut live = Vec::new();
    live_offsets(0..10, &deleted, &mut live);
    (ids, vectors, live)
}

#[test]
fn ten_rows_keep_all_that_are_not_deleted_and_none_that_is() {
    for (offsets, expected) in [
        (&[5][..], &[0, 1, 2, 3, 4, 6, 7, 8, 9][..]),
        (&[3, 7], &[0, 1, 2, 4, 5, 6, 8, 9]),
        (&[3, 0], &[1, 2, 4, 5, 6, 7, 8, 9]),
        (&[3, 3], &[0, 1, 2, 4, 5, 6, 7, 8, 9]),
        (&[0], &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (&[9], &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (&[9, 8, 7, 6, 5, 4, 3, 2, 1, 0], &[]),
        (&[], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ] {
        let (ids, vectors, live) = ten(offsets);
        assert_eq!(live, expected, "{offsets:?}");
        assert_eq!(ids, expected.iter().map(|row| row + 100).collect::<Vec<_>>(), "{offsets:?}");
        assert_eq!(vectors, expected.iter().map(|row| *row as u8).collect::<Vec<_>>(), "{offsets:?}");
    }
}

#[test]
fn a_block_between_deleted_rows_is_not_touched() {
    let deleted = set(&[0, 1, 8, 9], 10);
    let mut bytes = block(2..8, 4);
    assert_eq!(retain_live(&mut bytes, 4, 2, &deleted).unwrap(), 24);
    assert_eq!(bytes, block(2..8, 4));
}

#[test]
fn a_block_of_deleted_rows_keeps_nothing() {
    let deleted = set(&[4, 3, 5], 10);
    assert_eq!(retain_live(&mut block(3..6, 4), 4, 3, &deleted).unwrap(), 0);
}

#[test]
fn a_block_that_is_no_whole_number_of_rows_is_refused() {
    let none = DeletedDocs::none();
    for (length, row_bytes) in [(7, 4), (1, 4), (9, 4), (7, 0), (0, 0), (7, usize::MAX)] {
        let error = retain_live(&mut vec![0; length], row_bytes, 0, &none).unwrap_err();
        assert_eq!(error, Error::Block { row_bytes: row_bytes as u64, found: length as u64 });
    }
    assert_eq!(retain_live(&mut [], 4, 5, &none).unwrap(), 0);
}

#[test]
fn a_block_behind_the_last_row_of_a_segment_is_refused() {
    let none = DeletedDocs::none();
    assert_eq!(retain_live(&mut [0; 8], 4, (1 << 31) - 2, &none).unwrap(), 8);
    for first_row in [(1 << 31) - 1, 1 << 31, u64::MAX - 1, u64::MAX] {
        let error = retain_live(&mut [0; 8], 4, first_row, &none).unwrap_err();
        assert_eq!(error, Error::TooManyRows { found: first_row.saturating_add(2) });
    }
}

proptest! {
    #[test]
    fn a_closed_block_is_what_a_filter_row_by_row_keeps(
        offsets in prop::collection::vec(0_i32..200, 0..250),
        first in 0_u64..200, rows in 0_u64..200,
        row_bytes in prop::sample::select(vec![1_usize, 2, 3, 4, 8, 16, 31, 64, 512]),
    ) {
        let rows = first..(first + rows).min(200);
        let deleted = set(&offsets, 200);
        let mut bytes = block(rows.clone(), row_bytes);
        let expected: Vec<u64> = rows.clone().filter(|row| !offsets.contains(&(*row as i32))).collect();
        let kept = retain_live(&mut bytes, row_bytes, first, &deleted).unwrap();
        let naive: Vec<u8> = expected.iter().flat_map(|row| block(*row..row + 1, row_bytes)).collect();
        prop_assert_eq!(&bytes[..kept], &naive[..]);
        let mut live = vec![-1];
        live_offsets(rows, &deleted, &mut live);
        let naive: Vec<i64> = std::iter::once(-1).chain(expected.iter().map(|row| *row as i64)).collect();
        prop_assert_eq!(live, naive);
    }

    #[test]
    fn blocks_closed_one_by_one_are_the_whole_closed_at_once(
        offsets in prop::collection::vec(0_i32..200, 0..250),
        cuts in prop::collection::btree_set(0_u64..200, 0..9),
    ) {
        let deleted = set(&offsets, 200);
        let mut whole = block(0..200, 4);
        let kept = retain_live(&mut whole, 4, 0, &deleted).unwrap();
        let ends: Vec<u64> = cuts.into_iter().chain([200]).collect();
        let mut start = 0;
        let mut pieces = Vec::new();
        for end in ends {
            let mut piece = block(start..end, 4);
            let kept = retain_live(&mut piece, 4, start, &deleted).unwrap();
            pieces.extend_from_slice(&piece[..kept]);
            start = end;
        }
        prop_assert_eq!(pieces, &whole[..kept]);
    }
}
