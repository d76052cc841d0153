// SPDX-License-Identifier: Apache-2.0
//! The 1.x installation.

use std::path::Path;

use m2m_catalog::{Install, MetaSource, Metadata};
use m2m_datasource::{ReadOptions, Source};

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

/// Opens the installation.
pub(super) async fn open(config: &Config) -> Result<Source> {
    if let Some(root) = root(config) {
        let install = Install::locate(root)?;
        let metadata = with_wal(config, install.metadata)?;
        return Ok(Source::open(&Install { metadata, ..install }).await?);
    }
    let (tables, meta) = (Tables::of(config)?, Meta::of(config)?);
    let is_remote = matches!(tables, Tables::Remote(_));
    let roots = tables.open(config).await?;
    let metadata = with_wal(config, meta.open().await?)?;
    let block_bytes = config.integer(&keys::READ_BUFFER).map(|kib| kib << 10);
    let options = ReadOptions { block_bytes: block_bytes.filter(|_| is_remote) };
    Ok(Source::with_options(&metadata, roots, options).await?)
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
