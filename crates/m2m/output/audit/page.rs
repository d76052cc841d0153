// SPDX-License-Identifier: Apache-2.0
//! An audit as one HTML page that needs nothing else: no network, no script.
//!
//! The templates and the style stand in `page/`. What comes from the installation is never
//! trusted: each expression is escaped, none is marked as safe, and drawings are made of
//! numbers alone.

mod chart;
mod check;
mod collection;
mod filters;
#[cfg(test)]
mod tests;
mod text;

use askama::Template;
use m2m_migration::audit::{AuditReport, CheckReport, Outcome, Severity, Verdict};

use self::chart::Stack;
use self::check::Group;
use self::collection::Collections;
use crate::error::Result;

/// Writes the page of an audit.
pub(crate) fn page(report: &AuditReport) -> Result<String> {
    Ok(Page::new(report).render()?)
}

/// What `page.html` shows.
#[derive(Template)]
#[template(path = "page.html", config = "crates/m2m/output/audit/page/askama.toml")]
struct Page<'a> {
    report: &'a AuditReport,
    verdict: Banner,
    counts: [(&'static str, u64); 5],
    sizes: [(&'static str, Option<u64>); 3],
    stack: Stack,
    groups: Vec<Group<'a>>,
    failed: Vec<&'a CheckReport>,
    left_out: Vec<&'a CheckReport>,
    passed: Vec<&'a CheckReport>,
    collections: Collections<'a>,
}

/// The verdict in words, and the name of its colour and icon.
struct Banner {
    class: &'static str,
    word: &'static str,
    sentence: &'static str,
}

impl<'a> Page<'a> {
    fn new(report: &'a AuditReport) -> Self {
        let totals = &report.totals;
        let of = |outcome| report.checks.iter().filter(|check| check.outcome == outcome).collect();
        Self {
            report,
            verdict: Banner::of(report),
            counts: [
                ("Collections", totals.collections),
                ("Partitions", totals.partitions),
                ("Segments", totals.segments),
                ("Live rows", totals.live_rows),
                ("Deleted rows", totals.deleted_rows),
            ],
            sizes: [
                ("Live bytes", Some(totals.live_bytes)),
                ("Deleted bytes", Some(totals.deleted_bytes)),
                ("Orphan bytes", totals.orphan_bytes),
            ],
            stack: Stack::new(totals.live_bytes, totals.deleted_bytes, totals.orphan_bytes),
            groups: check::groups(&report.checks),
            failed: of(Outcome::Failed),
            left_out: of(Outcome::NotRun),
            passed: of(Outcome::Passed),
            collections: Collections::new(&report.collections),
        }
    }
}

impl Banner {
    fn of(report: &AuditReport) -> Self {
        let (class, word, sentence) = match report.verdict {
            Verdict::Ready => {
                ("passed", "Ready to migrate", "Nothing was found that stands in the way of a migration.")
            }
            Verdict::ReadyWithWarnings => (
                "warning",
                "Ready to migrate, with warnings",
                "Everything would arrive, but not quite as it was.",
            ),
            Verdict::NotReady => ("error", "Not ready to migrate", why_not(report)),
        };
        Self { class, word, sentence }
    }
}

/// What stands in the way.
fn why_not(report: &AuditReport) -> &'static str {
    let counts = |check: &&CheckReport| !check.is_allowed && check.outcome == Outcome::Found;
    let is_error = |check: &CheckReport| check.severity == Severity::Error;
    let has_failed = |check: &CheckReport| !check.is_allowed && check.outcome == Outcome::Failed;
    if report.checks.iter().filter(counts).any(is_error) {
        "Something would be lost, or the migration would stop."
    } else if report.checks.iter().any(has_failed) {
        "Some checks could not be run: what they look for is not known."
    } else {
        "Everything would arrive, but not quite as it was, and that was not to be accepted."
    }
}
