// SPDX-License-Identifier: Apache-2.0
//! An audit for people: the verdict, findings by severity, a line for each collection.

use indicatif::{HumanBytes, HumanCount};
use m2m_migration::audit::{AuditReport, AuditedCollection, CheckReport, Outcome, Severity, Verdict};
use serde_json::Value;

use crate::output::words::{counted, one_line};

/// Findings of a check that are listed one by one.
const LISTED: usize = 10;
/// Columns that tell where something was found, in this order.
const WHERE: [&str; 3] = ["collection", "partition_tag", "segment_id"];

/// The audit as text.
pub(crate) fn text(report: &AuditReport) -> String {
    let mut text = String::new();
    line(&mut text, &verdict(report));
    let failed: Vec<_> = report.checks.iter().filter(|check| check.outcome == Outcome::Failed).collect();
    if !failed.is_empty() {
        line(&mut text, "\nchecks that could not be run");
        for check in failed {
            line(
                &mut text,
                &format!("  {}: {}", check.id, one_line(check.problem.as_deref().unwrap_or_default())),
            );
        }
    }
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let found = |check: &&CheckReport| check.severity == severity && check.outcome == Outcome::Found;
        let found: Vec<_> = report.checks.iter().filter(found).collect();
        if !found.is_empty() {
            line(&mut text, &format!("\n{}s", severity.name()));
            found.into_iter().for_each(|check| of_check(&mut text, check));
        }
    }
    collections(&mut text, &report.collections);
    line(&mut text, "");
    footer(&mut text, report);
    text
}

fn verdict(report: &AuditReport) -> String {
    let found = |severity| {
        let is_found = |check: &&CheckReport| check.outcome == Outcome::Found && !check.is_allowed;
        let of = report.checks.iter().filter(is_found).filter(|check| check.severity == severity);
        of.map(|check| check.findings).sum::<u64>()
    };
    let words = match report.verdict {
        Verdict::Ready => "ready to migrate",
        Verdict::ReadyWithWarnings => "ready to migrate, with warnings",
        Verdict::NotReady => "not ready to migrate",
    };
    let counts = [Severity::Error, Severity::Warning, Severity::Note]
        .map(|severity| counted(found(severity), severity.name()));
    let quick = if report.is_quick { "; ids and vectors were not read" } else { "" };
    let only = match report.only.len() as u64 {
        0 => String::new(),
        some => format!("; of {} alone", counted(some, "collection")),
    };
    format!("{words}: {}{}{quick}{only}", counts.join(", "), not_run(report))
}

/// What nothing is known of stands in the way too.
fn not_run(report: &AuditReport) -> String {
    let failed = report.checks.iter().filter(|check| check.outcome == Outcome::Failed && !check.is_allowed);
    match failed.count() as u64 {
        0 => String::new(),
        some => format!(", {} that could not be run", counted(some, "check")),
    }
}

fn of_check(text: &mut String, check: &CheckReport) {
    let allowed = if check.is_allowed { " (allowed)" } else { "" };
    line(text, &format!("  {}{allowed}: {}", check.id, check.title));
    let mut remedy = None;
    for row in check.rows.iter().take(LISTED) {
        let value = |name: &str| {
            let at = check.columns.iter().position(|column| column == name)?;
            row.get(at).filter(|value| !value.is_null()).map(plain)
        };
        let place = WHERE.iter().filter_map(|name| value(name)).collect::<Vec<_>>().join(" / ");
        let message = value("message").unwrap_or_default();
        let shown = if place.is_empty() { message } else { format!("{place}: {message}") };
        line(text, &format!("    {shown}"));
        // A check can have a remedy for each finding; the same one is said once.
        let own = value("remedy");
        if own.is_some() && own != remedy {
            line(text, &format!("      remedy: {}", own.as_deref().unwrap_or_default()));
            remedy = own;
        }
    }
    let more = check.findings.saturating_sub(LISTED as u64);
    if more > 0 {
        let all = if check.is_own { String::new() } else { format!(": SELECT * FROM audit.{}", check.id) };
        line(text, &format!("    and {} more{all}", HumanCount(more)));
    }
    if remedy.is_none() {
        line(text, &format!("    remedy: {}", check.remedy));
    }
}

fn collections(text: &mut String, collections: &[AuditedCollection]) {
    if collections.is_empty() {
        return;
    }
    let header = [
        "collection",
        "metric",
        "dimension",
        "index",
        "partitions",
        "segments",
        "live rows",
        "deleted rows",
        "live bytes",
    ];
    let mut rows = vec![header.map(str::to_owned)];
    rows.extend(collections.iter().map(|one| {
        [
            one_line(&one.name),
            one.metric.clone(),
            one.dimension.to_string(),
            one.index.clone(),
            one.partitions.len().to_string(),
            one.segments.to_string(),
            HumanCount(one.live_rows).to_string(),
            HumanCount(one.deleted_rows).to_string(),
            HumanBytes(one.live_bytes).to_string(),
        ]
    }));
    let is_text = |column: usize| matches!(column, 0 | 1 | 3);
    let widths: [usize; 9] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    line(text, "");
    for row in &rows {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match is_text(column) {
            true => format!("{cell:<width$}"),
            false => format!("{cell:>width$}"),
        });
        line(text, cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn footer(text: &mut String, report: &AuditReport) {
    let totals = &report.totals;
    line(
        text,
        &format!(
            "{} in {}, {}, {}; {} deleted",
            counted(totals.live_rows, "live row"),
            counted(totals.collections, "collection"),
            counted(totals.segments, "segment"),
            HumanBytes(totals.live_bytes),
            counted(totals.deleted_rows, "row"),
        ),
    );
    if let Some(bytes) = totals.orphan_bytes.filter(|bytes| *bytes > 0) {
        line(
            text,
            &format!("{} in folders without a live segment, which are not migrated", HumanBytes(bytes)),
        );
    }
    let server = match report.target.is_assumed {
        true => format!("audited for Milvus {}, because none was named (`--milvus`)", report.target.milvus),
        false => format!("audited for Milvus {}", report.target.milvus),
    };
    line(text, &server);
    let of = |outcome| report.checks.iter().filter(|check| check.outcome == outcome).count();
    let mut outcomes =
        vec![format!("{} passed", of(Outcome::Passed)), format!("{} found something", of(Outcome::Found))];
    for (outcome, words) in [(Outcome::NotRun, "not run"), (Outcome::Failed, "failed")] {
        if of(outcome) > 0 {
            outcomes.push(format!("{} {words}", of(outcome)));
        }
    }
    line(text, &format!("{} checks: {}", report.checks.len(), outcomes.join(", ")));
}

/// A value on one line: a tag of Milvus 1.x can hold anything.
fn plain(value: &Value) -> String {
    one_line(value.as_str().map_or_else(|| value.to_string(), str::to_owned).as_str())
}

fn line(text: &mut String, words: &str) {
    text.push_str(words);
    text.push('\n');
}
