// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::path::Path as FsPath;
use std::sync::Arc;

use bytes::Bytes;
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use crate::bucket::Bucket;
use crate::clients::Clients;
use crate::environment::Environment;
use crate::local_store::LocalStore;
use crate::location::Location;
use crate::options::BucketOptions;
use crate::parts::{self, LocalParts};
use crate::s3::S3;
use crate::{Cause, Error, Result, local};

mod check;
mod uploads;

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
    remote: Option<Arc<Remote>>,
}

/// What a bucket has and a folder has not.
struct Remote {
    bucket: Bucket,
    parts: Arc<dyn MultipartStore>,
    pages: Arc<dyn PaginatedListStore>,
    s3: Option<S3>,
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
        let store: Arc<dyn ObjectStore> = Arc::new(LocalStore::new());
        Ok(Self { data: Arc::clone(&store), control: store, base_url, prefix, remote: None })
    }

    /// Returns the storage of a bucket and a prefix, without asking the server.
    ///
    /// Slashes around the prefix are dropped; an empty prefix is the bucket itself.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidLocation`] for an impossible bucket or prefix,
    /// [`Error::InvalidEndpoint`], [`Error::IncompleteCredentials`],
    /// [`Error::NoCredentials`], [`Error::NoRoles`], [`Error::MissingRegion`] and
    /// [`Error::InvalidSettings`] for the options.
    pub fn bucket(bucket: &str, prefix: &str, options: &BucketOptions) -> Result<Self> {
        Self::bucket_in(bucket, prefix, options, &Environment::of_process())
    }

    /// Returns the storage of a path, of `file:///folder`, or of a bucket and a
    /// prefix behind `s3://`, `gs://`, `az://`, `oss://` or `cos://`.
    ///
    /// * The scheme says whose bucket it is, and the options must not say otherwise.
    ///   `s3://` may stand for Google, OSS and COS too: their buckets can be spoken
    ///   to in S3.
    /// * `abfs://` and `abfss://container@account.dfs.core.windows.net/prefix`
    ///   name the account as well.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidLocation`] for any other scheme and for the scheme of
    /// another cloud than that of the options, and those of [`Storage::local`]
    /// and [`Storage::bucket`].
    pub fn open(url_or_path: &str, options: &BucketOptions) -> Result<Self> {
        match Location::parse(url_or_path, options)? {
            Location::Folder(folder) => Self::local(&folder),
            Location::Bucket { name, prefix, options } => Self::bucket(name, prefix, &options),
        }
    }

    /// Returns the same root with keys that begin with a `/`: `/var/lib/db` where
    /// this one reads `var/lib/db`. None when S3 is not what is spoken.
    ///
    /// Milvus 1.1 names its objects by absolute paths, and some S3 servers keep
    /// the `/` at their beginning, which no [`Path`] can hold.
    ///
    /// * Only reading is made for it: [`Storage::get`], [`Storage::exists`],
    ///   [`Storage::check_readable`], and from [`Storage::store`] `get`, `head` and
    ///   ranges. A listing or a removal through the store is about other keys.
    /// * [`Storage::display`] writes `s3://bucket//var/lib/db`.
    pub fn with_leading_slash(&self) -> Option<Self> {
        let s3 = self.remote.as_ref()?.s3.as_ref()?;
        let clients = Clients::with_leading_slash(s3).ok()?;
        Some(Self::of_clients(clients, self.base_url.clone(), self.prefix.clone()))
    }

    /// Returns the store to read and write rows through.
    ///
    /// For a local folder it is rooted at `/`, for a bucket at the bucket.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.data
    }

    /// Returns the store to write a file through whose first part is known last.
    ///
    /// All parts of a file but the last have `part_bytes`; a local file is made of
    /// them by this number, and a server may refuse others. A part can be sent at
    /// any time before the file is complete, which it becomes as a whole.
    pub fn parts(&self, part_bytes: u64) -> Arc<dyn MultipartStore> {
        match &self.remote {
            None => Arc::new(LocalParts::new(part_bytes)),
            Some(remote) => Arc::clone(&remote.parts),
        }
    }

    /// Returns the URL that the store stands for: `file:///`, `s3://bucket/` and so on.
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
        match &self.remote {
            Some(remote) if !remote.bucket.has_leading_slash => path.to_string(),
            _ => format!("/{path}"),
        }
    }

    /// Returns a path as messages show it: `/folder/file` or `s3://bucket/key`.
    pub fn display(&self, path: &Path) -> String {
        match &self.remote {
            None => format!("/{path}"),
            Some(remote) => remote.bucket.display(path.as_ref()),
        }
    }

    /// Returns whether the root is a local folder.
    pub fn is_local(&self) -> bool {
        self.remote.is_none()
    }

    /// Writes a whole file: whoever reads sees the old content or the new, never a part.
    /// When this returns, the new content outlives a loss of power.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] and the errors of a bucket that cannot be used.
    pub async fn put_atomic(&self, path: &Path, bytes: Bytes) -> Result<()> {
        let written = match &self.remote {
            None => parts::write_whole(path, bytes).await,
            Some(_) => self.data.put(path, bytes.into()).await.map(drop),
        };
        written.map_err(|e| self.failure("write", path, e))
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
        if let Err(e) = self.control.head(path).await {
            return Err(self.reason_to_refuse(path, e).await);
        }
        let answer = self.data.get(path).await.map_err(failed)?;
        let expected = answer.meta.size;
        let bytes = answer.bytes().await.map_err(failed)?;
        if u64::try_from(bytes.len()) == Ok(expected) {
            return Ok(bytes);
        }
        Err(self.failure("read", path, cut_off(expected, bytes.len())))
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

    fn bucket_in(
        bucket: &str,
        prefix: &str,
        options: &BucketOptions,
        environment: &Environment,
    ) -> Result<Self> {
        let location = format!("{}://{bucket}/{prefix}", options.cloud_or_aws().scheme());
        let invalid = |reason: String| Error::InvalidLocation { location: location.clone(), reason };
        let clients = Clients::new(bucket, options, environment)?;
        let prefix = Path::parse(prefix.trim_matches('/')).map_err(|e| invalid(e.to_string()))?;
        let url = format!("{}://{}/", clients.bucket.cloud.scheme(), clients.bucket.name);
        let base_url = Url::parse(&url).map_err(|e| invalid(e.to_string()))?;
        Ok(Self::of_clients(clients, base_url, prefix))
    }

    fn of_clients(clients: Clients, base_url: Url, prefix: Path) -> Self {
        let Clients { data, parts, control, pages, bucket, s3 } = clients;
        let remote = Remote { bucket, parts, pages, s3 };
        Self { data, control, base_url, prefix, remote: Some(Arc::new(remote)) }
    }

    /// Asks for a file whose head was refused: only the answer to a `GET` has a
    /// body that says why.
    async fn reason_to_refuse(&self, path: &Path, error: object_store::Error) -> Error {
        use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
        if self.is_local()
            || !matches!(error, NotFound { .. } | PermissionDenied { .. } | Unauthenticated { .. })
        {
            return self.failure("read", path, error);
        }
        let again = self.control.get(path).await.err();
        self.failure("read", path, again.unwrap_or(error))
    }

    /// Says what an error means to a call about the bucket as a whole, where
    /// nothing found means that the bucket is not there.
    fn bucket_failure(&self, action: &'static str, path: &Path, error: object_store::Error) -> Error {
        match (&self.remote, &error) {
            (Some(remote), object_store::Error::NotFound { .. }) => remote.bucket.missing(Cause::from(error)),
            _ => self.failure(action, path, error),
        }
    }

    fn failure(&self, action: &'static str, path: &Path, error: object_store::Error) -> Error {
        let is_missing = matches!(error, object_store::Error::NotFound { .. });
        let source = Cause::from(error);
        let source = match &self.remote {
            None => source,
            Some(remote) => match remote.bucket.classify(action, source) {
                Ok(error) => return error,
                Err(source) => source,
            },
        };
        let location = self.display(path);
        if is_missing {
            return Error::NotFound { location, source };
        }
        if source.is_disk_full() {
            return Error::DiskFull { location, source };
        }
        Error::Store { action, location, source }
    }
}

/// An answer that ends early, and looks complete.
fn cut_off(expected: u64, found: usize) -> object_store::Error {
    let source = format!("expected {expected} bytes, found {found}").into();
    object_store::Error::Generic { store: "Storage", source }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({})", self.display(&self.prefix))
    }
}

#[cfg(test)]
mod tests;
