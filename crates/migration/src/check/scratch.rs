// SPDX-License-Identifier: Apache-2.0
//! What a probe makes, and has to take away again.

use std::path::{Path as FsPath, PathBuf};
use std::time::Duration;

use datafusion::object_store::path::Path;
use m2m_milvus::{Client, Underway};
use m2m_storage::Storage;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::error::Result;
use crate::target::{imports_end, said};

/// How long taking away may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the end of its import is waited for before that.
const IMPORT_END: Duration = Duration::from_secs(7);

static REMOVALS: Underway = Underway::new();

/// Waits until what probes have made is removed: a program that is about to end waits for
/// that, and no longer than `limit`.
pub async fn let_probes_end(limit: Duration) {
    REMOVALS.ended(limit).await;
}

/// A collection and files of a probe. They are removed when this is dropped too, as
/// long as the runtime goes on.
pub(super) struct Scratch {
    left: Option<Left>,
}

/// What may be there.
struct Left {
    client: Client,
    target: Storage,
    collection: Option<String>,
    files: Vec<Path>,
    /// Local folders that were not there before, the innermost first.
    folders: Vec<PathBuf>,
}

impl Scratch {
    pub(super) fn new(client: &Client, target: &Storage) -> Self {
        let (client, target) = (client.clone(), target.clone());
        Self { left: Some(Left { client, target, collection: None, files: Vec::new(), folders: Vec::new() }) }
    }

    /// Writes a file below the target.
    pub(super) async fn write(&mut self, relative: &str, bytes: Vec<u8>) -> Result<()> {
        let Some(left) = &mut self.left else { return Ok(()) };
        let path = left.target.child(relative);
        if left.target.is_local() {
            let file = PathBuf::from(left.target.display(&path));
            let new = file.ancestors().skip(1).take_while(|folder| !folder.exists()).map(FsPath::to_path_buf);
            let new: Vec<_> = new.filter(|folder| !left.folders.contains(folder)).collect();
            left.folders.extend(new);
        }
        // Whether the write ends well or not, the file may be there.
        left.files.push(path.clone());
        Ok(left.target.put_atomic(&path, bytes.into()).await?)
    }

    /// A collection that is about to be made.
    pub(super) fn own_collection(&mut self, name: &str) {
        if let Some(left) = &mut self.left {
            left.collection = Some(name.to_owned());
        }
    }

    /// Removes all of it and returns what could not be removed, and why. The removal has a
    /// task of its own, which goes on when nobody waits for it any more.
    pub(super) async fn remove(mut self) -> Vec<String> {
        match self.start_removal() {
            Some(removal) => removal.await.unwrap_or_default(),
            None => Vec::new(),
        }
    }

    fn start_removal(&mut self) -> Option<JoinHandle<Vec<String>>> {
        let (left, runtime) = (self.left.take()?, Handle::try_current().ok()?);
        let underway = REMOVALS.begin();
        Some(runtime.spawn(async move {
            let _underway = underway;
            let names = left.names();
            let removed = tokio::time::timeout(PATIENCE, left.remove()).await;
            removed.unwrap_or_else(|_| vec![format!("{names}: no answer within {} s", PATIENCE.as_secs())])
        }))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.start_removal());
    }
}

impl Left {
    fn names(&self) -> String {
        let collection = self.collection.iter().map(|name| format!("collection `{name}`"));
        let files = self.files.iter().map(|path| format!("`{}`", self.target.display(path)));
        collection.chain(files).collect::<Vec<_>>().join(", ")
    }

    async fn remove(self) -> Vec<String> {
        let mut kept = Vec::new();
        if let Some(name) = &self.collection
            && let Err(reason) = self.drop_collection(name).await
        {
            kept.push(format!("collection `{name}`: {reason}"));
        }
        for path in &self.files {
            if let Err(error) = self.target.delete(path).await {
                kept.push(format!("`{}`: {}", self.target.display(path), said(&error)));
            }
        }
        let mut folders = self.folders;
        folders.sort_by_key(|folder| std::cmp::Reverse(folder.components().count()));
        for folder in folders {
            // One that somebody has put something into stays.
            drop(std::fs::remove_dir(folder));
        }
        if !kept.is_empty() {
            tracing::warn!(?kept, "a probe could not be removed");
        }
        kept
    }

    async fn drop_collection(&self, name: &str) -> Result<(), String> {
        if !imports_end(&self.client, name, IMPORT_END).await {
            return Err(
                "its import has not ended; drop it when it has, since before it Milvus may take no other import for a quarter of an hour"
                    .into(),
            );
        }
        match self.client.drop_collection(name).await {
            Err(error) if !matches!(self.client.describe_collection(name).await, Ok(None)) => {
                Err(said(&error))
            }
            _ => Ok(()),
        }
    }
}
