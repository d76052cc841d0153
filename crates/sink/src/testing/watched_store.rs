// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::path::Path as FsPath;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::stream::BoxStream;
use m2m_storage::Storage;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

/// Which call of an upload fails; the file's name ends like this.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Begin(&'static str),
    /// The part with this number, from 0.
    Part(&'static str, usize),
    /// Never answers, and so do all parts after it.
    Stuck(&'static str, usize),
    Complete(&'static str),
    /// The file is completed, but its upload said to be unknown: as when an answer is
    /// lost, and the client asks again.
    Lost(&'static str),
}

/// What all uploads of a store did.
#[derive(Debug, Default)]
struct Watch {
    parts: Mutex<Vec<(Path, usize)>>,
    in_flight: AtomicUsize,
    in_flight_max: AtomicUsize,
}

/// The local file system, watched, and failing on demand.
#[derive(Debug)]
pub(crate) struct WatchedStore {
    inner: Arc<dyn ObjectStore>,
    fault: Option<Fault>,
    watch: Arc<Watch>,
}

impl WatchedStore {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self {
            inner: Arc::clone(Storage::local(FsPath::new("/")).unwrap().store()),
            fault,
            watch: Arc::default(),
        }
    }

    /// Lengths of the parts of files whose name ends like this, in order.
    pub(crate) fn parts(&self, end: &str) -> Vec<usize> {
        let parts = self.watch.parts.lock().unwrap();
        parts.iter().filter(|(path, _)| path.as_ref().ends_with(end)).map(|(_, len)| *len).collect()
    }

    pub(crate) fn in_flight_max(&self) -> usize {
        self.watch.in_flight_max.load(Ordering::SeqCst)
    }
}

pub(super) fn failure() -> object_store::Error {
    // ENOSPC
    let source = Box::new(std::io::Error::from_raw_os_error(28));
    object_store::Error::Generic { store: "watched", source }
}

pub(super) fn unknown_upload(path: &Path) -> object_store::Error {
    object_store::Error::NotFound { path: path.to_string(), source: "NoSuchUpload".into() }
}

impl fmt::Display for WatchedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WatchedStore")
    }
}

#[async_trait]
impl ObjectStore for WatchedStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if matches!(self.fault, Some(Fault::Begin(end)) if path.as_ref().ends_with(end)) {
            return Err(failure());
        }
        let inner = self.inner.put_multipart_opts(path, options).await?;
        let (path, fault, watch) = (path.clone(), self.fault, Arc::clone(&self.watch));
        Ok(Box::new(WatchedUpload { inner, path, fault, watch, parts: 0 }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct WatchedUpload {
    inner: Box<dyn MultipartUpload>,
    path: Path,
    fault: Option<Fault>,
    watch: Arc<Watch>,
    parts: usize,
}

#[async_trait]
impl MultipartUpload for WatchedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.watch.parts.lock().unwrap().push((self.path.clone(), data.content_length()));
        let at = self.parts;
        self.parts += 1;
        let fails =
            matches!(self.fault, Some(Fault::Part(end, n)) if n == at && self.path.as_ref().ends_with(end));
        let stuck =
            matches!(self.fault, Some(Fault::Stuck(end, n)) if n <= at && self.path.as_ref().ends_with(end));
        let (sent, watch) = (self.inner.put_part(data), Arc::clone(&self.watch));
        Box::pin(async move {
            let now = watch.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
            watch.in_flight_max.fetch_max(now, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let sent = sent.await;
            if stuck {
                std::future::pending::<()>().await;
            }
            watch.in_flight.fetch_sub(1, Ordering::SeqCst);
            if fails { Err(failure()) } else { sent }
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        if matches!(self.fault, Some(Fault::Complete(end)) if self.path.as_ref().ends_with(end)) {
            return Err(failure());
        }
        let completed = self.inner.complete().await;
        if matches!(self.fault, Some(Fault::Lost(end)) if self.path.as_ref().ends_with(end)) {
            return Err(unknown_upload(&self.path));
        }
        completed
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
