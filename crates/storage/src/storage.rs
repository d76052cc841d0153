// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use crate::bucket::Bucket;
use crate::environment::Environment;
use crate::options::BucketOptions;
use crate::s3;
use crate::{Cause, Error, Result, local};

const CHECK_SECONDS: u64 = 15;
const CHECK_NAME: &str = ".m2m-check";
const CHECK_BYTES: &[u8] = b"m2m checks that this bucket can be written";

/// One root under which files are read and written: a local folder, or a
/// bucket with a prefix.
///
/// * Cloning is cheap; all clones share their connections.
/// * Paths are those of the store: absolute and without a leading `/`. Make them
///   with [`Storage::child`].
/// * `Debug` shows the location alone.
#[derive(Clone)]
pub struct Storage {
    data: Arc<dyn ObjectStore>,
    control: Arc<dyn ObjectStore>,
    base_url: Url,
    prefix: Path,
    bucket: Option<Arc<Bucket>>,
}

impl Storage {
    /// Returns the storage of a local folder, which need not exist.
    ///
    /// A relative folder is taken from the working directory. Nothing is created.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidLocation`] when the path is empty, is not UTF-8, or has a
    /// `..` behind something that does not exist.
    pub fn local(dir: &FsPath) -> Result<Self> {
        let absolute = local::absolute(dir)?;
        let invalid = |reason: String| Error::InvalidLocation { location: dir.display().to_string(), reason };
        let prefix = Path::from_absolute_path(&absolute).map_err(|e| invalid(e.to_string()))?;
        let base_url = Url::parse("file:///").map_err(|e| invalid(e.to_string()))?;
        let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
        Ok(Self { data: Arc::clone(&store), control: store, base_url, prefix, bucket: None })
    }

    /// Returns the storage of a bucket and a prefix, without asking the server.
    ///
    /// Slashes around the prefix are dropped; an empty prefix is the bucket itself.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidLocation`] for an impossible bucket or prefix,
    /// [`Error::InvalidEndpoint`], [`Error::IncompleteCredentials`],
    /// [`Error::NoCredentials`] and [`Error::InvalidSettings`] for the options.
    pub fn bucket(bucket: &str, prefix: &str, options: &BucketOptions) -> Result<Self> {
        Self::s3_in(bucket, prefix, options, Environment::of_process())
    }

    /// Returns the storage of `s3://bucket/prefix`, `file:///folder` or a path.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidLocation`] for any other scheme, and those of
    /// [`Storage::local`] and [`Storage::bucket`].
    pub fn open(url_or_path: &str, options: &BucketOptions) -> Result<Self> {
        let Some((scheme, rest)) = url_or_path.split_once("://") else {
            return Self::local(FsPath::new(url_or_path));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "s3" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                Self::bucket(bucket, prefix, options)
            }
            "file" => Self::local(&folder_of_url(url_or_path)?),
            _ => Err(Error::InvalidLocation {
                location: url_or_path.to_owned(),
                reason: "expected `s3://bucket/prefix`, `file:///folder` or a path".to_owned(),
            }),
        }
    }

    /// Returns the store to read and write rows through.
    ///
    /// For a local folder it is rooted at `/`, for a bucket at the bucket.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.data
    }

    /// Returns the URL that the store stands for: `file:///` or `s3://bucket/`.
    pub fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// Returns the root: the absolute folder without its leading `/`, or the key prefix.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// Returns the path of a file under the root.
    ///
    /// Empty segments are dropped, and `.` and `..` become file names: the result
    /// never leaves the root.
    pub fn child(&self, relative: &str) -> Path {
        let relative = Path::parse(relative).unwrap_or_else(|_| Path::from(relative));
        self.prefix.parts().chain(relative.parts()).collect()
    }

    /// Returns how Milvus 2.x is told of a file: an absolute path, or the key
    /// from the bucket's root without a leading `/`.
    ///
    /// A key with a leading `/` is another key to most S3 servers.
    pub fn import_path(&self, path: &Path) -> String {
        if self.is_local() { format!("/{path}") } else { path.to_string() }
    }

    /// Returns a path as messages show it: `/folder/file` or `s3://bucket/key`.
    pub fn display(&self, path: &Path) -> String {
        match &self.bucket {
            None => format!("/{path}"),
            Some(bucket) => format!("s3://{}/{path}", bucket.name),
        }
    }

    /// Returns whether the root is a local folder.
    pub fn is_local(&self) -> bool {
        self.bucket.is_none()
    }

    /// Writes a whole file: whoever reads sees the old content or the new, never a part.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] and the errors of a bucket that cannot be used.
    pub async fn put_atomic(&self, path: &Path, bytes: Bytes) -> Result<()> {
        let written = self.data.put(path, bytes.into()).await;
        written.map(drop).map_err(|e| self.failure("write", path, e))
    }

    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is none, otherwise [`Error::Store`] and the
    /// errors of a bucket that cannot be used.
    pub async fn get(&self, path: &Path) -> Result<Bytes> {
        let failed = |e| self.failure("read", path, e);
        // The impatient client shows a wrong host soon; the patient one then has
        // the time that a long file takes.
        self.control.head(path).await.map_err(failed)?;
        self.data.get(path).await.map_err(failed)?.bytes().await.map_err(failed)
    }

    /// Returns whether there is a file at a path.
    ///
    /// A bucket that does not exist has no files; [`Storage::check_bucket`] tells the difference.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] and the errors of a bucket that cannot be used.
    pub async fn exists(&self, path: &Path) -> Result<bool> {
        match self.control.head(path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(self.failure("read", path, e)),
        }
    }

    /// Removes a file, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] and the errors of a bucket that cannot be used.
    pub async fn delete(&self, path: &Path) -> Result<()> {
        match self.control.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.failure("remove", path, e)),
        }
    }

    /// Proves that the root can be listed, written, read and cleaned, within 15 s.
    ///
    /// A small file is written under the root and removed again. A local folder
    /// is not created: the check is made in the nearest folder above it.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`], [`Error::TimedOut`], [`Error::Denied`],
    /// [`Error::NoSuchBucket`] and [`Error::NoCredentials`] for a bucket,
    /// [`Error::FolderNotWritable`] for a folder, [`Error::Store`] and
    /// [`Error::Altered`] for both.
    pub async fn check_bucket(&self) -> Result<()> {
        let Some(bucket) = &self.bucket else {
            return self.check_folder().await;
        };
        let limit = Duration::from_secs(CHECK_SECONDS);
        let checked = tokio::time::timeout(limit, self.probe()).await;
        checked.unwrap_or_else(|_| Err(bucket.timed_out(CHECK_SECONDS)))
    }

    fn s3_in(bucket: &str, prefix: &str, options: &BucketOptions, environment: Environment) -> Result<Self> {
        let location = format!("s3://{bucket}/{prefix}");
        let invalid = |reason: String| Error::InvalidLocation { location: location.clone(), reason };
        let (data, control, bucket) = s3::clients(bucket, options, environment)?;
        let prefix = Path::parse(prefix.trim_matches('/')).map_err(|e| invalid(e.to_string()))?;
        let base_url = Url::parse(&format!("s3://{}/", bucket.name)).map_err(|e| invalid(e.to_string()))?;
        Ok(Self {
            data: Arc::new(data),
            control: Arc::new(control),
            base_url,
            prefix,
            bucket: Some(Arc::new(bucket)),
        })
    }

    async fn check_folder(&self) -> Result<()> {
        let folder = PathBuf::from(format!("/{}", self.prefix));
        let checked = tokio::task::spawn_blocking(move || local::check_writable(&folder)).await;
        checked.unwrap_or_else(|source| {
            Err(Error::FolderNotWritable { folder: format!("/{}", self.prefix), source: source.into() })
        })
    }

    async fn probe(&self) -> Result<()> {
        // Writing alone proves little: some servers make a missing bucket on the fly.
        let first = self.control.list(Some(&self.prefix)).next().await;
        if let Some(Err(e)) = first {
            return Err(self.bucket_failure("list", &self.prefix, e));
        }
        let path = self.child(CHECK_NAME);
        let failed = |action, e| self.bucket_failure(action, &path, e);
        self.control.put(&path, CHECK_BYTES.into()).await.map_err(|e| failed("write", e))?;
        let answer = self.control.get(&path).await.map_err(|e| failed("read", e))?;
        let found = answer.bytes().await.map_err(|e| failed("read", e))?;
        if found != CHECK_BYTES {
            return Err(Error::Altered {
                location: self.display(&path),
                expected: CHECK_BYTES.len(),
                found: found.len(),
            });
        }
        self.control.delete(&path).await.map_err(|e| failed("remove", e))?;
        tracing::debug!(location = self.display(&self.prefix), "the bucket can be used");
        Ok(())
    }

    /// Says what an error means to a call about the bucket as a whole, where
    /// nothing found means that the bucket is not there.
    fn bucket_failure(&self, action: &'static str, path: &Path, error: object_store::Error) -> Error {
        match (&self.bucket, &error) {
            (Some(bucket), object_store::Error::NotFound { .. }) => bucket.missing(Cause::from(error)),
            _ => self.failure(action, path, error),
        }
    }

    fn failure(&self, action: &'static str, path: &Path, error: object_store::Error) -> Error {
        let is_missing = matches!(error, object_store::Error::NotFound { .. });
        let source = Cause::from(error);
        let source = match &self.bucket {
            None => source,
            Some(bucket) => match bucket.fault(source) {
                Ok(fault) => return fault,
                Err(source) => source,
            },
        };
        let location = self.display(path);
        if is_missing {
            return Error::NotFound { location, source };
        }
        Error::Store { action, location, source }
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({})", self.display(&self.prefix))
    }
}

fn folder_of_url(url: &str) -> Result<PathBuf> {
    let parsed = Url::parse(url).ok().and_then(|url| url.to_file_path().ok());
    parsed.ok_or_else(|| Error::InvalidLocation {
        location: url.to_owned(),
        reason: "expected `file:///` and an absolute folder".to_owned(),
    })
}

#[cfg(test)]
mod tests;
