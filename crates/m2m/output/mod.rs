// SPDX-License-Identifier: Apache-2.0
//! What is said on standard error.

pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod plan;
pub(crate) mod summary;
mod words;

use std::io::Write;

use crate::error::{Error, Result};
pub(crate) use words::{one_line, visible};

/// Prints a line on standard error.
pub(crate) fn note(text: &str) -> Result<()> {
    let written = writeln!(std::io::stderr().lock(), "{}", visible(text));
    written.map_err(|source| Error::Io { what: "write to standard error", source })
}
