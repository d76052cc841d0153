// SPDX-License-Identifier: Apache-2.0
//! Where each segment is in the store of its installation.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future;
use futures::stream::{self, BoxStream, StreamExt};
use m2m_storage::Storage;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

use crate::error::{Error, Result};
use crate::files::SegmentFiles;
use crate::roots::Roots;
use crate::search::is_same;

/// Says where in their store the segments are: in one of these folders, which
/// hold the folders of the tables.
#[derive(Clone, Debug)]
pub(crate) struct SegmentLocator {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// What stands before a path in messages: `/`, or `s3://bucket/`.
    pub(crate) base: Arc<str>,
    pub(crate) folders: Vec<Path>,
    /// Whether the store is the file system of this machine.
    pub(crate) is_local: bool,
}

impl SegmentLocator {
    /// The segments below a folder, as it is named from each root; `first` is one of them.
    pub(crate) fn new(first: &Storage, roots: &[Storage], folder: &str) -> Self {
        let mut folders: Vec<Path> = Vec::with_capacity(roots.len());
        for folder in roots.iter().map(|root| root.child(folder)) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        Self { store: Arc::clone(first.store()), base: base_of(first), folders, is_local: first.is_local() }
    }

    /// A path as a user knows it.
    pub(crate) fn display(&self, path: &Path) -> String {
        format!("{}{path}", self.base)
    }

    /// Whether keys begin with a `/`, so that the store lists others than it reads.
    pub(crate) fn has_leading_slash(&self) -> bool {
        !self.is_local && self.base.ends_with("//")
    }

    /// The files of a segment, in the folder that has its ids. When none has,
    /// the first folder's: its path is what a message should name.
    pub(crate) async fn files(&self, table_id: &str, segment_id: &str) -> Result<SegmentFiles> {
        let in_folder = |folder: &Path| self.files_in(folder, table_id, segment_id);
        let named = in_folder(self.folders.first().unwrap_or(&Path::default()));
        if self.folders.len() <= 1 {
            return Ok(named);
        }
        let asked = self.folders.iter().map(in_folder).map(async |files| {
            let meta = files.ids_meta(self.is_local).await;
            (files, meta)
        });
        let mut found: Option<(SegmentFiles, ObjectMeta)> = None;
        for (files, meta) in future::join_all(asked).await {
            let Some(meta) = meta? else { continue };
            match &found {
                None => found = Some((files, meta)),
                // Links can give a folder several names.
                Some((_, known)) if self.is_local && is_same(known, &meta) => {}
                Some((known, _)) => {
                    let ids = |files: &SegmentFiles| files.display(&files.ids_path());
                    return Err(Error::SegmentsTwice { first: ids(known), second: ids(&files) });
                }
            }
        }
        Ok(found.map_or(named, |(files, _)| files))
    }

    fn files_in(&self, folder: &Path, table_id: &str, segment_id: &str) -> SegmentFiles {
        // The parts stay as they are written.
        let relative = format!("{table_id}/{segment_id}");
        let relative = Path::parse(&relative).unwrap_or_else(|_| Path::from(relative));
        let folder = folder.parts().chain(relative.parts()).collect();
        SegmentFiles::new(Arc::clone(&self.store), Arc::clone(&self.base), folder, segment_id)
    }
}

/// What stands before a path of this storage in messages.
pub(crate) fn base_of(storage: &Storage) -> Arc<str> {
    storage.display(&Path::default()).into()
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
        self.0.locator().await.map_err(failed)?.store.get_opts(location, options).await
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
