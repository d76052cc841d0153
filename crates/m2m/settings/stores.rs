// SPDX-License-Identifier: Apache-2.0
//! The object stores that statements name by URL: `CREATE EXTERNAL TABLE`,
//! `COPY … TO` and `-o` reach them with the credentials of the configuration.

use std::sync::Arc;

use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use m2m_sink::OpenStorage;
use m2m_storage::{BucketOptions, Cloud, Storage};
use object_store::ObjectStore;
use url::Url;

use super::bucket::{SOURCE, TARGET};
use crate::config::Config;
use crate::config::keys;

/// Opens a bucket when a statement names it first.
///
/// | bucket | is reached as |
/// |---|---|
/// | that of the segments or of `meta.json` | `source.remote` says |
/// | any other | `target.remote` says, on the same cloud; it is the one that is written to |
/// | of another cloud | that cloud's environment says |
#[derive(Debug)]
pub(super) struct ConfiguredStores {
    known: DefaultObjectStoreRegistry,
    source: Option<BucketOptions>,
    source_buckets: Vec<String>,
    target: BucketOptions,
}

impl ConfiguredStores {
    pub(super) fn new(config: &Config) -> Self {
        let of_keys =
            [&keys::SOURCE_BUCKET].into_iter().filter_map(|key| config.text(key).map(str::to_owned));
        let of_urls = config.list(&keys::TABLES).iter().map(String::as_str).chain(config.text(&keys::META));
        let of_urls = of_urls.filter_map(|url| Some(bucket_of(&Url::parse(url).ok()?)?.to_owned()));
        Self {
            known: DefaultObjectStoreRegistry::new(),
            source: SOURCE.is_described(config).then(|| SOURCE.options(config)),
            source_buckets: of_keys.chain(of_urls).collect(),
            target: TARGET.options(config),
        }
    }

    /// The place that a URL names.
    pub(super) fn open(&self, url: &str) -> m2m_storage::Result<Storage> {
        let cloud = Cloud::of_url(url);
        let is_for = |options: &&BucketOptions| match (options.cloud.unwrap_or_default(), cloud) {
            // The others are spoken to in S3 as well.
            (Cloud::Gcp | Cloud::Ali | Cloud::Tencent, Some(Cloud::Aws)) => true,
            (said, meant) => meant.is_none_or(|meant| meant == said),
        };
        let bucket = Url::parse(url).ok();
        let bucket = bucket.as_ref().and_then(bucket_of);
        let is_source = bucket.is_some_and(|bucket| self.source_buckets.iter().any(|known| known == bucket));
        let of_source = self.source.as_ref().filter(|_| is_source).filter(is_for);
        let options = of_source.or_else(|| Some(&self.target).filter(is_for));
        Storage::open(url, options.unwrap_or(&BucketOptions::default()))
    }
}

/// The bucket of a URL: `abfss://container@account…` names it before the host.
fn bucket_of(url: &Url) -> Option<&str> {
    if url.scheme().starts_with("abfs") { Some(url.username()) } else { url.host_str() }
}

impl OpenStorage for ConfiguredStores {
    fn open(&self, bucket: &Url) -> m2m_storage::Result<Storage> {
        self.open(bucket.as_str())
    }
}

impl ObjectStoreRegistry for ConfiguredStores {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.known.register_store(url, store)
    }

    fn get_store(&self, url: &Url) -> DFResult<Arc<dyn ObjectStore>> {
        if let Ok(store) = self.known.get_store(url) {
            return Ok(store);
        }
        let opened = self.open(url.as_str()).map_err(|error| DataFusionError::External(Box::new(error)))?;
        let store = Arc::clone(opened.store());
        self.known.register_store(url, Arc::clone(&store));
        Ok(store)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Typed;

    fn stores(variables: &[(&str, &str)]) -> ConfiguredStores {
        let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        ConfiguredStores::new(&Config::load(None, variables, &Typed { set: &[], flags: Vec::new() }).unwrap())
    }

    #[test]
    fn keys_are_shown_to_the_cloud_that_they_are_for() {
        let of_target =
            [("M2M_S3_ACCESS_KEY", "a"), ("M2M_S3_SECRET_KEY", "s"), ("M2M_S3_ENDPOINT", "minio:9000")];
        let stores = stores(&of_target);
        assert!(stores.get_store(&Url::parse("s3://attributes/").unwrap()).is_ok());
        assert!(stores.get_store(&Url::parse("file:///").unwrap()).is_ok());
        for other in ["oss://b/x", "cos://b/x"] {
            assert!(
                stores.get_store(&Url::parse(other).unwrap()).is_err(),
                "{other} took another cloud's keys"
            );
        }
        assert!(stores.get_store(&Url::parse("https://example.org/a.csv").unwrap()).is_err());
    }

    #[test]
    fn the_bucket_of_the_source_is_reached_as_the_source_says() {
        let stores = stores(&[
            ("M2M_SOURCE_REMOTE_BUCKET", "old"),
            ("M2M_SOURCE_REMOTE_ENDPOINT", "old:9000"),
            ("M2M_SOURCE_REMOTE_AK", "a"),
            ("M2M_S3_ACCESS_KEY", "a"),
            ("M2M_S3_SECRET_KEY", "s"),
        ]);
        // The source's keys are incomplete: what is reached by them fails.
        assert!(stores.open("s3://old/x.csv").is_err());
        assert!(
            stores.open("s3://new/x.csv").is_err_and(|error| !error.to_string().contains("secret"))
                || stores.open("s3://new/x.csv").is_ok()
        );
    }
}
