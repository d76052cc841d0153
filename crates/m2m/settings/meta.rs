// SPDX-License-Identifier: Apache-2.0
//! Where the metadata of the 1.x installation is.

use std::path::{Path, PathBuf};

use m2m_catalog::{MetaSource, Metadata, MySql};
use m2m_storage::Storage;

use super::bucket::{chosen, open_of_source};
use super::tables::{bucket, local_path};
use crate::config::Config;
use crate::config::keys::{self, Key};
use crate::error::{Error, Result};

/// The keys of `meta` that say where the metadata is.
pub(super) const DESCRIBED: [&Key; 6] = [
    &keys::META_MODE,
    &keys::META_SQLITE,
    &keys::META_MYSQL,
    &keys::META_LOCAL,
    &keys::META_MOCK,
    &keys::META_REMOTE,
];
const WAYS: [(&str, &[&Key]); 5] = [
    ("sqlite", &[&keys::META_SQLITE]),
    ("mysql", &[&keys::META_MYSQL]),
    ("local", &[&keys::META_LOCAL]),
    ("mock", &[&keys::META_MOCK]),
    ("remote", &[&keys::META_REMOTE]),
];

/// Where the metadata is, before it is read.
#[derive(Debug)]
pub(super) enum Meta {
    /// A file whose content tells its kind.
    File(PathBuf),
    /// A file that must be SQLite.
    Sqlite(PathBuf),
    /// A file that must be a `meta.json`.
    Json(PathBuf),
    MySql(MySql),
    /// A `meta.json` in a bucket, and its path below the storage's prefix.
    Remote(Storage, String),
}

impl Meta {
    /// What the configuration says, without touching it.
    pub(super) fn of(config: &Config) -> Result<Self> {
        let named = config.secret(&keys::META);
        if let Some(named) = named.filter(|_| config.rank(&[&keys::META]) >= config.rank(&DESCRIBED)) {
            return Self::named(config, named.expose());
        }
        let missing = |remedy| Error::Missing { what: "the metadata of the 1.x installation", remedy };
        let file = |key| config.text(key).map(PathBuf::from);
        match chosen(config, &keys::META_MODE, &WAYS)? {
            Some("sqlite") => {
                file(&keys::META_SQLITE).map(Self::Sqlite).ok_or_else(|| missing("set `meta.sqliteFile`"))
            }
            Some("mysql") => {
                let address = config.secret(&keys::META_MYSQL);
                let address = address.ok_or_else(|| missing("set `meta.mysqlUrl`"))?;
                Ok(Self::MySql(MySql::parse(address.expose())?))
            }
            Some("remote") => {
                let key = config.text(&keys::META_REMOTE);
                let key = key.ok_or_else(|| missing("set `meta.remoteMetaFile`"))?;
                Ok(Self::Remote(bucket(config, "the bucket of the metadata", "")?, key.into()))
            }
            Some(_) => {
                let json = file(&keys::META_LOCAL).or_else(|| file(&keys::META_MOCK));
                json.map(Self::Json).ok_or_else(|| missing("set `meta.localFile`"))
            }
            None => Err(missing(
                "name it with `--meta`, or set `meta.mode` and the key that belongs to it, or name the root with `--install`",
            )),
        }
    }

    /// Metadata that is named by one text, whatever it is.
    fn named(config: &Config, text: &str) -> Result<Self> {
        if MySql::is_address(text) {
            return Ok(Self::MySql(MySql::parse(text)?));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            // With an `@` it may be an address with a mistake in it, whose password must not be repeated.
            let is_file = !text.contains('@') || Path::new(text).exists();
            return if is_file { Ok(Self::File(text.into())) } else { Ok(Self::MySql(MySql::parse(text)?)) };
        };
        if rest.contains('?') {
            let reason =
                "nothing may follow a `?`: give keys and tokens on their own, in `source.remote`".into();
            return Err(Error::Setting { setting: keys::META.path.into(), reason });
        }
        let Some((folder, name)) = rest.rsplit_once('/').filter(|(_, name)| !name.is_empty()) else {
            return Err(Error::Setting {
                setting: keys::META.path.into(),
                reason: format!("expected a `meta.json` as `{scheme}://bucket/key`, found no key"),
            });
        };
        let storage = open_of_source(config, &format!("{scheme}://{folder}"))?;
        if storage.is_local() {
            return Ok(Self::File(local_path(&storage).join(name)));
        }
        Ok(Self::Remote(storage, name.into()))
    }

    /// The server's SQLite database, and no address of another.
    pub(super) fn sqlite(path: &str) -> Result<Self> {
        if (MySql::is_address(path) || path.contains('@')) && !Path::new(path).exists() {
            let reason = "expected a `meta.sqlite`, found a MySQL address: give it with `-m`".into();
            return Err(Error::Setting { setting: "--sqlite".into(), reason });
        }
        Ok(Self::Sqlite(path.into()))
    }

    /// The server's MySQL database, and no file.
    pub(super) fn mysql(address: &str) -> Result<Self> {
        if Path::new(address).is_file() {
            let reason = format!("expected a MySQL address, found the file `{address}`: give it with `-s`");
            return Err(Error::Setting { setting: "--mysql".into(), reason });
        }
        Ok(Self::MySql(MySql::parse(address)?))
    }

    /// The place, for people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::File(path) | Self::Sqlite(path) | Self::Json(path) => path.display().to_string(),
            Self::MySql(address) => address.to_string(),
            Self::Remote(storage, key) => storage.display(&storage.child(key)),
        }
    }

    /// Opens the metadata to look at it: a file that holds something else is opened too.
    pub(super) async fn open_to_examine(self) -> Result<Metadata> {
        match self {
            Self::File(path) | Self::Sqlite(path) | Self::Json(path) => {
                Ok(Metadata { source: MetaSource::file_to_examine(&path)?, wal: None })
            }
            other => other.open().await,
        }
    }

    /// Opens the metadata, and reads what is a file.
    pub(super) async fn open(self) -> Result<Metadata> {
        let source = match self {
            Self::File(path) => MetaSource::file(&path)?,
            Self::MySql(address) => MetaSource::MySql(address),
            Self::Remote(storage, key) => {
                let path = storage.child(&key);
                let text = storage.get(&path).await?.to_vec();
                MetaSource::MetaJson { location: storage.display(&path), text }
            }
            Self::Sqlite(path) => match MetaSource::file(&path)? {
                MetaSource::MetaJson { location, .. } => {
                    let found = "JSON: set `meta.localFile`";
                    return Err(other_kind(&keys::META_SQLITE, &location, "a SQLite database", found));
                }
                sqlite => sqlite,
            },
            Self::Json(path) => match MetaSource::file(&path)? {
                MetaSource::Sqlite(path) => {
                    let (location, found) =
                        (path.display().to_string(), "a SQLite database: set `meta.sqliteFile`");
                    return Err(other_kind(&keys::META_LOCAL, &location, "a `meta.json`", found));
                }
                json => json,
            },
        };
        Ok(Metadata { source, wal: None })
    }
}

fn other_kind(key: &Key, location: &str, expected: &str, found: &str) -> Error {
    let reason = format!("expected {expected} in `{location}`, found {found}");
    Error::Setting { setting: key.path.into(), reason }
}
