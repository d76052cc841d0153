// SPDX-License-Identifier: Apache-2.0
//! `m2m audit`

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use m2m_catalog::Place;
use m2m_datasource::Source;
use m2m_migration::audit::{
    AuditReport, AuditSettings, Check, Severity, Verdict, audit, shipped_checks, with_own_checks,
};
use m2m_migration::{Observer, refuse_file_in_source};

use crate::args::{Audit, AuditFormat, Denied};
use crate::error::{Error, Exit, Result};
use crate::nearest::nearest;
use crate::output::audit::{page, text};
use crate::query::{check_place, write_whole};
use crate::settings::Settings;

/// Says what stands in the way of a migration. Nothing is written but the report.
pub(crate) async fn run(args: Audit, settings: &Settings) -> Result<Exit> {
    let place = settings.typed_output();
    let format = format(args.format, place);
    let checks = checks(args.checks.as_deref())?;
    known(&args.allow, &checks)?;
    let source = settings.source_to_examine().await?;
    if let Some(place) = place {
        // Before hours of reading.
        check(place, &source)?;
    }
    let ctx = settings.sql_session(&source)?;
    let auditing = AuditSettings {
        collections: collections(&source, &args.collections)?,
        quick: args.quick,
        allow: args.allow,
        deny: args.deny.map(|denied| match denied {
            Denied::Warning => Severity::Warning,
            Denied::Note => Severity::Note,
        }),
    };
    let observer = Arc::new(settings.reporter()) as Arc<dyn Observer>;
    let report = audit(&source, &ctx, &checks, &auditing, &observer).await?;
    let written = match format {
        AuditFormat::Text => text(&report),
        AuditFormat::Json => serde_json::to_string_pretty(&report)? + "\n",
        AuditFormat::Html => page::page(&report)?,
    };
    match place {
        Some(place) => {
            write_whole(Path::new(place), written.as_bytes()).map_err(failed(place))?;
        }
        None => {
            let printed = std::io::stdout().lock().write_all(written.as_bytes());
            printed.map_err(|source| Error::Io { what: "write the audit", source })?;
        }
    }
    Ok(exit(&report))
}

/// Makes sure that a report can be written there, as far as can be told before.
fn check(place: &str, source: &Source) -> Result<()> {
    if place.contains("://") {
        let reason = "an audit is written to a file of this machine, and this is a URL".into();
        return Err(Error::Setting { setting: format!("-o {place}"), reason });
    }
    refuse_file_in_source(source, Path::new(place))?;
    check_place(Path::new(place)).map_err(failed(place))
}

fn failed(place: &str) -> impl FnOnce(std::io::Error) -> Error {
    let place = place.to_owned();
    move |source| Error::WriteAudit { place, source }
}

fn exit(report: &AuditReport) -> Exit {
    match report.verdict {
        Verdict::NotReady => Exit::Different,
        Verdict::Ready | Verdict::ReadyWithWarnings => Exit::Done,
    }
}

/// What was chosen, or what the ending of the file says.
fn format(chosen: Option<AuditFormat>, place: Option<&str>) -> AuditFormat {
    let ending = place.and_then(|place| Path::new(place).extension()?.to_str());
    let by_ending = || match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("json") => AuditFormat::Json,
        Some("html" | "htm") => AuditFormat::Html,
        _ => AuditFormat::Text,
    };
    chosen.unwrap_or_else(by_ending)
}

fn checks(own: Option<&Path>) -> Result<Vec<Check>> {
    let shipped = shipped_checks()?;
    Ok(match own {
        Some(folder) => with_own_checks(shipped, folder)?,
        None => shipped,
    })
}

/// Makes sure that checks of these names exist.
fn known(allowed: &[String], checks: &[Check]) -> Result<()> {
    let names = || checks.iter().map(|check| check.id.as_str());
    let Some(unknown) = allowed.iter().find(|name| !names().any(|known| known == *name)) else {
        return Ok(());
    };
    let hint = nearest(unknown, names()).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    let reason = format!("there is no check `{unknown}`{hint}");
    Err(Error::Setting { setting: "--allow".into(), reason })
}

/// The names of collections as the installation has them. One that cannot be read is told
/// in the report, and so is metadata that says nothing of collections.
pub(super) fn collections(source: &Source, asked: &[String]) -> Result<Vec<String>> {
    let is_told = |name: &String| {
        source.problems().iter().any(|problem| match &problem.collection {
            Some(collection) => collection == name,
            None => problem.place == Place::Metadata,
        })
    };
    let known = |name: &String| match source.collection(name) {
        Ok(table) => Ok(table.collection().name.clone()),
        Err(_) if is_told(name) => Ok(name.clone()),
        Err(error) => Err(error.into()),
    };
    asked.iter().map(known).collect()
}
