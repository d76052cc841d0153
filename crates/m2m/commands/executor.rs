// SPDX-License-Identifier: Apache-2.0
//! `m2m executor`

use m2m_distributed::run_executor;

use crate::args::Executor;
use crate::error::{Exit, Result};
use crate::output::note;
use crate::settings::Settings;

/// Runs tasks of plans, until it is told to end.
pub(crate) async fn run(args: Executor, settings: &Settings) -> Result<Exit> {
    let options = settings.executor(args).await?;
    if !settings.is_quiet() {
        let (listen, scheduler, workers) = (&options.listen, &options.scheduler, options.workers);
        note(&format!("executor at {listen} for the scheduler at {scheduler}, {workers} tasks at once"))?;
    }
    run_executor(options).await?;
    Ok(Exit::Done)
}
