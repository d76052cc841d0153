// SPDX-License-Identifier: Apache-2.0
//! Whether a dump may go where it is to go.

use std::path::{Path, PathBuf};

use m2m_datasource::Source;
use m2m_sink::manifest::MANIFEST_FILE;
use m2m_storage::Storage;

use crate::error::{Error, Result};

/// Makes sure that there is no complete dump.
///
/// # Errors
///
/// When there is one, or the folder cannot be looked at.
pub async fn refuse_dump(target: &Storage) -> Result<()> {
    if target.exists(&target.child(MANIFEST_FILE)).await? {
        return Err(Error::DumpExists { location: target.display(target.prefix()) });
    }
    Ok(())
}

/// Makes sure that no file is written among those of an installation on this machine.
pub(crate) fn refuse_in_source(source: &Source, target: &Storage) -> Result<()> {
    if !target.is_local() {
        return Ok(());
    }
    let location = target.display(target.prefix());
    let resolved = resolve(Path::new(&location));
    for tables in source.tables().iter().map(|tables| resolve(Path::new(tables))) {
        let db = tables.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "db"));
        let holds = [tables.parent(), db.and_then(Path::parent)];
        let is_inside = resolved.starts_with(&tables) || db.is_some_and(|db| resolved.starts_with(db));
        if is_inside || holds.into_iter().flatten().any(|folder| folder == resolved) {
            return Err(Error::InSource { location });
        }
    }
    Ok(())
}

/// Makes sure that a file is none of an installation on this machine, and would be none.
///
/// # Errors
///
/// When it is the metadata, or lies beside it under its name, in a `tables` folder, or in
/// the write-ahead log.
pub fn refuse_file_in_source(source: &Source, file: &Path) -> Result<()> {
    let resolved = resolve(file);
    let metadata = source.metadata();
    let folders = source.tables().into_iter().map(PathBuf::from).chain(metadata.wal.clone());
    let is_in_folder = folders.into_iter().any(|folder| resolved.starts_with(resolve(&folder)));
    // A database has files beside it that begin with its name.
    let meta = resolve(Path::new(&metadata.source.to_string()));
    let is_metadata = resolved.to_string_lossy().starts_with(&*meta.to_string_lossy());
    if is_in_folder || (is_metadata && meta.is_file()) {
        return Err(Error::InSource { location: file.display().to_string() });
    }
    Ok(())
}

/// A path without links, as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    let resolved = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match resolved {
        // To join nothing would make a folder of a file.
        Some((above, real)) if above == path => real,
        Some((above, real)) => path.strip_prefix(above).map_or(real.clone(), |rest| real.join(rest)),
        None => path.into(),
    }
}
