// SPDX-License-Identifier: Apache-2.0
//! `m2m check`

use std::io::Write;

use m2m_migration::LoadSettings;
use m2m_migration::check::{Look, SourceCheck, Step, check_files, check_server, probe};
use m2m_milvus::Client;
use m2m_storage::Storage;
use serde::Serialize;

use super::audit::collections;
use crate::args::Check;
use crate::error::{Error, Exit, Result};
use crate::output::check as printed;
use crate::settings::{Access, Settings};

/// Says whether a migration can begin. What is written is removed again.
pub(crate) async fn run(args: Check, settings: &Settings) -> Result<Exit> {
    // What is missing or contradicts itself is no finding.
    settings.check()?;
    let mut steps = Steps { is_json: args.json, all: Vec::new() };
    let source = source(&args, settings, &mut steps).await?;
    let (target, is_usable) = files(&args, settings, source.as_ref(), &mut steps).await?;
    let client = milvus(settings, source.as_ref(), target.as_ref().filter(|_| is_usable), &mut steps).await?;
    steps.add(of_probe(&args, settings, client, target.filter(|_| is_usable)).await?)?;
    steps.end()
}

/// The steps that were taken, which are printed as they end.
struct Steps {
    is_json: bool,
    all: Vec<Step>,
}

impl Steps {
    fn add(&mut self, step: Step) -> Result<()> {
        if !self.is_json {
            print(&printed::step(&step))?;
        }
        self.all.push(step);
        Ok(())
    }

    fn end(self) -> Result<Exit> {
        let is_failed = self.all.iter().any(Step::is_failed);
        if self.is_json {
            let report = Report {
                format: 1,
                m2m_version: env!("CARGO_PKG_VERSION"),
                ready: !is_failed,
                seconds: self.all.iter().map(|step| step.seconds).sum(),
                steps: &self.all,
            };
            print(&(serde_json::to_string_pretty(&report)? + "\n"))?;
        } else {
            print(&printed::verdict(&self.all))?;
        }
        Ok(if is_failed { Exit::Failed } else { Exit::Done })
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    /// Version of this shape.
    format: u32,
    m2m_version: &'static str,
    /// Whether no step failed.
    ready: bool,
    seconds: f64,
    steps: &'a [Step],
}

fn print(text: &str) -> Result<()> {
    let printed = std::io::stdout().lock().write_all(text.as_bytes());
    printed.map_err(|source| Error::Io { what: "write what was found", source })
}

/// The installation, when it can be opened.
async fn source(args: &Check, settings: &Settings, steps: &mut Steps) -> Result<Option<SourceCheck>> {
    let mut look = Look::at("metadata");
    let source = match settings.source_to_examine().await {
        Ok(source) => source,
        Err(error) => {
            look.error(&error);
            steps.add(look.end())?;
            for step in ["segments", "write-ahead log", "old server"] {
                steps.add(Step::skipped(step, "the installation cannot be opened"))?;
            }
            return Ok(None);
        }
    };
    let mut selection = settings.names(&collections(&source, &args.selection.collections)?);
    let is_planned = args.selection.filter.is_some() || args.selection.query()?.is_some();
    if is_planned || selection.of_collections.values().any(|one| one.filter.is_some() || one.query.is_some())
    {
        match settings.rows(&source, &args.selection).await {
            Ok((planned, _)) => selection = planned,
            Err(error) => look.error(&error),
        }
    }
    let ctx = settings.session()?;
    source.register(&ctx)?;
    let checked = SourceCheck::new(&source, &ctx, selection, settings.dump(&args.dump))?;
    steps.add(Box::pin(checked.metadata(look)).await)?;
    steps.add(Box::pin(checked.segments()).await)?;
    steps.add(Box::pin(checked.log()).await)?;
    steps.add(Box::pin(checked.server()).await)?;
    Ok(Some(checked))
}

/// The place of the import files, and whether it can be used.
async fn files(
    args: &Check,
    settings: &Settings,
    source: Option<&SourceCheck>,
    steps: &mut Steps,
) -> Result<(Option<Storage>, bool)> {
    if !settings.has_target() {
        steps.add(Step::skipped("import files", "no place is named for them (`--out`)"))?;
        return Ok((None, false));
    }
    let target = settings.target(Access::Later).await?;
    let planned = match source {
        Some(source) => Box::pin(source.planned_bytes()).await,
        None => None,
    };
    let installation = source.map(SourceCheck::source);
    let taken = check_files(&target, installation, planned, args.dump.overwrite).await;
    let is_usable = taken.first().is_some_and(|step| !step.is_failed());
    for step in taken {
        steps.add(step)?;
    }
    Ok((Some(target), is_usable))
}

/// Milvus 2.x, when it can be reached.
async fn milvus(
    settings: &Settings,
    source: Option<&SourceCheck>,
    target: Option<&Storage>,
    steps: &mut Steps,
) -> Result<Option<Client>> {
    const NAME: &str = "milvus";
    if !settings.has_milvus() {
        steps.add(Step::skipped(NAME, "no Milvus is named (`--milvus`)"))?;
        return Ok(None);
    }
    let mut look = Look::at(NAME);
    let client = match settings.milvus().await {
        Ok(client) => client,
        Err(error) => {
            look.error(&error);
            steps.add(look.end())?;
            return Ok(None);
        }
    };
    look.fact(format!("Milvus {} answers at {}", client.version(), settings.milvus_address()?));
    steps.add(look.end())?;
    for step in Box::pin(check_server(&client, source, target, &settings.load_anywhere())).await {
        steps.add(step)?;
    }
    Ok(Some(client))
}

/// One row, all the way.
async fn of_probe(
    args: &Check,
    settings: &Settings,
    client: Option<Client>,
    target: Option<Storage>,
) -> Result<Step> {
    const NAME: &str = "probe";
    let (client, target) = match (client, target) {
        _ if args.no_probe => return Ok(Step::skipped(NAME, "`--no-probe` leaves it out")),
        (Some(client), Some(target)) => (client, target),
        (None, _) => return Ok(Step::skipped(NAME, "no Milvus can be asked")),
        (_, None) => return Ok(Step::skipped(NAME, "no import files can be written")),
    };
    let loading = match settings.load(&target) {
        Ok(loading) => loading,
        Err(error) => {
            let mut look = Look::at(NAME);
            look.error(&error);
            return Ok(look.end());
        }
    };
    let LoadSettings { server_path, .. } = &loading;
    // A database that is not there yet is none to make for a probe.
    let client =
        if client.has_database().await? { client } else { settings.milvus_without_database().await? };
    Ok(Box::pin(probe(&client, &target, server_path.as_deref(), &settings.reporter())).await)
}
