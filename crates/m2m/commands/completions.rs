// SPDX-License-Identifier: Apache-2.0
//! `m2m completions`

use std::io::Write;

use clap::CommandFactory;

use crate::args::{Args, Completions};
use crate::error::{Error, Exit, Result};

/// Prints the script for a shell.
pub(crate) fn run(args: &Completions) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "m2m", &mut script);
    let written = std::io::stdout().lock().write_all(&script);
    written.map_err(|source| Error::Io { what: "write the script", source })?;
    Ok(Exit::Done)
}
