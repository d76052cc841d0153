// SPDX-License-Identifier: Apache-2.0
//! From a selection to what is migrated under each name.

use std::sync::Arc;

use m2m_datasource::{CollectionTable, Source};
use m2m_milvus::mapping;

use crate::error::{Error, Result};
use crate::settings::{CollectionSettings, Selection};

/// What is migrated under one name.
#[derive(Debug)]
pub(crate) struct Selected {
    /// The collection's name, or the one given to a query.
    pub(crate) name: String,
    /// Its name in Milvus 2.x.
    pub(crate) target_name: String,
    /// The collection; none when a query says what it is of.
    pub(crate) table: Option<Arc<CollectionTable>>,
    /// What is said of it.
    pub(crate) settings: CollectionSettings,
}

/// Returns what is selected, each name once, in the order of names.
pub(crate) fn select(source: &Source, selection: &Selection) -> Result<Vec<Selected>> {
    let mut selected = match &selection.query {
        Some(query) => {
            let mut settings = selection.settings(&query.name);
            settings.query = Some(query.sql.clone());
            vec![Selected::new(query.name.clone(), None, settings)]
        }
        None => named(source, selection)?,
    };
    if let Some(name) = &selection.rename {
        match &mut selected[..] {
            [one] => one.target_name.clone_from(name),
            several => return Err(Error::RenameOfMany { name: name.clone(), collections: several.len() }),
        }
    }
    check(&selected, selection)?;
    Ok(selected)
}

impl Selected {
    fn new(name: String, table: Option<Arc<CollectionTable>>, settings: CollectionSettings) -> Self {
        let target_name = settings.target_name.clone().unwrap_or_else(|| name.clone());
        Self { name, target_name, table, settings }
    }
}

/// Collections and configured queries by their names.
fn named(source: &Source, selection: &Selection) -> Result<Vec<Selected>> {
    let queries = selection.of_collections.iter().filter(|(_, settings)| settings.query.is_some());
    let queries: Vec<&str> = queries.map(|(name, _)| name.as_str()).collect();
    let collections = &source.inventory().collections;
    for (name, _) in selection.of_collections.iter().filter(|(_, settings)| settings.query.is_none()) {
        if !collections.iter().any(|collection| collection.name == *name) {
            // The error lists the nearest names.
            source.collection(name)?;
            return Err(Error::SettingsCase { name: name.clone() });
        }
    }
    let all: Vec<&str> = match selection.collections.as_slice() {
        [] => {
            let of_source = collections.iter().map(|collection| collection.name.as_str());
            let all: std::collections::BTreeSet<&str> = of_source.chain(queries.iter().copied()).collect();
            all.into_iter().collect()
        }
        names => names.iter().map(String::as_str).collect(),
    };
    if all.is_empty() {
        return Err(Error::NoCollections { meta: source.metadata().source.to_string() });
    }
    let mut selected: Vec<Selected> = Vec::new();
    for name in all {
        let one = match queries.iter().find(|query| **query == name) {
            Some(query) => Selected::new((*query).to_owned(), None, selection.settings(query)),
            None => {
                let table = source.collection(name)?;
                let name = table.collection().name.clone();
                let settings = selection.settings(&name);
                Selected::new(name, Some(table), settings)
            }
        };
        if !selected.iter().any(|known| known.name == one.name) {
            selected.push(one);
        }
    }
    Ok(selected)
}

fn check(selected: &[Selected], selection: &Selection) -> Result<()> {
    for one in selected {
        // The name of a query names a folder too.
        mapping::check_collection_name(&one.name)
            .or_else(|error| one.table.as_ref().map(drop).ok_or(error))?;
        check_name(&one.target_name)?;
        if let Some(table) = &one.table {
            let collection = table.collection();
            expect(selection, &one.name, collection.dimension(), collection.metric.name())?;
        }
        if one.settings.filter.is_some() && one.settings.query.is_some() {
            return Err(Error::FilterOfQuery { name: one.name.clone() });
        }
        if let Some(other) =
            selected.iter().find(|other| other.name != one.name && other.target_name == one.target_name)
        {
            return Err(Error::SameTarget {
                one: one.name.clone(),
                other: other.name.clone(),
                target: one.target_name.clone(),
            });
        }
    }
    Ok(())
}

/// Makes sure that Milvus 2.x takes a name. milvus-migration writes partitions
/// into its `meta.json` as if they were collections, by their number.
fn check_name(name: &str) -> Result<()> {
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::PartitionAsCollection { name: name.into() });
    }
    Ok(mapping::check_collection_name(name)?)
}

/// Makes sure that a collection is what is expected of it.
pub(crate) fn expect(selection: &Selection, name: &str, dimension: u32, metric: &str) -> Result<()> {
    let unexpected =
        |what, expected, found| Error::Unexpected { collection: name.into(), what, expected, found };
    if let Some(expected) = selection.dimension.filter(|expected| *expected != dimension) {
        return Err(unexpected("dimension", expected.to_string(), dimension.to_string()));
    }
    match &selection.metric {
        Some(expected) if !expected.eq_ignore_ascii_case(metric) => {
            Err(unexpected("metric", expected.clone(), metric.into()))
        }
        _ => Ok(()),
    }
}
