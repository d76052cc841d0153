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
    use proptest::prelude::*;

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

    #[test]
    fn a_header_that_lies_is_refused() {
        let error = check(u64::MAX.to_le_bytes(), 168, 10, layout()).unwrap_err();
        assert_eq!(error, Error::FileLength { expected: (1 << 64) + 7, found: 168 });
        assert_eq!(
            error.to_string(),
            "expected a file of 18446744073709551623 bytes by its length header, found 168"
        );
        assert!(check(u64::MAX.to_le_bytes(), 7, 10, layout()).is_err());
        assert!(check(u64::MAX.to_le_bytes(), u64::MAX, u64::MAX, layout()).is_err());
    }

    #[test]
    fn vectors_of_another_element_or_dimension_are_refused() {
        for (element, dimension) in [
            (VectorElement::Float32, 3),
            (VectorElement::Float32, 5),
            (VectorElement::Bit, 8),
            (VectorElement::Bit, 32_768),
        ] {
            let layout = VectorLayout::try_new(element, dimension).unwrap();
            assert!(check(160_u64.to_le_bytes(), 168, 10, layout).is_err(), "{layout:?}");
        }
        let same_width = VectorLayout::try_new(VectorElement::Bit, 128).unwrap();
        check(160_u64.to_le_bytes(), 168, 10, same_width).unwrap();
    }

    #[test]
    fn vectors_without_ids_and_ids_without_vectors_are_refused() {
        assert_eq!(
            check(16_u64.to_le_bytes(), 24, 0, layout()).unwrap_err().to_string(),
            "expected 0 bytes of vectors (0 rows of 16 bytes), found 16"
        );
        assert!(check(0_u64.to_le_bytes(), 8, 1, layout()).is_err());
    }

    proptest! {
        #[test]
        fn only_as_many_vectors_as_ids_pass(
            rows in 0_u64..1 << 31, claimed in 0_u64..1 << 31, dimension in 1_u32..=32_768,
        ) {
            let layout = VectorLayout::try_new(VectorElement::Float32, dimension).unwrap();
            let payload = rows * layout.row_bytes() as u64;
            prop_assert!(check(payload.to_le_bytes(), payload + 8, rows, layout).is_ok());
            let passes = check(payload.to_le_bytes(), payload + 8, claimed, layout).is_ok();
            prop_assert_eq!(passes, rows == claimed);
        }

        #[test]
        fn any_header_is_an_answer_or_an_error(header: [u8; 8], file_len: u64, rows: u64) {
            if check(header, file_len, rows, layout()).is_ok() {
                prop_assert_eq!(rows * 16 + 8, file_len);
            }
        }
    }
}
