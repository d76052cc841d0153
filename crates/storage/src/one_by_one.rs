// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::aws::AmazonS3;
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::patience::Patience;
use crate::requests::{Requests, generic};

const SIGNED_FOR: Duration = Duration::from_secs(300);
const AT_ONCE: usize = 10;

/// An S3 client that removes files one by one.
///
/// The S3 client asks for the removal of many files in one request, which
/// Google's S3 interface refuses.
#[derive(Clone)]
pub(crate) struct OneByOne {
    inner: AmazonS3,
    requests: Requests,
}

impl OneByOne {
    pub(crate) fn new(inner: AmazonS3, http: HttpClient, patience: Patience) -> Self {
        Self { inner, requests: Requests::new(http, patience) }
    }

    /// Removes a file, if there is one.
    async fn remove(&self, path: &Path) -> Result<()> {
        match self.requests.send(path.as_ref(), || Box::pin(self.request(path))).await {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn request(&self, path: &Path) -> Result<HttpRequest> {
        let url = self.inner.signed_url("DELETE".parse().map_err(generic)?, path, SIGNED_FOR).await?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = "DELETE".parse().map_err(generic)?;
        *request.uri_mut() = url.as_str().parse().map_err(|_| generic("a URL that is no URI"))?;
        Ok(request)
    }
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
