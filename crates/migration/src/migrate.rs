// SPDX-License-Identifier: Apache-2.0
//! Dump and load at once: a file set is imported as soon as it is complete.

use futures::future::try_join;
use m2m_datasource::Source;
use m2m_milvus::Client;
use m2m_sink::manifest::Manifest;
use m2m_storage::Storage;
use tokio::sync::mpsc::unbounded_channel;

use crate::dump::{Begun, Earlier, refuse_in_source};
use crate::error::Result;
use crate::event::{Observer, Silent};
use crate::ledger::{Claim, Ledger};
use crate::load::{Coming, LoadReport, alive, begun, load_as_told, release};
use crate::plan::DumpPlan;
use crate::settings::{DumpSettings, IfExists, LoadSettings};
use crate::target::{TargetState, inspect, map};

/// Looks what is in Milvus before anything is written, and has the plan fit it: collections that
/// are left alone are taken out of it, and their names returned.
///
/// # Errors
///
/// When a collection is there and nothing is to be done then, when it cannot take the rows, or
/// when the server cannot have it or cannot be asked.
pub async fn meet(
    plan: &mut DumpPlan,
    client: &Client,
    target: &Storage,
    dumping: &DumpSettings,
    loading: &LoadSettings,
) -> Result<Vec<String>> {
    // A database that is not there yet has no collections.
    let is_there = client.has_database().await?;
    let ledger = Ledger::open(target).await?;
    let dump = Earlier::id(target, dumping.overwrite).await?;
    let mut skipped = Vec::new();
    for collection in &mut plan.collections {
        let wanted = collection.wanted(dumping);
        let mapping = map(&wanted, client.version(), collection.choices.index);
        mapping.check(&wanted, client.version())?;
        if !is_there {
            continue;
        }
        let begun = begun(client, &ledger, &wanted, loading.if_exists, dump.as_ref()).await?;
        // What an earlier run began is looked at when it is known whether this one goes on with it.
        let if_exists = match begun.map(|begun| begun.claim) {
            Some(Claim::Created { .. }) => continue,
            Some(Claim::Appended { .. }) => IfExists::Append,
            None => loading.if_exists,
        };
        match inspect(client, &wanted, &mapping, if_exists).await? {
            TargetState::Absent | TargetState::Replace => {}
            TargetState::Skip => skipped.push(collection.name.clone()),
            // Milvus finds a field by the name of its file.
            TargetState::Append(there) => collection.rename_fields(&there.field_names)?,
        }
    }
    plan.collections.retain(|collection| !skipped.contains(&collection.name));
    Ok(skipped)
}

/// Dumps what the plan says and has Milvus import each file set as soon as it is complete.
///
/// What an earlier run of the same plan completed is neither written nor imported again. The
/// migration is not at its end before [`end_migration`]: until then the same call goes on with it.
///
/// # Errors
///
/// Those of [`dump()`](crate::dump()) and [`load()`](crate::load()).
pub async fn migrate(
    source: &Source,
    plan: &DumpPlan,
    client: &Client,
    target: &Storage,
    dumping: &DumpSettings,
    loading: &LoadSettings,
    observer: &dyn Observer,
) -> Result<(Manifest, LoadReport)> {
    refuse_in_source(source, target)?;
    let ledger = Ledger::hold(target, observer).await?;
    let migrated = alive(&ledger, async {
        client.ensure_database().await?;
        let begun = Begun::begin(source, plan, target, dumping).await?;
        let manifest = begun.manifest.clone();
        let rows = begun.rows().unwrap_or_else(|| plan.rows());
        let wanted = plan.collections.iter().map(|collection| collection.wanted(dumping)).collect();
        let (ready, told) = unbounded_channel();
        let dump = async move {
            // The channel ends with the dump, and not before it is complete.
            begun.finish(source, plan, target, dumping, observer, &ready).await
        };
        let coming = Coming { begun: &manifest, wanted, rows, told };
        let load = load_as_told(client, &ledger, target, coming, loading, observer);
        try_join(Box::pin(dump), Box::pin(load)).await
    });
    let migrated = Box::pin(migrated).await;
    release(&ledger, migrated).await
}

/// Notes that the migration of a dump came to its end: what is done from now on with its
/// collections stands in the settings again.
///
/// # Errors
///
/// When the ledger cannot be read or written, or another is at work on the dump.
pub async fn end_migration(client: &Client, target: &Storage, report: &LoadReport) -> Result<()> {
    let ledger = Ledger::hold(target, &Silent).await?;
    let names = report.collections.iter().map(|collection| collection.target_name.clone());
    let ended = ledger.end(&names.collect::<Vec<_>>(), &client.database(), client.address()).await;
    release(&ledger, ended).await
}
