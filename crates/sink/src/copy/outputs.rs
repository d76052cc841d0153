// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::sync::Arc;

use m2m_storage::Storage;
use url::Url;

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
pub struct OutputStorages(Arc<dyn OpenStorage>);

impl OutputStorages {
    /// Has a session write to the buckets that are known here.
    pub fn new(open: Arc<dyn OpenStorage>) -> Self {
        Self(open)
    }

    pub(super) fn open(&self, bucket: &Url) -> m2m_storage::Result<Storage> {
        self.0.open(bucket)
    }
}
