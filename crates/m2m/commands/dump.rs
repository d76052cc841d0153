// SPDX-License-Identifier: Apache-2.0
//! `m2m dump`

use m2m_migration::{DumpPlan, ReportOptions, dump, take_up};

use super::plan;
use crate::args::{Dump, PlanFormat};
use crate::error::{Exit, Result};
use crate::output::{goes_on, summary};
use crate::settings::{Access, Settings};

/// Writes import files and says what was written; goes on where an earlier run was stopped.
pub(crate) async fn run(args: Dump, settings: &Settings) -> Result<Exit> {
    if args.dry_run {
        let (format, options) = (PlanFormat::Text, ReportOptions::default());
        return plan::show(settings, &args.selection, &args.options, format, options).await;
    }
    let source = settings.source().await?;
    let target = settings.target(Access::Write).await?;
    let mut options = settings.dump(&args.options);
    take_up(&target, &mut options).await?;
    let (selection, ctx) = settings.rows(&source, &args.selection).await?;
    let reporter = settings.reporter();
    let plan = DumpPlan::new(&source, &ctx, &selection, &options, &reporter).await?;
    let dumped = dump(&source, &plan, &target, &options, &reporter).await;
    let manifest = dumped.inspect_err(|error| goes_on(error, settings.is_quiet()))?;
    if !settings.is_quiet() {
        summary::dumped(&manifest, &target.display(target.prefix()))?;
    }
    Ok(Exit::Done)
}
