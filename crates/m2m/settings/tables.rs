// SPDX-License-Identifier: Apache-2.0
//! Where the segments of the 1.x installation are.

use std::path::PathBuf;

use m2m_catalog::tables_folder;
use m2m_storage::Storage;

use super::bucket::{SOURCE, chosen, clean_prefix, open_of_source};
use crate::config::Config;
use crate::config::keys::{self, Key};
use crate::error::{Error, Result};

/// The keys of `source` that say where the segments are.
pub(super) const DESCRIBED: [&Key; 4] =
    [&keys::SOURCE_MODE, &keys::SOURCE_TABLES, &keys::SOURCE_BUCKET, &keys::SOURCE_PREFIX];
const WAYS: [(&str, &[&Key]); 2] =
    [("local", &[&keys::SOURCE_TABLES]), ("remote", &[&keys::SOURCE_BUCKET, &keys::SOURCE_PREFIX])];

/// Where the segments are.
#[derive(Debug)]
pub(super) enum Tables {
    Local(Vec<PathBuf>),
    Remote(Storage),
}

impl Tables {
    /// What the configuration says, without touching it.
    pub(super) fn of(config: &Config) -> Result<Self> {
        let named = config.list(&keys::TABLES);
        if !named.is_empty() && config.rank(&[&keys::TABLES]) >= config.rank(&DESCRIBED) {
            return Self::named(config, named);
        }
        match chosen(config, &keys::SOURCE_MODE, &WAYS)? {
            Some("remote") => {
                let prefix = config.text(&keys::SOURCE_PREFIX).unwrap_or_default();
                Ok(Self::Remote(bucket(config, "the bucket of the segments", prefix)?))
            }
            Some(_) => match config.list(&keys::SOURCE_TABLES) {
                [] => Err(Error::Missing {
                    what: "the old server's `tables` folder",
                    remedy: "set `source.local.tablesDir`",
                }),
                folders => Ok(Self::Local(folders.iter().map(PathBuf::from).collect())),
            },
            None => Err(Error::Missing {
                what: "the 1.x installation",
                remedy: "name its root with `--install`, or `source` and `meta` in the configuration",
            }),
        }
    }

    fn named(config: &Config, named: &[String]) -> Result<Self> {
        match named {
            [url] if url.contains("://") => Ok(match open_of_source(config, url)? {
                local if local.is_local() => Self::Local(vec![local_path(&local)]),
                remote => Self::Remote(remote),
            }),
            _ if named.iter().any(|folder| folder.contains("://")) => Err(Error::Setting {
                setting: "--tables".into(),
                reason: "a bucket holds all segments of an installation: name it alone".into(),
            }),
            folders => Ok(Self::Local(folders.iter().map(PathBuf::from).collect())),
        }
    }

    /// The roots to read from, after a look at whether they are there.
    pub(super) async fn open(self, config: &Config) -> Result<Vec<Storage>> {
        match self {
            Self::Remote(storage) => {
                if config.flag(&keys::SOURCE_CHECK).unwrap_or(true) {
                    storage.check_readable().await?;
                }
                Ok(vec![storage])
            }
            Self::Local(folders) => {
                let root = |folder: &PathBuf| Ok(Storage::local(&tables_folder(folder)?)?);
                folders.iter().map(root).collect()
            }
        }
    }

    /// The place, for people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Remote(storage) => storage.display(storage.prefix()),
            Self::Local(folders) => {
                let folders = folders.iter().map(|folder| folder.display().to_string());
                folders.collect::<Vec<_>>().join(", ")
            }
        }
    }
}

/// The folder that a local storage stands for.
pub(super) fn local_path(storage: &Storage) -> PathBuf {
    format!("/{}", storage.prefix()).into()
}

/// The bucket of `source.remote`.
pub(super) fn bucket(config: &Config, what: &'static str, prefix: &str) -> Result<Storage> {
    let bucket = config.text(&keys::SOURCE_BUCKET);
    let bucket = bucket.ok_or(Error::Missing { what, remedy: "set `source.remote.bucket`" })?;
    Ok(Storage::bucket(bucket, &clean_prefix(prefix), &SOURCE.options(config))?)
}
