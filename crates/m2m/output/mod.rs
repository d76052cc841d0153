// SPDX-License-Identifier: Apache-2.0
//! What is printed: rows on standard output, summaries on standard error.

pub(crate) mod rows;
mod shorten;
pub(crate) mod summary;

use std::io::Write;

use crate::error::{Error, Result};

/// Prints a line on standard error.
pub(crate) fn note(text: &str) -> Result<()> {
    let written = writeln!(std::io::stderr().lock(), "{text}");
    written.map_err(|source| Error::Io { what: "write to standard error", source })
}
