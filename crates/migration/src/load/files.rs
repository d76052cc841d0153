// SPDX-License-Identifier: Apache-2.0
//! Whether import files are what the manifest says, and small enough for the
//! server: a file that was cut or exchanged must not reach it.

use std::collections::HashSet;

use m2m_milvus::ServerVersion;
use m2m_milvus::mapping::{self, Limits};
use m2m_sink::manifest::{FileEntry, SetEntry};
use m2m_sink::{check_checksums, check_import_file};
use m2m_storage::Storage;

use super::append::check_field_names;
use super::prepare::CollectionLoad;
use crate::error::{Error, Result};
use crate::settings::LoadSettings;
use crate::target::TargetState;

/// Checks every file of a collection.
pub(super) async fn check(
    target: &Storage,
    load: &CollectionLoad,
    version: &ServerVersion,
    settings: &LoadSettings,
) -> Result<()> {
    if let TargetState::Append(appended) = &load.state {
        check_field_names(&load.wanted, appended)?;
    }
    for set in load.entry.partitions.iter().flat_map(|partition| &partition.sets) {
        check_set(target, load, set, version, settings).await?;
    }
    Ok(())
}

/// Checks the files of one set.
pub(super) async fn check_set(
    target: &Storage,
    load: &CollectionLoad,
    set: &SetEntry,
    version: &ServerVersion,
    settings: &LoadSettings,
) -> Result<()> {
    let fields: HashSet<&str> = load.wanted.fields.iter().map(|field| field.name.as_str()).collect();
    check_fields(set, &fields).map_err(|reason| Error::FileSet { set: set.name.clone(), reason })?;
    check_size(set, &mapping::limits(version), version)?;
    for file in &set.files {
        check_import_file(target, file).await?;
        if settings.check_checksums {
            check_checksums(target, file).await?;
        }
    }
    Ok(())
}

/// A set has one file with all fields, or one for each: servers from 2.4 on
/// take no notice of a field that is there twice, or of one that they do not know.
fn check_fields(set: &SetEntry, fields: &HashSet<&str>) -> Result<(), String> {
    if let [file] = &set.files[..]
        && file.field.is_empty()
    {
        return Ok(());
    }
    let mut known = HashSet::new();
    for file in &set.files {
        if !fields.contains(file.field.as_str()) {
            return Err(format!(
                "`{}` is for field `{}`, which the collection does not have",
                file.path, file.field
            ));
        }
        if !known.insert(file.field.as_str()) {
            return Err(format!("field `{}` has two files", file.field));
        }
        // A server knows the field by the file's name.
        if name(file) != format!("{}.npy", file.field) {
            return Err(format!(
                "`{}` is for field `{}`, expected `{}.npy`",
                file.path, file.field, file.field
            ));
        }
    }
    let mut missing: Vec<&str> = fields.difference(&known).copied().collect();
    missing.sort_unstable();
    match missing.first() {
        Some(field) => Err(format!("field `{field}` has no file")),
        None => Ok(()),
    }
}

fn name(file: &FileEntry) -> &str {
    file.path.rsplit('/').next().unwrap_or_default()
}

fn check_size(set: &SetEntry, limits: &Limits, version: &ServerVersion) -> Result<()> {
    let too_large = |what: String, bytes: u64| Error::FileTooLarge {
        what,
        bytes,
        limit: limits.file_bytes,
        version: version.to_string(),
    };
    if let Some(file) = set.files.iter().find(|file| file.bytes > limits.file_bytes) {
        return Err(too_large(format!("`{}` has", file.path), file.bytes));
    }
    let sum = set.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add);
    if limits.is_file_limit_of_set && sum > limits.file_bytes {
        return Err(too_large(format!("the files of `{}` have", set.name), sum));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
