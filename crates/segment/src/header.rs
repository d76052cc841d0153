// SPDX-License-Identifier: Apache-2.0
//! The length header that every file of a segment begins with.

use crate::error::{Error, Result};

/// Bytes of the length header.
pub const HEADER_LEN: u64 = 8;

/// Returns the bytes of the payload, when header and file size agree.
pub(crate) fn payload_len(header: [u8; 8], file_len: u64) -> Result<u64> {
    if file_len < HEADER_LEN {
        return Err(Error::NoHeader { found: file_len });
    }
    let payload = u64::from_le_bytes(header);
    match payload.checked_add(HEADER_LEN) {
        Some(expected) if expected == file_len => Ok(payload),
        _ => {
            let expected = u128::from(payload).saturating_add(u128::from(HEADER_LEN));
            Err(Error::FileLength { expected, found: file_len })
        }
    }
}
