// SPDX-License-Identifier: Apache-2.0
//! Where the files of a table are.

use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::Result as DFResult;
use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::error::{Error, Result};

const NPY: &str = ".npy";
/// The column that comes first, as it does everywhere else.
const ID: &str = "id";

/// A location and the store that it is in.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) url: ObjectStoreUrl,
    pub(crate) store: Arc<dyn ObjectStore>,
    path: Path,
    is_folder: bool,
}

/// An array's file and what its column is called.
#[derive(Clone, Debug)]
pub(crate) struct NamedFile {
    pub(crate) name: String,
    pub(crate) meta: ObjectMeta,
}

impl Place {
    /// Understands a path, or the URL of a store that the session knows.
    pub(crate) fn new(state: &dyn Session, location: &str) -> DFResult<Self> {
        let url = ListingTableUrl::parse(location)?;
        if url.get_glob().is_some() {
            let clause = "pattern in LOCATION";
            let remedy = "name a file, or a folder by a `/` at its end";
            return Err(Error::Clause { clause, remedy }.into());
        }
        let store = state.runtime_env().object_store(&url)?;
        Ok(Self {
            url: url.object_store(),
            store,
            path: url.prefix().clone(),
            is_folder: url.is_collection(),
        })
    }

    /// What a path in this store is called in messages.
    pub(crate) fn display(&self, path: &Path) -> String {
        format!("{}{path}", base(&self.url))
    }

    /// The location itself in messages.
    pub(crate) fn location(&self) -> String {
        format!("{}{}", self.display(&self.path), if self.is_folder { "/" } else { "" })
    }

    /// The one archive that is named.
    pub(crate) async fn archive(&self) -> Result<ObjectMeta> {
        if self.is_folder {
            let remedy = "name one `.npz` file, and create a table for each";
            return Err(Error::Clause { clause: "folder of archives", remedy });
        }
        self.file().await
    }

    async fn file(&self) -> Result<ObjectMeta> {
        match self.store.head(&self.path).await {
            Ok(meta) => Ok(meta),
            Err(object_store::Error::NotFound { .. }) => Err(Error::Missing { location: self.location() }),
            Err(source) => Err(Error::Read { file: self.location(), source }),
        }
    }

    /// The file that is named, or the `.npy` files directly in the folder: `id` first, the others by name.
    pub(crate) async fn files(&self) -> Result<Vec<NamedFile>> {
        if self.is_folder {
            let files = self.folder().await?;
            return if files.is_empty() { Err(self.empty()) } else { Ok(files) };
        }
        match self.file().await {
            Ok(meta) => Ok(vec![NamedFile { name: stem(&meta.location), meta }]),
            // A bucket has no folders: whether this is one is told by what is in it.
            Err(missing @ Error::Missing { .. }) => {
                let files = self.folder().await?;
                if files.is_empty() { Err(missing) } else { Ok(files) }
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn empty(&self) -> Error {
        Error::Empty { location: self.location(), expected: "files `*.npy`" }
    }

    async fn folder(&self) -> Result<Vec<NamedFile>> {
        let listed = self.store.list_with_delimiter(Some(&self.path)).await;
        let listed = match listed {
            Ok(listed) => listed.objects,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(source) => return Err(Error::Read { file: self.location(), source }),
        };
        let is_array = |meta: &ObjectMeta| meta.location.filename().is_some_and(|name| name.ends_with(NPY));
        let mut files: Vec<_> = listed
            .into_iter()
            .filter(is_array)
            .map(|meta| NamedFile { name: stem(&meta.location), meta })
            .collect();
        files.sort_by(|one, other| (one.name != ID, &one.name).cmp(&(other.name != ID, &other.name)));
        Ok(files)
    }
}

/// What stands before the paths of a store in messages: `/`, or `s3://bucket/`.
pub(crate) fn base(url: &ObjectStoreUrl) -> &str {
    url.as_str().strip_prefix("file://").unwrap_or(url.as_str())
}

fn stem(path: &Path) -> String {
    let name = path.filename().unwrap_or_default();
    name.strip_suffix(NPY).unwrap_or(name).to_owned()
}
