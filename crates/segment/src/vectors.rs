// SPDX-License-Identifier: Apache-2.0
//! `<segment>.rv`: the vectors of the rows, in the order of the ids.
//!
//! ```text
//! offset  size      value
//! 0       8         n, the bytes of the payload, u64 little-endian
//! 8       n         rows × dimension f32 little-endian, or rows × dimension/8 bytes
//! ```
//!
//! Source: `codecs/default/DefaultVectorsFormat.cpp`, v0.7.1 to v1.1.1. The old
//! server does not notice a short file and answers with zeros; here it is an error.

use crate::error::{Error, Result};
use crate::header::payload_len;
use crate::layout::VectorLayout;

/// Checks the first eight bytes of a `.rv` and its size against the rows of the
/// segment's `.uid`.
///
/// # Errors
///
/// When header and size disagree, or the payload is not `rows` vectors.
pub fn check(header: [u8; 8], file_len: u64, rows: u64, layout: VectorLayout) -> Result<()> {
    let found = payload_len(header, file_len)?;
    let row_bytes = layout.row_bytes() as u64;
    let expected = u128::from(rows).saturating_mul(u128::from(row_bytes));
    if u128::from(found) == expected {
        Ok(())
    } else {
        Err(Error::VectorBytes { expected, rows, row_bytes, found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::VectorElement;

    fn layout() -> VectorLayout {
        VectorLayout::try_new(VectorElement::Float32, 4).unwrap()
    }

    #[test]
    fn a_whole_file_passes() {
        check(160_u64.to_le_bytes(), 168, 10, layout()).unwrap();
        check(0_u64.to_le_bytes(), 8, 0, layout()).unwrap();
    }

    #[test]
    fn a_file_that_is_cut_or_too_long_is_refused() {
        for found in [8, 100, 167, 169] {
            let error = check(160_u64.to_le_bytes(), found, 10, layout()).unwrap_err();
            assert_eq!(error, Error::FileLength { expected: 168, found });
        }
        assert_eq!(check([0; 8], 0, 10, layout()).unwrap_err(), Error::NoHeader { found: 0 });
    }

    #[test]
    fn vectors_that_are_not_as_many_as_the_ids_are_refused() {
        for rows in [9, 11, u64::MAX] {
            let error = check(160_u64.to_le_bytes(), 168, rows, layout()).unwrap_err();
            assert!(matches!(error, Error::VectorBytes { found: 160, .. }), "{error}");
        }
    }
}
