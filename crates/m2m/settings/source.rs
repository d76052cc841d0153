// SPDX-License-Identifier: Apache-2.0
//! The 1.x installation: where its metadata and its segments are.

use std::path::{Path, PathBuf};

use m2m_catalog::{Install, MetaSource, Metadata, MySql, tables_folder};
use m2m_datasource::{ReadOptions, Source};
use m2m_storage::Storage;

use super::target::{BucketKeys, TARGET};
use crate::config::Config;
use crate::config::keys;
use crate::error::{Error, Result};

static SOURCE: BucketKeys = BucketKeys {
    cloud: &keys::SOURCE_CLOUD,
    endpoint: &keys::SOURCE_ENDPOINT,
    region: &keys::SOURCE_REGION,
    access_key: &keys::SOURCE_AK,
    secret_key: &keys::SOURCE_SK,
    ssl: &keys::SOURCE_SSL,
    iam: &keys::SOURCE_IAM,
    hosted: &keys::SOURCE_HOSTED,
};

/// Metadata that a command names itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named<'a> {
    Sqlite(&'a str),
    MySql(&'a str),
}

/// Where the metadata is, before it is read.
#[derive(Debug)]
enum Meta {
    /// A file whose content tells its kind.
    File(PathBuf),
    /// A file that must be SQLite.
    Sqlite(PathBuf),
    /// A file that must be a `meta.json`.
    Json(PathBuf),
    MySql(MySql),
    /// A `meta.json` in a bucket: the bucket, and the key from its root.
    Remote(Storage, String),
}

/// Where the segments are.
#[derive(Debug)]
enum Tables {
    Local(Vec<PathBuf>),
    Remote(Storage),
}

/// Opens the installation.
pub(super) async fn open(config: &Config) -> Result<Source> {
    if let Some(root) = config.text(&keys::INSTALL) {
        let install = Install::locate(Path::new(root))?;
        let metadata = with_wal(config, install.metadata)?;
        return Ok(Source::open(&Install { metadata, ..install }).await?);
    }
    let tables = tables(config)?;
    if let Tables::Remote(storage) = &tables
        && config.flag(&keys::SOURCE_CHECK).unwrap_or(true)
    {
        storage.check_readable().await?;
    }
    let metadata = with_wal(config, read(meta(config)?).await?)?;
    let roots = match tables {
        Tables::Remote(storage) => {
            let block_bytes = config.integer(&keys::READ_BUFFER).map(|kib| kib << 10);
            return Ok(Source::with_options(&metadata, vec![storage], ReadOptions { block_bytes }).await?);
        }
        Tables::Local(folders) => folders
            .iter()
            .map(|folder| Ok(Storage::local(&tables_folder(folder)?)?))
            .collect::<Result<_>>()?,
    };
    Ok(Source::with_roots(&metadata, roots).await?)
}

/// The metadata that was named, or that of the source.
pub(super) async fn metadata(config: &Config, named: Option<Named<'_>>) -> Result<Metadata> {
    let meta = match named {
        Some(Named::Sqlite(path)) => Meta::Sqlite(path.into()),
        Some(Named::MySql(address)) => Meta::MySql(MySql::parse(address)?),
        None => match config.text(&keys::INSTALL) {
            Some(root) => return with_wal(config, Install::locate(Path::new(root))?.metadata),
            None => meta(config)?,
        },
    };
    with_wal(config, read(meta).await?)
}

/// Says where the installation is, without touching it.
pub(super) fn describe(config: &Config) -> Result<String> {
    if let Some(root) = config.text(&keys::INSTALL) {
        return Ok(format!("installation: {root}"));
    }
    let tables = match tables(config)? {
        Tables::Remote(storage) => storage.display(storage.prefix()),
        Tables::Local(folders) => {
            folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
        }
    };
    let meta = match meta(config)? {
        Meta::File(path) | Meta::Sqlite(path) | Meta::Json(path) => path.display().to_string(),
        Meta::MySql(address) => address.to_string(),
        Meta::Remote(storage, key) => storage.display(&storage.child(&key)),
    };
    Ok(format!("installation: segments in {tables}, metadata in {meta}"))
}

fn tables(config: &Config) -> Result<Tables> {
    let named = config.list(&keys::TABLES);
    match named {
        [url] if url.contains("://") => {
            let keys = if SOURCE.is_described(config) { &SOURCE } else { &TARGET };
            return Ok(match Storage::open(url, &keys.options(config))? {
                local if local.is_local() => Tables::Local(vec![local_path(&local)]),
                remote => Tables::Remote(remote),
            });
        }
        [_, ..] if named.iter().any(|folder| folder.contains("://")) => {
            return Err(Error::Setting {
                setting: "--tables".into(),
                reason: "a bucket holds all segments of an installation: name it alone".into(),
            });
        }
        [_, ..] => return Ok(Tables::Local(paths(named))),
        [] => {}
    }
    let (folders, bucket) = (config.list(&keys::SOURCE_TABLES), config.text(&keys::SOURCE_BUCKET));
    match (config.text(&keys::SOURCE_MODE), folders, bucket) {
        (Some("remote"), _, Some(_)) | (None, [], Some(_)) => Ok(Tables::Remote(bucket_of_source(
            config,
            config.text(&keys::SOURCE_PREFIX).unwrap_or_default(),
        )?)),
        (Some("remote"), _, None) => {
            Err(Error::Missing { what: "the bucket of the segments", remedy: "set `source.remote.bucket`" })
        }
        (_, [_, ..], _) => Ok(Tables::Local(paths(folders))),
        (Some(_), [], _) => Err(Error::Missing {
            what: "the old server's `tables` folder",
            remedy: "set `source.local.tablesDir`",
        }),
        (None, [], None) => Err(Error::Missing {
            what: "the 1.x installation",
            remedy: "name its root with `--install`, or `source` and `meta` in the configuration",
        }),
    }
}

fn paths(folders: &[String]) -> Vec<PathBuf> {
    folders.iter().map(PathBuf::from).collect()
}

fn local_path(storage: &Storage) -> PathBuf {
    format!("/{}", storage.prefix()).into()
}

fn bucket_of_source(config: &Config, prefix: &str) -> Result<Storage> {
    let bucket = config
        .text(&keys::SOURCE_BUCKET)
        .ok_or(Error::Missing { what: "the bucket of the metadata", remedy: "set `source.remote.bucket`" })?;
    Ok(Storage::bucket(bucket, prefix, &SOURCE.options(config))?)
}

fn meta(config: &Config) -> Result<Meta> {
    if let Some(named) = config.secret(&keys::META) {
        return meta_by_name(config, named.expose());
    }
    let file = |key| config.text(key).map(PathBuf::from);
    let sqlite = || file(&keys::META_SQLITE);
    let json = || file(&keys::META_LOCAL).or_else(|| file(&keys::META_MOCK));
    let mysql = || config.secret(&keys::META_MYSQL);
    let remote = || config.text(&keys::META_REMOTE);
    let missing = |remedy| Error::Missing { what: "the metadata of the 1.x installation", remedy };
    match config.text(&keys::META_MODE) {
        Some("sqlite") => sqlite().map(Meta::Sqlite).ok_or_else(|| missing("set `meta.sqliteFile`")),
        Some("mysql") => {
            let address = mysql().ok_or_else(|| missing("set `meta.mysqlUrl`"))?;
            Ok(Meta::MySql(MySql::parse(address.expose())?))
        }
        Some("remote") => {
            let key = remote().ok_or_else(|| missing("set `meta.remoteMetaFile`"))?;
            Ok(Meta::Remote(bucket_of_source(config, "")?, key.into()))
        }
        Some(_) => json().map(Meta::Json).ok_or_else(|| missing("set `meta.localFile`")),
        None => match (sqlite(), json(), mysql(), remote()) {
            (Some(path), None, None, None) => Ok(Meta::Sqlite(path)),
            (None, Some(path), None, None) => Ok(Meta::Json(path)),
            (None, None, Some(address), None) => Ok(Meta::MySql(MySql::parse(address.expose())?)),
            (None, None, None, Some(key)) => Ok(Meta::Remote(bucket_of_source(config, "")?, key.into())),
            (None, None, None, None) => Err(missing(
                "name it with `--meta`, or set `meta.mode` and the key that belongs to it, or name the root with `--install`",
            )),
            _ => Err(Error::Missing {
                what: "which of the keys under `meta` is meant",
                remedy: "set `meta.mode`",
            }),
        },
    }
}

/// Metadata that is named by one text, whatever it is.
fn meta_by_name(config: &Config, text: &str) -> Result<Meta> {
    if MySql::is_address(text) {
        return Ok(Meta::MySql(MySql::parse(text)?));
    }
    if !text.contains("://") {
        return Ok(Meta::File(text.into()));
    }
    let keys = if SOURCE.is_described(config) { &SOURCE } else { &TARGET };
    let (folder, name) = text.rsplit_once('/').unwrap_or(("", text));
    let storage = Storage::open(folder, &keys.options(config))?;
    if storage.is_local() {
        return Ok(Meta::File(local_path(&storage).join(name)));
    }
    Ok(Meta::Remote(storage, name.into()))
}

async fn read(meta: Meta) -> Result<Metadata> {
    let source = match meta {
        Meta::File(path) => MetaSource::file(&path)?,
        Meta::MySql(address) => MetaSource::MySql(address),
        Meta::Remote(storage, key) => {
            let path = storage.child(&key);
            let text = storage.get(&path).await?.to_vec();
            MetaSource::MetaJson { location: storage.display(&path), text }
        }
        Meta::Sqlite(path) => match MetaSource::file(&path)? {
            MetaSource::MetaJson { location, .. } => {
                return Err(other_kind(
                    "meta.sqliteFile",
                    &location,
                    "a SQLite database",
                    "JSON: set `meta.localFile`",
                ));
            }
            sqlite => sqlite,
        },
        Meta::Json(path) => match MetaSource::file(&path)? {
            MetaSource::Sqlite(path) => {
                let location = path.display().to_string();
                return Err(other_kind(
                    "meta.localFile",
                    &location,
                    "a `meta.json`",
                    "a SQLite database: set `meta.sqliteFile`",
                ));
            }
            json => json,
        },
    };
    Ok(Metadata { source, wal: None })
}

fn other_kind(key: &str, location: &str, expected: &str, found: &str) -> Error {
    let reason = format!("expected {expected} in `{location}`, found {found}");
    Error::Setting { setting: key.into(), reason }
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
