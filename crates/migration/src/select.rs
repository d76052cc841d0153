// SPDX-License-Identifier: Apache-2.0
//! From a selection to tables.

use std::sync::Arc;

use m2m_datasource::{CollectionTable, Source};
use m2m_milvus::mapping;

use crate::error::{Error, Result};
use crate::settings::Selection;

/// A collection that was selected.
#[derive(Debug)]
pub(crate) struct Selected {
    pub(crate) table: Arc<CollectionTable>,
    /// Its name in Milvus 2.x.
    pub(crate) target_name: String,
}

/// Returns the selected collections, each once.
pub(crate) fn select(source: &Source, selection: &Selection) -> Result<Vec<Selected>> {
    let tables = tables(source, &selection.collections)?;
    for table in &tables {
        let collection = table.collection();
        expect(selection, &collection.name, collection.dimension(), collection.metric.name())?;
    }
    let selected = tables.into_iter().map(|table| {
        let target_name = table.collection().name.clone();
        Selected { table, target_name }
    });
    let mut selected: Vec<Selected> = selected.collect();
    if let Some(name) = &selection.rename {
        match &mut selected[..] {
            [one] => one.target_name.clone_from(name),
            several => return Err(Error::RenameOfMany { name: name.clone(), collections: several.len() }),
        }
    }
    for Selected { target_name, .. } in &selected {
        check_name(target_name)?;
    }
    Ok(selected)
}

/// Makes sure that Milvus 2.x takes a name. milvus-migration writes partitions
/// into its `meta.json` as if they were collections, by their number.
fn check_name(name: &str) -> Result<()> {
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::PartitionAsCollection { name: name.into() });
    }
    Ok(mapping::check_collection_name(name)?)
}

fn tables(source: &Source, collections: &[String]) -> Result<Vec<Arc<CollectionTable>>> {
    if source.inventory().collections.is_empty() {
        return Err(Error::NoCollections { meta: source.metadata().source.to_string() });
    }
    if collections.is_empty() {
        let all = source.inventory().collections.iter();
        return all.map(|collection| Ok(source.collection(&collection.name)?)).collect();
    }
    let mut tables: Vec<Arc<CollectionTable>> = Vec::new();
    for name in collections {
        let table = source.collection(name)?;
        if !tables.iter().any(|known| known.collection().name == table.collection().name) {
            tables.push(table);
        }
    }
    Ok(tables)
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
