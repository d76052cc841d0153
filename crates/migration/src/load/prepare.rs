// SPDX-License-Identifier: Apache-2.0
//! Everything that can be decided before anything is changed.

use m2m_milvus::Client;
use m2m_sink::manifest::{CollectionEntry, Manifest};
use m2m_storage::Storage;

use super::{append, files};
use crate::error::Result;
use crate::event::{Event, Observer};
use crate::ledger::{Claim, Entry, Job, JobState, Ledger};
use crate::settings::{IfExists, LoadSettings};
use crate::target::{Appended, Mapping, TargetState, Wanted, inspect, map};

/// One collection, with what it becomes on this server.
pub(super) struct CollectionLoad {
    /// What is imported: all of its file sets, or those that are complete by now.
    pub(super) entry: CollectionEntry,
    pub(super) wanted: Wanted,
    pub(super) mapping: Mapping,
    pub(super) state: TargetState,
    /// Some ids that are appended, where it can be asked whether they are there.
    pub(super) ids: Vec<i64>,
    /// The load that an earlier run began and this one goes on with.
    pub(super) taken_up: Option<Entry>,
}

impl CollectionLoad {
    /// Rows to import.
    pub(super) fn rows(&self) -> u64 {
        if self.state == TargetState::Skip { 0 } else { self.entry.rows }
    }
}

/// Decides what becomes of each collection of a dump, and makes sure that it can. What is wanted
/// of each stands beside the dump: one in the making does not know its rows yet.
pub(super) async fn prepare(
    client: &Client,
    ledger: &Ledger,
    manifest: &Manifest,
    wanted: Vec<Wanted>,
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<Vec<CollectionLoad>> {
    let mut loads = Vec::with_capacity(manifest.collections.len());
    for (entry, wanted) in manifest.collections.iter().zip(wanted) {
        let mapping = map(&wanted, client.version(), settings.index_of(&entry.name));
        let begun = begun(client, ledger, &wanted, settings.if_exists, Some(&manifest.id)).await?;
        let (state, taken_up) = match begun {
            Some(begun) if begun.dump == manifest.id && goes_on(&begun, entry, settings) => {
                (state_of(client, &wanted, &mapping, &begun).await?, Some(begun))
            }
            // Nobody misses what an earlier dump left behind half-way.
            Some(left) if !left.is_ended && is_only_ours(client, &left).await? => {
                (TargetState::Replace, None)
            }
            _ => (inspect(client, &wanted, &mapping, settings.if_exists).await?, None),
        };
        if state != TargetState::Skip {
            mapping.check(&wanted, client.version())?;
        }
        let load = CollectionLoad { entry: entry.clone(), wanted, mapping, state, ids: Vec::new(), taken_up };
        for text in notes(&load) {
            observer.on_event(&Event::Note { subject: entry.name.clone(), text });
        }
        loads.push(load);
    }
    Ok(loads)
}

/// Makes sure that the files of a complete dump are what its manifest says, and that rows
/// which are appended are not there.
pub(super) async fn check_files(
    client: &Client,
    target: &Storage,
    load: &mut CollectionLoad,
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<()> {
    if load.state == TargetState::Skip {
        return Ok(());
    }
    files::check(target, load, client.version(), settings).await?;
    append::prepare(client, target, load, settings, observer).await
}

/// Whether the command goes on with what was begun. It does not when it wants the collection
/// replaced now, whatever it was to become, or when a load that ended was of other files.
fn goes_on(begun: &Entry, entry: &CollectionEntry, settings: &LoadSettings) -> bool {
    let was_replacing = matches!(begun.claim, Claim::Created { is_replacing: true, .. });
    let is_to_be_replaced = settings.if_exists == IfExists::Replace && !was_replacing;
    let sets = || entry.partitions.iter().flat_map(|partition| &partition.sets);
    let is_here = |(name, job): (&String, &Job)| sets().any(|set| set.name == *name && job.is_of(set));
    !is_to_be_replaced && (!begun.is_ended || begun.jobs.iter().all(is_here))
}

/// The load that an earlier run began into the collection that is there. One that came to its end
/// is of interest to a command that goes on with its dump alone, which has nothing left to do.
/// `dump` is the one that the command goes on with, none where it begins one anew.
pub(crate) async fn begun(
    client: &Client,
    ledger: &Ledger,
    wanted: &Wanted,
    if_exists: IfExists,
    dump: Option<&String>,
) -> Result<Option<Entry>> {
    if !client.has_database().await? {
        return Ok(None);
    }
    let Some(info) = client.describe_collection(&wanted.name).await? else { return Ok(None) };
    let found = ledger.find(&wanted.name, &client.database(), &info);
    let is_loaded = |entry: &Entry| entry.is_loaded() && dump == Some(&entry.dump);
    Ok(found.filter(|entry| !entry.is_ended || (if_exists == IfExists::Fail && is_loaded(entry))))
}

/// Whether a collection was created by a load that did not end, and has no rows but its own.
async fn is_only_ours(client: &Client, begun: &Entry) -> Result<bool> {
    if !matches!(begun.claim, Claim::Created { .. }) {
        return Ok(false);
    }
    let stored = client.stored_rows(&begun.name, None).await?;
    Ok(u64::try_from(stored).unwrap_or_default() <= begun.rows_at_most())
}

/// What was there when an earlier run began.
async fn state_of(client: &Client, wanted: &Wanted, mapping: &Mapping, begun: &Entry) -> Result<TargetState> {
    let (rows, partition_rows, index_rows, is_loaded) = match &begun.claim {
        Claim::Created { is_replacing: false, .. } => return Ok(TargetState::Absent),
        Claim::Created { is_replacing: true, .. } => return Ok(TargetState::Replace),
        Claim::Appended { rows, partition_rows, index_rows, is_loaded, .. } => {
            (*rows, partition_rows.clone(), *index_rows, *is_loaded)
        }
    };
    Ok(match inspect(client, wanted, mapping, IfExists::Append).await? {
        TargetState::Append(now) => {
            TargetState::Append(Appended { rows, partition_rows, index_rows, is_loaded, ..now })
        }
        other => other,
    })
}

fn notes(load: &CollectionLoad) -> Vec<String> {
    if let Some(begun) = &load.taken_up {
        if begun.is_ended {
            return vec!["an earlier run loaded it: nothing is imported again".into()];
        }
        let (jobs, done) = (begun.jobs.len(), begun.jobs.values().filter(|job| job.state == JobState::Done));
        return vec![format!(
            "an earlier run began to load it, and knew {} of its {jobs} import jobs to be done: it is taken up",
            done.count()
        )];
    }
    match &load.state {
        TargetState::Absent => load.mapping.notes().cloned().collect(),
        TargetState::Skip => vec!["is in Milvus already and is left alone".into()],
        TargetState::Replace => {
            let replaced = "is in Milvus already: it is dropped, and created anew".to_owned();
            std::iter::once(replaced).chain(load.mapping.notes().cloned()).collect()
        }
        TargetState::Append(appended) => {
            let added = load.wanted.rows.map_or("others".into(), |rows| rows.to_string());
            let there = appended.rows;
            let mut notes = vec![format!("is in Milvus already with {there} rows, {added} are added")];
            notes.extend(load.mapping.metric.note.clone());
            if appended.index.is_none() {
                notes.push(
                    "it has no index in Milvus: its metric cannot be compared, and none is built".into(),
                );
            }
            notes
        }
    }
}
