// SPDX-License-Identifier: Apache-2.0
//! What an earlier run left in the place of a dump, and whether this one may go on
//! with it.

use std::time::{Duration, SystemTime};

use futures::stream::{self, StreamExt};
use m2m_sink::manifest::{
    CollectionEntry, MANIFEST_FILE, Manifest, PartitionEntry, SetEntry, UNFINISHED_FILE,
};
use m2m_sink::{check_checksums, check_import_file};
use m2m_storage::Storage;

use super::leftovers;
use super::skeleton::WORKERS;
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::settings::DumpSettings;

/// File sets that are looked at at once.
const LOOKED_AT: usize = 16;

/// The dump that an earlier run wrote, or began to write.
pub(crate) struct Earlier {
    pub(crate) manifest: Manifest,
    /// Whether it came to its end.
    pub(crate) is_complete: bool,
    /// Whether a migration has begun to load it and did not come to its end.
    is_going_on: bool,
}

impl Earlier {
    /// Reads what is there, if there is something.
    pub(crate) async fn look(target: &Storage) -> Result<Option<Self>> {
        let (manifest, is_complete) = if target.exists(&target.child(MANIFEST_FILE)).await? {
            (Manifest::read(target).await?, true)
        } else if target.exists(&target.child(UNFINISHED_FILE)).await? {
            (Manifest::read_unfinished(target).await?, false)
        } else {
            return Ok(None);
        };
        let is_going_on = Ledger::open(target).await?.is_going_on(&manifest.id);
        Ok(Some(Self { manifest, is_complete, is_going_on }))
    }

    /// The id of the dump that is there and gone on with; none where one is begun anew.
    pub(crate) async fn id(target: &Storage, overwrite: bool) -> Result<Option<String>> {
        if overwrite {
            return Ok(None);
        }
        Ok(Self::look(target).await?.map(|earlier| earlier.manifest.id))
    }

    /// Whether a command that replaces complete dumps has to replace this one.
    pub(super) fn is_replaced(&self, settings: &DumpSettings) -> bool {
        settings.overwrite && self.is_complete && !self.is_going_on
    }

    /// Whether something of it is complete, so that nobody but the user can give it up.
    pub(super) fn is_of_use(&self) -> bool {
        let mut partitions = self.manifest.collections.iter().flat_map(|entry| &entry.partitions);
        self.is_complete || self.is_going_on || partitions.any(|partition| !partition.sets.is_empty())
    }

    /// The number of workers that it was planned for: another number cuts rows otherwise.
    fn workers(&self) -> Option<usize> {
        self.manifest.collections.first()?.choices.get(WORKERS)?.parse().ok()
    }

    /// Removes every file of it.
    pub(super) async fn remove(&self, target: &Storage) -> Result<()> {
        // What is half removed is no dump, and whoever removes the rest knows what it was.
        if self.is_complete {
            self.manifest.write_unfinished(target).await?;
            target.delete(&target.child(MANIFEST_FILE)).await?;
        }
        for file in self.manifest.files() {
            target.delete(&target.child(&file.path)).await?;
        }
        for quarantine in self.manifest.collections.iter().filter_map(|entry| entry.quarantine.as_ref()) {
            target.delete(&target.child(quarantine)).await?;
        }
        leftovers::remove_files(&self.manifest, target).await?;
        leftovers::abort_uploads(&self.manifest, target).await?;
        Ok(target.delete(&target.child(UNFINISHED_FILE)).await?)
    }

    /// Whether this machine has started since an unfinished dump in a folder was written: what was
    /// only in memory when it lost its power is not on disk, whatever a file's length says.
    fn is_from_before_the_start(&self, target: &Storage) -> bool {
        if self.is_complete || !target.is_local() {
            return false;
        }
        let written = std::fs::metadata(target.display(&target.child(UNFINISHED_FILE)));
        let written = written.and_then(|file| file.modified()).ok();
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        let uptime = uptime.split(['.', ' ']).next().and_then(|seconds| seconds.parse().ok());
        let started = uptime.and_then(|seconds| SystemTime::now().checked_sub(Duration::from_secs(seconds)));
        matches!((written, started), (Some(written), Some(started)) if written < started)
    }

    /// The same, without the file sets whose files are not what the manifest says.
    pub(super) async fn confirmed(mut self, target: &Storage) -> Result<Self> {
        let sets: Vec<&SetEntry> = self
            .manifest
            .collections
            .iter()
            .flat_map(|collection| &collection.partitions)
            .flat_map(|partition| &partition.sets)
            .collect();
        let may_have_holes = self.is_from_before_the_start(target);
        let lost: Vec<String> = stream::iter(sets)
            .map(
                |set| async move { (!is_whole(target, set, may_have_holes).await).then(|| set.name.clone()) },
            )
            .buffered(LOOKED_AT)
            .filter_map(|lost| async { lost })
            .collect()
            .await;
        if lost.is_empty() {
            return Ok(self);
        }
        for partition in
            self.manifest.collections.iter_mut().flat_map(|collection| &mut collection.partitions)
        {
            let before = partition.sets.len();
            partition.sets.retain(|set| !lost.contains(&set.name));
            partition.rows = partition.sets.iter().map(|set| set.rows).sum();
            partition.unfinished |= partition.sets.len() < before;
        }
        for collection in &mut self.manifest.collections {
            collection.rows = collection.partitions.iter().map(|partition| partition.rows).sum();
        }
        self.manifest.write_unfinished(target).await?;
        if self.is_complete {
            target.delete(&target.child(MANIFEST_FILE)).await?;
            self.is_complete = false;
        }
        Ok(self)
    }
}

async fn is_whole(target: &Storage, set: &SetEntry, may_have_holes: bool) -> bool {
    for file in &set.files {
        let mut checked = check_import_file(target, file).await;
        if may_have_holes && checked.is_ok() {
            checked = check_checksums(target, file).await;
        }
        if let Err(error) = checked {
            tracing::warn!(set = %set.name, %error, "a file set is written again");
            return false;
        }
    }
    true
}

/// Takes over from a dump that did not end what decides over the cut of its file sets.
///
/// # Errors
///
/// When there is something and it cannot be read.
pub async fn take_up(target: &Storage, settings: &mut DumpSettings) -> Result<()> {
    if let Some(earlier) = Earlier::look(target).await?
        && !earlier.is_replaced(settings)
        && let Some(workers) = earlier.workers()
    {
        settings.workers = workers;
    }
    Ok(())
}

/// Makes sure that two manifests are of the same rows in the same files.
pub(super) fn refuse_other(earlier: &Earlier, plan: &Manifest, location: &str) -> Result<()> {
    let what = if earlier.is_complete { "a complete" } else { "an unfinished" };
    match difference(&earlier.manifest, plan) {
        None => Ok(()),
        Some(difference) => Err(Error::DumpDiffers { location: location.into(), what, difference }),
    }
}

fn difference(earlier: &Manifest, plan: &Manifest) -> Option<String> {
    let names = |manifest: &Manifest| {
        let names = manifest.collections.iter().map(|collection| format!("`{}`", collection.name));
        names.collect::<Vec<_>>().join(", ")
    };
    if names(earlier) != names(plan) {
        return Some(format!("it has collections {}, and this is of {}", names(earlier), names(plan)));
    }
    let mut both = earlier.collections.iter().zip(&plan.collections);
    both.find_map(|(earlier, plan)| of_collection(earlier, plan))
        .map(|difference| format!("collection `{}` {}", difference.0, difference.1))
}

fn of_collection<'a>(earlier: &'a CollectionEntry, plan: &CollectionEntry) -> Option<(&'a str, String)> {
    let name = earlier.name.as_str();
    let said = |text: &Option<String>| text.as_ref().map_or("none".into(), |text| format!("`{text}`"));
    let changed = |what: &str, one: String, other: String| {
        (one != other).then(|| (name, format!("had {what} {one}, and now has {other}")))
    };
    let chosen = |(key, one): (&String, &String)| {
        let other = plan.choices.get(key).cloned().unwrap_or_default();
        changed(&format!("`{key}`"), one.clone(), other)
    };
    let partitions = |entry: &CollectionEntry| {
        let of_one = |one: &PartitionEntry| format!("`{}`", one.name);
        entry.partitions.iter().map(of_one).collect::<Vec<_>>().join(", ")
    };
    let fields = |entry: &CollectionEntry| {
        let of_one = |field: &m2m_sink::manifest::FieldEntry| {
            format!("`{}` {} {:?}", field.name, field.field_type, field.max_length.or(field.dimension))
        };
        entry.fields.iter().map(of_one).collect::<Vec<_>>().join(", ")
    };
    changed("the condition", said(&earlier.filter), said(&plan.filter))
        .or_else(|| changed("the query", said(&earlier.query), said(&plan.query)))
        .or_else(|| changed("the name", earlier.target_name.clone(), plan.target_name.clone()))
        .or_else(|| earlier.choices.iter().find_map(chosen))
        .or_else(|| {
            let is_changed = earlier.fingerprint != plan.fingerprint;
            is_changed.then(|| (name, "has changed in the source since".to_owned()))
        })
        .or_else(|| changed("the fields", fields(earlier), fields(plan)))
        .or_else(|| changed("the partitions", partitions(earlier), partitions(plan)))
        .or_else(|| changed("the cosine", earlier.cosine.to_string(), plan.cosine.to_string()))
}

#[cfg(test)]
mod tests;
