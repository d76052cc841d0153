// SPDX-License-Identifier: Apache-2.0
//! Writing import files: one query plan for each partition that has rows.

mod entries;
mod room;
mod tasks;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::SessionContext;
use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_catalog::meta_json;
use m2m_datasource::Source;
use m2m_sink::manifest::Manifest;
use m2m_sink::{OutputStorages, WrittenFile};
use m2m_storage::Storage;
use tokio::sync::Semaphore;

use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::plan::DumpPlan;
use crate::quarantine;
use crate::settings::DumpSettings;
pub use room::{refuse_dump, refuse_file_in_source};
use tasks::{Task, tasks};

/// The metadata beside the import files.
pub const META_FILE: &str = "meta.json";
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Dumps what the plan says into `target` and returns the manifest, which is
/// written last: a folder without it is not a dump.
///
/// # Errors
///
/// When the folder holds a complete dump and `settings.overwrite` is not set;
/// when a file cannot be read or written; when a vector holds NaN or infinity;
/// when a query does not give the rows that it gave when it was planned.
pub async fn dump(
    source: &Source,
    plan: &DumpPlan,
    target: &Storage,
    settings: &DumpSettings,
    observer: &dyn Observer,
) -> Result<Manifest> {
    room::refuse_in_source(source, target)?;
    room::make(target, settings.overwrite).await?;
    observer.on_event(&Event::Started { phase: Phase::Dump, rows: plan.rows(), bytes: plan.bytes() });
    tell_notes(plan, observer);
    let written = write_files(plan, target, settings, observer).await?;
    let mut quarantines = Vec::with_capacity(plan.collections.len());
    for collection in &plan.collections {
        quarantines.push(quarantine::write(collection, target).await?);
    }
    let manifest = entries::manifest(source, plan, written, quarantines)?;
    let meta = meta_json::write(source.inventory())?;
    target.put_atomic(&target.child(META_FILE), meta.into()).await?;
    manifest.write(target).await?;
    observer.on_event(&Event::Finished { phase: Phase::Dump });
    Ok(manifest)
}

/// Has a session write to the target.
pub(crate) fn open_target(ctx: &SessionContext, target: &Storage) {
    ctx.runtime_env().register_object_store(target.base_url(), Arc::clone(target.store()));
    let outputs = Arc::new(OutputStorages::of(target.clone()));
    ctx.state_ref().write().config_mut().set_extension(outputs);
}

fn tell_notes(plan: &DumpPlan, observer: &dyn Observer) {
    for text in &plan.notes {
        observer.on_event(&Event::Note { subject: "installation".into(), text: text.clone() });
    }
    for collection in &plan.collections {
        for text in &collection.notes {
            let subject = collection.name.clone();
            observer.on_event(&Event::Note { subject, text: text.clone() });
        }
    }
}

/// Files written, by place of collection and partition in the plan.
type Written = HashMap<(usize, usize), Vec<WrittenFile>>;

async fn write_files(
    plan: &DumpPlan,
    target: &Storage,
    settings: &DumpSettings,
    observer: &dyn Observer,
) -> Result<Written> {
    let tasks = tasks(plan, target, settings).await?;
    let writes: Vec<_> = tasks.iter().map(|task| Arc::clone(&task.write)).collect();
    let permits = Semaphore::new(settings.workers.max(1));
    let run = stream::iter(&tasks)
        .map(|task| run_task(task, &permits, settings.workers))
        .buffer_unordered(settings.workers.max(1))
        .try_collect::<Written>();
    let mut run = std::pin::pin!(run);
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    loop {
        tokio::select! {
            written = &mut run => {
                observer.on_event(&progress(&writes));
                return written;
            }
            _ = ticks.tick() => observer.on_event(&progress(&writes)),
        }
    }
}

/// Runs one partition; at most `workers` scan partitions are at work at once,
/// whatever number of partitions they belong to.
async fn run_task(
    task: &Task<'_>,
    permits: &Semaphore,
    workers: usize,
) -> Result<((usize, usize), Vec<WrittenFile>)> {
    let wanted = u32::try_from(task.groups.clamp(1, workers.max(1))).unwrap_or(u32::MAX);
    // The semaphore is never closed; were it, running unthrottled is still right.
    let _permit = permits.acquire_many(wanted).await.ok();
    let batches = collect(Arc::clone(&task.commit), task.ctx.task_ctx()).await?;
    let written = WrittenFile::from_batches(&batches)?;
    tracing::debug!(collection = %task.plan.name, files = written.len(), "partition written");
    Ok((task.place, written))
}

fn progress(writes: &[Arc<dyn ExecutionPlan>]) -> Event {
    let (mut rows, mut bytes) = (0, 0);
    for metrics in writes.iter().filter_map(|write| write.metrics()) {
        rows += metrics.sum_by_name("rows_written").map_or(0, |value| value.as_usize()) as u64;
        bytes += metrics.sum_by_name("bytes_written").map_or(0, |value| value.as_usize()) as u64;
    }
    Event::Progress { phase: Phase::Dump, rows, bytes }
}
