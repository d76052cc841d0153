// SPDX-License-Identifier: Apache-2.0

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Remote, Storage};
use crate::{Error, Result, local};

const CHECK_TIME: Duration = Duration::from_secs(15);
const REMOVAL_TIME: Duration = Duration::from_secs(5);
const CHECK_BYTES: &[u8] = b"m2m checks that this bucket can be written";

impl Storage {
    /// Proves that the root can be listed, written, read and cleaned, within 15 s,
    /// and 5 s more to clean up.
    ///
    /// A small file is written under the root and removed again, also when the check
    /// fails or is dropped half-way; its name is that of no other run. A local folder is not created: the check is made in the
    /// nearest folder above it.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`], [`Error::TimedOut`], [`Error::CredentialsRefused`],
    /// [`Error::Denied`], [`Error::NoSuchBucket`] and [`Error::NoCredentials`] for
    /// a bucket, [`Error::FolderNotWritable`] for a folder, [`Error::Store`] and
    /// [`Error::Altered`] for both. [`Error::CheckFileLeft`] when the file may still
    /// be there.
    pub async fn check_bucket(&self) -> Result<()> {
        let Some(remote) = &self.remote else {
            return self.check_folder(|folder| local::check_writable(folder, &check_name())).await;
        };
        self.probe(remote).await
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
        in_time(remote, Instant::now() + CHECK_TIME, self.list_one(remote)).await
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
        let end = Instant::now() + CHECK_TIME;
        // Writing alone proves little: some servers make a missing bucket on the fly.
        in_time(remote, end, self.list_one(remote)).await?;
        let path = self.child(&check_name());
        let file = CheckFile::new(&self.control, &path);
        let written = in_time(remote, end, self.write(&path)).await;
        if matches!(
            written,
            Err(Error::Denied { .. } | Error::CredentialsRefused { .. } | Error::NoSuchBucket { .. })
        ) {
            file.forget();
            return written;
        }
        let checked = match written {
            Ok(()) => in_time(remote, end, self.compare(&path)).await,
            // The answer may be lost, and the file there all the same.
            Err(error) => Err(error),
        };
        let removed = match file.remove().await {
            Some(removed) => removed.map_err(|e| self.failure("remove", &path, e)),
            None => Err(remote.bucket.timed_out(REMOVAL_TIME.as_secs())),
        };
        match (checked, removed) {
            (checked, Ok(())) => checked?,
            (Err(error), Err(_)) | (Ok(()), Err(error)) => {
                return Err(Error::CheckFileLeft { location: self.display(&path), source: Box::new(error) });
            }
        }
        tracing::debug!(location = self.display(&self.prefix), "the bucket can be used");
        Ok(())
    }

    async fn write(&self, path: &Path) -> Result<()> {
        let written = self.control.put(path, CHECK_BYTES.into()).await;
        written.map(drop).map_err(|e| self.bucket_failure("write", path, e))
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

/// The file of a check, which is removed however the check ends: also when it is
/// dropped half-way, as long as the runtime goes on.
struct CheckFile {
    store: Arc<dyn ObjectStore>,
    path: Option<Path>,
}

impl CheckFile {
    fn new(store: &Arc<dyn ObjectStore>, path: &Path) -> Self {
        Self { store: Arc::clone(store), path: Some(path.clone()) }
    }

    /// Leaves a file alone that was never made.
    fn forget(mut self) {
        self.path = None;
    }

    /// Removes the file, on a task of its own that outlives this call; none when it
    /// takes too long.
    async fn remove(mut self) -> Option<object_store::Result<()>> {
        let removed = self.start_removal()?.await.ok()?;
        Some(match removed? {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            removed => removed,
        })
    }

    fn start_removal(&mut self) -> Option<JoinHandle<Option<object_store::Result<()>>>> {
        let (path, runtime) = (self.path.take()?, Handle::try_current().ok()?);
        let store = Arc::clone(&self.store);
        Some(runtime.spawn(async move {
            let removed = tokio::time::timeout(REMOVAL_TIME, store.delete(&path)).await.ok();
            if !matches!(removed, Some(Ok(()))) {
                tracing::debug!(%path, ?removed, "the file of the check was not removed");
            }
            removed
        }))
    }
}

impl Drop for CheckFile {
    fn drop(&mut self) {
        drop(self.start_removal());
    }
}

async fn in_time<T>(remote: &Remote, end: Instant, check: impl Future<Output = Result<T>>) -> Result<T> {
    let checked = tokio::time::timeout_at(end, check).await;
    checked.unwrap_or_else(|_| Err(remote.bucket.timed_out(CHECK_TIME.as_secs())))
}

/// Returns a name that no other run uses, on this machine or another.
fn check_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!(".m2m-check-{}-{}", std::process::id(), now.as_nanos())
}
