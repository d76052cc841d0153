// SPDX-License-Identifier: Apache-2.0
//! One collection's way into Milvus, from the first of its file sets to its index.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream::{FuturesUnordered, StreamExt};
use m2m_milvus::Client;
use m2m_sink::manifest::SetEntry;
use m2m_storage::Storage;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;

use super::import::Import;
use super::prepare::{CollectionLoad, check_files};
use super::settle::{Settled, settle};
use super::{LoadedCollection, files, finish, place};
use crate::error::{Error, Result};
use crate::event::{Event, Observer, Phase};
use crate::ledger::{Entry, Ledger};
use crate::settings::LoadSettings;
use crate::target::{TargetState, map};

/// Collections that are waited for at once: a server needs seconds to load one, however small it is.
const FINISHED_AT_ONCE: usize = 8;

/// What a collection's load is told of.
pub(super) enum Fed {
    /// A file set is complete, of the partition at this place.
    Set(usize, SetEntry),
    /// All are.
    End,
}

/// What the loads of all collections share.
pub(super) struct Run<'a> {
    pub(super) client: &'a Client,
    pub(super) ledger: &'a Ledger,
    pub(super) target: &'a Storage,
    pub(super) settings: &'a LoadSettings,
    pub(super) observer: &'a dyn Observer,
    /// The id of the dump.
    pub(super) dump: &'a str,
    /// Whether the files were looked at before anything was changed.
    pub(super) is_checked: bool,
    jobs: Semaphore,
    finishing: Semaphore,
    rows: AtomicU64,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        client: &'a Client,
        ledger: &'a Ledger,
        target: &'a Storage,
        settings: &'a LoadSettings,
        observer: &'a dyn Observer,
        dump: &'a str,
        is_checked: bool,
    ) -> Self {
        let (jobs, finishing) = (Semaphore::new(settings.jobs.max(1)), Semaphore::new(FINISHED_AT_ONCE));
        let rows = AtomicU64::new(0);
        Self { client, ledger, target, settings, observer, dump, is_checked, jobs, finishing, rows }
    }

    /// Loads a collection whose file sets come one by one.
    ///
    /// A new collection takes each as it comes. One that is replaced or appended to is left as it
    /// is until all are there.
    pub(super) async fn collection(
        &self,
        mut load: CollectionLoad,
        mut fed: UnboundedReceiver<Fed>,
    ) -> Result<LoadedCollection> {
        let entry = match &load.state {
            TargetState::Skip => None,
            TargetState::Absent => Some(self.take_each(&mut load, &mut fed).await?),
            TargetState::Replace if load.taken_up.is_some() => {
                Some(self.take_each(&mut load, &mut fed).await?)
            }
            _ => Some(self.take_all(&mut load, &mut fed).await?),
        };
        self.know_rows(&mut load);
        // The semaphore is never closed; were it, going on unthrottled is still right.
        let _permit = self.finishing.acquire().await.ok();
        finish::start_index(self.client, &load).await?;
        match (finish::finish(self.client, &load, self.settings, self.observer).await, entry) {
            (Err(error), Some(entry)) => Err(self.give_up(&entry, error).await),
            (finished, _) => finished,
        }
    }

    async fn take_each(&self, load: &mut CollectionLoad, fed: &mut UnboundedReceiver<Fed>) -> Result<Entry> {
        let mut entry = None;
        let mut imports = FuturesUnordered::new();
        let mut is_open = true;
        while is_open || !imports.is_empty() {
            tokio::select! {
                next = fed.recv(), if is_open => match next {
                    Some(Fed::Set(at, set)) => {
                        let partition = add(load, at, &set);
                        self.check(load, &set).await?;
                        if entry.is_none() {
                            entry = Some(self.place(load).await?);
                        }
                        if let Some(entry) = &entry {
                            imports.push(self.import(entry.clone(), partition, set));
                        }
                    }
                    Some(Fed::End) => is_open = false,
                    None => return Err(Error::DumpBroken { collection: load.entry.name.clone() }),
                },
                Some(rows) = imports.next(), if !imports.is_empty() => self.tell(rows?),
            }
        }
        drop(imports);
        match entry {
            Some(entry) => Ok(entry),
            None => self.place(load).await,
        }
    }

    async fn take_all(&self, load: &mut CollectionLoad, fed: &mut UnboundedReceiver<Fed>) -> Result<Entry> {
        let mut sets = Vec::new();
        loop {
            match fed.recv().await {
                Some(Fed::Set(at, set)) => sets.push((add(load, at, &set), set)),
                Some(Fed::End) => break,
                None => return Err(Error::DumpBroken { collection: load.entry.name.clone() }),
            }
        }
        if !self.is_checked {
            check_files(self.client, self.target, load, self.settings, self.observer).await?;
        }
        let entry = self.place(load).await?;
        let mut imports: FuturesUnordered<_> =
            sets.into_iter().map(|(partition, set)| self.import(entry.clone(), partition, set)).collect();
        while let Some(rows) = imports.next().await {
            self.tell(rows?);
        }
        Ok(entry)
    }

    /// An index can depend on the number of rows, which is known for certain now.
    fn know_rows(&self, load: &mut CollectionLoad) {
        if !matches!(load.state, TargetState::Absent | TargetState::Replace) {
            return;
        }
        load.wanted.rows = Some(load.entry.rows);
        let choice = self.settings.index_of(&load.entry.name);
        let mapping = map(&load.wanted, self.client.version(), choice);
        if mapping.index.value != load.mapping.index.value
            && let Some(text) = mapping.index.note.clone()
        {
            self.observer.on_event(&Event::Note { subject: load.entry.name.clone(), text });
        }
        load.mapping = mapping;
    }

    /// Makes the collection, or settles what an earlier run began.
    async fn place(&self, load: &mut CollectionLoad) -> Result<Entry> {
        let (client, ledger) = (self.client, self.ledger);
        let entry = place::make(client, ledger, self.dump, load, self.settings.shards).await?;
        if load.taken_up.is_none() {
            return Ok(entry);
        }
        match settle(self, load, &entry).await {
            Ok(Settled::Known) => Ok(entry),
            Err(error) => Err(self.give_up(&entry, error).await),
            Ok(Settled::Lost) => {
                let subject = load.entry.name.clone();
                let text = "what an earlier run imported cannot be told: it is dropped, and created anew";
                self.observer.on_event(&Event::Note { subject, text: text.into() });
                load.taken_up = None;
                place::drop_collection(client, &load.wanted.name).await?;
                place::make(client, ledger, self.dump, load, self.settings.shards).await
            }
        }
    }

    /// What nobody can tell the next time either is not taken up again.
    async fn give_up(&self, entry: &Entry, error: Error) -> Error {
        if matches!(error, Error::CollectionRows { .. } | Error::UncertainImport { .. }) {
            let ended = self.ledger.end(std::slice::from_ref(&entry.name), &entry.database, &entry.address);
            if let Err(error) = ended.await {
                tracing::debug!(%error, "the load is not given up");
            }
        }
        error
    }

    /// Makes sure that a file set which has come just now is whole.
    async fn check(&self, load: &CollectionLoad, set: &SetEntry) -> Result<()> {
        if self.is_checked {
            return Ok(());
        }
        files::check_set(self.target, load, set, self.client.version(), self.settings).await
    }

    async fn import(&self, entry: Entry, partition: String, set: SetEntry) -> Result<u64> {
        let _permit = self.jobs.acquire().await.ok();
        Import { run: self, entry: &entry, partition, set }.run().await
    }

    fn tell(&self, more: u64) {
        let rows = self.rows.fetch_add(more, Ordering::Relaxed) + more;
        self.observer.on_event(&Event::Progress { phase: Phase::Load, rows, bytes: 0 });
    }
}

/// Adds a file set to what is known of a collection, and returns its partition's name in Milvus.
fn add(load: &mut CollectionLoad, at: usize, set: &SetEntry) -> String {
    let Some(partition) = load.entry.partitions.get_mut(at) else { return String::new() };
    let name = partition.name.clone();
    if !partition.sets.iter().any(|known| known.name == set.name) {
        partition.sets.push(set.clone());
        partition.rows += set.rows;
        load.entry.rows += set.rows;
    }
    name
}
