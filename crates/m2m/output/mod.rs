// SPDX-License-Identifier: Apache-2.0
//! What is printed: rows on standard output, summaries on standard error.

pub(crate) mod rows;
mod shorten;
pub(crate) mod summary;
