// SPDX-License-Identifier: Apache-2.0
//! What became of import jobs that an earlier run began, or whose start got no answer.
//!
//! A job whose number is known is asked for by it. One whose start got no answer is looked for in
//! the server's list by the files that it reads: when it is not there some time after, it was never
//! started, unless the server may have forgotten it. What nobody can tell is not guessed: rows that
//! are appended are left as they are, and a new collection is made anew, if its rows can be
//! nothing but its own.

use std::time::Duration;

use m2m_milvus::{Client, ImportJob, ImportPhase};
use m2m_sink::manifest::{FileEntry, SetEntry};
use m2m_storage::Storage;
use tokio::time::Instant;

use super::import::follow;
use super::prepare::CollectionLoad;
use super::run::Run;
use crate::error::{Error, Result};
use crate::ledger::{Claim, Entry, Job, JobState};
use crate::settings::LoadSettings;

/// How long a job is looked for before its absence from the list says that it never began.
const QUIET: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_secs(1);
/// Longest time that a server which was killed takes its last life for another's.
const AFTERLIFE: Duration = Duration::from_secs(60);
/// Servers of 2.2 and 2.3 remember jobs for 24 hours, newer ones for 3 (`taskRetention`).
const REMEMBERED_SECONDS: u64 = 2 * 3600;

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
pub(super) async fn find(client: &Client, collection: &str, files: &[String]) -> Result<Listed> {
    let began = Instant::now();
    loop {
        let listed = client.imports(collection).await?;
        match of_files(listed, &files.join(",")) {
            Listed::Nothing if began.elapsed() < QUIET => tokio::time::sleep(PAUSE).await,
            found => return Ok(found),
        }
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

/// What can be done with the jobs of a load that is taken up.
pub(super) enum Settled {
    /// The ledger is right: what is not done and not running can be started.
    Known,
    /// Nobody can tell which rows are there: a new collection is made.
    Lost,
}

/// Brings the ledger up to what the server knows.
pub(super) async fn settle(run: &Run<'_>, load: &CollectionLoad, entry: &Entry) -> Result<Settled> {
    let (mut done, mut is_known, mut is_all) = (0_u64, true, true);
    for (name, job) in run.ledger.jobs(entry) {
        let set = set_of(load, &name).filter(|set| job.state == JobState::Failed || job.is_of(set));
        let state = match (job.state, set) {
            (JobState::Done, Some(_)) => Some(JobState::Done),
            // A set that is not there yet, or not as it was, is another one.
            (_, None) => None,
            (_, Some(set)) => end_of(run, entry, set, &job).await?,
        };
        is_all &= job.state == JobState::Done;
        match state {
            Some(JobState::Done) => done = done.saturating_add(job.rows),
            Some(_) => {}
            None if matches!(entry.claim, Claim::Appended { .. }) => {
                let (age, collection) = (job.age(), entry.name.clone());
                return Err(Error::UncertainImport { age, set: name, collection });
            }
            None => is_known = false,
        }
        if let Some(state) = state.filter(|state| *state != job.state) {
            run.ledger.record(entry, &name, job.ended(state)).await?;
        }
    }
    if matches!(entry.claim, Claim::Appended { .. }) || (is_all && is_known) {
        return Ok(Settled::Known);
    }
    judge(run, entry, done, is_known).await
}

/// How a job ended; none when nobody can tell whether it has run.
async fn end_of(run: &Run<'_>, entry: &Entry, set: &SetEntry, job: &Job) -> Result<Option<JobState>> {
    let task = match (job.state, job.task()) {
        (JobState::Failed, _) => return Ok(Some(JobState::Failed)),
        (JobState::Started, Some(task)) => task,
        _ => {
            let files = files(run.target, run.settings, set);
            match find(run.client, &entry.name, &files).await? {
                Listed::Job(found) => found.task,
                Listed::Nothing if job.age() < REMEMBERED_SECONDS => return Ok(Some(JobState::Failed)),
                Listed::Nothing | Listed::Unknown => return Ok(None),
            }
        }
    };
    match follow(run, task, &set.name).await {
        Ok(status) if status.phase == ImportPhase::Completed => Ok(Some(JobState::Done)),
        Ok(_) => Ok(Some(JobState::Failed)),
        // A number that the server does not know any more.
        Err(Error::Milvus(m2m_milvus::Error::Refused { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the rows of a new collection are those of the jobs that are done.
async fn judge(run: &Run<'_>, entry: &Entry, done: u64, is_known: bool) -> Result<Settled> {
    // Rows that somebody else inserted are counted when they are stored.
    flush(run, &entry.name).await?;
    let stored = run.client.stored_rows(&entry.name, None).await?;
    let (found, most) = (u64::try_from(stored).unwrap_or_default(), run.ledger.rows_at_most(entry));
    match found {
        found if found == done && is_known => Ok(Settled::Known),
        // A server that is killed can count rows of the jobs that failed by that.
        found if (done..=most).contains(&found) => Ok(Settled::Lost),
        found => Err(Error::CollectionRows { collection: entry.name.clone(), expected: done, found }),
    }
}

/// Has the server store what it holds in memory. One that was killed refuses it for half a
/// minute, until its own last life is forgotten.
async fn flush(run: &Run<'_>, collection: &str) -> Result<()> {
    let began = Instant::now();
    loop {
        match run.client.flush(collection).await {
            Err(m2m_milvus::Error::Refused { .. }) if began.elapsed() < AFTERLIFE => {
                tokio::time::sleep(PAUSE).await;
            }
            flushed => return Ok(flushed?),
        }
    }
}

fn set_of<'a>(load: &'a CollectionLoad, name: &str) -> Option<&'a SetEntry> {
    load.entry.partitions.iter().flat_map(|partition| &partition.sets).find(|set| set.name == name)
}

#[cfg(test)]
mod tests {
    use m2m_milvus::{ImportStatus, TaskId};

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
