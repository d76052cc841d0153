// SPDX-License-Identifier: Apache-2.0
//! `m2m export`

use std::io::Write;

use m2m_catalog::meta_json;
use m2m_migration::META_FILE;

use crate::args::Export;
use crate::error::{Error, Exit, Result};
use crate::settings::{Named, Settings};

/// Writes the metadata as `meta.json` into the output folder.
pub(crate) async fn run(args: Export, settings: &Settings) -> Result<Exit> {
    let named = match (&args.sqlite, &args.mysql) {
        (Some(path), _) => Some(Named::Sqlite(path)),
        (None, Some(address)) => Some(Named::MySql(address)),
        (None, None) => None,
    };
    let inventory = settings.metadata(named).await?.inventory().await?;
    let text = meta_json::write(&inventory)?;
    let target = settings.target().await?;
    let path = target.child(META_FILE);
    target.put_atomic(&path, text.into()).await?;
    if !settings.is_quiet() {
        let (count, place) = (inventory.collections.len(), target.display(&path));
        let told = writeln!(std::io::stderr().lock(), "wrote the metadata of {count} collections to {place}");
        told.map_err(|source| Error::Io { what: "write a note", source })?;
    }
    Ok(Exit::Done)
}
