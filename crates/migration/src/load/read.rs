// SPDX-License-Identifier: Apache-2.0
//! Reading the manifest of the dump that is to be loaded.

use std::collections::HashSet;

use m2m_sink::manifest::{CollectionEntry, MANIFEST_FILE, Manifest};
use m2m_storage::Storage;

use crate::error::{Error, Result};
use crate::select::expect;
use crate::settings::Selection;

/// Reads the manifest of a dump, narrowed to the selected collections. A name is
/// known exactly, or, when it is the only one, in another case.
///
/// # Errors
///
/// When there is no complete dump, or it lacks a collection that is named, or
/// has it under another name than is wanted.
pub async fn read_dump(target: &Storage, selection: &Selection) -> Result<Manifest> {
    let location = target.display(target.prefix());
    if !target.exists(&target.child(MANIFEST_FILE)).await? {
        return Err(Error::NoDump { location });
    }
    let mut manifest = Manifest::read(target).await?;
    let known: Vec<String> = manifest.collections.iter().map(|entry| entry.name.clone()).collect();
    let mut wanted = HashSet::new();
    for name in &selection.collections {
        let collection = find(name, &known).ok_or_else(|| {
            let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Error::NotInDump { location: location.clone(), collection: name.clone(), known }
        })?;
        wanted.insert(collection);
    }
    if !wanted.is_empty() {
        manifest.collections.retain(|entry| wanted.contains(entry.name.as_str()));
    }
    check_names(&manifest, selection)?;
    for entry in &manifest.collections {
        expect(selection, &entry.name, dimension(entry), &entry.metric)?;
    }
    Ok(manifest)
}

fn dimension(entry: &CollectionEntry) -> u32 {
    entry.vector_field().and_then(|field| field.dimension).unwrap_or(0)
}

fn find<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let exact = known.iter().find(|known| *known == name);
    let mut like = known.iter().filter(|known| known.eq_ignore_ascii_case(name));
    let like = like.next().filter(|_| like.next().is_none());
    exact.or(like).map(String::as_str)
}

fn check_names(manifest: &Manifest, selection: &Selection) -> Result<()> {
    match (&selection.rename, &manifest.collections[..]) {
        (None, _) => {}
        (Some(name), [one]) if one.target_name == *name => {}
        (Some(name), [one]) => {
            return Err(Error::DumpedName { dumped: one.target_name.clone(), name: name.clone() });
        }
        (Some(name), several) => {
            return Err(Error::RenameOfMany { name: name.clone(), collections: several.len() });
        }
    }
    for (at, one) in manifest.collections.iter().enumerate() {
        let mut before = manifest.collections.iter().take(at);
        if let Some(other) = before.find(|other| other.target_name == one.target_name) {
            let (one, other, target) = (one.name.clone(), other.name.clone(), one.target_name.clone());
            return Err(Error::SameTarget { one, other, target });
        }
    }
    Ok(())
}
