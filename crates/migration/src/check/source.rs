// SPDX-License-Identifier: Apache-2.0
//! Whether the installation can be read, and is whole: some of the checks of an audit.

use std::collections::HashSet;

use datafusion::prelude::SessionContext;
use m2m_catalog::Place;
use m2m_datasource::Source;
use serde_json::Value;

use super::room::{counted, size};
use super::step::{Look, Step};
use crate::audit::{CheckReport, Glance, Outcome, Severity};
use crate::error::Result;
use crate::mapping_schema::Facts;
use crate::select::{Selected, select};
use crate::settings::{DumpSettings, Selection};

/// The checks of each step.
const METADATA: &[&str] = &["collection_unreadable", "metadata_unreadable", "no_collections"];
const SEGMENTS: &[&str] = &["damaged_files", "missing_deleted_docs", "missing_files", "unreadable_files"];
const LOG: &[&str] = &["log_missing", "log_unreadable", "unflushed_rows"];
const SERVER: &[&str] = &["server_not_stopped", "server_running"];
/// The check that `--allow-unflushed` is about.
const UNFLUSHED: &str = "unflushed_rows";
/// Columns that tell where something was found.
const WHERE: [&str; 3] = ["collection", "partition_tag", "segment_id"];
/// Findings of a check that are told one by one.
const TOLD: usize = 5;

/// A 1.x installation that is looked at.
pub struct SourceCheck {
    source: Source,
    glance: Glance,
    pub(super) selection: Selection,
    pub(super) dumping: DumpSettings,
    pub(super) facts: Facts,
}

impl SourceCheck {
    /// Looks at an installation that was opened to be examined, and that a session
    /// has registered.
    ///
    /// # Errors
    ///
    /// When the session has no installation.
    pub fn new(
        source: &Source,
        ctx: &SessionContext,
        selection: Selection,
        dumping: DumpSettings,
    ) -> Result<Self> {
        let glance = Glance::new(source, ctx, &selection.collections)?;
        let facts = Facts::assumed(source, &selection, &dumping);
        Ok(Self { source: source.clone(), glance, selection, dumping, facts })
    }

    /// Whether there are collections to look at.
    pub(super) fn has_collections(&self) -> bool {
        !self.source.inventory().collections.is_empty()
    }

    /// Ends the step that the installation was opened in.
    pub async fn metadata(&self, mut look: Look) -> Step {
        let collections = self.source.inventory().collections.len();
        let collections = counted(collections as u64, "collection");
        look.fact(format!("{collections} in `{}`", self.source.metadata().source));
        self.ask(&mut look, METADATA).await;
        if !look.is_failed()
            && let Err(error) = self.selected()
        {
            look.error(&error);
        }
        look.end()
    }

    /// Reads the headers of all segments of the selected collections.
    pub async fn segments(&self) -> Step {
        const NAME: &str = "segments";
        if self.source.problems().iter().any(|problem| problem.place == Place::Metadata) {
            return Step::skipped(NAME, "without metadata it is not known which of them live");
        }
        let mut look = Look::at(NAME);
        self.ask(&mut look, SEGMENTS).await;
        match self.glance.totals().await {
            Ok(totals) => look.fact(format!(
                "{} live rows in {} of {}, {} deleted; {}",
                totals.live_rows,
                counted(totals.segments, "segment"),
                self.source
                    .tables()
                    .iter()
                    .map(|folder| format!("`{folder}`"))
                    .collect::<Vec<_>>()
                    .join(", "),
                totals.deleted_rows,
                size(totals.live_bytes)
            )),
            Err(error) => look.error(&error),
        }
        look.end()
    }

    /// Looks for rows that stand only in the write-ahead log.
    pub async fn log(&self) -> Step {
        let mut look = Look::at("write-ahead log");
        match &self.source.metadata().wal {
            Some(wal) => look.fact(format!("read in `{}`", wal.display())),
            None => look.fact("none is known"),
        }
        self.ask(&mut look, LOG).await;
        look.end()
    }

    /// Looks whether the old server runs.
    pub async fn server(&self) -> Step {
        let mut look = Look::at("old server");
        self.ask(&mut look, SERVER).await;
        if !look.has_problems() {
            look.fact("no sign that it runs");
        }
        look.end()
    }

    /// About how many bytes a dump would write, as far as that is known.
    pub async fn planned_bytes(&self) -> Option<u64> {
        let names: HashSet<String> = self.selected().ok()?.into_iter().map(|one| one.name).collect();
        let all = self.facts.outlooks(None).await.ok()?;
        let selected = all.into_iter().filter(|outlook| names.contains(&outlook.collection.name));
        Some(selected.filter_map(|outlook| Some(outlook.planned.ok()?.bytes)).sum())
    }

    /// What is selected.
    pub(super) fn selected(&self) -> Result<Vec<Selected>> {
        select(&self.source, &self.selection)
    }

    /// The installation.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    async fn ask(&self, look: &mut Look, ids: &[&str]) {
        for report in self.glance.ask(ids).await {
            let is_allowed = self.dumping.allow_unflushed && report.id == UNFLUSHED;
            tell(look, &report, if is_allowed { Severity::Warning } else { report.severity });
        }
    }
}

/// Tells what a check found.
fn tell(look: &mut Look, report: &CheckReport, severity: Severity) {
    if report.outcome == Outcome::Failed {
        let why = report.problem.as_deref().unwrap_or_default();
        look.problem(Severity::Error, format!("cannot look for `{}`: {why}", report.id), None);
    }
    for row in report.rows.iter().take(TOLD) {
        let value = |name: &str| {
            let at = report.columns.iter().position(|column| column == name)?;
            row.get(at).filter(|value| !value.is_null()).map(plain)
        };
        let place = WHERE.iter().filter_map(|name| value(name)).collect::<Vec<_>>().join(" / ");
        let message = value("message").unwrap_or_default();
        let message = if place.is_empty() { message } else { format!("{place}: {message}") };
        let remedy = value("remedy").unwrap_or_else(|| report.remedy.clone());
        look.problem(severity, message, Some(remedy));
    }
    let more = report.findings.saturating_sub(TOLD as u64);
    if more > 0 {
        look.problem(
            severity,
            format!("and {more} more of `{}`", report.id),
            Some("`m2m audit` tells all of them".into()),
        );
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
