// SPDX-License-Identifier: Apache-2.0
//! `m2m plan`, and what other commands show instead of doing it.

use std::io::Write;

use m2m_migration::{DumpPlan, DumpSettings, LoadSettings, PlanReport, ReportOptions, Server};
use m2m_sink::manifest::Manifest;

use crate::args::{DumpOptions, Plan, PlanFormat, Selection};
use crate::error::{Error, Exit, Result};
use crate::output::plan::text;
use crate::output::visible;
use crate::settings::Settings;

/// Shows what a migration would do.
pub(crate) async fn run(args: Plan, settings: &Settings) -> Result<Exit> {
    let options = ReportOptions { explain: args.explain };
    show(settings, &args.selection, &args.dump, args.format, options).await
}

/// Shows what would be done with some rows. Nothing is written anywhere.
pub(crate) async fn show(
    settings: &Settings,
    selection: &Selection,
    dumping: &DumpOptions,
    format: PlanFormat,
    options: ReportOptions,
) -> Result<Exit> {
    let source = settings.source().await?;
    let (selection, ctx) = settings.rows(&source, selection).await?;
    let wanted = settings.dump(dumping);
    // Rows that are nowhere but in the log are a problem of the plan, and no end of it.
    let patient = DumpSettings { allow_unflushed: true, ..wanted.clone() };
    let mut plan = DumpPlan::new(&source, &ctx, &selection, &patient, &settings.reporter()).await?;
    plan.count().await?;
    plan.note_ids().await?;
    let loading = settings.load_anywhere();
    let client = if settings.has_milvus() { Some(settings.milvus().await?) } else { None };
    let server = client.as_ref().map_or(Server::Assumed, Server::Connected);
    let mut report = PlanReport::of_plan(&plan, server, &patient, &loading, options).await?;
    if let (false, Err(error)) = (wanted.allow_unflushed, plan.check_flushed(&source)) {
        report.problems.push(error.to_string());
    }
    print(&report, format)
}

/// Shows what a load of a dump would do. Nothing is written anywhere.
pub(crate) async fn show_load(
    settings: &Settings,
    manifest: &Manifest,
    loading: &LoadSettings,
) -> Result<Exit> {
    let client = settings.milvus().await?;
    let report = PlanReport::of_manifest(manifest, Server::Connected(&client), loading).await?;
    print(&report, PlanFormat::Text)
}

fn print(report: &PlanReport, format: PlanFormat) -> Result<Exit> {
    let mut stdout = std::io::stdout().lock();
    match format {
        PlanFormat::Text => stdout.write_all(visible(&text(report)).as_bytes()),
        PlanFormat::Json => {
            serde_json::to_writer_pretty(&mut stdout, report)?;
            writeln!(stdout)
        }
    }
    .map_err(|source| Error::Io { what: "write the plan", source })?;
    Ok(if report.has_problems() { Exit::Different } else { Exit::Done })
}
