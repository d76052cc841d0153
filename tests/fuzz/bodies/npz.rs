// SPDX-License-Identifier: Apache-2.0
//! A `.npz` archive.

use super::arrays;

/// Reads all arrays.
pub(crate) fn run(data: &[u8]) {
    arrays::read(data, "NPZ");
}
