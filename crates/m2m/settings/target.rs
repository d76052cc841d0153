// SPDX-License-Identifier: Apache-2.0
//! The place of the import files.

use m2m_storage::{BucketOptions, Storage};

use crate::config::Config;
use crate::config::keys::{self, Key};
use crate::error::{Error, Result};

/// The keys that describe a bucket and the way to it.
pub(super) struct BucketKeys {
    pub(super) cloud: &'static Key,
    pub(super) endpoint: &'static Key,
    pub(super) region: &'static Key,
    pub(super) access_key: &'static Key,
    pub(super) secret_key: &'static Key,
    pub(super) ssl: &'static Key,
    pub(super) iam: &'static Key,
    pub(super) hosted: &'static Key,
}

/// Those of `target.remote`.
pub(super) static TARGET: BucketKeys = BucketKeys {
    cloud: &keys::TARGET_CLOUD,
    endpoint: &keys::TARGET_ENDPOINT,
    region: &keys::TARGET_REGION,
    access_key: &keys::TARGET_AK,
    secret_key: &keys::TARGET_SK,
    ssl: &keys::TARGET_SSL,
    iam: &keys::TARGET_IAM,
    hosted: &keys::TARGET_HOSTED,
};

impl BucketKeys {
    /// How the bucket is reached.
    pub(super) fn options(&self, config: &Config) -> BucketOptions {
        BucketOptions {
            cloud: config.cloud(self.cloud),
            endpoint: config.text(self.endpoint).map(str::to_owned),
            region: config.text(self.region).map(str::to_owned),
            access_key: config.secret(self.access_key).map(|key| key.expose().to_owned()),
            secret_key: config.secret(self.secret_key).cloned(),
            use_ssl: config.flag(self.ssl),
            use_iam: config.flag(self.iam).unwrap_or(false),
            virtual_hosted: config.flag(self.hosted),
        }
    }

    /// Whether anything is said of the way to the bucket.
    pub(super) fn is_described(&self, config: &Config) -> bool {
        [self.cloud, self.endpoint, self.region, self.access_key, self.secret_key, self.ssl, self.iam]
            .into_iter()
            .any(|key| config.has(key))
    }
}

/// Opens the target and looks whether it can be used.
pub(super) async fn open(config: &Config) -> Result<Storage> {
    let storage = storage(config)?;
    if !storage.is_local() && config.flag(&keys::TARGET_CHECK).unwrap_or(true) {
        storage.check_bucket().await?;
    }
    Ok(storage)
}

/// Says where the target is, when anything is said of one.
pub(super) fn describe(config: &Config) -> Result<Option<String>> {
    let keys = [&keys::OUT, &keys::TARGET_MODE, &keys::TARGET_DIR, &keys::TARGET_BUCKET];
    if !keys.iter().any(|key| config.has(key)) {
        return Ok(None);
    }
    let storage = storage(config)?;
    Ok(Some(format!("import files: {}", storage.display(storage.prefix()))))
}

fn storage(config: &Config) -> Result<Storage> {
    if let Some(out) = config.text(&keys::OUT) {
        return Ok(Storage::open(out, &TARGET.options(config))?);
    }
    let (folder, bucket) = (config.text(&keys::TARGET_DIR), config.text(&keys::TARGET_BUCKET));
    match (config.text(&keys::TARGET_MODE), folder, bucket) {
        (Some("remote"), _, None) => Err(Error::Missing {
            what: "the bucket of the import files",
            remedy: "set `target.remote.bucket`",
        }),
        (Some("remote"), _, Some(bucket)) | (None, None, Some(bucket)) => {
            let prefix = config.text(&keys::TARGET_PREFIX).unwrap_or_default();
            Ok(Storage::bucket(bucket, prefix, &TARGET.options(config))?)
        }
        (Some(_), None, _) => Err(Error::Missing {
            what: "the folder of the import files",
            remedy: "set `target.local.outputDir`",
        }),
        (Some(_), Some(folder), _) | (None, Some(folder), None) => Ok(Storage::local(folder.as_ref())?),
        (None, Some(_), Some(_)) => Err(Error::Missing {
            what: "which of `target.local` and `target.remote` is meant",
            remedy: "set `target.mode` to `local` or `remote`",
        }),
        (None, None, None) => Err(Error::Missing {
            what: "the place of the import files",
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
