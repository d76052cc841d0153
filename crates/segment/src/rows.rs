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
mod tests;
