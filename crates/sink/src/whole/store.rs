// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::error::Result as DFResult;
use datafusion::execution::object_store::ObjectStoreRegistry;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use url::Url;

use super::file::{Content, FilePlace, StagedFile};
use super::stage::Stage;
use super::upload::StagedUpload;

/// The stores of a session, written to through a stage.
#[derive(Debug)]
pub(super) struct StagedStores {
    inner: Arc<dyn ObjectStoreRegistry>,
    stage: Arc<Stage>,
}

impl StagedStores {
    pub(super) fn new(inner: Arc<dyn ObjectStoreRegistry>, stage: Arc<Stage>) -> Self {
        Self { inner, stage }
    }
}

impl ObjectStoreRegistry for StagedStores {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.inner.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> DFResult<Arc<dyn ObjectStore>> {
        self.inner.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> DFResult<Arc<dyn ObjectStore>> {
        let (inner, stage) = (self.inner.get_store(url)?, Arc::clone(&self.stage));
        Ok(Arc::new(StagedStore { inner, url: url.clone(), stage }))
    }
}

/// A store whose new files are visible when their stage says so.
///
/// Everything else is as the store itself does it.
#[derive(Debug)]
struct StagedStore {
    inner: Arc<dyn ObjectStore>,
    url: Url,
    stage: Arc<Stage>,
}

impl StagedStore {
    fn is_local(&self) -> bool {
        self.url.scheme() == "file"
    }

    fn place(&self, path: &Path) -> FilePlace {
        let is_local = self.is_local();
        let location = match self.url.host_str() {
            Some(host) if !is_local => format!("{}://{host}/{path}", self.url.scheme()),
            _ => format!("/{path}"),
        };
        FilePlace { store: Arc::clone(&self.inner), is_local, path: path.clone(), location }
    }

    async fn begin(&self, path: &Path, options: PutMultipartOptions) -> Result<StagedUpload> {
        let writer = self.stage.begin()?;
        let place = self.place(path);
        if place.is_local {
            self.stage.note_folders(path);
        }
        let begun = self.inner.put_multipart_opts(path, options).await;
        let upload = begun.map_err(|error| self.stage.fail(&place.location, error))?;
        Ok(StagedUpload::new(place, upload, writer))
    }

    /// Whether a file is sent last, in one request.
    fn is_held(&self, payload: &PutPayload, options: &PutOptions) -> bool {
        let is_plain = matches!(options.mode, PutMode::Overwrite);
        !is_plain || (!self.is_local() && self.stage.holds(payload.content_length()))
    }
}

impl fmt::Display for StagedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for StagedStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if self.is_held(&payload, &options) {
            let content = Content::Held(payload, options);
            self.stage.finish(StagedFile::new(self.place(path), content))?;
            return Ok(PutResult { e_tag: None, version: None });
        }
        let PutOptions { attributes, tags, extensions, .. } = options;
        let mut upload = self.begin(path, PutMultipartOptions { attributes, tags, extensions }).await?;
        upload.put_part(payload).await?;
        upload.complete().await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(self.begin(path, options).await?))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
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

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}
