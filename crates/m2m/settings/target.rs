// SPDX-License-Identifier: Apache-2.0
//! The place of the import files.

use m2m_storage::Storage;

use super::bucket::{TARGET, chosen, clean_prefix};
use crate::config::Config;
use crate::config::keys::{self, Key};
use crate::error::{Error, Result};

/// The ways to describe the target.
const WAYS: [(&str, &[&Key]); 2] =
    [("local", &[&keys::TARGET_DIR]), ("remote", &[&keys::TARGET_BUCKET, &keys::TARGET_PREFIX])];

/// What a command does with the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    /// It is looked at later.
    Later,
}

/// Opens the target and looks whether it can be used.
pub(super) async fn open(config: &Config, access: Access) -> Result<Storage> {
    let storage = storage(config)?;
    let wanted = config.flag(&keys::TARGET_CHECK).unwrap_or(true);
    match access {
        Access::Later => {}
        _ if storage.is_local() || !wanted => {}
        Access::Read => storage.check_readable().await?,
        Access::Write => storage.check_bucket().await?,
    }
    Ok(storage)
}

/// Says where the target is, when anything is said of one.
pub(super) fn describe(config: &Config) -> Result<Option<String>> {
    if !is_described(config) {
        return Ok(None);
    }
    let storage = storage(config)?;
    Ok(Some(format!("import files: {}", storage.display(storage.prefix()))))
}

/// Whether anything is said of a target.
pub(super) fn is_described(config: &Config) -> bool {
    let keys = [&keys::OUT, &keys::TARGET_MODE, &keys::TARGET_DIR, &keys::TARGET_BUCKET];
    keys.iter().any(|key| config.has(key))
}

fn storage(config: &Config) -> Result<Storage> {
    let described =
        config.rank(&[&keys::TARGET_MODE, &keys::TARGET_DIR, &keys::TARGET_BUCKET, &keys::TARGET_PREFIX]);
    if let Some(out) = config.text(&keys::OUT).filter(|_| config.rank(&[&keys::OUT]) >= described) {
        return TARGET.open(config, out);
    }
    match chosen(config, &keys::TARGET_MODE, &WAYS)? {
        Some("remote") => {
            let missing = Error::Missing {
                what: "the bucket of the import files",
                remedy: "set `target.remote.bucket`",
            };
            let bucket = config.text(&keys::TARGET_BUCKET).ok_or(missing)?;
            let prefix = config.text(&keys::TARGET_PREFIX).unwrap_or_default();
            Ok(Storage::bucket(bucket, &clean_prefix(prefix), &TARGET.options(config))?)
        }
        Some(_) => {
            let missing = Error::Missing {
                what: "the folder of the import files",
                remedy: "set `target.local.outputDir`",
            };
            Ok(Storage::local(config.text(&keys::TARGET_DIR).ok_or(missing)?.as_ref())?)
        }
        None => Err(Error::Missing {
            what: "the place to write to",
            remedy: "name a folder or `s3://bucket/prefix` with `--out`, or set `target` in the configuration",
        }),
    }
}

/// The folder of a local target as the server sees it; nothing for a bucket.
pub(super) fn server_path(config: &Config, target: &Storage) -> Result<Option<String>> {
    if !target.is_local() {
        return Ok(None);
    }
    let path = config.text(&keys::SERVER_PATH).map(|path| path.trim_end_matches('/'));
    match path {
        Some(path) if path.starts_with('/') || path.is_empty() => Ok(Some(path.into())),
        Some(path) => Err(Error::Setting {
            setting: keys::SERVER_PATH.path.into(),
            reason: format!("expected an absolute path, found `{path}`"),
        }),
        None => Err(Error::LocalTarget { folder: target.display(target.prefix()) }),
    }
}
