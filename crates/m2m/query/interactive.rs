// SPDX-License-Identifier: Apache-2.0
//! A runner behind a prompt.

use datafusion::prelude::SessionContext;

use super::output::Output;
use super::runner::{Runner, Script};
use crate::args::Format;
use crate::error::{Error, Result};
use crate::shell::Engine;

impl Engine for Runner {
    async fn run(&mut self, sql: &str) -> Result<()> {
        let interrupted = async {
            let pressed = tokio::signal::ctrl_c().await;
            pressed.map_err(|source| Error::Io { what: "listen for signals", source })?;
            Err(Error::Interrupted)
        };
        let script = Script::typed(sql);
        tokio::select! {
            ran = self.run_script(&script) => ran,
            interrupted = interrupted => interrupted,
        }
    }

    fn set_timing(&mut self, on: Option<bool>) -> bool {
        self.timing = on.unwrap_or(!self.timing);
        self.timing
    }

    fn format(&self) -> Format {
        self.output.format()
    }

    fn set_format(&mut self, format: Format) -> Result<()> {
        self.output.set_format(format)
    }

    fn set_output(&mut self, file: Option<&str>) -> Result<()> {
        let format = self.output.format();
        // A form that was chosen for reading is that of a terminal, not of a data file.
        let next = match file {
            None => Output::stdout(if format.is_data() { Format::default() } else { format }),
            Some(file) => Output::growing(file, None)?,
        };
        std::mem::replace(&mut self.output, next).close()
    }

    fn context(&self) -> &SessionContext {
        &self.ctx
    }
}
