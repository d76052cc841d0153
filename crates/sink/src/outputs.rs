// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::sync::Arc;

use m2m_storage::Storage;
use url::Url;

use crate::{Error, Result};

/// Knows the buckets that a session may write to, and their credentials.
pub trait OpenStorage: fmt::Debug + Send + Sync {
    /// Returns the storage of a bucket, without asking the server.
    ///
    /// The URL is the bucket's alone, such as `s3://bucket/`.
    ///
    /// # Errors
    ///
    /// Those of [`Storage::open`].
    fn open(&self, bucket: &Url) -> m2m_storage::Result<Storage>;
}

/// An extension of the session: where `COPY … STORED AS NPY` finds buckets.
///
/// ```
/// use std::sync::Arc;
///
/// use datafusion::prelude::{SessionConfig, SessionContext};
/// use m2m_sink::{OpenStorage, OutputStorages, register_formats};
/// use m2m_storage::{BucketOptions, Storage};
/// use url::Url;
///
/// #[derive(Debug)]
/// struct OfEnvironment;
///
/// impl OpenStorage for OfEnvironment {
///     fn open(&self, bucket: &Url) -> m2m_storage::Result<Storage> {
///         Storage::open(bucket.as_str(), &BucketOptions::default())
///     }
/// }
///
/// # fn main() -> datafusion::error::Result<()> {
/// let storages = OutputStorages::new(Arc::new(OfEnvironment));
/// let config = SessionConfig::new().with_extension(Arc::new(storages));
/// register_formats(&SessionContext::new_with_config(config))
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OutputStorages(Known);

#[derive(Clone, Debug)]
enum Known {
    Any(Arc<dyn OpenStorage>),
    One(Storage),
}

impl OutputStorages {
    /// Has a session write to the buckets that are known here.
    pub fn new(open: Arc<dyn OpenStorage>) -> Self {
        Self(Known::Any(open))
    }

    /// Has a session write to this bucket and to no other.
    pub fn of(storage: Storage) -> Self {
        Self(Known::One(storage))
    }

    /// Returns the storage of a bucket, without asking the server.
    pub(crate) fn open(&self, bucket: &Url) -> Result<Storage> {
        match &self.0 {
            Known::Any(open) => Ok(open.open(bucket)?),
            Known::One(storage) if is_same(storage.base_url(), bucket) => Ok(storage.clone()),
            Known::One(storage) => Err(Error::AnotherStorage {
                location: bucket.to_string(),
                expected: storage.base_url().to_string(),
            }),
        }
    }
}

/// A bucket's URL may end with a `/` or not.
fn is_same(one: &Url, other: &Url) -> bool {
    one.as_str().trim_end_matches('/') == other.as_str().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use m2m_storage::BucketOptions;

    use super::*;

    #[test]
    fn one_storage_is_for_its_bucket_alone() {
        let storage = Storage::open("s3://bucket/prefix", &BucketOptions::default()).unwrap();
        let storages = OutputStorages::of(storage.clone());
        for same in ["s3://bucket/", "s3://bucket"] {
            let found = storages.open(&same.parse().unwrap()).unwrap();
            assert_eq!(found.base_url(), storage.base_url());
        }
        let error = storages.open(&"s3://bucket2/".parse().unwrap()).unwrap_err();
        let expected = "cannot write to `s3://bucket2/`: this session writes to `s3://bucket/` only";
        assert_eq!(error.to_string(), expected);
    }
}
