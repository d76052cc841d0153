// SPDX-License-Identifier: Apache-2.0
//! Import jobs: one for each file set.

use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_milvus::{Client, ImportPhase, TaskId};
use m2m_sink::manifest::{FileEntry, PartitionEntry, SetEntry};
use m2m_storage::Storage;

use super::prepare::CollectionLoad;
use crate::error::{Error, Result};
use crate::event::{Event, Observer, Phase};
use crate::patience::Patience;
use crate::settings::LoadSettings;
use crate::target::TargetState;

/// One import job to be.
#[derive(Clone, Copy)]
struct Job<'a> {
    load: &'a CollectionLoad<'a>,
    partition: &'a PartitionEntry,
    set: &'a SetEntry,
}

/// Imports every file set, some at once.
pub(super) async fn all(
    client: &Client,
    target: &Storage,
    loads: &[CollectionLoad<'_>],
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<()> {
    let wanted = loads.iter().filter(|load| load.state != TargetState::Skip);
    let jobs = wanted.flat_map(|load| {
        load.entry
            .partitions
            .iter()
            .flat_map(move |partition| partition.sets.iter().map(move |set| Job { load, partition, set }))
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
    let collection = &job.load.wanted.name;
    let task = client.import(collection, &job.partition.name, &files).await?;
    let set = job.set.name.clone();
    observer.on_event(&Event::JobStarted { set: set.clone(), task: task.0 });
    let rows = follow(client, job, task, settings).await?;
    if rows != job.set.rows {
        let (collection, expected) = (collection.clone(), job.set.rows);
        return Err(Error::ImportedRows { task: task.0, set, collection, expected, found: rows });
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
                    collection: job.load.wanted.name.clone(),
                    reason: format!("{reason}{}", where_it_looked(settings, &reason)),
                    remedy: remedy(&job.load.state),
                });
            }
            _ => {}
        }
        let what = || format!("import job {} of `{}`", task.0, job.set.name);
        patience.wait(0, what, || format!("{:?}, {} rows", status.phase, status.rows)).await?;
    }
}

fn remedy(state: &TargetState) -> &'static str {
    match state {
        TargetState::Append(_) => "append only the missing ones next time, or delete the others in Milvus",
        _ => "have the collection replaced next time (`--if-exists replace`)",
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
