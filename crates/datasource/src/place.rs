// SPDX-License-Identifier: Apache-2.0
//! Folders of segments in their store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use m2m_storage::Storage;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

use crate::files::SegmentFiles;
use crate::roots::Roots;

/// The folders that hold the folders of the tables, in their store.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// What stands before a path in messages: `/`, or `s3://bucket/`.
    pub(crate) base: Arc<str>,
    pub(crate) folders: Vec<Path>,
}

impl Place {
    pub(crate) fn new(storage: &Storage, folders: Vec<Path>) -> Self {
        Self { store: Arc::clone(storage.store()), base: base_of(storage), folders }
    }

    /// The files of a segment, in the first folder that has its ids. When none
    /// has, the first folder's: its path is what a message should name.
    pub(crate) async fn files(&self, table_id: &str, segment_id: &str) -> SegmentFiles {
        let in_folder = |folder: &Path| {
            let folder = below(folder, &format!("{table_id}/{segment_id}"));
            SegmentFiles::new(Arc::clone(&self.store), Arc::clone(&self.base), folder, segment_id)
        };
        if self.folders.len() > 1 {
            for files in self.folders.iter().map(in_folder) {
                if files.exist().await {
                    return files;
                }
            }
        }
        in_folder(self.folders.first().unwrap_or(&Path::default()))
    }
}

/// What stands before a path of this storage in messages.
pub(crate) fn base_of(storage: &Storage) -> Arc<str> {
    storage.display(&Path::default()).into()
}

/// A path below a folder, its parts as they are written.
pub(crate) fn below(folder: &Path, relative: &str) -> Path {
    let relative = Path::parse(relative).unwrap_or_else(|_| Path::from(relative));
    folder.parts().chain(relative.parts()).collect()
}

/// The store of an installation, wherever it turns out to be. It is only read.
#[derive(Debug)]
pub(crate) struct SegmentStore(pub(crate) Arc<Roots>);

impl fmt::Display for SegmentStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segments in {}", self.0.names().join(", "))
    }
}

fn only_read(operation: &str) -> object_store::Error {
    object_store::Error::NotImplemented {
        operation: operation.into(),
        implementer: "a Milvus 1.x installation".into(),
    }
}

#[async_trait]
impl ObjectStore for SegmentStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        let failed = |error| object_store::Error::Generic { store: "segments", source: Box::new(error) };
        self.0.place().await.map_err(failed)?.store.get_opts(location, options).await
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> object_store::Result<PutResult> {
        Err(only_read("put"))
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        Err(only_read("put_multipart"))
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        stream::iter([Err(only_read("delete"))]).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        stream::iter([Err(only_read("list"))]).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> object_store::Result<ListResult> {
        Err(only_read("list"))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> object_store::Result<()> {
        Err(only_read("copy"))
    }
}
