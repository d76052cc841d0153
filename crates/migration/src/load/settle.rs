// SPDX-License-Identifier: Apache-2.0
//! What became of import jobs that an earlier run began, or whose start got no answer.
//!
//! The server remembers its jobs for a day, with the files that they read. A job that it does
//! not list some time after it was asked for was never started; and the rows of a collection
//! that nobody else writes to are those of the jobs that are done.

use std::time::Duration;

use m2m_milvus::{Client, ImportJob, ImportPhase, TaskId};
use m2m_sink::manifest::{FileEntry, SetEntry};
use m2m_storage::Storage;

use super::prepare::CollectionLoad;
use crate::error::{Error, Result};
use crate::ledger::{Claim, Entry, JobState, Ledger};
use crate::patience::Patience;
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

/// What a server's list says of the import of some files.
pub(super) enum Listed {
    /// This job reads them, and has not failed.
    Job(ImportJob),
    /// None does, and none is to come.
    Nothing,
    /// There are jobs of which it does not say what they read.
    Unknown,
}

/// Looks for the job that reads some files, until it is certain that no such job is still to come.
pub(super) async fn find(client: &Client, collection: &str, files: &[String], age: u64) -> Result<Listed> {
    let mut left = QUIET.saturating_sub(Duration::from_secs(age));
    loop {
        let listed = client.imports(collection).await?;
        match of_files(listed, &files.join(",")) {
            Listed::Nothing if !left.is_zero() => {}
            found => return Ok(found),
        }
        tokio::time::sleep(PAUSE).await;
        left = left.saturating_sub(PAUSE);
    }
}

fn of_files(listed: Vec<ImportJob>, files: &str) -> Listed {
    let alive = listed.into_iter().filter(|job| job.status.phase != ImportPhase::Failed);
    let mut alive: Vec<ImportJob> = alive.collect();
    if let Some(at) = alive.iter().rposition(|job| job.files_text == files) {
        return Listed::Job(alive.swap_remove(at));
    }
    if alive.iter().any(|job| job.files_text.is_empty()) { Listed::Unknown } else { Listed::Nothing }
}

/// Waits until a job has ended, and says whether it ended well.
async fn wait_for(client: &Client, task: TaskId, settings: &LoadSettings) -> Result<bool> {
    let mut patience = Patience::new(settings.import_stall);
    let (mut moves, mut seen) = (0, None);
    loop {
        let status = client.import_state(task).await?;
        match status.phase {
            ImportPhase::Completed => return Ok(true),
            ImportPhase::Failed => return Ok(false),
            _ => {}
        }
        if seen.as_ref() != Some(&status) {
            moves += 1;
        }
        let last = format!("{:?}, {} rows", status.phase, status.rows);
        seen = Some(status);
        patience.wait(moves, || format!("import job {} of an earlier run", task.0), || last).await?;
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
    let mut done = 0_u64;
    for (set, job) in ledger.jobs(entry) {
        if job.state == JobState::Done {
            done += job.rows;
            continue;
        }
        // A set that is still to be written again is asked for when it comes.
        let Some(files) = files_of(load, &set).map(|set| files(target, settings, set)) else { continue };
        let is_forgotten = job.age() > REMEMBERED_SECONDS && job.state != JobState::Failed;
        match find(client, &entry.name, &files, job.age()).await? {
            Listed::Job(found) => {
                ledger.record(entry, &set, job.clone().started(found.task)).await?;
                let has_run = wait_for(client, found.task, settings).await?;
                let state = if has_run { JobState::Done } else { JobState::Failed };
                done += if has_run { job.rows } else { 0 };
                ledger.record(entry, &set, job.started(found.task).ended(state)).await?;
            }
            Listed::Nothing if !is_forgotten => {
                ledger.record(entry, &set, job.ended(JobState::Failed)).await?;
            }
            _ if matches!(entry.claim, Claim::Created { .. }) => return Ok(Settled::Lost),
            _ => {
                let (age, collection) = (job.age(), entry.name.clone());
                return Err(Error::UncertainImport { age, set, collection });
            }
        }
    }
    if matches!(entry.claim, Claim::Appended { .. }) {
        return Ok(Settled::Known);
    }
    // A server that is killed can count rows of the jobs that failed by that.
    let stored = client.stored_rows(&entry.name, None).await?;
    let (found, most) = (u64::try_from(stored).unwrap_or_default(), ledger.rows_at_most(entry));
    match found {
        found if found == done => Ok(Settled::Known),
        found if found <= most => Ok(Settled::Lost),
        found => Err(Error::CollectionRows { collection: entry.name.clone(), expected: done, found }),
    }
}

fn files_of<'a>(load: &'a CollectionLoad, name: &str) -> Option<&'a SetEntry> {
    load.entry.partitions.iter().flat_map(|partition| &partition.sets).find(|set| set.name == name)
}

#[cfg(test)]
mod tests {
    use m2m_milvus::ImportStatus;

    use super::*;

    fn job(task: i64, files: &str, phase: ImportPhase) -> ImportJob {
        let status = ImportStatus { phase, rows: 0, progress_percent: None, failed_reason: None };
        let names = files.split(',').map(str::to_owned).collect();
        let (files_text, partition) = (files.to_owned(), String::new());
        ImportJob { task: TaskId(task), files: names, files_text, partition, status }
    }

    fn found(listed: &[ImportJob]) -> Option<i64> {
        match of_files(listed.to_vec(), "a/id.npy,a/vector.npy") {
            Listed::Job(job) => Some(job.task.0),
            Listed::Nothing => None,
            Listed::Unknown => Some(-1),
        }
    }

    #[test]
    fn a_job_is_known_by_all_of_its_files() {
        let same = "a/id.npy,a/vector.npy";
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[job(1, "b/id.npy,b/vector.npy", ImportPhase::Started)]), None);
        assert_eq!(found(&[job(1, "a/id.npy", ImportPhase::Started)]), None);
        for phase in [ImportPhase::Pending, ImportPhase::Completed, ImportPhase::Unknown(9)] {
            assert_eq!(found(&[job(1, same, phase), job(2, "b", phase)]), Some(1));
        }
        assert_eq!(found(&[job(1, same, ImportPhase::Failed)]), None);
        let again = [job(1, same, ImportPhase::Failed), job(2, same, ImportPhase::Pending)];
        assert_eq!(found(&again), Some(2));
    }

    #[test]
    fn a_server_that_does_not_say_what_its_jobs_read_leaves_it_open() {
        let same = "a/id.npy,a/vector.npy";
        assert_eq!(found(&[job(1, "", ImportPhase::Started)]), Some(-1));
        assert_eq!(found(&[job(1, "", ImportPhase::Failed)]), None);
        assert_eq!(found(&[job(1, "", ImportPhase::Started), job(2, same, ImportPhase::Started)]), Some(2));
    }
}
