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

/// Says that a step which was stopped goes on, before the error that stopped it.
pub(crate) fn goes_on(error: &m2m_migration::Error, is_quiet: bool) {
    if error.is_resumable() && !is_quiet {
        // The error is what matters.
        note("note: what is complete stays, and the same command goes on with it").ok();
    }
}
