// SPDX-License-Identifier: Apache-2.0
//! Having Milvus 2.x import a dump.

use std::collections::HashSet;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_milvus::mapping;
use m2m_milvus::{Client, ImportPhase, IndexSpec, NewCollection, TaskId, VectorType};
use m2m_sink::manifest::{CollectionEntry, FileEntry, Manifest, PartitionEntry, SetEntry};
use m2m_sink::npy;
use m2m_storage::Storage;

use crate::error::{Error, Result};
use crate::event::{Event, Observer, Phase};
use crate::patience::Patience;
use crate::select::expect;
use crate::settings::{LoadSettings, Selection};

const LOAD_STALL: Duration = Duration::from_secs(600);

/// Reads the manifest of a dump, narrowed to the selected collections. A name is
/// known exactly, or, when it is the only one, in another case.
///
/// # Errors
///
/// When there is no complete dump, or it lacks a collection that is named, or
/// has it under another name than is wanted.
pub async fn read_dump(target: &Storage, selection: &Selection) -> Result<Manifest> {
    let location = target.display(target.prefix());
    let path = target.child(m2m_sink::manifest::MANIFEST_FILE);
    if !target.exists(&path).await? {
        return Err(Error::NoDump { location });
    }
    let mut manifest = Manifest::read(target).await?;
    let known: Vec<String> = manifest.collections.iter().map(|entry| entry.name.clone()).collect();
    let mut wanted = HashSet::new();
    for name in &selection.collections {
        let collection = find(name, &known).ok_or_else(|| {
            let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Error::NotInDump { location: location.clone(), collection: name.clone(), known }
        })?;
        wanted.insert(collection);
    }
    if !wanted.is_empty() {
        manifest.collections.retain(|entry| wanted.contains(entry.name.as_str()));
    }
    check_name(&manifest, selection)?;
    for entry in &manifest.collections {
        expect(selection, &entry.name, entry.dimension, &entry.metric)?;
    }
    Ok(manifest)
}

fn find<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let exact = known.iter().find(|known| *known == name);
    let mut like = known.iter().filter(|known| known.eq_ignore_ascii_case(name));
    let like = like.next().filter(|_| like.next().is_none());
    exact.or(like).map(String::as_str)
}

fn check_name(manifest: &Manifest, selection: &Selection) -> Result<()> {
    match (&selection.rename, &manifest.collections[..]) {
        (None, _) => Ok(()),
        (Some(name), [one]) if one.target_name == *name => Ok(()),
        (Some(name), [one]) => Err(Error::DumpedName { dumped: one.target_name.clone(), name: name.clone() }),
        (Some(name), several) => Err(Error::RenameOfMany { name: name.clone(), collections: several.len() }),
    }
}

/// Makes sure that Milvus has no collection of this name yet.
///
/// # Errors
///
/// When it has one, or cannot be asked.
pub async fn refuse_existing(client: &Client, collection: &str) -> Result<()> {
    match client.describe_collection(collection).await? {
        Some(_) => Err(Error::CollectionExists { collection: collection.into() }),
        None => Ok(()),
    }
}

/// Creates the collections of a dump in Milvus, imports their file sets, builds
/// their indexes and loads them, so that they can be searched.
///
/// # Errors
///
/// When a collection exists already, when the server refuses a schema or a
/// file (its own reason is in the error), when an import file is not what the
/// manifest says, or when a job, an index or a load does not end in time.
pub async fn load(
    client: &Client,
    target: &Storage,
    manifest: &Manifest,
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<()> {
    client.ensure_database().await?;
    let loads = prepare(client, manifest, observer).await?;
    for load in &loads {
        check_files(target, load.entry).await?;
    }
    let rows = manifest.collections.iter().map(|entry| entry.rows).sum();
    observer.on_event(&Event::Started { phase: Phase::Load, rows, bytes: 0 });
    for load in &loads {
        create(client, load, settings).await?;
    }
    import_all(client, target, &loads, settings, observer).await?;
    for load in &loads {
        client.create_index(&load.entry.target_name, &load.entry.vector_field, &load.index).await?;
    }
    for load in &loads {
        make_queryable(client, load, settings, observer).await?;
    }
    observer.on_event(&Event::Finished { phase: Phase::Load });
    Ok(())
}

/// One collection, with what it becomes on this server.
struct CollectionLoad<'a> {
    entry: &'a CollectionEntry,
    vector: VectorType,
    index: IndexSpec,
}

/// Decides everything that can be decided before anything is created.
async fn prepare<'a>(
    client: &Client,
    manifest: &'a Manifest,
    observer: &dyn Observer,
) -> Result<Vec<CollectionLoad<'a>>> {
    let mut loads = Vec::with_capacity(manifest.collections.len());
    for entry in &manifest.collections {
        refuse_existing(client, &entry.target_name).await?;
        loads.push(map(client, entry, observer)?);
    }
    Ok(loads)
}

fn map<'a>(
    client: &Client,
    entry: &'a CollectionEntry,
    observer: &dyn Observer,
) -> Result<CollectionLoad<'a>> {
    let version = client.version();
    let vector = match entry.vector.as_str() {
        "binary" => VectorType::Binary(entry.dimension),
        _ => VectorType::Float(entry.dimension),
    };
    let limit = mapping::max_partitions(version);
    if entry.partitions.len() > limit {
        return Err(Error::Unsupported {
            collection: entry.name.clone(),
            version: version.to_string(),
            reason: format!("it has {} partitions, the server allows {limit}", entry.partitions.len()),
        });
    }
    let metric = mapping::metric(&entry.metric, version)?;
    let index = mapping::index(&entry.engine, &entry.index_params, &metric.value, vector, version)?;
    for text in metric.note.into_iter().chain(index.note) {
        observer.on_event(&Event::Note { subject: entry.name.clone(), text });
    }
    Ok(CollectionLoad { entry, vector, index: index.value })
}

/// Compares every import file's length and header with the manifest: a file
/// that was cut or exchanged must not reach the server.
async fn check_files(target: &Storage, entry: &CollectionEntry) -> Result<()> {
    for file in entry.partitions.iter().flat_map(|partition| &partition.sets).flat_map(|set| &set.files) {
        npy::check_file(target, file).await?;
    }
    Ok(())
}

async fn create(client: &Client, load: &CollectionLoad<'_>, settings: &LoadSettings) -> Result<()> {
    let entry = load.entry;
    client
        .create_collection(&NewCollection {
            name: entry.target_name.clone(),
            id_field: entry.id_field.clone(),
            vector_field: entry.vector_field.clone(),
            vector: load.vector,
            shards: settings.shards,
            description: format!("migrated from Milvus 1.x collection {}", entry.name),
        })
        .await?;
    for partition in entry.partitions.iter().filter(|partition| partition.name != mapping::DEFAULT_PARTITION)
    {
        client.create_partition(&entry.target_name, &partition.name).await?;
    }
    Ok(())
}

/// One import job to be.
#[derive(Clone, Copy)]
struct Job<'a> {
    collection: &'a CollectionEntry,
    partition: &'a PartitionEntry,
    set: &'a SetEntry,
}

async fn import_all(
    client: &Client,
    target: &Storage,
    loads: &[CollectionLoad<'_>],
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<()> {
    let jobs = loads.iter().flat_map(|load| {
        load.entry.partitions.iter().flat_map(|partition| {
            partition.sets.iter().map(|set| Job { collection: load.entry, partition, set })
        })
    });
    let done = stream::iter(jobs)
        .map(|job| async move {
            import(client, target, job, settings, observer).await?;
            Ok::<u64, Error>(job.set.rows)
        })
        .buffer_unordered(settings.jobs.max(1));
    done.try_fold(0, |rows, more| async move {
        observer.on_event(&Event::Progress { phase: Phase::Load, rows: rows + more, bytes: 0 });
        Ok(rows + more)
    })
    .await?;
    Ok(())
}

async fn import(
    client: &Client,
    target: &Storage,
    job: Job<'_>,
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<()> {
    let path = |file: &FileEntry| match &settings.server_path {
        Some(folder) => format!("{folder}/{}", file.path),
        None => target.import_path(&target.child(&file.path)),
    };
    let files: Vec<String> = job.set.files.iter().map(path).collect();
    let task = client.import(&job.collection.target_name, &job.partition.name, &files).await?;
    let set = job.set.name.clone();
    observer.on_event(&Event::JobStarted { set: set.clone(), task: task.0 });
    let rows = follow(client, job, task, settings).await?;
    if rows != job.set.rows {
        let collection = job.collection.target_name.clone();
        return Err(Error::ImportedRows {
            task: task.0,
            set,
            collection,
            expected: job.set.rows,
            found: rows,
        });
    }
    observer.on_event(&Event::JobFinished { set, task: task.0, rows });
    Ok(())
}

/// Follows an import job to its end and returns the rows it imported.
async fn follow(client: &Client, job: Job<'_>, task: TaskId, settings: &LoadSettings) -> Result<u64> {
    let mut patience = Patience::new(settings.import_timeout);
    loop {
        let status = client.import_state(task).await?;
        match status.phase {
            ImportPhase::Completed => return Ok(status.rows),
            ImportPhase::Failed => {
                let reason = status.failed_reason.unwrap_or_else(|| "the server gave no reason".into());
                return Err(Error::ImportFailed {
                    task: task.0,
                    set: job.set.name.clone(),
                    collection: job.collection.target_name.clone(),
                    reason: format!("{reason}{}", where_it_looked(settings, &reason)),
                });
            }
            _ => {}
        }
        let what = || format!("import job {} of `{}`", task.0, job.set.name);
        patience.wait(0, what, || format!("{:?}, {} rows", status.phase, status.rows)).await?;
    }
}

/// What a server may lack to read the files, when it says no more than that it cannot.
fn where_it_looked(settings: &LoadSettings, reason: &str) -> String {
    match &settings.server_path {
        Some(folder) => format!(
            " (it looked below `{folder}`: it must run with `storageType: local`, see that folder and be allowed to read it)"
        ),
        None if reason.contains("key does not exist") || reason.contains("NoSuchKey") => {
            " (Milvus imports from its own bucket alone: the dump must be in the bucket of its `minio.bucketName`)"
                .into()
        }
        None => String::new(),
    }
}

async fn make_queryable(
    client: &Client,
    load: &CollectionLoad<'_>,
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<()> {
    let name = &load.entry.target_name;
    wait_for_index(client, load.entry, settings, observer).await?;
    client.load(name, false).await?;
    wait_for_load(client, name).await?;
    observer.on_event(&Event::Queryable { collection: name.clone() });
    Ok(())
}

/// Waits until the index covers every row. The index's own state is no help:
/// it says finished while imported rows are still pending.
async fn wait_for_index(
    client: &Client,
    entry: &CollectionEntry,
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<()> {
    let mut patience = Patience::new(settings.index_stall);
    loop {
        let progress = client.index_progress(&entry.target_name, &entry.vector_field).await?;
        let collection = entry.target_name.clone();
        let (indexed, total) = (progress.indexed_rows, progress.total_rows);
        if progress.done() && total >= entry.rows {
            observer.on_event(&Event::Indexing { collection, indexed, total });
            return Ok(());
        }
        if let Some(reason) = progress.failed_reason {
            return Err(Error::IndexFailed { collection, reason });
        }
        observer.on_event(&Event::Indexing { collection, indexed, total });
        let what = || format!("the index of collection `{}`", entry.target_name);
        patience.wait(indexed, what, || format!("{indexed} of {total} rows indexed")).await?;
    }
}

async fn wait_for_load(client: &Client, collection: &str) -> Result<()> {
    let mut patience = Patience::new(LOAD_STALL);
    loop {
        let percent = client.load_percent(collection).await?;
        if percent >= 100 {
            return Ok(());
        }
        let what = || format!("loading collection `{collection}`");
        patience.wait(u64::from(percent), what, || format!("{percent} %")).await?;
    }
}
