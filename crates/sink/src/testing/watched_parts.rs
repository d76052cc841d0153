// SPDX-License-Identifier: Apache-2.0

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use m2m_storage::Storage;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{MultipartId, PutPayload, PutResult, Result};

use super::watched_store::{Fault, failure, unknown_upload};

/// What all uploads did: parts in order, and how many were on their way at once.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    parts: Mutex<Vec<(Path, usize, usize)>>,
    in_flight: AtomicUsize,
    in_flight_max: AtomicUsize,
}

impl Watch {
    /// Numbers and lengths of the parts of files whose name ends like this, as they were sent.
    pub(crate) fn parts(&self, end: &str) -> Vec<(usize, usize)> {
        let parts = self.parts.lock().unwrap();
        let of_file = parts.iter().filter(|(path, ..)| path.as_ref().ends_with(end));
        of_file.map(|(_, number, len)| (*number, *len)).collect()
    }

    pub(crate) fn in_flight_max(&self) -> usize {
        self.in_flight_max.load(Ordering::SeqCst)
    }
}

/// The parts of local files, watched, and failing on demand.
pub(crate) struct WatchedParts {
    inner: Arc<dyn MultipartStore>,
    fault: Option<Fault>,
    watch: Arc<Watch>,
}

impl WatchedParts {
    pub(crate) fn new(
        storage: &Storage,
        part_bytes: usize,
        fault: Option<Fault>,
        watch: &Arc<Watch>,
    ) -> Self {
        let inner = storage.parts(part_bytes.try_into().unwrap());
        Self { inner, fault, watch: Arc::clone(watch) }
    }
}

#[async_trait]
impl MultipartStore for WatchedParts {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        match self.fault {
            Some(Fault::Begin(end)) if path.as_ref().ends_with(end) => Err(failure()),
            _ => self.inner.create_multipart(path).await,
        }
    }

    async fn put_part(&self, path: &Path, id: &MultipartId, at: usize, data: PutPayload) -> Result<PartId> {
        self.watch.parts.lock().unwrap().push((path.clone(), at, data.content_length()));
        let now = self.watch.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.watch.in_flight_max.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let sent = self.inner.put_part(path, id, at, data).await;
        match self.fault {
            Some(Fault::Stuck(end, n)) if n <= at && path.as_ref().ends_with(end) => {
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        self.watch.in_flight.fetch_sub(1, Ordering::SeqCst);
        match self.fault {
            Some(Fault::Part(end, n)) if n == at && path.as_ref().ends_with(end) => Err(failure()),
            _ => sent,
        }
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        match self.fault {
            Some(Fault::Complete(end)) if path.as_ref().ends_with(end) => Err(failure()),
            Some(Fault::Lost(end)) if path.as_ref().ends_with(end) => {
                self.inner.complete_multipart(path, id, parts).await?;
                Err(unknown_upload(path))
            }
            _ => self.inner.complete_multipart(path, id, parts).await,
        }
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.inner.abort_multipart(path, id).await
    }
}
