// SPDX-License-Identifier: Apache-2.0
//! `m2m migrate`

use std::collections::BTreeMap;

use m2m_migration::{
    DumpPlan, LoadReport, LoadedState, Observer, ReportOptions, RowsBefore, end_migration, meet, migrate,
    take_up, verify,
};

use super::plan;
use crate::args::{Migrate, PlanFormat};
use crate::error::{Exit, Result};
use crate::output::{goes_on, note, summary};
use crate::settings::{Access, Settings};

/// Dumps, loads and verifies; goes on where an earlier run was stopped. Everything
/// that is needed is opened first, so that a wrong password is told before anything
/// is written.
pub(crate) async fn run(args: Migrate, settings: &Settings) -> Result<Exit> {
    if args.dry_run {
        let (format, options) = (PlanFormat::Text, ReportOptions::default());
        return plan::show(settings, &args.selection, &args.dump, format, options).await;
    }
    let source = settings.source().await?;
    let target = settings.target(Access::Write).await?;
    let mut loading = settings.load(&target)?;
    loading.check_checksums = args.load.verify_files;
    let client = settings.milvus().await?;
    let reporter = settings.reporter();
    let (selection, ctx) = settings.rows(&source, &args.selection).await?;

    let mut options = settings.dump(&args.dump);
    take_up(&target, &mut options).await?;
    let mut plan = DumpPlan::new(&source, &ctx, &selection, &options, &reporter).await?;
    let skipped = meet(&mut plan, &client, &target, &options, &loading).await?;
    for name in &skipped {
        note(&format!("note: {name} is in Milvus already and is left alone"))?;
    }
    if plan.collections.is_empty() {
        return Ok(Exit::Done);
    }
    let migrated = migrate(&source, &plan, &client, &target, &options, &loading, &reporter).await;
    let (manifest, report) = migrated.inspect_err(|error| goes_on(error, settings.is_quiet()))?;
    let verifying = args.verify.settings(before(&report));
    let verification = verify(&mut plan, &client, &verifying, &reporter as &dyn Observer).await?;
    end_migration(&client, &target, &report).await?;
    if !settings.is_quiet() {
        summary::dumped(&manifest, &target.display(target.prefix()))?;
        summary::loaded(&report, client.version())?;
        summary::verified(&verification)?;
    }
    Ok(if verification.is_equal() { Exit::Done } else { Exit::Different })
}

/// Rows that were there before, by the names in Milvus.
fn before(report: &LoadReport) -> BTreeMap<String, RowsBefore> {
    let appended = report.collections.iter().filter_map(|collection| match &collection.state {
        LoadedState::Appended { rows_before, partition_rows_before } => {
            let before = RowsBefore { rows: *rows_before, partitions: partition_rows_before.clone() };
            Some((collection.target_name.clone(), before))
        }
        _ => None,
    });
    appended.collect()
}
