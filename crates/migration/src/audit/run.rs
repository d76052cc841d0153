// SPDX-License-Identifier: Apache-2.0
//! Running the checks.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::error::Result as DFResult;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::TryStreamExt;
use m2m_datasource::{CollectionTable, MEASURE, Source};
use serde_json::Value;

use super::AuditSettings;
use super::check::{Check, Severity};
use super::meter::Meter;
use super::report::{AuditReport, AuditedSource, CheckReport, Outcome, REPORT_FORMAT, Verdict};
use super::scope::Scope;
use super::views::Views;
use super::{summary, values};
use crate::error::{Error, Result};
use crate::event::Observer;
use crate::target::said;

/// Rows of a check that a report shows.
const SHOWN_ROWS: usize = 100;
/// Characters of a text that a report shows.
const SHOWN_CHARS: usize = 1000;
/// The tables of [`MEASURE`] that need no data.
const MEASURED_WITHOUT_DATA: [&str; 1] = ["directories"];

/// Runs checks over an installation that a session has registered, with the schema
/// `mapping` too.
///
/// A check that cannot be run is no error: the report says so, and its verdict is
/// [`Verdict::NotReady`] unless the check is allowed.
///
/// # Errors
///
/// When the settings name a check that does not exist, the server that is named cannot be
/// asked, or the installation cannot be summed up.
pub async fn audit(
    source: &Source,
    ctx: &SessionContext,
    checks: &[Check],
    settings: &AuditSettings,
    observer: &Arc<dyn Observer>,
) -> Result<AuditReport> {
    let started = std::time::Instant::now();
    if let Some(id) = settings.allow.iter().find(|id| !checks.iter().any(|check| check.id == **id)) {
        return Err(Error::NoCheck { id: id.clone() });
    }
    let views = Views::of_moment(ctx, checks)?;
    let ctx = &views.session();
    // Nothing is read for a server that is not there.
    let server = summary::server(ctx).await?;
    let scope = Scope::new(source, &settings.collections);
    let meter = if settings.quick { None } else { Some(Meter::begin(source, &scope, observer).await) };
    let mut reports = Vec::with_capacity(checks.len());
    for check in checks {
        reports.push(Box::pin(run(ctx, &views, check, settings, &scope)).await);
    }
    let (totals, collections) = Box::pin(summary::summary(ctx, settings, &scope)).await?;
    if let Some(meter) = meter {
        meter.finish();
    }
    Ok(AuditReport {
        format: REPORT_FORMAT,
        m2m_version: env!("CARGO_PKG_VERSION").into(),
        made_at: server.made_at,
        verdict: verdict(&reports, settings.deny),
        denied: settings.deny,
        is_quick: settings.quick,
        source: audited(source),
        only: settings.collections.clone(),
        target: server.target,
        totals,
        collections,
        checks: reports,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn audited(source: &Source) -> AuditedSource {
    let metadata = source.metadata();
    AuditedSource {
        metadata: metadata.source.to_string(),
        tables: source.tables(),
        wal: metadata.wal.as_ref().map(|wal| wal.display().to_string()),
    }
}

pub(super) async fn run(
    ctx: &SessionContext,
    views: &Views,
    check: &Check,
    settings: &AuditSettings,
    scope: &Scope,
) -> CheckReport {
    let mut report = CheckReport {
        id: check.id.clone(),
        severity: check.severity,
        title: check.title.clone(),
        explanation: check.explanation.clone(),
        remedy: check.remedy.clone(),
        sql: check.sql.clone(),
        is_own: check.is_own,
        outcome: Outcome::Passed,
        is_allowed: settings.allow.contains(&check.id),
        findings: 0,
        columns: Vec::new(),
        rows: Vec::new(),
        problem: None,
    };
    if let Err(error) = fill(ctx, views, check, settings.quick, scope, &mut report).await {
        report.outcome = Outcome::Failed;
        report.problem = Some(said(&Error::from(error)));
    }
    report
}

async fn fill(
    ctx: &SessionContext,
    views: &Views,
    check: &Check,
    quick: bool,
    scope: &Scope,
    report: &mut CheckReport,
) -> DFResult<()> {
    let plan = views.plan(check).await?;
    if quick && reads_data(&plan)? {
        report.outcome = Outcome::NotRun;
        return Ok(());
    }
    report.columns = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut rows = scope.narrow(DataFrame::new(ctx.state(), plan))?.execute_stream().await?;
    while let Some(batch) = rows.try_next().await? {
        report.findings += batch.num_rows() as u64;
        let room = SHOWN_ROWS.saturating_sub(report.rows.len()).min(batch.num_rows());
        report.rows.extend(shown(&batch.slice(0, room))?);
    }
    if report.findings > 0 {
        report.outcome = Outcome::Found;
    }
    Ok(())
}

fn shown(batch: &RecordBatch) -> DFResult<Vec<Vec<Value>>> {
    let mut rows = values::rows(batch)?;
    for text in rows.iter_mut().flatten() {
        if let Value::String(text) = text
            && let Some((end, _)) = text.char_indices().nth(SHOWN_CHARS)
        {
            text.truncate(end);
            text.push('…');
        }
    }
    Ok(rows)
}

/// Whether a plan reads all ids or vectors of a collection.
fn reads_data(plan: &LogicalPlan) -> DFResult<bool> {
    let mut reads = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let is_measured = scan.table_name.schema() == Some(MEASURE)
                && !MEASURED_WITHOUT_DATA.contains(&scan.table_name.table());
            let table = source_as_provider(&scan.source)?;
            reads |= is_measured || table.downcast_ref::<CollectionTable>().is_some();
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(reads)
}

/// What was allowed has no part in it. Of a check that could not be run nothing is known:
/// the worst can be true.
fn verdict(checks: &[CheckReport], deny: Option<Severity>) -> Verdict {
    let severity = |check: &CheckReport| match check.outcome {
        Outcome::Found => Some(check.severity),
        Outcome::Failed => Some(Severity::Error),
        Outcome::Passed | Outcome::NotRun => None,
    };
    match checks.iter().filter(|check| !check.is_allowed).filter_map(severity).min() {
        Some(found) if found <= deny.unwrap_or(Severity::Error) => Verdict::NotReady,
        Some(Severity::Warning) => Verdict::ReadyWithWarnings,
        _ => Verdict::Ready,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(severity: Severity, outcome: Outcome, is_allowed: bool) -> CheckReport {
        CheckReport {
            id: "a".into(),
            severity,
            title: String::new(),
            explanation: String::new(),
            remedy: String::new(),
            sql: String::new(),
            is_own: false,
            outcome,
            is_allowed,
            findings: 0,
            columns: Vec::new(),
            rows: Vec::new(),
            problem: None,
        }
    }

    #[test]
    fn the_verdict_is_that_of_the_worst_finding_that_is_not_allowed() {
        use Outcome::{Failed, Found, NotRun, Passed};
        use Severity::{Error, Note, Warning};
        use Verdict::{NotReady, Ready, ReadyWithWarnings};
        for (severity, outcome, is_allowed, deny, expected) in [
            (Error, Found, false, None, NotReady),
            (Error, Found, true, None, Ready),
            (Error, Passed, false, None, Ready),
            (Error, NotRun, false, None, Ready),
            (Warning, Found, false, None, ReadyWithWarnings),
            (Warning, Found, false, Some(Warning), NotReady),
            (Warning, Found, true, Some(Warning), Ready),
            (Note, Found, false, None, Ready),
            (Note, Found, false, Some(Warning), Ready),
            (Note, Found, false, Some(Note), NotReady),
            (Note, Failed, false, None, NotReady),
            (Note, Failed, true, None, Ready),
        ] {
            let others = [check(Note, Passed, false), check(Note, Found, true)];
            let checks = [&others[..], &[check(severity, outcome, is_allowed)]].concat();
            assert_eq!(verdict(&checks, deny), expected, "{severity:?} {outcome:?} {is_allowed} {deny:?}");
        }
    }
}
