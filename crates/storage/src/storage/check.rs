// SPDX-License-Identifier: Apache-2.0

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::{Remote, Storage};
use crate::{Error, Result, local};

const CHECK_SECONDS: u64 = 15;
const CHECK_BYTES: &[u8] = b"m2m checks that this bucket can be written";

impl Storage {
    /// Proves that the root can be listed, written, read and cleaned, within 15 s.
    ///
    /// A small file is written under the root and removed again; its name is that
    /// of no other run. A local folder is not created: the check is made in the
    /// nearest folder above it.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`], [`Error::TimedOut`], [`Error::CredentialsRefused`],
    /// [`Error::Denied`], [`Error::NoSuchBucket`] and [`Error::NoCredentials`] for
    /// a bucket, [`Error::FolderNotWritable`] for a folder, [`Error::Store`] and
    /// [`Error::Altered`] for both.
    pub async fn check_bucket(&self) -> Result<()> {
        let Some(remote) = &self.remote else {
            return self.check_folder(local::check_writable).await;
        };
        in_time(remote, self.probe(remote)).await
    }

    /// Proves that the root can be listed, within 15 s, and writes nothing.
    ///
    /// A prefix without files is no error.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`], [`Error::TimedOut`], [`Error::CredentialsRefused`],
    /// [`Error::Denied`], [`Error::NoSuchBucket`] and [`Error::NoCredentials`] for
    /// a bucket, [`Error::FolderNotReadable`] for a folder, and [`Error::Store`].
    pub async fn check_readable(&self) -> Result<()> {
        let Some(remote) = &self.remote else {
            return self.check_folder(local::check_readable).await;
        };
        in_time(remote, self.list_one(remote)).await
    }

    async fn check_folder(&self, check: fn(&std::path::Path) -> Result<()>) -> Result<()> {
        let folder = PathBuf::from(format!("/{}", self.prefix));
        let checked = tokio::task::spawn_blocking(move || check(&folder)).await;
        checked.unwrap_or_else(|source| {
            Err(Error::FolderNotReadable { folder: format!("/{}", self.prefix), source: source.into() })
        })
    }

    async fn list_one(&self, remote: &Remote) -> Result<()> {
        let slash = if remote.bucket.has_leading_slash { "/" } else { "" };
        let prefix = match self.prefix.as_ref() {
            "" => slash.to_owned(),
            prefix => format!("{slash}{prefix}/"),
        };
        let prefix = Some(prefix.as_str()).filter(|prefix| !prefix.is_empty());
        let options = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
        match remote.pages.list_paginated(prefix, options).await {
            // A key that is no path was listed all the same.
            Ok(_) | Err(object_store::Error::InvalidPath { .. }) => Ok(()),
            Err(e) => Err(self.bucket_failure("list", &self.prefix, e)),
        }
    }

    async fn probe(&self, remote: &Remote) -> Result<()> {
        // Writing alone proves little: some servers make a missing bucket on the fly.
        self.list_one(remote).await?;
        let path = self.child(&check_name());
        let left = Left { store: Arc::clone(&self.control), path: Some(path.clone()) };
        let written = self.control.put(&path, CHECK_BYTES.into()).await;
        written.map_err(|e| self.bucket_failure("write", &path, e))?;
        let compared = self.compare(&path).await;
        let removed = self.control.delete(&path).await.map_err(|e| self.failure("remove", &path, e));
        left.forget_if(&removed);
        compared.and(removed)?;
        tracing::debug!(location = self.display(&self.prefix), "the bucket can be used");
        Ok(())
    }

    async fn compare(&self, path: &Path) -> Result<()> {
        let failed = |e| self.failure("read", path, e);
        let found = self.control.get(path).await.map_err(failed)?.bytes().await.map_err(failed)?;
        if found == CHECK_BYTES {
            return Ok(());
        }
        Err(Error::Altered { location: self.display(path), expected: CHECK_BYTES.len(), found: found.len() })
    }
}

/// A file that is removed in the background when the check ends half-way: when its
/// time is over, when it is interrupted, or when the answer to the writing was lost.
struct Left {
    store: Arc<dyn ObjectStore>,
    path: Option<Path>,
}

impl Left {
    fn forget_if(mut self, removed: &Result<()>) {
        if removed.is_ok() {
            self.path = None;
        }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let (Some(path), Ok(runtime)) = (self.path.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let store = Arc::clone(&self.store);
        drop(runtime.spawn(async move {
            if let Err(error) = store.delete(&path).await {
                tracing::debug!(%path, %error, "the file of the check could not be removed");
            }
        }));
    }
}

async fn in_time(remote: &Remote, check: impl Future<Output = Result<()>>) -> Result<()> {
    let checked = tokio::time::timeout(Duration::from_secs(CHECK_SECONDS), check).await;
    checked.unwrap_or_else(|_| Err(remote.bucket.timed_out(CHECK_SECONDS)))
}

/// Returns a name that no other run uses, on this machine or another.
fn check_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!(".m2m-check-{}-{}", std::process::id(), now.as_nanos())
}
