// SPDX-License-Identifier: Apache-2.0
//! Telling files of Milvus 0.11, which has another format.

/// Every file of 0.11 begins with these bytes (`codecs/ExtraFileInfo.cpp`, v0.11.1).
const MAGIC: &[u8] = b"Milvus";

/// Returns whether a file that begins with `prefix` is one of Milvus 0.11.
#[must_use]
pub fn is_0_11_file(prefix: &[u8]) -> bool {
    prefix.starts_with(MAGIC)
}
