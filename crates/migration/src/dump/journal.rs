// SPDX-License-Identifier: Apache-2.0
//! The manifest in the making: which file sets are complete.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use m2m_sink::manifest::{CollectionEntry, Manifest, PartitionEntry, SetEntry};
use m2m_storage::Storage;
use tokio::time::Instant;

use crate::error::Result;

/// Pause between two writings, and how many times longer it is than the last of them took.
const PAUSE: Duration = Duration::from_secs(1);
const SHARE: u32 = 20;

/// What is complete, and known to be so by whoever comes after us.
#[derive(Clone, Debug)]
pub(crate) enum Ready {
    /// A file set.
    Set {
        /// Place of its collection and partition in the manifest.
        place: (usize, usize),
        set: SetEntry,
    },
    /// All file sets of the collection at this place.
    Collection(usize),
}

/// Keeps the manifest in the making.
pub(super) struct Journal<'a> {
    target: &'a Storage,
    state: Mutex<State>,
}

struct State {
    manifest: Manifest,
    /// What was not written down yet.
    unsaved: Vec<Ready>,
    /// Whether something else was not.
    is_changed: bool,
    next: Instant,
}

impl<'a> Journal<'a> {
    /// Goes on with a manifest that is written down.
    pub(super) fn new(target: &'a Storage, manifest: Manifest) -> Self {
        let state = State { manifest, unsaved: Vec::new(), is_changed: false, next: Instant::now() };
        Self { target, state: Mutex::new(state) }
    }

    /// A partition as it is now.
    pub(super) fn partition(&self, place: (usize, usize)) -> Option<PartitionEntry> {
        self.state().partition(place).map(|partition| partition.clone())
    }

    /// What is complete by now.
    pub(super) fn manifest(&self) -> Manifest {
        self.state().manifest.clone()
    }

    /// Rows and bytes of the file sets that are complete.
    pub(super) fn written(&self) -> (u64, u64) {
        let state = self.state();
        let rows = state.manifest.collections.iter().map(|collection| collection.rows).sum();
        (rows, state.manifest.files().map(|file| file.bytes).sum())
    }

    /// Adds a file set. One that cannot be known again by its name is ready only with its partition.
    pub(super) fn add(&self, place: (usize, usize), set: SetEntry, is_ready: bool) {
        let mut state = self.state();
        let Some(partition) = state.partition(place) else { return };
        // One that an earlier run completed was told already.
        if partition.sets.iter().any(|known| known.name == set.name) {
            return;
        }
        partition.sets.push(set.clone());
        state.is_changed = true;
        state.sum_up(place);
        if is_ready {
            state.unsaved.push(Ready::Set { place, set });
        }
    }

    /// Forgets the file sets of a partition, which is written from its beginning.
    pub(super) fn forget(&self, place: (usize, usize)) {
        let mut state = self.state();
        let Some(partition) = state.partition(place) else { return };
        partition.sets.clear();
        state.is_changed = true;
        state.sum_up(place);
    }

    /// Ends a partition, whose file sets stand in this order from now on. `are_ready` says that
    /// they were told one by one.
    pub(super) fn end(&self, place: (usize, usize), sets: Vec<SetEntry>, are_ready: bool) {
        let mut state = self.state();
        state.is_changed = true;
        if !are_ready {
            state.unsaved.extend(sets.iter().map(|set| Ready::Set { place, set: set.clone() }));
        }
        if let Some(partition) = state.partition(place) {
            (partition.sets, partition.unfinished) = (sets, false);
        }
        state.sum_up(place);
        if state.manifest.collections.get(place.0).is_some_and(is_finished) {
            state.unsaved.push(Ready::Collection(place.0));
        }
    }

    /// Notes the files of rows that were left out.
    pub(super) fn quarantine(&self, at: usize, file: Option<String>) {
        if let Some(collection) = self.state().manifest.collections.get_mut(at) {
            collection.quarantine = file;
        }
    }

    /// Whether it is time to write things down.
    pub(super) fn is_due(&self) -> bool {
        let state = self.state();
        state.is_changed && Instant::now() >= state.next
    }

    /// Writes things down, and returns the sets that are ready by that.
    pub(super) async fn save(&self) -> Result<Vec<Ready>> {
        let (manifest, ready) = {
            let mut state = self.state();
            state.is_changed = false;
            (state.manifest.clone(), std::mem::take(&mut state.unsaved))
        };
        let began = Instant::now();
        manifest.write_unfinished(self.target).await?;
        self.state().next = Instant::now() + PAUSE.max(began.elapsed() * SHARE);
        Ok(ready)
    }

    /// The manifest, and the sets that are ready by its being written.
    pub(super) fn into_parts(self) -> (Manifest, Vec<Ready>) {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        (state.manifest, state.unsaved)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with it in his hands has ended the dump.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether nothing more is written of a collection.
pub(super) fn is_finished(collection: &CollectionEntry) -> bool {
    collection.partitions.iter().all(|partition| !partition.unfinished)
}

impl State {
    fn partition(&mut self, (collection, partition): (usize, usize)) -> Option<&mut PartitionEntry> {
        self.manifest.collections.get_mut(collection)?.partitions.get_mut(partition)
    }

    /// Every number of rows is the sum of its parts.
    fn sum_up(&mut self, (collection, partition): (usize, usize)) {
        let Some(collection) = self.manifest.collections.get_mut(collection) else { return };
        if let Some(partition) = collection.partitions.get_mut(partition) {
            partition.rows = partition.sets.iter().map(|set| set.rows).sum();
        }
        collection.rows = collection.partitions.iter().map(|partition| partition.rows).sum();
    }
}

#[cfg(test)]
mod tests;
