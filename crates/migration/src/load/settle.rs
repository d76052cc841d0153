// SPDX-License-Identifier: Apache-2.0
//! What became of import jobs that an earlier run began, or whose start got no answer.
//!
//! The server remembers its jobs for a day, with the files that they read. A job that it does
//! not list some time after it was asked for was never started; and the rows of a collection
//! that nobody else writes to are those of the jobs that are done.

use std::time::Duration;

use m2m_milvus::{Client, ImportJob, ImportPhase};
use m2m_sink::manifest::{FileEntry, SetEntry};
use m2m_storage::Storage;

use super::prepare::CollectionLoad;
use crate::error::{Error, Result};
use crate::ledger::{Claim, Entry, JobState, Ledger};
use crate::settings::LoadSettings;

/// How long after a question for a job its absence from the list says that it never began.
const QUIET: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_secs(1);
/// The server remembers jobs for 24 hours.
const REMEMBERED_SECONDS: u64 = 20 * 3600;

/// The files of a set as the server is told of them.
pub(super) fn files(target: &Storage, settings: &LoadSettings, set: &SetEntry) -> Vec<String> {
    let path = |file: &FileEntry| match &settings.server_path {
        Some(folder) => format!("{folder}/{}", file.path),
        None => target.import_path(&target.child(&file.path)),
    };
    set.files.iter().map(path).collect()
}

/// Finds the job that reads some files and has not failed, once it is certain that no such
/// job is still to come.
pub(super) async fn find(
    client: &Client,
    collection: &str,
    files: &[String],
    age: u64,
) -> Result<Option<ImportJob>> {
    let text = files.join(",");
    let mut left = QUIET.saturating_sub(Duration::from_secs(age));
    loop {
        let listed = client.imports(collection).await?;
        let is_it = |job: &ImportJob| job.files_text == text && job.status.phase != ImportPhase::Failed;
        if let Some(job) = listed.into_iter().rev().find(is_it) {
            return Ok(Some(job));
        }
        if left.is_zero() {
            return Ok(None);
        }
        tokio::time::sleep(PAUSE).await;
        left = left.saturating_sub(PAUSE);
    }
}

/// What can be done with the jobs of a load that is taken up.
pub(super) enum Settled {
    /// The ledger is right: what is not done and not running can be started.
    Known,
    /// Nobody can tell which rows are there: a new collection is made.
    Lost,
}

/// Brings the ledger up to what the server knows.
pub(super) async fn settle(
    client: &Client,
    ledger: &Ledger,
    target: &Storage,
    settings: &LoadSettings,
    load: &CollectionLoad,
    entry: &Entry,
) -> Result<Settled> {
    let (mut done, mut running, mut is_asked_again) = (0_u64, 0_u64, false);
    for (set, job) in ledger.jobs(entry) {
        if job.state == JobState::Done {
            done += job.rows;
            continue;
        }
        let Some(files) = files_of(load, &set).map(|set| files(target, settings, set)) else {
            // The set is still to be written.
            is_asked_again = true;
            continue;
        };
        match find(client, &entry.name, &files, job.age()).await? {
            Some(found) => {
                running += job.rows;
                ledger.record(entry, &set, job.started(found.task)).await?;
            }
            None if job.age() > REMEMBERED_SECONDS && job.state != JobState::Failed => {
                if matches!(entry.claim, Claim::Appended { .. }) {
                    return Err(Error::UncertainImport {
                        age: job.age(),
                        set,
                        collection: entry.name.clone(),
                    });
                }
                return Ok(Settled::Lost);
            }
            None => {
                is_asked_again = true;
                ledger.record(entry, &set, job.ended(JobState::Failed)).await?;
            }
        }
    }
    if !is_asked_again || matches!(entry.claim, Claim::Appended { .. }) {
        return Ok(Settled::Known);
    }
    let stored = client.stored_rows(&entry.name, None).await?;
    let stored = u64::try_from(stored).unwrap_or_default();
    // Rows of running jobs are counted when they are written.
    Ok(if (done..=done + running).contains(&stored) { Settled::Known } else { Settled::Lost })
}

fn files_of<'a>(load: &'a CollectionLoad, name: &str) -> Option<&'a SetEntry> {
    load.entry.partitions.iter().flat_map(|partition| &partition.sets).find(|set| set.name == name)
}
