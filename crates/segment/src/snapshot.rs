// SPDX-License-Identifier: Apache-2.0
//! Telling files of Milvus 0.11, which has another format.

/// Every file of 0.11 begins with these bytes (`codecs/ExtraFileInfo.cpp`, v0.11.1).
const MAGIC: &[u8] = b"Milvus";

/// Returns whether a file that begins with `prefix` is one of Milvus 0.11.
#[must_use]
pub fn is_0_11_file(prefix: &[u8]) -> bool {
    prefix.starts_with(MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_begins_with_the_whole_magic_is_told() {
        assert!(is_0_11_file(b"Milvus"));
        assert!(is_0_11_file(b"Milvus_format_version=1.0;size=8;"));
        for prefix in [&b""[..], b"Milvu", b"milvus", b" Milvus", &80_u64.to_le_bytes()] {
            assert!(!is_0_11_file(prefix), "{prefix:?}");
        }
    }
}
