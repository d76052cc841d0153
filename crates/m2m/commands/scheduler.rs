// SPDX-License-Identifier: Apache-2.0
//! `m2m scheduler`

use m2m_distributed::{SchedulerOptions, run_scheduler};

use crate::args::Scheduler;
use crate::error::{Exit, Result};
use crate::output::note;
use crate::settings::Settings;

/// Hands out the tasks of plans, until it is told to end.
pub(crate) async fn run(args: Scheduler, settings: &Settings) -> Result<Exit> {
    if !settings.is_quiet() {
        note(&format!("scheduler at {}", args.listen))?;
    }
    run_scheduler(&SchedulerOptions { listen: args.listen }).await?;
    Ok(Exit::Done)
}
