// SPDX-License-Identifier: Apache-2.0
//! `m2m export`

use m2m_catalog::meta_json;
use m2m_migration::{META_FILE, refuse_dump};

use crate::args::Export;
use crate::error::{Error, Exit, Result};
use crate::output::note;
use crate::settings::{Access, Named, Settings};

/// Writes the metadata as `meta.json` into the output folder, but not over that
/// of a complete dump.
pub(crate) async fn run(args: Export, settings: &Settings) -> Result<Exit> {
    let named = match (&args.sqlite, &args.mysql) {
        (Some(path), _) => Some(Named::Sqlite(path)),
        (None, Some(address)) => Some(Named::MySql(address)),
        (None, None) => None,
    };
    let metadata = settings.metadata(named).await?;
    let inventory = metadata.inventory().await?;
    let text = meta_json::write(&inventory)?;
    let target = settings.target(Access::Write).await?;
    refuse_dump(&target).await?;
    let path = target.child(META_FILE);
    let place = target.display(&path);
    refuse_source(&metadata.source.to_string(), &place)?;
    target.put_atomic(&path, text.into()).await?;
    if settings.is_quiet() {
        return Ok(Exit::Done);
    }
    for one in &inventory.unflushed {
        note(&format!(
            "warning: collection `{}`, partition `{}`: {} inserted and {} deleted rows stand only in the write-ahead log, of which a `meta.json` says nothing",
            one.collection, one.partition_tag, one.inserted_rows, one.deleted_rows
        ))?;
    }
    let count = inventory.collections.len();
    note(&format!("wrote the metadata of {count} collections to {place}"))?;
    Ok(Exit::Done)
}

/// The metadata that is read is never written over.
fn refuse_source(source: &str, place: &str) -> Result<()> {
    let real = |path: &str| std::fs::canonicalize(path).ok();
    if source == place || (real(place).is_some() && real(place) == real(source)) {
        let location = place.into();
        return Err(Error::Migration(m2m_migration::Error::InSource { location }));
    }
    Ok(())
}
