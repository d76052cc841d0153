// SPDX-License-Identifier: Apache-2.0
//! Everything that can be decided before anything is changed.

use m2m_milvus::Client;
use m2m_sink::manifest::{CollectionEntry, Manifest};
use m2m_storage::Storage;

use super::{files, ids};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::settings::LoadSettings;
use crate::target::{
    Appended, Mapping, TargetState, Wanted, count, count_each, inspect, map, refuse_repeated,
};

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
    for CollectionLoad { entry, wanted, state, ids, .. } in &mut loads {
        match state {
            TargetState::Append(appended) if appended.is_loaded => {
                *ids = ids::sample(target, entry, wanted).await?;
                refuse_repeated(client, wanted, appended, ids).await?;
            }
            TargetState::Append(appended) => recount(client, wanted, appended).await?,
            _ => {}
        }
    }
    Ok(loads)
}

fn notes(load: &CollectionLoad<'_>) -> Vec<String> {
    match &load.state {
        TargetState::Absent => load.mapping.notes.clone(),
        TargetState::Skip => vec!["is in Milvus already and is left alone".into()],
        TargetState::Replace => {
            let replaced = "is in Milvus already: it is dropped, and created anew".to_owned();
            std::iter::once(replaced).chain(load.mapping.notes.iter().cloned()).collect()
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
            if !appended.is_loaded {
                notes.push(
                    "it is not loaded in Milvus: whether it has the rows already cannot be asked".into(),
                );
            }
            notes
        }
    }
}

/// Counts the stored rows once everything is stored: rows that the server still
/// holds in memory would come to light later, and look like appended ones.
async fn recount(client: &Client, wanted: &Wanted, appended: &mut Appended) -> Result<()> {
    client.flush(&wanted.name).await?;
    let known: Vec<String> = appended.partition_rows.keys().cloned().collect();
    let known = known.iter().map(String::as_str);
    appended.rows = count(client, &wanted.name, None, false).await?;
    appended.partition_rows = count_each(client, &wanted.name, known, false).await?;
    Ok(())
}

/// Makes sure that files are named after the fields that they are for: the
/// server knows them by their names alone.
pub(super) fn check_field_names(wanted: &Wanted, appended: &Appended) -> Result<()> {
    let mut differences = Vec::new();
    for (field, name) in
        wanted.fields.iter().zip(&appended.field_names).filter(|(field, name)| field.name != **name)
    {
        let setting = if field.is_primary { "m2m.idField" } else { "m2m.vectorField" };
        differences.push(format!("`{}` is `{name}` there (`{setting}: {name}`)", field.name));
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::FieldNames { collection: wanted.name.clone(), differences: differences.join(", ") })
}
