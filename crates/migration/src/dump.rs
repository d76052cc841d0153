// SPDX-License-Identifier: Apache-2.0
//! Writing import files: one query plan for each partition that has rows.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::SessionContext;
use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_catalog::meta_json;
use m2m_datasource::Source;
use m2m_sink::manifest::{
    CollectionEntry, FileEntry, MANIFEST_FILE, Manifest, PartitionEntry, SetEntry, SourceEntry,
};
use m2m_sink::{NpyCommitExec, NpyWriteExec, NpyWriteOptions, PlannedSet, WrittenFile};
use m2m_storage::Storage;
use tokio::sync::Semaphore;

use crate::error::{Error, Result};
use crate::event::{Event, Observer, Phase};
use crate::plan::{CollectionPlan, DumpPlan, PartitionPlan, vector_word};
use crate::settings::DumpSettings;

/// The metadata beside the import files.
pub const META_FILE: &str = "meta.json";
/// Parts of a local file: a disk gains nothing by larger ones.
const LOCAL_PART_BYTES: usize = 4 << 20;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Dumps what the plan says into `target` and returns the manifest, which is
/// written last: a folder without it is not a dump.
///
/// # Errors
///
/// When the folder holds a complete dump and `settings.overwrite` is not set;
/// when a file cannot be read or written; when a vector holds NaN or infinity.
pub async fn dump(
    ctx: &SessionContext,
    source: &Source,
    plan: &DumpPlan,
    target: &Storage,
    settings: &DumpSettings,
    observer: &dyn Observer,
) -> Result<Manifest> {
    refuse_in_source(source, target)?;
    make_room(target, settings.overwrite).await?;
    ctx.runtime_env().register_object_store(target.base_url(), Arc::clone(target.store()));
    observer.on_event(&Event::Started { phase: Phase::Dump, rows: plan.rows(), bytes: plan.bytes() });
    tell_notes(plan, observer);
    let written = write_files(ctx, plan, target, settings, observer).await?;
    let manifest = manifest(source, plan, settings, written)?;
    let meta = meta_json::write(source.inventory())?;
    target.put_atomic(&target.child(META_FILE), meta.into()).await?;
    manifest.write(target).await?;
    observer.on_event(&Event::Finished { phase: Phase::Dump });
    Ok(manifest)
}

/// Makes sure that there is no complete dump.
///
/// # Errors
///
/// When there is one, or the folder cannot be looked at.
pub async fn refuse_dump(target: &Storage) -> Result<()> {
    if target.exists(&target.child(MANIFEST_FILE)).await? {
        return Err(Error::DumpExists { location: target.display(target.prefix()) });
    }
    Ok(())
}

/// Makes sure that no file is written among those of an installation on this machine.
fn refuse_in_source(source: &Source, target: &Storage) -> Result<()> {
    if !target.is_local() {
        return Ok(());
    }
    let location = target.display(target.prefix());
    let resolved = resolve(Path::new(&location));
    for tables in source.tables().iter().map(|tables| resolve(Path::new(tables))) {
        let db = tables.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "db"));
        let holds = [tables.parent(), db.and_then(Path::parent)];
        let is_inside = resolved.starts_with(&tables) || db.is_some_and(|db| resolved.starts_with(db));
        if is_inside || holds.into_iter().flatten().any(|folder| folder == resolved) {
            return Err(Error::InSource { location });
        }
    }
    Ok(())
}

/// A path without links, as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    let resolved = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match resolved {
        Some((above, real)) => path.strip_prefix(above).map_or(real.clone(), |rest| real.join(rest)),
        None => path.into(),
    }
}

/// Refuses to write over a complete dump, or removes exactly what it names.
async fn make_room(target: &Storage, overwrite: bool) -> Result<()> {
    if !overwrite {
        return refuse_dump(target).await;
    }
    let path = target.child(MANIFEST_FILE);
    if !target.exists(&path).await? {
        return Ok(());
    }
    let old = Manifest::read(target).await?;
    target.delete(&path).await?;
    for file in old.files() {
        target.delete(&target.child(&file.path)).await?;
    }
    Ok(())
}

fn tell_notes(plan: &DumpPlan, observer: &dyn Observer) {
    for text in &plan.notes {
        observer.on_event(&Event::Note { subject: "installation".into(), text: text.clone() });
    }
    for collection in &plan.collections {
        for text in &collection.notes {
            let subject = collection.collection().name.clone();
            observer.on_event(&Event::Note { subject, text: text.clone() });
        }
    }
}

/// One partition on its way: where it stands in the plan, and its query plan.
struct Task<'a> {
    collection: usize,
    partition: usize,
    groups: usize,
    write: Arc<dyn ExecutionPlan>,
    commit: Arc<dyn ExecutionPlan>,
    plan: &'a CollectionPlan,
}

/// Files written, by place of collection and partition in the plan.
type Written = Vec<(usize, usize, Vec<WrittenFile>)>;

async fn write_files(
    ctx: &SessionContext,
    plan: &DumpPlan,
    target: &Storage,
    settings: &DumpSettings,
    observer: &dyn Observer,
) -> Result<Written> {
    let tasks = tasks(plan, target, settings)?;
    let writes: Vec<_> = tasks.iter().map(|task| Arc::clone(&task.write)).collect();
    let permits = Semaphore::new(settings.workers.max(1));
    let run = stream::iter(&tasks)
        .map(|task| run_task(ctx, task, &permits, settings.workers))
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
    ctx: &SessionContext,
    task: &Task<'_>,
    permits: &Semaphore,
    workers: usize,
) -> Result<(usize, usize, Vec<WrittenFile>)> {
    let wanted = u32::try_from(task.groups.clamp(1, workers.max(1))).unwrap_or(u32::MAX);
    // The semaphore is never closed; were it, running unthrottled is still right.
    let _permit = permits.acquire_many(wanted).await.ok();
    let batches = collect(Arc::clone(&task.commit), ctx.task_ctx()).await?;
    let written = WrittenFile::from_batches(&batches)?;
    tracing::debug!(collection = %task.plan.collection().name, files = written.len(), "partition written");
    Ok((task.collection, task.partition, written))
}

fn progress(writes: &[Arc<dyn ExecutionPlan>]) -> Event {
    let (mut rows, mut bytes) = (0, 0);
    for metrics in writes.iter().filter_map(|write| write.metrics()) {
        rows += metrics.sum_by_name("rows_written").map_or(0, |value| value.as_usize()) as u64;
        bytes += metrics.sum_by_name("bytes_written").map_or(0, |value| value.as_usize()) as u64;
    }
    Event::Progress { phase: Phase::Dump, rows, bytes }
}

fn tasks<'a>(plan: &'a DumpPlan, target: &Storage, settings: &DumpSettings) -> Result<Vec<Task<'a>>> {
    let mut tasks = Vec::new();
    for (at, collection) in plan.collections.iter().enumerate() {
        for (index, partition) in collection.partitions.iter().enumerate() {
            if partition.rows > 0 {
                let (write, commit) = nodes(collection, partition, target, settings)?;
                let groups = partition.groups.len();
                tasks.push(Task {
                    collection: at,
                    partition: index,
                    groups,
                    write,
                    commit,
                    plan: collection,
                });
            }
        }
    }
    Ok(tasks)
}

/// The plan of one partition: scan, write once per scan partition, commit once.
fn nodes(
    collection: &CollectionPlan,
    partition: &PartitionPlan,
    target: &Storage,
    settings: &DumpSettings,
) -> Result<(Arc<dyn ExecutionPlan>, Arc<dyn ExecutionPlan>)> {
    let columns = ["id", "vector", "segment_id", "segment_offset"];
    let scan = collection.table.scan_pieces(partition.pieces(), &columns)?;
    let sets: Vec<_> = partition.groups.iter().flatten().map(|planned| planned.set.clone()).collect();
    let options = NpyWriteOptions {
        base_url: target.base_url().clone(),
        prefix: target.prefix().clone(),
        collection: collection.collection().name.clone(),
        fields: vec!["id".into(), "vector".into()],
        field_names: vec![settings.id_field.clone(), settings.vector_field.clone()],
        sets: sets.clone(),
        check_finite: true,
        part_bytes: if target.is_local() {
            settings.part_bytes.min(LOCAL_PART_BYTES)
        } else {
            settings.part_bytes
        },
    };
    let write: Arc<dyn ExecutionPlan> = Arc::new(NpyWriteExec::try_new(scan, options)?);
    let gather = Arc::new(CoalescePartitionsExec::new(Arc::clone(&write)));
    let commit = Arc::new(NpyCommitExec::try_new(gather, sets)?);
    Ok((write, commit))
}

fn manifest(source: &Source, plan: &DumpPlan, settings: &DumpSettings, written: Written) -> Result<Manifest> {
    let mut collections = Vec::with_capacity(plan.collections.len());
    let mut written: std::collections::HashMap<_, _> =
        written.into_iter().map(|(collection, partition, files)| ((collection, partition), files)).collect();
    for (at, planned) in plan.collections.iter().enumerate() {
        let mut partitions = Vec::with_capacity(planned.partitions.len());
        for (index, partition) in planned.partitions.iter().enumerate() {
            let files = written.remove(&(at, index)).unwrap_or_default();
            partitions.push(partition_entry(partition, files));
        }
        collections.push(collection_entry(planned, settings, partitions)?);
    }
    let entry = SourceEntry { meta: source.metadata().source.to_string(), tables: source.tables() };
    Ok(Manifest::new(entry, collections))
}

fn collection_entry(
    plan: &CollectionPlan,
    settings: &DumpSettings,
    partitions: Vec<PartitionEntry>,
) -> Result<CollectionEntry> {
    let collection = plan.collection();
    let rows: u64 = partitions.iter().map(|partition| partition.rows).sum();
    let entry = CollectionEntry {
        name: collection.name.clone(),
        target_name: plan.target_name.clone(),
        metric: collection.metric.name().into(),
        engine: collection.engine.name().into(),
        index_params: collection.index_params.clone(),
        vector: vector_word(collection).into(),
        dimension: collection.dimension(),
        rows,
        id_field: settings.id_field.clone(),
        vector_field: settings.vector_field.clone(),
        partitions,
    };
    if rows == plan.rows() {
        Ok(entry)
    } else {
        Err(Error::DumpedRows { collection: entry.name, expected: plan.rows(), found: rows })
    }
}

fn partition_entry(plan: &PartitionPlan, files: Vec<WrittenFile>) -> PartitionEntry {
    let mut of_set: std::collections::HashMap<String, Vec<FileEntry>> = std::collections::HashMap::new();
    for file in files {
        of_set.entry(file.set.clone()).or_default().push(FileEntry::from(file));
    }
    let mut planned: Vec<&PlannedSet> = plan.groups.iter().flatten().collect();
    planned.sort_by_key(|planned| planned.first_piece());
    let sets: Vec<SetEntry> = planned
        .into_iter()
        .map(|planned| {
            let files = of_set.remove(&planned.set.name).unwrap_or_default();
            SetEntry {
                name: planned.set.name.clone(),
                rows: files.iter().map(|file| file.rows).min().unwrap_or(0),
                segments: planned.set.segments.clone(),
                files,
            }
        })
        .collect();
    let rows = sets.iter().map(|set| set.rows).sum();
    PartitionEntry { tag: plan.tag.clone(), name: plan.name.clone(), rows, sets }
}
