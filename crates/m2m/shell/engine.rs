// SPDX-License-Identifier: Apache-2.0
//! Who runs what is typed.

use datafusion::prelude::SessionContext;

use crate::args::Format;
use crate::error::Result;

/// What the shell asks of whoever runs statements.
pub(crate) trait Engine {
    /// Runs a script of one or more statements and prints their rows to the
    /// current output. Ctrl-C cancels it.
    async fn run(&mut self, sql: &str) -> Result<()>;

    /// Turns timing on or off, or to the other of both, and returns what it is now.
    fn set_timing(&mut self, on: Option<bool>) -> bool;

    /// How rows are printed.
    fn format(&self) -> Format;

    /// Says how rows are printed from now on. Not every format can go to a terminal.
    fn set_format(&mut self, format: Format) -> Result<()>;

    /// Says where rows go from now on: to a file, or to standard output again.
    fn set_output(&mut self, file: Option<&str>) -> Result<()>;

    /// The session, for the names in it.
    fn context(&self) -> &SessionContext;
}
