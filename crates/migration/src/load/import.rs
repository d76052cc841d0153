// SPDX-License-Identifier: Apache-2.0
//! Import jobs: one for each file set, started once.

use std::time::Duration;

use m2m_milvus::{ImportPhase, ImportStatus, TaskId};
use m2m_sink::manifest::SetEntry;
use tokio::time::Instant;

use super::run::Run;
use super::settle::{self, Listed};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::ledger::{Claim, Entry, Job, JobState};
use crate::patience::Patience;
use crate::settings::LoadSettings;

/// How often a job is asked for whose start got no answer, and which the server does not have.
const STARTS: u32 = 3;
/// A job that has not moved for so long is told of.
const WORTH_A_NOTE: Duration = Duration::from_secs(60);

/// A file set on its way into a partition.
pub(super) struct Import<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) entry: &'a Entry,
    /// The partition in Milvus; empty where a partition key decides.
    pub(super) partition: String,
    pub(super) set: SetEntry,
}

impl Import<'_> {
    /// Has the set imported, unless that is done already, and waits for it.
    pub(super) async fn run(self) -> Result<u64> {
        let Run { ledger, observer, .. } = self.run;
        let job = match ledger.job(self.entry, &self.set.name) {
            // A job of other files says nothing of these.
            Some(job) if job.state != JobState::Failed && !job.is_of(&self.set) => {
                return Err(self.uncertain(&job));
            }
            Some(job) if job.state == JobState::Done => return Ok(self.set.rows),
            Some(job) if job.state == JobState::Started => job,
            Some(job) if job.state == JobState::Starting => match self.find().await? {
                Some(task) => job.started(task),
                None => self.start().await?,
            },
            _ => self.start().await?,
        };
        let Some(task) = job.task() else { return Err(self.uncertain(&job)) };
        observer.on_event(&Event::JobStarted { set: self.set.name.clone(), task: task.0 });
        let status = follow(self.run, task, &self.set.name).await?;
        if status.phase == ImportPhase::Failed {
            ledger.record(self.entry, &self.set.name, job.ended(JobState::Failed)).await?;
            return Err(self.failed(task, status));
        }
        let rows = status.rows;
        let (set, collection) = (self.set.name.clone(), self.entry.name.clone());
        if rows != self.set.rows {
            let expected = self.set.rows;
            return Err(Error::ImportedRows { task: task.0, set, collection, expected, found: rows });
        }
        ledger.record(self.entry, &set, job.ended(JobState::Done)).await?;
        observer.on_event(&Event::JobFinished { set, task: task.0, rows });
        Ok(rows)
    }

    /// Asks the server for the job, which is written down before and after. Where no answer
    /// comes, the server's list says whether it has the job.
    async fn start(&self) -> Result<Job> {
        let Run { client, ledger, target, settings, .. } = self.run;
        let (collection, set) = (&self.entry.name, &self.set.name);
        let files = settle::files(target, settings, &self.set);
        let mut starts = 0;
        loop {
            let job = Job::starting(&self.set);
            ledger.record(self.entry, set, job.clone()).await?;
            starts += 1;
            let task = match client.import(collection, &self.partition, &files).await {
                Ok(task) => Some(task),
                Err(error @ m2m_milvus::Error::ImportUnanswered { .. }) => {
                    tracing::warn!(%error, "looking whether the server has the job");
                    match self.find().await? {
                        None if starts == STARTS => return Err(error.into()),
                        found => found,
                    }
                }
                Err(error) => {
                    ledger.record(self.entry, set, job.ended(JobState::Failed)).await?;
                    return Err(error.into());
                }
            };
            if let Some(task) = task {
                let job = job.started(task);
                ledger.record(self.entry, set, job.clone()).await?;
                return Ok(job);
            }
        }
    }

    /// The job that the server has for the set, if it has one.
    async fn find(&self) -> Result<Option<TaskId>> {
        let Run { client, target, settings, ledger, .. } = self.run;
        let files = settle::files(target, settings, &self.set);
        match settle::find(client, &self.entry.name, &files).await? {
            Listed::Job(found) => Ok(Some(found.task)),
            Listed::Nothing => Ok(None),
            Listed::Unknown => {
                let job = ledger.job(self.entry, &self.set.name);
                Err(self.uncertain(&job.unwrap_or_else(|| Job::starting(&self.set))))
            }
        }
    }

    fn failed(&self, task: TaskId, status: ImportStatus) -> Error {
        let reason = status.failed_reason.unwrap_or_else(|| "the server gave no reason".into());
        Error::ImportFailed {
            task: task.0,
            set: self.set.name.clone(),
            collection: self.entry.name.clone(),
            reason: format!("{reason}{}", where_it_looked(self.run.settings, &reason)),
            remedy: remedy(self.entry),
        }
    }

    fn uncertain(&self, job: &Job) -> Error {
        Error::UncertainImport {
            set: self.set.name.clone(),
            collection: self.entry.name.clone(),
            age: job.age(),
        }
    }
}

/// Follows an import job to its end, whether that is good or not.
pub(super) async fn follow(run: &Run<'_>, task: TaskId, set: &str) -> Result<ImportStatus> {
    let mut watch = Watch::new(run.settings);
    loop {
        let status = run.client.import_state(task).await?;
        if matches!(status.phase, ImportPhase::Completed | ImportPhase::Failed) {
            return Ok(status);
        }
        watch.tell(&status, task, set, run.observer);
        let what = || format!("import job {} of `{set}`", task.0);
        watch.patience.wait(watch.moves, what, || shown(&status)).await?;
    }
}

/// Notices whether a job moves.
struct Watch {
    patience: Patience,
    seen: Option<ImportStatus>,
    /// How often it has moved.
    moves: u64,
    since: Instant,
    is_told: bool,
}

impl Watch {
    fn new(settings: &LoadSettings) -> Self {
        let patience = Patience::new(settings.import_stall);
        Self { patience, seen: None, moves: 0, since: Instant::now(), is_told: false }
    }

    fn tell(&mut self, status: &ImportStatus, task: TaskId, set: &str, observer: &dyn Observer) {
        if self.seen.as_ref() != Some(status) {
            (self.seen, self.since, self.is_told) = (Some(status.clone()), Instant::now(), false);
            self.moves += 1;
        } else if !self.is_told && self.since.elapsed() > WORTH_A_NOTE {
            self.is_told = true;
            let seconds = self.since.elapsed().as_secs();
            let text = format!("import job {} has not moved for {seconds} s: {}", task.0, shown(status));
            observer.on_event(&Event::Note { subject: set.to_owned(), text });
        }
    }
}

fn shown(status: &ImportStatus) -> String {
    let percent = status.progress_percent.map(|percent| format!(", {percent} %")).unwrap_or_default();
    format!("{:?}, {} rows{percent}", status.phase, status.rows)
}

fn remedy(entry: &Entry) -> &'static str {
    match entry.claim {
        Claim::Appended { .. } => {
            "mend what it names, and run the same command: nothing of this job is there"
        }
        Claim::Created { .. } => {
            "mend what it names, and run the same command: it goes on with what is missing"
        }
    }
}

/// What a server may lack to read the files, when it says no more than that it cannot.
fn where_it_looked(settings: &LoadSettings, reason: &str) -> String {
    let reason = reason.to_lowercase();
    let unseen = ["no such file", "not exist", "not found", "permission", "nosuchkey", "failed to open"];
    let is_unseen = unseen.iter().any(|words| reason.contains(words));
    match &settings.server_path {
        Some(folder) if is_unseen => format!(
            " (it looked below `{folder}`: it must run with `storageType: local`, see that folder and be allowed to read it)"
        ),
        None if is_unseen => {
            " (Milvus imports from its own bucket alone: the dump must be in the bucket of its `minio.bucketName`)"
                .into()
        }
        _ => String::new(),
    }
}
