// SPDX-License-Identifier: Apache-2.0
//! Writing import files: one query plan for each partition that has rows.

mod earlier;
mod journal;
mod leftovers;
mod room;
mod sets;
mod skeleton;
mod tasks;
#[cfg(test)]
mod testing;

use std::sync::Arc;
use std::time::Duration;

use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_catalog::meta_json;
use m2m_datasource::Source;
use m2m_sink::manifest::{Manifest, UNFINISHED_FILE};
use m2m_sink::{OutputStorages, WrittenFile};
use m2m_storage::Storage;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::ledger::Ledger;
use crate::load::{alive, release};
use crate::plan::DumpPlan;
use crate::quarantine;
use crate::settings::DumpSettings;
pub(crate) use earlier::Earlier;
use earlier::refuse_other;
pub use earlier::take_up;
pub(crate) use journal::Ready;
use journal::{Journal, is_finished};
pub(crate) use room::refuse_in_source;
pub use room::{refuse_dump, refuse_file_in_source};
use tasks::{Task, tasks};

/// The metadata beside the import files.
pub const META_FILE: &str = "meta.json";
/// Partitions that are written at once where others do the work.
const TASKS_ELSEWHERE: usize = 64;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Dumps what the plan says into `target` and returns the manifest, which is
/// written last: a folder without it is not a dump.
///
/// What an earlier run of the same plan completed is not written again; nothing is
/// when that run came to its end.
///
/// # Errors
///
/// When the folder holds something of another plan, or of a source that has changed
/// since, and `settings.overwrite` is not set; when a file cannot be read or written;
/// when a vector holds NaN or infinity; when a query does not give the rows that it
/// gave when it was planned; when another process is at work on the dump.
pub async fn dump(
    source: &Source,
    plan: &DumpPlan,
    target: &Storage,
    settings: &DumpSettings,
    observer: &dyn Observer,
) -> Result<Manifest> {
    refuse_in_source(source, target)?;
    let ledger = Ledger::hold(target, observer).await?;
    let dumped = alive(&ledger, async {
        let begun = Begun::begin(source, plan, target, settings).await?;
        let (sets, _) = unbounded_channel();
        begun.finish(source, plan, target, settings, observer, &sets).await
    });
    let dumped = Box::pin(dumped).await;
    release(&ledger, dumped).await
}

/// A dump that was begun, now or by an earlier run.
pub(crate) struct Begun {
    /// What is complete of it.
    pub(crate) manifest: Manifest,
    is_complete: bool,
}

impl Begun {
    /// Begins a dump, or goes on with the one that is there.
    pub(crate) async fn begin(
        source: &Source,
        plan: &DumpPlan,
        target: &Storage,
        settings: &DumpSettings,
    ) -> Result<Self> {
        refuse_in_source(source, target)?;
        let manifest = skeleton::skeleton(source, plan, settings).await?;
        if let Some(earlier) = Earlier::look(target).await? {
            let location = target.display(target.prefix());
            let is_other = match earlier.is_replaced(settings) {
                true => true,
                false => match refuse_other(&earlier, &manifest, &location) {
                    Err(error) if !settings.overwrite && earlier.is_of_use() => return Err(error),
                    other => other.is_err(),
                },
            };
            if !is_other {
                let earlier = earlier.confirmed(target).await?;
                if !earlier.is_complete {
                    leftovers::abort_uploads(&earlier.manifest, target).await?;
                }
                return Ok(Self { manifest: earlier.manifest, is_complete: earlier.is_complete });
            }
            earlier.remove(target).await?;
        }
        manifest.write_unfinished(target).await?;
        Ok(Self { manifest, is_complete: false })
    }

    /// All rows, where the dump is complete.
    pub(crate) fn rows(&self) -> Option<u64> {
        let rows = self.manifest.collections.iter().map(|collection| collection.rows).sum();
        self.is_complete.then_some(rows)
    }

    /// Writes what is missing, and tells each file set that is complete as soon as whoever
    /// comes after us would know it.
    pub(crate) async fn finish(
        self,
        source: &Source,
        plan: &DumpPlan,
        target: &Storage,
        settings: &DumpSettings,
        observer: &dyn Observer,
        sets: &UnboundedSender<Ready>,
    ) -> Result<Manifest> {
        let complete = self.complete();
        if self.is_complete {
            tell(sets, complete);
            let text =
                format!("`{}` holds this dump already, nothing is written", target.display(target.prefix()));
            observer.on_event(&Event::Note { subject: "dump".into(), text });
            target.delete(&target.child(UNFINISHED_FILE)).await?;
            return Ok(self.manifest);
        }
        observer.on_event(&Event::Started { phase: Phase::Dump, rows: plan.rows(), bytes: plan.bytes() });
        tell_notes(plan, observer);
        let journal = Journal::new(target, self.manifest);
        let tasks = tasks(plan, &journal, target, settings).await?;
        // What is written again as a whole is told when it is.
        let again = |place| tasks.iter().any(|task| task.place == place && !task.is_known_by_name);
        let is_ready = |ready: &Ready| !matches!(ready, Ready::Set { place, .. } if again(*place));
        tell(sets, complete.into_iter().filter(is_ready).collect());
        write_files(&tasks, &journal, settings, observer, sets).await?;
        if tasks.iter().any(|task| task.is_remote) {
            // Of who was lost while it wrote; another has written the same files since.
            leftovers::abort_uploads(&journal.manifest(), target).await?;
        }
        for (at, collection) in plan.collections.iter().enumerate() {
            journal.quarantine(at, quarantine::write(collection, target).await?);
        }
        let (manifest, ready) = journal.into_parts();
        let meta = meta_json::write(source.inventory())?;
        target.put_atomic(&target.child(META_FILE), meta.into()).await?;
        manifest.write(target).await?;
        target.delete(&target.child(UNFINISHED_FILE)).await?;
        tell(sets, ready);
        observer.on_event(&Event::Finished { phase: Phase::Dump });
        Ok(manifest)
    }

    fn complete(&self) -> Vec<Ready> {
        let mut complete = Vec::new();
        for (at, collection) in self.manifest.collections.iter().enumerate() {
            for (index, partition) in collection.partitions.iter().enumerate() {
                let of_partition = partition.sets.iter().cloned();
                complete.extend(of_partition.map(|set| Ready::Set { place: (at, index), set }));
            }
            if is_finished(collection) {
                complete.push(Ready::Collection(at));
            }
        }
        complete
    }
}

/// Whoever does not listen any more does not need to know.
fn tell(sets: &UnboundedSender<Ready>, ready: Vec<Ready>) {
    for set in ready {
        sets.send(set).ok();
    }
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

async fn write_files(
    tasks: &[Task<'_>],
    journal: &Journal<'_>,
    settings: &DumpSettings,
    observer: &dyn Observer,
    sets: &UnboundedSender<Ready>,
) -> Result<()> {
    let writes: Vec<_> = tasks.iter().map(|task| Arc::clone(&task.write)).collect();
    let has_remote = tasks.iter().any(|task| task.is_remote);
    let before = journal.written();
    // What runs elsewhere is told file by file.
    let progress = || match has_remote {
        true => progress(journal.written(), &[]),
        false => progress(before, &writes),
    };
    // One that writes here holds as much memory as ever.
    let is_idle = has_remote && tasks.iter().all(|task| task.is_remote);
    let workers = if is_idle { TASKS_ELSEWHERE } else { settings.workers.max(1) };
    let permits = Semaphore::new(workers);
    let run = stream::iter(tasks)
        .map(|task| run_task(task, journal, &permits, workers))
        .buffer_unordered(workers)
        .try_collect::<()>();
    let mut run = std::pin::pin!(run);
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    loop {
        tokio::select! {
            ended = &mut run => {
                observer.on_event(&progress());
                if ended.is_err() && let Err(error) = journal.save().await {
                    tracing::debug!(%error, "what is complete is not written down");
                }
                return ended;
            }
            _ = ticks.tick() => {
                observer.on_event(&progress());
                if journal.is_due() {
                    tell(sets, journal.save().await?);
                }
            }
        }
    }
}

/// Runs one partition; at most `workers` scan partitions are at work at once,
/// whatever number of partitions they belong to.
async fn run_task(task: &Task<'_>, journal: &Journal<'_>, permits: &Semaphore, workers: usize) -> Result<()> {
    let groups = if task.is_remote { 1 } else { task.groups };
    let wanted = u32::try_from(groups.clamp(1, workers.max(1))).unwrap_or(u32::MAX);
    // The semaphore is never closed; were it, running unthrottled is still right.
    let _permit = permits.acquire_many(wanted).await.ok();
    let mut written = execute_stream(Arc::clone(&task.commit), task.ctx.task_ctx())?;
    while let Some(batch) = written.try_next().await? {
        for set in sets::of_files(WrittenFile::from_batches(&[batch])?, task.partition) {
            journal.add(task.place, set, task.is_known_by_name);
        }
    }
    let sets = journal.partition(task.place).map(|partition| partition.sets).unwrap_or_default();
    let sets = sets::whole(sets, task.plan, task.partition)?;
    tracing::debug!(collection = %task.plan.name, sets = sets.len(), "partition written");
    journal.end(task.place, sets, task.is_known_by_name);
    Ok(())
}

/// Rows and bytes that are complete, those of earlier runs among them.
fn progress((mut rows, mut bytes): (u64, u64), writes: &[Arc<dyn ExecutionPlan>]) -> Event {
    for metrics in writes.iter().filter_map(|write| write.metrics()) {
        rows += metrics.sum_by_name("rows_written").map_or(0, |value| value.as_usize()) as u64;
        bytes += metrics.sum_by_name("bytes_written").map_or(0, |value| value.as_usize()) as u64;
    }
    Event::Progress { phase: Phase::Dump, rows, bytes }
}
