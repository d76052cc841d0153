// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::aws::AmazonS3;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector,
};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

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
}

impl OneByOne {
    pub(crate) fn new(inner: AmazonS3) -> Result<Self> {
        let options = ClientOptions::new()
            .with_allow_http(true)
            .with_connect_timeout(Duration::from_secs(3))
            .with_timeout(Duration::from_secs(9));
        let http = Arc::new(ReqwestConnector::default().connect(&options)?);
        Ok(Self { inner, http })
    }

    async fn remove(&self, path: &Path) -> Result<()> {
        let generic =
            |source: Box<dyn std::error::Error + Send + Sync>| Error::Generic { store: STORE, source };
        let method = "DELETE".parse().map_err(|e| generic(Box::new(e)))?;
        let url = self.inner.signed_url(method, path, SIGNED_FOR).await?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = "DELETE".parse().map_err(|e| generic(Box::new(e)))?;
        *request.uri_mut() = url.as_str().parse().map_err(|_| generic("a URL that is no URI".into()))?;
        // The URL holds a signature: it must not become a part of the message.
        let answer = self.http.execute(request).await.map_err(|e| generic(Box::new(e)))?;
        let status = answer.status();
        if status.is_success() || status.as_u16() == 404 {
            return Ok(());
        }
        let body = answer.into_body().bytes().await.map_err(|e| generic(Box::new(e)))?;
        let body = String::from_utf8_lossy(&body);
        Err(generic(format!("Server returned non-2xx status code: {status}: {body}").into()))
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

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

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
