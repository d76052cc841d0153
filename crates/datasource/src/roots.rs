// SPDX-License-Identifier: Apache-2.0
//! Where the files of segments are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::execution::object_store::ObjectStoreUrl;
use m2m_storage::Storage;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::{Error, Result};
use crate::files::SegmentFiles;

/// The `tables` folders of an installation: one, and more on servers of 0.9.
/// All are in one store, because a plan reads from one.
#[derive(Debug)]
pub(crate) struct Roots {
    given: Vec<Storage>,
    url: ObjectStoreUrl,
    place: Place,
}

/// The folders that hold the folders of the tables, in their store.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// What stands before a path in messages: `/`, or `s3://bucket/`.
    pub(crate) base: Arc<str>,
    pub(crate) folders: Vec<Path>,
}

impl Roots {
    pub(crate) fn new(given: Vec<Storage>) -> Result<Self> {
        let first = given.first().ok_or(Error::NoTables)?;
        if let Some(other) = given.iter().find(|root| root.base_url() != first.base_url()) {
            return Err(Error::SeveralStores { first: name(first), other: name(other) });
        }
        let place = Place::new(first, given.iter().map(|root| root.prefix().clone()).collect());
        Ok(Self { url: url_of(first)?, place, given })
    }

    /// The folders as the user named them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.given.iter().map(name).collect()
    }

    /// What plans call the store.
    pub(crate) fn url(&self) -> &ObjectStoreUrl {
        &self.url
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

impl Place {
    fn new(storage: &Storage, folders: Vec<Path>) -> Self {
        Self { store: Arc::clone(storage.store()), base: storage.display(&Path::default()).into(), folders }
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

/// A path below a folder, its parts as they are written.
fn below(folder: &Path, relative: &str) -> Path {
    let relative = Path::parse(relative).unwrap_or_else(|_| Path::from(relative));
    folder.parts().chain(relative.parts()).collect()
}

fn name(root: &Storage) -> String {
    root.display(root.prefix())
}

/// Local files go by their usual URL. A bucket gets a URL that nobody else has:
/// by its own one it could not be told from a bucket of the same name on another
/// server, which a dump may well have as its target.
fn url_of(root: &Storage) -> Result<ObjectStoreUrl> {
    static BUCKETS: AtomicU64 = AtomicU64::new(0);
    let url = if root.is_local() {
        ObjectStoreUrl::parse(root.base_url())
    } else {
        ObjectStoreUrl::parse(format!("milvus1x://tables-{}/", BUCKETS.fetch_add(1, Ordering::Relaxed)))
    };
    url.map_err(Error::Session)
}
