// SPDX-License-Identifier: Apache-2.0
//! Import jobs.
//!
//! A 2.3.5 whose caller goes away, or whose deadline passes, while it asks its coordinator
//! about jobs ends by a nil pointer. So these questions are never broken off: they have no
//! deadline on the way, and when nobody waits for the answer any more it still may come.

use std::time::Duration;

use tonic::Code;

use crate::client::{Call, Client, Service};
use crate::collections::collection;
use crate::error::{Error, Result};
use crate::fault::Fault;
use crate::proto::common::{ImportState, KeyValuePair};
use crate::proto::milvus as pb;

/// The server looks for a missing collection for 50 s before it says so.
const IMPORT_DEADLINE: Duration = Duration::from_secs(75);

/// The server's number of an import job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskId(pub i64);

/// How far an import job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportPhase {
    /// It waits for its turn.
    Pending,
    /// Its files are being read.
    Started,
    /// Its rows are written, and not yet visible.
    Persisted,
    /// It has ended well.
    Completed,
    /// It has ended, and nothing of it is visible. A restart of the server fails
    /// every job that was begun and not completed; rows that such a one had
    /// persisted go on being counted as stored.
    Failed,
    /// A phase of a newer server, which is neither end.
    Unknown(i32),
}

/// What is known of an import job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportStatus {
    /// How far it is.
    pub phase: ImportPhase,
    /// The rows it has written.
    pub rows: u64,
    /// The server's estimate.
    pub progress_percent: Option<u8>,
    /// Why it failed, in the server's words.
    pub failed_reason: Option<String>,
}

/// An import job in the server's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportJob {
    /// The server's number of it.
    pub task: TaskId,
    /// The files it reads, in the order they were asked for; none when the
    /// server does not say. A name with a comma in it comes as two: compare
    /// [`Self::files_text`] where that can happen.
    pub files: Vec<String>,
    /// The files as the server lists them, joined by commas.
    pub files_text: String,
    /// The partition its rows go to; empty when the server does not say.
    pub partition: String,
    /// How far it is.
    pub status: ImportStatus,
}

impl ImportJob {
    fn of(call: &Call, listed: &pb::GetImportStateResponse) -> Result<Self> {
        if listed.id == 0 {
            return Err(call.unexpected("import jobs with numbers", "one without"));
        }
        let text = |key| value(&listed.infos, key).unwrap_or_default();
        let files = text("files");
        Ok(Self {
            task: TaskId(listed.id),
            files: files.split(',').filter(|file| !file.is_empty()).map(ToOwned::to_owned).collect(),
            files_text: files.to_owned(),
            partition: text("partition").to_owned(),
            status: ImportStatus::of(call, listed)?,
        })
    }
}

impl ImportStatus {
    fn of(call: &Call, answer: &pb::GetImportStateResponse) -> Result<Self> {
        let rows = u64::try_from(answer.row_count)
            .map_err(|_| call.unexpected("a number of rows", answer.row_count.to_string()))?;
        Ok(Self {
            phase: phase(answer.state),
            rows,
            progress_percent: value(&answer.infos, "progress_percent")
                .and_then(|percent| percent.parse().ok()),
            failed_reason: value(&answer.infos, "failed_reason").map(ToOwned::to_owned),
        })
    }
}

impl Client {
    /// Starts a job that imports one set of files, one file for each field
    /// and named after it.
    ///
    /// The server reads the files itself, from its own bucket or disk. It
    /// answers before it has opened them: what is wrong with them is found in
    /// the job's state. This call is sent again only when the server has
    /// certainly not taken it, because it does not notice rows that it has
    /// already.
    ///
    /// # Errors
    ///
    /// When the server refuses the job, or cannot be reached, and no job runs;
    /// [`Error::ImportUnanswered`] when it does not answer, or not as it should,
    /// in which case it is not known whether the job runs: [`Self::imports`]
    /// lists it if it does.
    pub async fn import(&self, collection: &str, partition: &str, files: &[String]) -> Result<TaskId> {
        let subject = format!("partition `{partition}` of collection `{collection}`");
        let call = Call::once("Import", subject).with_deadline(IMPORT_DEADLINE);
        let message = pb::ImportRequest {
            collection_name: collection.to_owned(),
            partition_name: partition.to_owned(),
            files: files.to_vec(),
            db_name: self.database(),
        };
        let answer =
            self.attempt(&call, message, |mut service: Service, request| async move {
                service.import(request).await
            })
            .await;
        let task = answer.and_then(|answer| match answer.tasks.as_slice() {
            [task] => Ok(TaskId(*task)),
            tasks => Err((Fault::Final, call.unexpected("one job", format!("{} jobs", tasks.len())))),
        });
        task.map_err(|(fault, error)| match is_certain(fault, &error) {
            true => error,
            false => Error::ImportUnanswered {
                collection: collection.to_owned(),
                partition: partition.to_owned(),
                source: Box::new(error),
            },
        })
    }

    /// Asks how far an import job is.
    ///
    /// # Errors
    ///
    /// When the server does not know the job or does not answer. A job that
    /// failed is no error here.
    pub async fn import_state(&self, task: TaskId) -> Result<ImportStatus> {
        let call = Call::read("GetImportState", format!("import job {}", task.0)).lasting();
        let answer = self
            .call(
                &call,
                pb::GetImportStateRequest { task: task.0 },
                |mut service: Service, request| async move { service.get_import_state(request).await },
            )
            .await?;
        ImportStatus::of(&call, &answer)
    }

    /// Lists the import jobs of a collection that the server remembers, which
    /// is for a day, in the order of their numbers.
    ///
    /// A job is listed as soon as [`Self::import`] has answered. Jobs of an
    /// earlier collection of the same name are not.
    ///
    /// # Errors
    ///
    /// When there is no such collection, or the server does not answer.
    pub async fn imports(&self, name: &str) -> Result<Vec<ImportJob>> {
        let call = Call::read("ListImportTasks", collection(name)).lasting();
        let message = pb::ListImportTasksRequest {
            collection_name: name.to_owned(),
            limit: 0,
            db_name: self.database(),
        };
        let answer = self
            .call(&call, message, |mut service: Service, request| async move {
                service.list_import_tasks(request).await
            })
            .await?;
        let jobs: Result<Vec<_>> = answer.tasks.iter().map(|listed| ImportJob::of(&call, listed)).collect();
        let mut jobs = jobs?;
        jobs.sort_by_key(|job| job.task.0);
        Ok(jobs)
    }
}

/// Whether no job runs for certain: the server was not reached, or said no.
/// Anything else may have come after the job started, even a refusal that
/// passes: one part of the server says it that has no answer of another.
fn is_certain(fault: Fault, error: &Error) -> bool {
    match (fault, error) {
        (Fault::Unsent | Fault::TurnedAway, _) => true,
        (Fault::Broken | Fault::Late, _) | (Fault::Final, Error::Answer { .. }) => false,
        (Fault::Final, Error::Rpc { source, .. }) => {
            matches!(source.code(), Code::PermissionDenied | Code::Unimplemented)
        }
        (Fault::Final, _) => true,
    }
}

fn phase(state: i32) -> ImportPhase {
    match ImportState::try_from(state) {
        Ok(ImportState::ImportPending) => ImportPhase::Pending,
        Ok(ImportState::ImportStarted) => ImportPhase::Started,
        Ok(ImportState::ImportPersisted | ImportState::ImportFlushed) => ImportPhase::Persisted,
        Ok(ImportState::ImportCompleted) => ImportPhase::Completed,
        Ok(ImportState::ImportFailed | ImportState::ImportFailedAndCleaned) => ImportPhase::Failed,
        Err(_) => ImportPhase::Unknown(state),
    }
}

fn value<'a>(infos: &'a [KeyValuePair], key: &str) -> Option<&'a str> {
    infos
        .iter()
        .find(|info| info.key == key)
        .map(|info| info.value.as_str())
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;
    use crate::cause::Cause;

    #[test]
    fn every_state_has_its_phase_and_new_ones_are_no_end() {
        let phases: Vec<_> = (0..10).map(phase).collect();
        assert_eq!(
            phases,
            [
                ImportPhase::Pending,
                ImportPhase::Failed,
                ImportPhase::Started,
                ImportPhase::Unknown(3),
                ImportPhase::Unknown(4),
                ImportPhase::Persisted,
                ImportPhase::Completed,
                ImportPhase::Failed,
                ImportPhase::Persisted,
                ImportPhase::Unknown(9),
            ]
        );
    }

    fn listed(infos: &[(&str, &str)]) -> pb::GetImportStateResponse {
        let info = |(key, value): &(&str, &str)| KeyValuePair { key: (*key).into(), value: (*value).into() };
        let infos = infos.iter().map(info).collect();
        pb::GetImportStateResponse { id: 7, state: 6, row_count: 3, infos, ..Default::default() }
    }

    fn call() -> Call {
        Call::read("ListImportTasks", collection("films"))
    }

    #[test]
    fn a_listed_job_says_what_it_reads_and_how_far_it_is() {
        let infos = [("files", "a/id.npy,a/vector.npy"), ("partition", "old"), ("progress_percent", "100")];
        let job = ImportJob::of(&call(), &listed(&infos)).unwrap();
        assert_eq!(
            (job.task, job.files),
            (TaskId(7), vec!["a/id.npy".to_owned(), "a/vector.npy".to_owned()])
        );
        assert_eq!((job.files_text.as_str(), job.partition.as_str()), ("a/id.npy,a/vector.npy", "old"));
        assert_eq!((job.status.phase, job.status.rows), (ImportPhase::Completed, 3));
        assert_eq!((job.status.progress_percent, job.status.failed_reason), (Some(100), None));
    }

    #[test]
    fn a_job_without_files_has_none_and_one_without_number_is_refused() {
        let job = ImportJob::of(&call(), &listed(&[])).unwrap();
        assert_eq!((job.files.len(), job.files_text.as_str(), job.partition.as_str()), (0, "", ""));
        let nameless = pb::GetImportStateResponse { id: 0, ..listed(&[]) };
        assert!(matches!(ImportJob::of(&call(), &nameless), Err(Error::Answer { .. })));
        let negative = pb::GetImportStateResponse { row_count: -1, ..listed(&[]) };
        assert!(matches!(ImportJob::of(&call(), &negative), Err(Error::Answer { .. })));
    }

    #[test]
    fn an_empty_reason_is_none() {
        let info = |value: &str| [KeyValuePair { key: "failed_reason".to_owned(), value: value.to_owned() }];
        assert_eq!(value(&info(""), "failed_reason"), None);
        assert_eq!(value(&info("no such file"), "failed_reason"), Some("no such file"));
        assert_eq!(value(&info("no such file"), "progress_percent"), None);
    }

    #[test]
    fn only_a_refusal_that_stays_or_no_connection_tells_that_no_job_runs() {
        let refused = || Error::Refused {
            call: "Import",
            subject: String::new(),
            code: 200,
            reason: String::new(),
            is_passing: false,
        };
        for (fault, certain) in [
            (Fault::Unsent, true),
            (Fault::TurnedAway, true),
            (Fault::Final, true),
            (Fault::Broken, false),
            (Fault::Late, false),
        ] {
            assert_eq!(is_certain(fault, &refused()), certain, "{fault:?}");
        }
        assert!(!is_certain(Fault::Final, &call().unexpected("one job", "2 jobs")));
        let rpc = |status| Error::Rpc {
            address: String::new(),
            call: "Import",
            subject: String::new(),
            source: Cause::new(status),
        };
        assert!(is_certain(Fault::Final, &rpc(Status::permission_denied("no"))));
        assert!(!is_certain(Fault::Final, &rpc(Status::internal("broken"))));
    }
}
