// SPDX-License-Identifier: Apache-2.0
//! The 1.x installation.

use std::path::Path;

use m2m_catalog::{Install, MetaSource, Metadata, tables_folder};
use m2m_datasource::{ReadOptions, Source};
use m2m_storage::Storage;

use super::meta::{self, Meta};
use super::tables::{self, Tables};
use crate::config::Config;
use crate::config::keys;
use crate::error::{Error, Result};

/// Metadata that a command names itself. The address may hold a password.
#[derive(Clone, Copy)]
pub(crate) enum Named<'a> {
    Sqlite(&'a str),
    MySql(&'a str),
}

/// What becomes of metadata that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It ends the command.
    Refused,
    /// It is a finding of an audit.
    Reported,
}

/// Opens the installation.
pub(super) async fn open(config: &Config, how: Unread) -> Result<Source> {
    let (metadata, roots, options) = match root(config) {
        Some(root) => {
            let install = match how {
                Unread::Refused => Install::locate(root)?,
                Unread::Reported => Install::locate_to_examine(root)?,
            };
            let roots = install.tables.iter().map(|folder| Storage::local(folder));
            (install.metadata, roots.collect::<Result<_, _>>()?, ReadOptions::default())
        }
        None => parts(config, how).await?,
    };
    let metadata = with_wal(config, metadata)?;
    Ok(match how {
        Unread::Refused => Source::with_options(&metadata, roots, options).await?,
        Unread::Reported => Source::examine(&metadata, roots, options).await?,
    })
}

/// An installation whose parts are named one by one.
async fn parts(config: &Config, how: Unread) -> Result<(Metadata, Vec<Storage>, ReadOptions)> {
    let (tables, meta) = (Tables::of(config)?, Meta::of(config)?);
    let is_remote = matches!(tables, Tables::Remote(_));
    let roots = tables.open(config).await?;
    let metadata = match how {
        Unread::Refused => meta.open().await?,
        Unread::Reported => meta.open_to_examine().await?,
    };
    let block_bytes = config.integer(&keys::READ_BUFFER).map(|kib| kib << 10);
    Ok((metadata, roots, ReadOptions { block_bytes: block_bytes.filter(|_| is_remote) }))
}

/// The `tables` folders of the installation, without a look at its metadata.
pub(super) async fn tables(config: &Config) -> Result<Vec<Storage>> {
    match root(config) {
        Some(root) => Ok(vec![Storage::local(&tables_folder(root)?)?]),
        None => Tables::of(config)?.open(config).await,
    }
}

/// The metadata that was named, or that of the source.
pub(super) async fn metadata(config: &Config, named: Option<Named<'_>>) -> Result<Metadata> {
    let meta = match named {
        // The log of the configuration's installation is not that of another one.
        Some(Named::Sqlite(path)) => return Meta::sqlite(path)?.open().await,
        Some(Named::MySql(address)) => return Meta::mysql(address)?.open().await,
        None => match root(config) {
            Some(root) => return with_wal(config, Install::locate(root)?.metadata),
            None => Meta::of(config)?,
        },
    };
    with_wal(config, meta.open().await?)
}

/// Whether anything is said of where the segments are.
#[cfg(feature = "ballista")]
pub(super) fn is_described(config: &Config) -> bool {
    let keys = [&keys::INSTALL, &keys::TABLES].into_iter().chain(tables::DESCRIBED);
    keys.into_iter().any(|key| config.has(key))
}

/// Says where the installation is, without touching it.
pub(super) fn describe(config: &Config) -> Result<String> {
    if let Some(root) = root(config) {
        return Ok(format!("installation: {}", root.display()));
    }
    let (tables, meta) = (Tables::of(config)?.describe(), Meta::of(config)?.describe());
    Ok(format!("installation: segments in {tables}, metadata in {meta}"))
}

/// The root of the installation, unless its parts are named by what counts more.
fn root(config: &Config) -> Option<&Path> {
    let parts = [&keys::TABLES, &keys::META].into_iter().chain(tables::DESCRIBED).chain(meta::DESCRIBED);
    let parts: Vec<_> = parts.collect();
    let root = config.text(&keys::INSTALL).filter(|_| config.rank(&[&keys::INSTALL]) >= config.rank(&parts));
    root.map(Path::new)
}

fn with_wal(config: &Config, metadata: Metadata) -> Result<Metadata> {
    match config.text(&keys::WAL) {
        Some(_) if matches!(metadata.source, MetaSource::MetaJson { .. }) => Err(Error::Setting {
            setting: "--wal".into(),
            reason: "a `meta.json` has no positions to compare the log with; name the server's own metadata"
                .into(),
        }),
        Some(wal) => Ok(metadata.with_wal(wal.into())?),
        None => Ok(metadata),
    }
}
