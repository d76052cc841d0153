// SPDX-License-Identifier: Apache-2.0
//! `m2m migrate`

use std::collections::BTreeMap;

use m2m_migration::{
    DumpPlan, DumpSettings, IfExists, LoadReport, LoadedState, Observer, ReportOptions, RowsBefore,
    TargetState, VerifySettings, dump, inspect, load, map, verify,
};
use m2m_milvus::Client;

use super::plan;
use crate::args::{Migrate, PlanFormat};
use crate::error::{Exit, Result};
use crate::output::{note, summary};
use crate::settings::{Access, Settings};

/// Dumps, loads and verifies. Everything that is needed is opened first, so
/// that a wrong password is told before anything is written.
pub(crate) async fn run(args: Migrate, settings: &Settings) -> Result<Exit> {
    if args.dry_run {
        let (format, options) = (PlanFormat::Text, ReportOptions::default());
        return plan::show(settings, &args.selection, &args.dump, format, options).await;
    }
    let source = settings.source().await?;
    let target = settings.target(Access::Write).await?;
    let loading = settings.load(&target)?;
    let client = settings.milvus().await?;
    let reporter = settings.reporter();
    let (selection, ctx) = settings.rows(&source, &args.selection).await?;

    let options = settings.dump(&args.dump);
    let mut plan = DumpPlan::new(&source, &ctx, &selection, &options, &reporter).await?;
    let skipped = meet(&mut plan, &client, &options, loading.if_exists).await?;
    for name in &skipped {
        note(&format!("note: {name} is in Milvus already and is left alone"))?;
    }
    if plan.collections.is_empty() {
        return Ok(Exit::Done);
    }
    client.ensure_database().await?;
    let manifest = dump(&source, &plan, &target, &options, &reporter).await?;
    let report = load(&client, &target, &manifest, &loading, &reporter).await?;
    let sample_rows = args.verify.sample;
    let verifying = VerifySettings { sample_rows, before: before(&report) };
    let verification = verify(&mut plan, &client, &verifying, &reporter as &dyn Observer).await?;
    if !settings.is_quiet() {
        summary::dumped(&manifest, &target.display(target.prefix()))?;
        summary::loaded(&report, client.version())?;
        summary::verified(&verification)?;
    }
    Ok(if verification.is_equal() { Exit::Done } else { Exit::Different })
}

/// Looks what is in Milvus before anything is written, and has the plan fit it.
/// Returns the collections that are left alone.
async fn meet(
    plan: &mut DumpPlan,
    client: &Client,
    dumping: &DumpSettings,
    if_exists: IfExists,
) -> Result<Vec<String>> {
    // A database that is not there yet has no collections.
    let is_there = client.has_database().await?;
    let mut skipped = Vec::new();
    for collection in &mut plan.collections {
        let wanted = collection.wanted(dumping);
        let mapping = map(&wanted, client.version(), collection.choices.index);
        mapping.check(&wanted, client.version())?;
        if !is_there {
            continue;
        }
        match inspect(client, &wanted, &mapping, if_exists).await? {
            TargetState::Absent | TargetState::Replace => {}
            TargetState::Skip => skipped.push(collection.name.clone()),
            // Milvus finds a field by the name of its file.
            TargetState::Append(target) => collection.rename_fields(&target.field_names)?,
        }
    }
    plan.collections.retain(|collection| !skipped.contains(&collection.name));
    Ok(skipped)
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
