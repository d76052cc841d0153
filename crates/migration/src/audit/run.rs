// SPDX-License-Identifier: Apache-2.0
//! Running the checks.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DFResult;
use datafusion::logical_expr::{LogicalPlan, ident, lit};
use datafusion::prelude::{DataFrame, SessionContext};
use futures::TryStreamExt;
use m2m_datasource::{MEASURE, Source};
use serde_json::Value;

use super::check::{Check, Severity};
use super::meter::Meter;
use super::report::{AuditReport, AuditedSource, CheckReport, Outcome, REPORT_FORMAT, Verdict};
use super::values;
use super::views::Views;
use super::{AuditSettings, summary};
use crate::error::{Error, Result};
use crate::event::Observer;

/// Rows of a check that a report shows.
const SHOWN_ROWS: usize = 100;
/// Schemas whose tables need no data, and the tables of [`MEASURE`] that do not.
const METADATA: [&str; 4] = ["meta", "mapping", "milvus2x", "information_schema"];
const MEASURED_WITHOUT_DATA: [&str; 1] = ["directories"];

/// Runs checks over an installation that a session has registered, with the schema
/// `mapping` too.
///
/// A check that cannot be run is no error: the report says so, and its verdict is
/// [`Verdict::NotReady`].
///
/// # Errors
///
/// When the settings name a check that does not exist, or the installation cannot be
/// summed up.
pub async fn audit(
    source: &Source,
    ctx: &SessionContext,
    checks: &[Check],
    settings: &AuditSettings,
    observer: &Arc<dyn Observer>,
) -> Result<AuditReport> {
    let started = std::time::Instant::now();
    for id in &settings.allow {
        if !checks.iter().any(|check| check.id == *id) {
            return Err(Error::NoCheck { id: id.clone() });
        }
    }
    let views = Views::of_moment(ctx, checks)?;
    let meter = if settings.quick { None } else { Some(watch(source, settings, observer).await?) };
    let ctx = &views.session();
    let mut reports = Vec::with_capacity(checks.len());
    for check in checks {
        reports.push(Box::pin(run(ctx, &views, check, settings)).await);
    }
    if let Some(meter) = meter {
        meter.finish();
    }
    let summary = Box::pin(summary::summary(ctx, settings)).await?;
    let verdict = verdict(&reports, settings.deny);
    Ok(AuditReport {
        format: REPORT_FORMAT,
        m2m_version: env!("CARGO_PKG_VERSION").into(),
        verdict,
        is_quick: settings.quick,
        source: audited(source),
        target: summary.target,
        totals: summary.totals,
        collections: summary.collections,
        checks: reports,
        seconds: started.elapsed().as_secs_f64(),
    })
}

async fn watch(
    source: &Source,
    settings: &AuditSettings,
    observer: &Arc<dyn Observer>,
) -> Result<Arc<Meter>> {
    let names = source.inventory().collections.iter().map(|collection| collection.name.as_str());
    let names: Vec<&str> = names.filter(|name| settings.is_asked_for(name)).collect();
    Meter::begin(source, &names, observer).await
}

fn audited(source: &Source) -> AuditedSource {
    let metadata = source.metadata();
    AuditedSource {
        metadata: metadata.source.to_string(),
        tables: source.tables(),
        wal: metadata.wal.as_ref().map(|wal| wal.display().to_string()),
    }
}

async fn run(ctx: &SessionContext, views: &Views, check: &Check, settings: &AuditSettings) -> CheckReport {
    let mut report = CheckReport {
        id: check.id.clone(),
        severity: check.severity,
        title: check.title.clone(),
        explanation: check.explanation.clone(),
        remedy: check.remedy.clone(),
        sql: check.sql.clone(),
        outcome: Outcome::Passed,
        is_allowed: settings.allow.contains(&check.id),
        findings: 0,
        columns: Vec::new(),
        rows: Vec::new(),
        problem: None,
    };
    if let Err(error) = fill(ctx, views, check, settings, &mut report).await {
        report.outcome = Outcome::Failed;
        report.problem = Some(chain(&Error::from(error)));
    }
    report
}

async fn fill(
    ctx: &SessionContext,
    views: &Views,
    check: &Check,
    settings: &AuditSettings,
    report: &mut CheckReport,
) -> DFResult<()> {
    let plan = views.plan(check).await?;
    if settings.quick && reads_data(&plan)? {
        report.outcome = Outcome::NotRun;
        return Ok(());
    }
    report.columns = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut rows =
        narrowed(DataFrame::new(ctx.state(), plan), &settings.collections)?.execute_stream().await?;
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
    let columns = batch.columns().iter().map(values::of_column).collect::<DFResult<Vec<_>>>()?;
    Ok((0..batch.num_rows()).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect())
}

/// Leaves out findings of collections that are not asked for; those of none stay.
fn narrowed(rows: DataFrame, collections: &[String]) -> DFResult<DataFrame> {
    const COLLECTION: &str = "collection";
    if collections.is_empty() || !rows.schema().has_column_with_unqualified_name(COLLECTION) {
        return Ok(rows);
    }
    let asked = collections.iter().map(|name| lit(name.as_str())).collect();
    rows.filter(ident(COLLECTION).in_list(asked, false).or(ident(COLLECTION).is_null()))
}

/// Whether a plan reads all ids or vectors of a collection.
fn reads_data(plan: &LogicalPlan) -> DFResult<bool> {
    let mut reads = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let schema = scan.table_name.schema().unwrap_or_default();
            let is_listed = schema == MEASURE && MEASURED_WITHOUT_DATA.contains(&scan.table_name.table());
            reads |= !is_listed && !METADATA.contains(&schema);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(reads)
}

fn verdict(checks: &[CheckReport], deny: Option<Severity>) -> Verdict {
    let counts = |report: &&CheckReport| match report.outcome {
        Outcome::Found => !report.is_allowed,
        Outcome::Failed => true,
        Outcome::Passed | Outcome::NotRun => false,
    };
    let severity = |report: &CheckReport| match report.outcome {
        // Nothing is known: the worst can be true.
        Outcome::Failed => Severity::Error,
        _ => report.severity,
    };
    match checks.iter().filter(counts).map(severity).min() {
        Some(found) if found <= deny.unwrap_or(Severity::Error) => Verdict::NotReady,
        Some(Severity::Warning) => Verdict::ReadyWithWarnings,
        _ => Verdict::Ready,
    }
}

/// An error and its causes in one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
