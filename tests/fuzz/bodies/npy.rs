// SPDX-License-Identifier: Apache-2.0
//! A `.npy` file.

use super::arrays;

/// Reads the array.
pub(crate) fn run(data: &[u8]) {
    arrays::read(data, "NPY");
}
