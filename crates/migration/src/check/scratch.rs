// SPDX-License-Identifier: Apache-2.0
//! What a probe makes, and has to take away again.

use std::path::{Path as FsPath, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use datafusion::object_store::path::Path;
use m2m_milvus::{Client, ImportPhase, TaskId};
use m2m_storage::Storage;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::error::Result;
use crate::target::said;

/// How long taking away may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the end of its import is waited for before that.
const IMPORT_END: Duration = Duration::from_secs(7);
const PAUSE: Duration = Duration::from_millis(100);

/// Removals that are on their way.
static REMOVALS: AtomicUsize = AtomicUsize::new(0);

/// Counts a removal as long as it lives.
struct Removal;

impl Removal {
    fn new() -> Self {
        REMOVALS.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        REMOVALS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until what probes have made is removed: a program that is about to end waits for
/// that, and no longer than `limit`.
pub async fn let_probes_end(limit: Duration) {
    let end = Instant::now() + limit;
    while REMOVALS.load(Ordering::SeqCst) > 0 && Instant::now() < end {
        tokio::time::sleep(PAUSE).await;
    }
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
    /// What was asked to be imported into it.
    import: Option<TaskId>,
    files: Vec<Path>,
    /// Local folders that were not there before, the innermost first.
    folders: Vec<PathBuf>,
}

impl Scratch {
    pub(super) fn new(client: &Client, target: &Storage) -> Self {
        let (client, target) = (client.clone(), target.clone());
        let (collection, import) = (None, None);
        let left = Left { client, target, collection, import, files: Vec::new(), folders: Vec::new() };
        Self { left: Some(left) }
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

    /// An import into the collection that was begun.
    pub(super) fn own_import(&mut self, task: TaskId) {
        if let Some(left) = &mut self.left {
            left.import = Some(task);
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
        let open = Removal::new();
        Some(runtime.spawn(async move {
            let _open = open;
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

    /// A Milvus 2.3.5 whose collection goes while its rows are written and not yet visible keeps
    /// the data node for that import, and starts no other one for a quarter of an hour.
    async fn drop_collection(&self, name: &str) -> Result<(), String> {
        if self.is_importing().await {
            return Err("its import has not ended, and Milvus would be kept from others".into());
        }
        match self.client.drop_collection(name).await {
            Err(error) if !matches!(self.client.describe_collection(name).await, Ok(None)) => {
                Err(said(&error))
            }
            _ => Ok(()),
        }
    }

    /// Whether the import goes on after the time that it may take.
    async fn is_importing(&self) -> bool {
        let Some(task) = self.import else { return false };
        let end = Instant::now() + IMPORT_END;
        loop {
            let phase = self.client.import_state(task).await.map(|status| status.phase);
            let is_at_work = matches!(phase, Ok(ImportPhase::Started | ImportPhase::Persisted));
            // One that has not begun keeps nobody.
            let may_end = is_at_work || matches!(phase, Ok(ImportPhase::Pending));
            if !may_end || Instant::now() >= end {
                return is_at_work;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
