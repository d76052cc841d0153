// SPDX-License-Identifier: Apache-2.0
//! After the imports: indexes, counts, and loading into memory.

use std::collections::BTreeMap;
use std::time::Duration;

use m2m_milvus::{Client, IndexInfo, IndexSpec};
use m2m_sink::manifest::PartitionEntry;

use super::prepare::CollectionLoad;
use super::{LoadedCollection, LoadedState};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::memory::{self, Memory, memory_of};
use crate::patience::Patience;
use crate::settings::LoadSettings;
use crate::target::{Appended, TargetState, count, count_each, find_rows};

/// Longest time that rows which were imported may stay unseen.
const GROWTH_STALL: Duration = Duration::from_secs(180);
/// The same for rows that an earlier run saw.
const SEEN_STALL: Duration = Duration::from_secs(15);

/// Has the index of a new collection built, without waiting for it.
pub(super) async fn start_index(client: &Client, load: &CollectionLoad) -> Result<()> {
    let is_new = matches!(load.state, TargetState::Absent | TargetState::Replace);
    let (Some(index), Some((_, field, _)), true) =
        (&load.mapping.index.value, load.wanted.vector_field(), is_new)
    else {
        return Ok(());
    };
    Ok(client.create_index(&load.wanted.name, &field.name, index).await?)
}

/// Waits for a collection's index, loads it, and says what became of it.
pub(super) async fn finish(
    client: &Client,
    load: &CollectionLoad,
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<LoadedCollection> {
    let work = Finish { client, load, settings, observer };
    let mut loaded = LoadedCollection {
        name: load.entry.name.clone(),
        target_name: load.wanted.name.clone(),
        state: LoadedState::Created,
        rows: load.rows(),
        index: load.mapping.index.value.clone(),
        metric: load.mapping.metric.value.clone(),
        is_loaded: false,
    };
    match &load.state {
        TargetState::Absent => loaded.is_loaded = work.new_collection().await?,
        TargetState::Replace => {
            loaded.state = LoadedState::Replaced;
            loaded.is_loaded = work.new_collection().await?;
        }
        TargetState::Skip => {
            loaded.state = LoadedState::Skipped;
            loaded.index = None;
        }
        TargetState::Append(appended) => {
            loaded.state = LoadedState::Appended {
                rows_before: appended.rows,
                partition_rows_before: appended.partition_rows.clone(),
            };
            loaded.index = appended.index.as_ref().map(|index| spec(index, &loaded.metric));
            loaded.is_loaded = work.appended(appended).await?;
        }
    }
    Ok(loaded)
}

/// An index that was there, as one of ours.
fn spec(index: &IndexInfo, metric: &str) -> IndexSpec {
    IndexSpec {
        index_type: index.index_type.clone(),
        metric: index.metric.clone().unwrap_or_else(|| metric.to_owned()),
        params: index.params.clone(),
    }
}

/// The end of one collection's load.
struct Finish<'a> {
    client: &'a Client,
    load: &'a CollectionLoad,
    settings: &'a LoadSettings,
    observer: &'a dyn Observer,
}

impl Finish<'_> {
    /// Returns whether the collection is in memory.
    async fn new_collection(&self) -> Result<bool> {
        let (Some(_), Some((_, field, _))) =
            (&self.load.mapping.index.value, self.load.wanted.vector_field())
        else {
            self.wait_for_rows(false).await?;
            return Ok(false);
        };
        self.wait_for_index(&field.name, 0).await?;
        if self.settings.load_after {
            self.make_queryable().await?;
        } else {
            self.wait_for_rows(false).await?;
        }
        Ok(self.settings.load_after)
    }

    /// What was in memory is there afterwards, with the new rows; what was not
    /// is loaded if that is wanted and can be done.
    async fn appended(&self, appended: &Appended) -> Result<bool> {
        let vector = self.load.wanted.vector_field().and_then(|(at, ..)| appended.field_names.get(at));
        if let (Some(_), Some(field)) = (&appended.index, vector) {
            self.wait_for_index(field, appended.index_rows).await?;
        }
        if appended.is_loaded {
            self.bring_into_memory().await?;
            self.wait_for_growth(appended).await?;
            self.wait_for_ids(appended).await?;
            self.tell_queryable();
            return Ok(true);
        }
        self.wait_for_growth(appended).await?;
        let is_wanted = self.settings.load_after && appended.index.is_some();
        if is_wanted {
            self.make_queryable().await?;
        }
        Ok(is_wanted)
    }

    async fn make_queryable(&self) -> Result<()> {
        self.bring_into_memory().await?;
        if !matches!(self.load.state, TargetState::Append(_)) {
            self.wait_for_rows(true).await?;
        }
        self.tell_queryable();
        Ok(())
    }

    /// Loads the collection; where it is in memory already, what was imported since.
    async fn bring_into_memory(&self) -> Result<()> {
        let name = &self.load.wanted.name;
        match memory_of(self.client, name).await? {
            Memory::Loaded => Ok(self.client.load(name, true).await?),
            Memory::Loading | Memory::Absent => memory::load(self.client, name).await,
        }
    }

    fn tell_queryable(&self) {
        self.observer.on_event(&Event::Queryable { collection: self.load.wanted.name.clone() });
    }

    /// Waits until the index covers every row: those that it knew before, and what
    /// was imported. The index's own state is no help: it says finished while
    /// imported rows are still pending.
    async fn wait_for_index(&self, field: &str, before: u64) -> Result<()> {
        let name = &self.load.wanted.name;
        let expected = before.saturating_add(self.load.entry.rows);
        let mut patience = Patience::new(self.settings.index_stall);
        loop {
            let progress = self.client.index_progress(name, field).await?;
            let (collection, indexed, total) = (name.clone(), progress.indexed_rows, progress.total_rows);
            if progress.done() && total >= expected {
                self.observer.on_event(&Event::Indexing { collection, indexed, total });
                return Ok(());
            }
            if let Some(reason) = progress.failed_reason {
                return Err(Error::IndexFailed { collection, reason });
            }
            self.observer.on_event(&Event::Indexing { collection, indexed, total });
            let what = || format!("the index of collection `{name}`");
            patience.wait(indexed, what, || format!("{indexed} of {total} rows indexed")).await?;
        }
    }

    /// Waits until a new collection has the rows that were imported; more of them are an error.
    /// What is counted in memory is true; rows that are stored can be those of a failed job.
    async fn wait_for_rows(&self, in_memory: bool) -> Result<()> {
        let (name, expected) = (&self.load.wanted.name, self.load.entry.rows);
        let was_seen = self.load.taken_up.as_ref().is_some_and(|begun| begun.is_ended);
        let mut patience = Patience::new(if was_seen { SEEN_STALL } else { GROWTH_STALL });
        loop {
            let found = count(self.client, name, None, in_memory).await?;
            if found == expected {
                return Ok(());
            }
            if found > expected || patience.wait(found, String::new, String::new).await.is_err() {
                return Err(Error::CollectionRows { collection: name.clone(), expected, found });
            }
        }
    }

    /// Waits until the collection has grown by what was imported, and makes
    /// sure that each partition has by its part.
    async fn wait_for_growth(&self, before: &Appended) -> Result<()> {
        let name = &self.load.wanted.name;
        let expected = before.rows.saturating_add(self.load.entry.rows);
        let mut patience = Patience::new(GROWTH_STALL);
        loop {
            let found = count(self.client, name, None, before.is_loaded).await?;
            if found == expected {
                break;
            }
            let waited = patience.wait(found, String::new, String::new).await;
            if found > expected || waited.is_err() {
                let what = format!("collection `{name}`");
                return Err(Error::AppendedRows { what, before: before.rows, expected, found });
            }
        }
        let partitions = self.load.wanted.partitions.iter().map(String::as_str);
        let after = count_each(self.client, name, partitions, before.is_loaded).await?;
        match grown_otherwise(&self.load.entry.partitions, &before.partition_rows, &after) {
            None => Ok(()),
            Some((partition, before, expected, found)) => {
                let what = format!("partition `{partition}` of collection `{name}`");
                Err(Error::AppendedRows { what, before, expected, found })
            }
        }
    }

    /// Waits until rows that were appended are found: 2.2 counts them before.
    async fn wait_for_ids(&self, appended: &Appended) -> Result<()> {
        let name = &self.load.wanted.name;
        let mut patience = Patience::new(GROWTH_STALL);
        loop {
            let (asked, found) = find_rows(self.client, &self.load.wanted, appended, &self.load.ids).await?;
            if found.len() == asked {
                return Ok(());
            }
            let what = || format!("finding the new rows of collection `{name}`");
            let last = || format!("{} of {asked} found", found.len());
            patience.wait(found.len() as u64, what, last).await?;
        }
    }
}

/// The first partition that has not grown by what was imported into it: its
/// name, its rows before, those it should have, and those it has.
fn grown_otherwise<'a>(
    imported: &'a [PartitionEntry],
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
) -> Option<(&'a str, u64, u64, u64)> {
    let rows = |counts: &BTreeMap<String, u64>, name: &str| counts.get(name).copied().unwrap_or_default();
    let mut named = imported.iter().filter(|partition| !partition.name.is_empty());
    named.find_map(|PartitionEntry { name, rows: more, .. }| {
        let (before, found) = (rows(before, name), rows(after, name));
        let expected = before.saturating_add(*more);
        (found != expected).then_some((name.as_str(), before, expected, found))
    })
}

#[cfg(test)]
mod tests;
