// SPDX-License-Identifier: Apache-2.0
//! Buckets, and which of several descriptions of one thing is meant.

use std::path::PathBuf;

use m2m_storage::{BucketOptions, Cloud, Storage};

use crate::config::Config;
use crate::config::keys::{self, Key};
use crate::config::page::without_user;
use crate::error::{Error, Result};

/// The keys that describe the way to a bucket.
pub(super) struct BucketKeys {
    cloud: &'static Key,
    endpoint: &'static Key,
    region: &'static Key,
    access_key: &'static Key,
    secret_key: &'static Key,
    ssl: &'static Key,
    iam: &'static Key,
    hosted: &'static Key,
    ca: &'static Key,
}

/// Those of `source.remote`.
pub(super) static SOURCE: BucketKeys = BucketKeys {
    cloud: &keys::SOURCE_CLOUD,
    endpoint: &keys::SOURCE_ENDPOINT,
    region: &keys::SOURCE_REGION,
    access_key: &keys::SOURCE_AK,
    secret_key: &keys::SOURCE_SK,
    ssl: &keys::SOURCE_SSL,
    iam: &keys::SOURCE_IAM,
    hosted: &keys::SOURCE_HOSTED,
    ca: &keys::SOURCE_CA,
};

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
    ca: &keys::TARGET_CA,
};

impl BucketKeys {
    /// How the bucket is reached.
    pub(super) fn options(&self, config: &Config) -> BucketOptions {
        BucketOptions {
            cloud: config.cloud(self.cloud),
            endpoint: config.text(self.endpoint).map(str::to_owned),
            region: config.text(self.region).map(str::to_owned),
            access_key: config.secret(self.access_key).cloned(),
            secret_key: config.secret(self.secret_key).cloned(),
            use_ssl: config.flag(self.ssl),
            use_iam: config.flag(self.iam).unwrap_or(false),
            virtual_hosted: config.flag(self.hosted),
            ca_file: config.text(self.ca).map(PathBuf::from),
        }
    }

    /// Opens a place that is named by a URL or a path. Keys that are said to be for
    /// one cloud are not shown to another.
    pub(super) fn open(&self, config: &Config, url: &str) -> Result<Storage> {
        let (said, meant) = (config.cloud(self.cloud), Cloud::of_url(url));
        match (said, meant) {
            // The others are spoken to in S3 as well.
            (Some(Cloud::Gcp | Cloud::Ali | Cloud::Tencent), Some(Cloud::Aws)) => {}
            (Some(said), Some(meant)) if said != meant => {
                let reason = format!(
                    "it says `{said}`, and `{}` is of `{meant}`: set the one that is meant",
                    without_user(url)
                );
                return Err(Error::Setting { setting: self.cloud.path.into(), reason });
            }
            _ => {}
        }
        Ok(Storage::open(url, &self.options(config))?)
    }

    /// Whether anything is said of where the bucket is and who asks.
    pub(super) fn is_described(&self, config: &Config) -> bool {
        let keys = [
            self.cloud,
            self.endpoint,
            self.region,
            self.access_key,
            self.secret_key,
            self.ssl,
            self.iam,
            self.ca,
        ];
        keys.into_iter().any(|key| config.has(key))
    }
}

/// Opens a place of the source that is named by a URL. Its bucket is reached as
/// `source.remote` says; where that says nothing, as `target.remote` does, but
/// only on the same cloud: no key is shown to a stranger.
pub(super) fn open_of_source(config: &Config, url: &str) -> Result<Storage> {
    let same_cloud = Cloud::of_url(url) == Some(config.cloud(TARGET.cloud).unwrap_or_default());
    if !SOURCE.is_described(config) && same_cloud {
        let options = BucketOptions { virtual_hosted: config.flag(SOURCE.hosted), ..TARGET.options(config) };
        return Ok(Storage::open(url, &options)?);
    }
    SOURCE.open(config, url)
}

/// A prefix as milvus-migration takes it: slashes that come twice, and dots that
/// mean the same folder, say nothing.
pub(super) fn clean_prefix(prefix: &str) -> String {
    prefix.split('/').filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>().join("/")
}

/// Returns which of several ways to say one thing is meant: the one whose keys
/// count most, or, where the mode counts as much as they do, the mode's.
///
/// A mode in the file does not stand against a key that was typed.
pub(super) fn chosen(
    config: &Config,
    mode: &Key,
    ways: &[(&'static str, &[&Key])],
) -> Result<Option<&'static str>> {
    let of_mode = config.text(mode).and_then(|mode| ways.iter().find(|(word, _)| *word == mode));
    let strongest = ways.iter().filter_map(|(_, keys)| config.rank(keys)).max();
    if of_mode.is_some() && config.rank(&[mode]) >= strongest {
        return Ok(of_mode.map(|(word, _)| *word));
    }
    let mut meant = ways.iter().filter(|(_, keys)| strongest.is_some() && config.rank(keys) == strongest);
    match (meant.next(), meant.next()) {
        (Some((one, _)), None) => Ok(Some(one)),
        (Some((one, _)), Some((other, _))) => Err(Error::Setting {
            setting: mode.path.into(),
            reason: format!("both `{one}` and `{other}` are described: say which is meant"),
        }),
        (None, _) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Typed;

    const WAYS: [(&str, &[&Key]); 2] =
        [("local", &[&keys::TARGET_DIR]), ("remote", &[&keys::TARGET_BUCKET, &keys::TARGET_PREFIX])];

    fn config(variables: &[(&str, &str)], set: &[&str]) -> Config {
        let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let set: Vec<String> = set.iter().map(ToString::to_string).collect();
        Config::load(None, variables, &Typed { set: &set, flags: Vec::new() }).unwrap()
    }

    fn meant(variables: &[(&str, &str)], set: &[&str]) -> Result<Option<&'static str>> {
        chosen(&config(variables, set), &keys::TARGET_MODE, &WAYS)
    }

    const DIR: (&str, &str) = ("M2M_TARGET_LOCAL_OUTPUT_DIR", "/out");
    const BUCKET: (&str, &str) = ("M2M_TARGET_REMOTE_BUCKET", "b");
    const MODE: (&str, &str) = ("M2M_TARGET_MODE", "local");

    #[test]
    fn a_mode_decides_between_what_counts_as_much() {
        assert_eq!(meant(&[DIR, BUCKET, MODE], &[]).unwrap(), Some("local"));
        assert_eq!(meant(&[MODE], &[]).unwrap(), Some("local"));
        assert_eq!(meant(&[BUCKET], &[]).unwrap(), Some("remote"));
        assert_eq!(meant(&[], &[]).unwrap(), None);
        assert!(meant(&[DIR, BUCKET], &[]).unwrap_err().to_string().contains("`local` and `remote`"));
    }

    #[test]
    fn a_key_that_counts_more_than_the_mode_is_meant() {
        assert_eq!(meant(&[DIR, MODE], &["target.remote.bucket=b"]).unwrap(), Some("remote"));
        assert_eq!(meant(&[DIR, BUCKET], &["target.mode=remote"]).unwrap(), Some("remote"));
        assert_eq!(meant(&[BUCKET], &["target.local.outputDir=/typed"]).unwrap(), Some("local"));
    }

    #[test]
    fn a_prefix_is_cleaned_and_not_resolved() {
        assert_eq!(clean_prefix("/a//b/./c/"), "a/b/c");
        assert_eq!(clean_prefix("a/../b"), "a/../b");
        assert_eq!(clean_prefix("/"), "");
    }

    #[test]
    fn keys_of_the_target_are_not_shown_to_another_cloud() {
        let keys =
            [("M2M_S3_ACCESS_KEY", "a"), ("M2M_S3_SECRET_KEY", "s"), ("M2M_S3_ENDPOINT", "minio:9000")];
        assert!(open_of_source(&config(&keys, &[]), "s3://b/p").is_ok());
        for url in ["oss://b/p", "cos://b/p"] {
            assert!(
                open_of_source(&config(&keys, &[]), url).is_err(),
                "{url} took the keys of another cloud"
            );
        }
        // A cloud that is named is the one that is meant.
        let azure = config(&keys, &["target.remote.cloud=azure"]);
        let error = TARGET.open(&azure, "s3://b/p").unwrap_err().to_string();
        assert!(error.contains("target.remote.cloud") && error.contains("`azure`"), "{error}");
        assert!(TARGET.open(&config(&keys, &["target.remote.cloud=gcp"]), "s3://b/p").is_ok());
        // What the source says of itself counts alone.
        let config = config(&keys, &["source.remote.endpoint=other:9000", "source.remote.sk=s"]);
        assert!(open_of_source(&config, "s3://b/p").is_err());
    }
}
