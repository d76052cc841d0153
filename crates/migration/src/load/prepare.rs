// SPDX-License-Identifier: Apache-2.0
//! Everything that can be decided before anything is changed.

use m2m_milvus::Client;
use m2m_sink::manifest::{CollectionEntry, Manifest};
use m2m_storage::Storage;

use super::{append, files};
use crate::error::Result;
use crate::event::{Event, Observer};
use crate::settings::LoadSettings;
use crate::target::{Mapping, TargetState, Wanted, inspect, map};

/// One collection, with what it becomes on this server.
pub(super) struct CollectionLoad<'a> {
    pub(super) entry: &'a CollectionEntry,
    pub(super) wanted: Wanted,
    pub(super) mapping: Mapping,
    pub(super) state: TargetState,
    /// Some ids that are appended, where it can be asked whether they are there.
    pub(super) ids: Vec<i64>,
}

impl CollectionLoad<'_> {
    /// Rows to import.
    pub(super) fn rows(&self) -> u64 {
        if self.state == TargetState::Skip { 0 } else { self.entry.rows }
    }
}

/// Decides what becomes of each collection, and makes sure that it can.
pub(super) async fn prepare<'a>(
    client: &Client,
    target: &Storage,
    manifest: &'a Manifest,
    settings: &LoadSettings,
    observer: &dyn Observer,
) -> Result<Vec<CollectionLoad<'a>>> {
    let mut loads = Vec::with_capacity(manifest.collections.len());
    for entry in &manifest.collections {
        let wanted = Wanted::of_entry(entry)?;
        let mapping = map(&wanted, client.version(), settings.index_of(&entry.name));
        let state = inspect(client, &wanted, &mapping, settings.if_exists).await?;
        if state != TargetState::Skip {
            mapping.check(&wanted, client.version())?;
        }
        let load = CollectionLoad { entry, wanted, mapping, state, ids: Vec::new() };
        for text in notes(&load) {
            observer.on_event(&Event::Note { subject: entry.name.clone(), text });
        }
        loads.push(load);
    }
    for load in loads.iter().filter(|load| load.state != TargetState::Skip) {
        files::check(target, load, client.version()).await?;
    }
    for load in &mut loads {
        append::prepare(client, target, load, settings, observer).await?;
    }
    Ok(loads)
}

fn notes(load: &CollectionLoad<'_>) -> Vec<String> {
    match &load.state {
        TargetState::Absent => load.mapping.notes().cloned().collect(),
        TargetState::Skip => vec!["is in Milvus already and is left alone".into()],
        TargetState::Replace => {
            let replaced = "is in Milvus already: it is dropped, and created anew".to_owned();
            std::iter::once(replaced).chain(load.mapping.notes().cloned()).collect()
        }
        TargetState::Append(appended) => {
            let (there, more) = (appended.rows, load.entry.rows);
            let mut notes = vec![format!("is in Milvus already with {there} rows, {more} are added")];
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
