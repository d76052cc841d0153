// SPDX-License-Identifier: Apache-2.0
//! Blocks of rows without the deleted ones.

use std::ops::Range;

use crate::deleted_docs::DeletedDocs;
use crate::error::{Error, Result};
use crate::ids::ROWS_END;

/// Closes a block of rows over its deleted rows, in place, with one copy for
/// each run of live rows, and returns the bytes that are kept.
///
/// `block` holds whole rows of `row_bytes` bytes, the first of which has the
/// offset `first_row` in its segment. A block without a deleted row is not
/// touched, nor are the rows before the first deleted one; what stands behind
/// the kept bytes afterwards means nothing.
///
/// # Errors
///
/// When the block is no whole number of rows, or ends behind the last row that
/// a segment can have.
pub fn retain_live(
    block: &mut [u8],
    row_bytes: usize,
    first_row: u64,
    deleted: &DeletedDocs,
) -> Result<usize> {
    let found = block.len();
    let wrong = || Error::Block { row_bytes: row_bytes as u64, found: found as u64 };
    let rows = found.checked_div(row_bytes).ok_or_else(wrong)?;
    if rows.checked_mul(row_bytes) != Some(found) {
        return Err(wrong());
    }
    let end = first_row.saturating_add(rows as u64);
    if end > ROWS_END {
        return Err(Error::TooManyRows { found: end });
    }
    if deleted.count_in(first_row..end) == 0 {
        return Ok(found);
    }
    let mut kept = 0_usize;
    for run in deleted.live_runs(first_row..end) {
        let bytes = byte_range(&run, first_row, row_bytes).ok_or_else(wrong)?;
        let length = bytes.len();
        if bytes.start != kept {
            block.copy_within(bytes, kept);
        }
        kept = kept.saturating_add(length);
    }
    Ok(kept)
}

/// Appends the offsets of the live rows in `rows` to `out`.
pub fn live_offsets(rows: Range<u64>, deleted: &DeletedDocs, out: &mut Vec<i64>) {
    for run in deleted.live_runs(rows) {
        // Rows of a segment are below 2³¹, so both ends always fit.
        if let (Ok(start), Ok(end)) = (i64::try_from(run.start), i64::try_from(run.end)) {
            out.extend(start..end);
        }
    }
}

/// The bytes of a run inside its block.
fn byte_range(run: &Range<u64>, first_row: u64, row_bytes: usize) -> Option<Range<usize>> {
    let at = |row: u64| usize::try_from(row.checked_sub(first_row)?).ok()?.checked_mul(row_bytes);
    Some(at(run.start)?..at(run.end)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(offsets: &[i32], rows: u64) -> DeletedDocs {
        let payload: Vec<u8> = offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
        let file = [&(payload.len() as u64).to_le_bytes(), payload.as_slice()].concat();
        DeletedDocs::decode(&file, rows).unwrap()
    }

    #[test]
    fn a_block_that_is_no_whole_number_of_rows_is_refused() {
        let none = DeletedDocs::none();
        assert!(retain_live(&mut [0; 7], 4, 0, &none).is_err());
        assert!(retain_live(&mut [0; 7], 0, 0, &none).is_err());
        assert!(retain_live(&mut [0; 8], 4, u64::MAX, &none).is_err());
        assert_eq!(retain_live(&mut [], 4, 5, &none).unwrap(), 0);
    }

    proptest! {
        #[test]
        fn a_closed_block_is_what_a_filter_row_by_row_keeps(
            offsets in prop::collection::vec(0_i32..50, 0..70),
            first in 0_u64..50, rows in 0_u64..30, row_bytes in 1_usize..9,
        ) {
            let rows = rows.min(50 - first);
            let deleted = set(&offsets, 50);
            let mut block: Vec<u8> = (0..rows as usize * row_bytes).map(|at| at as u8).collect();
            let expected: Vec<u8> = block
                .chunks(row_bytes)
                .enumerate()
                .filter(|(row, _)| !offsets.contains(&(first as i32 + *row as i32)))
                .flat_map(|(_, bytes)| bytes.to_vec())
                .collect();
            let kept = retain_live(&mut block, row_bytes, first, &deleted).unwrap();
            prop_assert_eq!(&block[..kept], &expected[..]);
            let mut live = Vec::new();
            live_offsets(first..first + rows, &deleted, &mut live);
            prop_assert_eq!(live.len() * row_bytes, kept);
            prop_assert!(live.iter().all(|&offset| !deleted.contains(offset as u64)));
        }
    }
}
