// SPDX-License-Identifier: Apache-2.0
//! `<segment>.uid`: the ids of the rows, in insert order.
//!
//! ```text
//! offset  size      value
//! 0       8         n, the bytes of the payload, u64 little-endian
//! 8       n         n/8 ids, i64 little-endian
//! ```
//!
//! Source: `codecs/default/DefaultVectorsFormat.cpp`, v0.7.1 to v1.1.1.

use crate::error::{Error, Result};
use crate::header::payload_len;

/// Bytes of one id.
pub const ID_BYTES: u64 = 8;
/// Offsets of rows are `int32_t` (`segment/DeletedDocs.h`, v1.1.1).
pub(crate) const ROWS_END: u64 = 1 << 31;

/// Returns the number of rows of a segment, from the first eight bytes of its
/// `.uid` and the size of that file.
///
/// # Errors
///
/// When header and size disagree, the payload is no whole number of ids, or
/// there are 2³¹ rows or more.
pub fn rows(header: [u8; 8], file_len: u64) -> Result<u64> {
    let payload = payload_len(header, file_len)?;
    if !payload.is_multiple_of(ID_BYTES) {
        return Err(Error::Remainder { unit: "id", width: ID_BYTES, found: payload });
    }
    let rows = payload / ID_BYTES;
    if rows >= ROWS_END { Err(Error::TooManyRows { found: rows }) } else { Ok(rows) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_are_counted_by_the_header() {
        assert_eq!(rows(80_u64.to_le_bytes(), 88).unwrap(), 10);
        assert_eq!(rows(0_u64.to_le_bytes(), 8).unwrap(), 0);
    }

    #[test]
    fn a_file_that_is_cut_or_too_long_is_refused() {
        for found in [8, 87, 89, 1 << 40] {
            let error = rows(80_u64.to_le_bytes(), found).unwrap_err();
            assert_eq!(error, Error::FileLength { expected: 88, found });
        }
        for found in 0..8 {
            assert_eq!(rows([0; 8], found).unwrap_err(), Error::NoHeader { found });
        }
    }

    #[test]
    fn a_header_that_lies_is_refused() {
        assert!(rows(u64::MAX.to_le_bytes(), 7).is_err());
        assert!(rows(u64::MAX.to_le_bytes(), u64::MAX).is_err());
        assert_eq!(
            rows(12_u64.to_le_bytes(), 20).unwrap_err(),
            Error::Remainder { unit: "id", width: 8, found: 12 }
        );
    }

    #[test]
    fn more_rows_than_an_offset_can_name_are_refused() {
        let payload = (1_u64 << 31) * 8;
        assert_eq!(
            rows(payload.to_le_bytes(), payload + 8).unwrap_err(),
            Error::TooManyRows { found: 1 << 31 }
        );
        assert_eq!(rows((payload - 8).to_le_bytes(), payload).unwrap(), (1 << 31) - 1);
    }

    #[test]
    fn a_payload_that_is_no_whole_number_of_ids_is_refused() {
        for found in (1_u64..=16).filter(|payload| payload % 8 != 0) {
            let error = rows(found.to_le_bytes(), found + 8).unwrap_err();
            assert_eq!(error, Error::Remainder { unit: "id", width: 8, found });
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_counted(count in 0_u64..1 << 31) {
            prop_assert_eq!(rows((count * 8).to_le_bytes(), count * 8 + 8).unwrap(), count);
        }

        #[test]
        fn a_file_of_any_other_size_is_refused(count in 0_u64..1 << 31, file_len: u64) {
            prop_assume!(file_len != count * 8 + 8);
            prop_assert!(rows((count * 8).to_le_bytes(), file_len).is_err());
        }

        #[test]
        fn any_header_is_an_answer_or_an_error(header: [u8; 8], file_len: u64) {
            if let Ok(rows) = rows(header, file_len) {
                prop_assert_eq!(rows * 8 + 8, file_len);
            }
        }
    }
}
