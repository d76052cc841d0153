// SPDX-License-Identifier: Apache-2.0
//! The record of what a load has had imported, `ledger.json` beside the manifest.
//!
//! Milvus 2.x does not notice rows that it has already, so no import job may be started
//! twice. Before a job is started the ledger says so, and before a collection is created
//! the ledger has the token that its description will carry: whoever is killed in between
//! finds out afterwards what became of both.
//!
//! ```text
//! {"version": 1, "collections": [{
//!    "dump": "0c9f6f2e…", "name": "colours", "database": "", "address": "127.0.0.1:19530",
//!    "claim": {"created": {"token": "5f3a…", "is_replacing": false}},
//!    "jobs": {"colours/_default/1606": {"state": "started", "task": 445, "rows": 1000,
//!                                       "content": "3f2a… 90bb…", "begun_at": 1795237915}},
//!    "is_ended": false}],
//!  "holder": {"id": "77e0…", "machine": "…", "pid": 4711, "seen_at": 1795237920}}
//! ```

mod holder;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use m2m_milvus::{CollectionInfo, TaskId};
use m2m_sink::manifest::SetEntry;
use m2m_storage::Storage;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::event::{Event, Observer};
pub(crate) use holder::SIGN_OF_LIFE;
use holder::{Holder, Presence, SILENCE};

/// The ledger's file in the root of a dump.
pub(crate) const LEDGER_FILE: &str = "ledger.json";
/// The version that is written and read.
const VERSION: u32 = 1;
/// Time for another who begins in the same moment to be seen.
const SETTLING: Duration = Duration::from_millis(300);
const SETTLING_LOCALLY: Duration = Duration::from_millis(30);
/// Pause between two looks at another who may be at work.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Book {
    version: u32,
    collections: Vec<Entry>,
    /// The process that is at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<Holder>,
}

/// The load of one collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The id of the dump.
    pub(crate) dump: String,
    /// The collection's name in Milvus 2.x.
    pub(crate) name: String,
    /// Its database there; empty is the default.
    pub(crate) database: String,
    /// The server's address, for whoever reads the file.
    pub(crate) address: String,
    pub(crate) claim: Claim,
    /// The import jobs, by their file sets.
    pub(crate) jobs: BTreeMap<String, Job>,
    /// Whether the command that began the load came to its end.
    pub(crate) is_ended: bool,
}

/// Which collection on the server is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Claim {
    /// One whose description holds the token.
    Created {
        token: String,
        /// Whether another was dropped before.
        is_replacing: bool,
    },
    /// One that was there and has this number, with the rows that it had.
    Appended {
        collection_id: i64,
        rows: u64,
        partition_rows: BTreeMap<String, u64>,
        index_rows: u64,
        is_loaded: bool,
    },
}

/// One import job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) state: JobState,
    /// The server's number of it, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<i64>,
    pub(crate) rows: u64,
    /// The checksums of the files that it reads: other files are another job.
    pub(crate) content: String,
    /// Seconds since 1970.
    pub(crate) begun_at: u64,
}

/// How far an import job is, as far as was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobState {
    /// The server is being asked for it: it may run or not.
    Starting,
    /// The server has answered.
    Started,
    /// Its rows are in Milvus.
    Done,
    /// It has failed, and none of its rows is in Milvus.
    Failed,
}

impl Job {
    /// The job of a file set that is about to be started.
    pub(crate) fn starting(set: &SetEntry) -> Self {
        let (rows, content) = (set.rows, content(set));
        Self { state: JobState::Starting, task: None, rows, content, begun_at: now() }
    }

    /// Whether it reads the files of a set as they are.
    pub(crate) fn is_of(&self, set: &SetEntry) -> bool {
        (self.rows, &self.content) == (set.rows, &content(set))
    }

    pub(crate) fn started(self, task: TaskId) -> Self {
        Self { state: JobState::Started, task: Some(task.0), ..self }
    }

    pub(crate) fn ended(self, state: JobState) -> Self {
        Self { state, ..self }
    }

    pub(crate) fn task(&self) -> Option<TaskId> {
        self.task.map(TaskId)
    }

    /// Seconds since it was begun; none when the clock went back.
    pub(crate) fn age(&self) -> u64 {
        now().saturating_sub(self.begun_at)
    }
}

impl Entry {
    /// Whether a collection is the one that is meant.
    fn is_of(&self, info: &CollectionInfo) -> bool {
        match &self.claim {
            Claim::Created { token, .. } => info.description.contains(token),
            Claim::Appended { collection_id, .. } => info.id == *collection_id,
        }
    }

    /// Whether it made a collection and every import job of it is done.
    pub(crate) fn is_loaded(&self) -> bool {
        let is_done = |job: &Job| job.state == JobState::Done;
        matches!(self.claim, Claim::Created { .. }) && self.jobs.values().all(is_done)
    }

    /// Rows of all jobs, those among them that failed: a server that was killed can still count them.
    pub(crate) fn rows_at_most(&self) -> u64 {
        self.jobs.values().map(|job| job.rows).fold(0, u64::saturating_add)
    }
}

/// The ledger of a dump.
pub(crate) struct Ledger {
    storage: Storage,
    book: Mutex<Book>,
    /// One writes at a time, and what was written last is what was changed last.
    writing: tokio::sync::Mutex<()>,
}

impl Ledger {
    /// Reads the ledger of a dump; an empty one where there is none.
    pub(crate) async fn open(target: &Storage) -> Result<Self> {
        let path = target.child(LEDGER_FILE);
        let location = target.display(&path);
        let book = match target.get(&path).await {
            Ok(json) => decode(&json, &location)?,
            Err(error) if error.is_not_found() => {
                Book { version: VERSION, collections: Vec::new(), holder: None }
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { storage: target.clone(), book: Mutex::new(book), writing: tokio::sync::Mutex::default() })
    }

    /// Reads the ledger of a dump and makes this process its holder. One who may be at work
    /// elsewhere is waited for until it is certain that he is not.
    ///
    /// # Errors
    ///
    /// Those of [`Ledger::open`], and when another is at work on the dump.
    pub(crate) async fn hold(target: &Storage, observer: &dyn Observer) -> Result<Self> {
        Self::hold_after(target, observer, SILENCE, LOOK_AGAIN).await
    }

    async fn hold_after(
        target: &Storage,
        observer: &dyn Observer,
        silence: Duration,
        pause: Duration,
    ) -> Result<Self> {
        let me = Holder::new();
        let mut silent: Option<(Holder, Instant)> = None;
        loop {
            let ledger = Self::open(target).await?;
            let other = ledger.book().holder.clone();
            let Some(other) = other else { return ledger.take(me).await };
            match other.presence() {
                Presence::AtWork => return Err(ledger.is_held(&other)),
                Presence::Gone => return ledger.take(me).await,
                Presence::Silent => {}
            }
            // What his clock says is not believed: he is gone when nothing was heard for long by ours.
            match &silent {
                Some((known, since)) if *known == other => {
                    if since.elapsed() >= silence {
                        return ledger.take(me).await;
                    }
                }
                Some(_) => return Err(ledger.is_held(&other)),
                None => {
                    let text = format!(
                        "another m2m on another machine was at work on this dump: waiting {} s to be certain that it has ended",
                        silence.as_secs()
                    );
                    observer.on_event(&Event::Note { subject: "dump".into(), text });
                    silent = Some((other, Instant::now()));
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Makes this process the holder, unless another becomes it in the same moment.
    async fn take(self, me: Holder) -> Result<Self> {
        self.book().holder = Some(me.clone());
        self.put().await?;
        tokio::time::sleep(if self.storage.is_local() { SETTLING_LOCALLY } else { SETTLING }).await;
        let seen = Self::open(&self.storage).await?;
        let holder = seen.book().holder.clone();
        match holder {
            Some(holder) if !holder.is(&me) => Err(self.is_held(&holder)),
            _ => Ok(seen),
        }
    }

    /// Lets go of the dump. A ledger that holds nothing is removed.
    pub(crate) async fn release(&self) -> Result<()> {
        // Nobody else may have become the holder.
        self.write().await?;
        self.book().holder = None;
        if self.book().collections.is_empty() {
            return Ok(self.storage.delete(&self.storage.child(LEDGER_FILE)).await?);
        }
        self.put().await
    }

    /// Lets others know that this process is at work.
    pub(crate) async fn live(&self) -> Result<()> {
        self.write().await
    }

    fn is_held(&self, other: &Holder) -> Error {
        Error::Held { location: self.storage.display(self.storage.prefix()), pid: other.pid() }
    }

    /// Whether a load of a dump was begun and did not come to its end.
    pub(crate) fn is_going_on(&self, dump: &str) -> bool {
        self.book().collections.iter().any(|entry| entry.dump == dump && !entry.is_ended)
    }

    /// The load that a collection on the server is of.
    pub(crate) fn find(&self, name: &str, database: &str, info: &CollectionInfo) -> Option<Entry> {
        let book = self.book();
        let mut of_name = book.collections.iter().filter(|entry| entry.name == name);
        of_name.find(|entry| entry.database == database && entry.is_of(info)).cloned()
    }

    /// Begins the load of a collection, in place of whatever was begun under its name.
    pub(crate) async fn claim(&self, new: Entry) -> Result<()> {
        {
            let mut book = self.book();
            book.collections.retain(|entry| !is_same(entry, &new));
            book.collections.push(new);
        }
        self.write().await
    }

    /// What is known of an import job.
    pub(crate) fn job(&self, of: &Entry, set: &str) -> Option<Job> {
        let book = self.book();
        book.collections.iter().find(|entry| is_same(entry, of))?.jobs.get(set).cloned()
    }

    /// All import jobs of a load.
    pub(crate) fn jobs(&self, of: &Entry) -> BTreeMap<String, Job> {
        let book = self.book();
        let found = book.collections.iter().find(|entry| is_same(entry, of));
        found.map(|entry| entry.jobs.clone()).unwrap_or_default()
    }

    /// Rows that the jobs of a load can have brought.
    pub(crate) fn rows_at_most(&self, of: &Entry) -> u64 {
        let book = self.book();
        book.collections.iter().find(|entry| is_same(entry, of)).map_or(0, Entry::rows_at_most)
    }

    /// Writes down how far an import job is.
    pub(crate) async fn record(&self, of: &Entry, set: &str, job: Job) -> Result<()> {
        match self.book().collections.iter_mut().find(|entry| is_same(entry, of)) {
            Some(entry) => drop(entry.jobs.insert(set.to_owned(), job)),
            None => {
                let reason = format!("it has no load of collection `{}`", of.name);
                return Err(self.not_written(reason.into()));
            }
        }
        self.write().await
    }

    /// Writes down that the command that began a load came to its end, or that nothing can be
    /// made of it any more: what is done with the collection stands in the settings again.
    pub(crate) async fn end(&self, names: &[String], database: &str, address: &str) -> Result<()> {
        for entry in &mut self.book().collections {
            let is_meant = names.contains(&entry.name) && entry.database == database;
            entry.is_ended |= is_meant && entry.address == address;
        }
        self.write().await
    }

    /// Writes the file, unless another has become its holder.
    async fn write(&self) -> Result<()> {
        let _writing = self.writing.lock().await;
        let me = self.book().holder.clone();
        if let Some(me) = &me {
            let there = Self::open(&self.storage).await?.book().holder.clone();
            if let Some(other) = there.filter(|there| !there.is(me) && there.presence() != Presence::Gone) {
                return Err(self.is_held(&other));
            }
        }
        self.put().await
    }

    async fn put(&self) -> Result<()> {
        if let Some(holder) = &mut self.book().holder {
            holder.seen_at = now();
        }
        let path = self.storage.child(LEDGER_FILE);
        let json = serde_json::to_vec_pretty(&*self.book());
        let mut json = json.map_err(|error| self.not_written(error.into()))?;
        json.push(b'\n');
        let put = self.storage.put_atomic(&path, json.into()).await;
        put.map_err(|error| self.not_written(error.into()))
    }

    fn not_written(&self, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
        let location = self.storage.display(&self.storage.child(LEDGER_FILE));
        Error::LedgerNotWritten { location, source }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Whoever panicked with it in his hands has ended the load.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells the files of a set from others under their names.
fn content(set: &SetEntry) -> String {
    set.files.iter().map(|file| format!("{:08x}", file.crc32c)).collect::<Vec<_>>().join(" ")
}

/// Whether two entries are of one collection: there is one load of it at a time.
fn is_same(one: &Entry, other: &Entry) -> bool {
    (&one.name, &one.database, &one.address) == (&other.name, &other.database, &other.address)
}

fn decode(json: &[u8], location: &str) -> Result<Book> {
    /// The one field that every version has.
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let fault = |source| Error::Ledger { location: location.to_owned(), source };
    let Versioned { version: found } = serde_json::from_slice(json).map_err(fault)?;
    if found != u64::from(VERSION) {
        return Err(Error::LedgerVersion { location: location.to_owned(), expected: VERSION, found });
    }
    serde_json::from_slice(json).map_err(fault)
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |age| age.as_secs())
}

#[cfg(test)]
mod tests;
