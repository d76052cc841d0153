// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::aws::AmazonS3;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector,
};
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::patience::Patience;

const STORE: &str = "S3";
const SIGNED_FOR: Duration = Duration::from_secs(300);
const AT_ONCE: usize = 10;

/// An S3 client that removes files one by one.
///
/// The S3 client asks for the removal of many files in one request, which
/// Google's S3 interface refuses.
#[derive(Clone)]
pub(crate) struct OneByOne {
    inner: AmazonS3,
    http: Arc<HttpClient>,
    patience: Patience,
}

/// What one request to remove a file ended with.
enum Answered {
    Removed,
    /// Another request may have more luck.
    Again(Error),
    Refused(Error),
}

impl OneByOne {
    pub(crate) fn new(inner: AmazonS3, patience: Patience) -> Result<Self> {
        let mut options = ClientOptions::new().with_allow_http(true);
        for (key, value) in patience.timeouts() {
            options = options.with_config(key, value);
        }
        let http = Arc::new(ReqwestConnector::default().connect(&options)?);
        Ok(Self { inner, http, patience })
    }

    /// Removes a file, with as many attempts as the client itself makes.
    async fn remove(&self, path: &Path) -> Result<()> {
        let retry = self.patience.retry();
        let (start, mut pause) = (Instant::now(), retry.backoff.init_backoff);
        for attempt in 0.. {
            match self.ask_to_remove(path).await {
                Answered::Removed => break,
                Answered::Again(_)
                    if attempt < retry.max_retries && start.elapsed() + pause < retry.retry_timeout =>
                {
                    tokio::time::sleep(pause).await;
                    pause = pause.mul_f64(retry.backoff.base).min(retry.backoff.max_backoff);
                }
                Answered::Again(error) | Answered::Refused(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn ask_to_remove(&self, path: &Path) -> Answered {
        let request = match self.request(path).await {
            Ok(request) => request,
            Err(error) => return Answered::Refused(error),
        };
        // The URL holds a signature: it must not become a part of the message.
        let answer = match self.http.execute(request).await {
            Ok(answer) => answer,
            Err(error) => return Answered::Again(generic(error)),
        };
        let status = answer.status();
        if status.is_success() || status.as_u16() == 404 {
            return Answered::Removed;
        }
        let body = match answer.into_body().bytes().await {
            Ok(body) => body,
            Err(error) => return Answered::Again(generic(error)),
        };
        let body = String::from_utf8_lossy(&body);
        let error = generic(format!("Server returned non-2xx status code: {status}: {body}"));
        if status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
            return Answered::Again(error);
        }
        Answered::Refused(error)
    }

    async fn request(&self, path: &Path) -> Result<HttpRequest> {
        let url = self.inner.signed_url("DELETE".parse().map_err(generic)?, path, SIGNED_FOR).await?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = "DELETE".parse().map_err(generic)?;
        *request.uri_mut() = url.as_str().parse().map_err(|_| generic("a URL that is no URI"))?;
        Ok(request)
    }
}

fn generic(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: STORE, source: source.into() }
}

impl fmt::Debug for OneByOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OneByOne({:?})", self.inner)
    }
}

impl fmt::Display for OneByOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl PaginatedListStore for OneByOne {
    fn list_paginated<'s, 'p, 'a>(
        &'s self,
        prefix: Option<&'p str>,
        options: PaginatedListOptions,
    ) -> Answer<'a, PaginatedListResult>
    where
        's: 'a,
        'p: 'a,
        Self: 'a,
    {
        self.inner.list_paginated(prefix, options)
    }
}

impl MultipartStore for OneByOne {
    fn create_multipart<'s, 'p, 'a>(&'s self, path: &'p Path) -> Answer<'a, MultipartId>
    where
        's: 'a,
        'p: 'a,
        Self: 'a,
    {
        self.inner.create_multipart(path)
    }

    fn put_part<'s, 'p, 'i, 'a>(
        &'s self,
        path: &'p Path,
        id: &'i MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> Answer<'a, PartId>
    where
        's: 'a,
        'p: 'a,
        'i: 'a,
        Self: 'a,
    {
        self.inner.put_part(path, id, part_idx, data)
    }

    fn complete_multipart<'s, 'p, 'i, 'a>(
        &'s self,
        path: &'p Path,
        id: &'i MultipartId,
        parts: Vec<PartId>,
    ) -> Answer<'a, PutResult>
    where
        's: 'a,
        'p: 'a,
        'i: 'a,
        Self: 'a,
    {
        self.inner.complete_multipart(path, id, parts)
    }

    fn abort_multipart<'s, 'p, 'i, 'a>(&'s self, path: &'p Path, id: &'i MultipartId) -> Answer<'a, ()>
    where
        's: 'a,
        'p: 'a,
        'i: 'a,
        Self: 'a,
    {
        self.inner.abort_multipart(path, id)
    }
}

// Everything but removing is the client's own.
impl ObjectStore for OneByOne {
    fn put_opts<'s, 'p, 'a>(
        &'s self,
        path: &'p Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Answer<'a, PutResult>
    where
        's: 'a,
        'p: 'a,
        Self: 'a,
    {
        self.inner.put_opts(path, payload, options)
    }

    fn put_multipart_opts<'s, 'p, 'a>(
        &'s self,
        path: &'p Path,
        options: PutMultipartOptions,
    ) -> Answer<'a, Box<dyn MultipartUpload>>
    where
        's: 'a,
        'p: 'a,
        Self: 'a,
    {
        self.inner.put_multipart_opts(path, options)
    }

    fn get_opts<'s, 'p, 'a>(&'s self, path: &'p Path, options: GetOptions) -> Answer<'a, GetResult>
    where
        's: 'a,
        'p: 'a,
        Self: 'a,
    {
        self.inner.get_opts(path, options)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let removed = paths.map(move |path| {
            let this = this.clone();
            async move {
                let path = path?;
                this.remove(&path).await.map(|()| path)
            }
        });
        removed.buffered(AT_ONCE).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    fn list_with_delimiter<'s, 'p, 'a>(&'s self, prefix: Option<&'p Path>) -> Answer<'a, ListResult>
    where
        's: 'a,
        'p: 'a,
        Self: 'a,
    {
        self.inner.list_with_delimiter(prefix)
    }

    fn copy_opts<'s, 'f, 't, 'a>(
        &'s self,
        from: &'f Path,
        to: &'t Path,
        options: CopyOptions,
    ) -> Answer<'a, ()>
    where
        's: 'a,
        'f: 'a,
        't: 'a,
        Self: 'a,
    {
        self.inner.copy_opts(from, to, options)
    }
}
