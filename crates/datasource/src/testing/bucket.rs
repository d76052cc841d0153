// SPDX-License-Identifier: Apache-2.0
//! A bucket in memory that counts what is asked of it.

use std::fmt;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Bytes of one answer beyond which a request is a mistake.
const SANE: u64 = 1 << 20;

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Once, as when a server is busy.
    Busy,
    /// Every time, for lack of rights.
    Denied,
}

#[derive(Debug, Default)]
pub(crate) struct Bucket {
    files: InMemory,
    requests: AtomicU64,
    bytes: AtomicU64,
    vector_bytes: AtomicU64,
    /// The ends of paths whose next requests fail, and how.
    failures: Mutex<Vec<(String, Failure)>>,
    /// The file that is longer than memory could hold, and its length.
    huge: Mutex<Option<(Path, u64)>>,
}

impl Bucket {
    /// Puts all files of a folder under a prefix.
    pub(crate) async fn upload(&self, folder: &std::path::Path, prefix: &str) {
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let key = format!("{prefix}/{}", path.strip_prefix(folder).unwrap().to_str().unwrap());
                self.files.put(&Path::from(key), fs::read(path).unwrap().into()).await.unwrap();
            }
        }
    }

    /// Has the file at `path` go on with zeros up to `length`.
    pub(crate) fn lengthen(&self, path: Path, length: u64) {
        *self.huge.lock().unwrap() = Some((path, length));
    }

    /// Has requests for the file whose path ends so fail.
    pub(crate) fn fail(&self, ending: &str, failure: Failure) {
        self.failures.lock().unwrap().push((ending.into(), failure));
    }

    fn check(&self, location: &Path) -> Result<()> {
        let mut failures = self.failures.lock().unwrap();
        let Some(place) = failures.iter().position(|(ending, _)| location.as_ref().ends_with(ending)) else {
            return Ok(());
        };
        let (path, source) = (location.to_string(), "the server is busy".into());
        match failures[place].1 {
            Failure::Denied => Err(Error::PermissionDenied { path, source }),
            Failure::Busy => {
                failures.remove(place);
                Err(Error::Generic { store: "bucket", source })
            }
        }
    }

    /// Requests and answered bytes since the last time.
    pub(crate) fn asked(&self) -> (u64, u64) {
        (self.requests.swap(0, Ordering::Relaxed), self.bytes.swap(0, Ordering::Relaxed))
    }

    /// Answered bytes of vectors since the last time.
    pub(crate) fn vectors_asked(&self) -> u64 {
        self.vector_bytes.swap(0, Ordering::Relaxed)
    }

    async fn huge(&self, location: &Path, length: u64, options: GetOptions) -> Result<GetResult> {
        let range = options.range.unwrap().as_range(length).unwrap();
        assert!(range.end - range.start <= SANE, "{location} {range:?}");
        let found = self.files.get_opts(location, GetOptions::default()).await?;
        let meta = ObjectMeta { size: length, ..found.meta.clone() };
        let place = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        let mut bytes = found.bytes().await?.to_vec();
        bytes.resize(place.end.max(bytes.len()), 0);
        let bytes = Bytes::from(bytes).slice(place);
        let payload = GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed());
        Ok(GetResult { payload, meta, range, attributes: Default::default() })
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bucket in memory")
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.files.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.files.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.check(location)?;
        let head = options.head;
        let huge = self.huge.lock().unwrap().clone().filter(|(path, _)| path == location);
        let found = match huge {
            Some((_, length)) => self.huge(location, length, options).await?,
            None => self.files.get_opts(location, options).await?,
        };
        if !head {
            let bytes = found.range.end - found.range.start;
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
            if location.extension() == Some("rv") {
                self.vector_bytes.fetch_add(bytes, Ordering::Relaxed);
            }
        }
        Ok(found)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await
    }
}
