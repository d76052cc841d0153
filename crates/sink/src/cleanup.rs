// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use futures::executor::block_on;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;

use crate::upload::Upload;

/// What is left of a file set that was given up, and how to get rid of it.
#[derive(Debug)]
pub(crate) struct Cleanup {
    store: Arc<dyn ObjectStore>,
    is_local: bool,
    uploads: Vec<(Path, Upload)>,
    /// Uploads that may have become files.
    completing: Vec<(Path, Upload)>,
    files: Vec<Path>,
}

impl Cleanup {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, is_local: bool) -> Self {
        Self { store, is_local, uploads: Vec::new(), completing: Vec::new(), files: Vec::new() }
    }

    /// Adds an upload that never became a file.
    pub(crate) fn abort(&mut self, path: Path, upload: Upload) {
        self.uploads.push((path, upload));
    }

    /// Adds an upload that may have become a file.
    pub(crate) fn abort_or_delete(&mut self, path: Path, upload: Upload) {
        self.files.push(path.clone());
        self.completing.push((path, upload));
    }

    /// Adds a file that may be there.
    pub(crate) fn delete(&mut self, path: Path) {
        self.files.push(path);
    }

    /// Removes everything. What cannot be removed is logged: the reason for
    /// giving up matters more to the caller.
    pub(crate) async fn run(self) {
        for (path, upload) in self.uploads {
            match upload.abort().await {
                Ok(()) => tracing::debug!(%path, "unfinished file removed"),
                Err(error) => tracing::warn!(%path, %error, "unfinished file not removed"),
            }
        }
        for (path, upload) in self.completing {
            if let Err(error) = upload.abort().await {
                tracing::debug!(%path, %error, "no unfinished file to remove");
            }
        }
        for path in self.files {
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => tracing::warn!(%path, %error, "file of an incomplete file set not removed"),
            }
        }
    }

    /// Removes everything where nobody can wait.
    pub(crate) fn run_on_drop(mut self) {
        let is_local = self.is_local;
        if is_local {
            // Their end would need the runtime's thread, which may be this one.
            let uploads = self.uploads.iter_mut().chain(&mut self.completing);
            uploads.for_each(|(_, upload)| upload.forsake_parts());
        }
        run_unattended(is_local, self.run());
    }
}

/// Runs a clean-up where nobody can wait for it.
///
/// A local folder is clean when this returns: a runtime that is about to end
/// would not run one more task. Requests to a server are left to the runtime.
pub(crate) fn run_unattended(is_local: bool, work: impl Future<Output = ()> + Send + 'static) {
    if is_local {
        // A thread of its own: outside the runtime the local store works at once.
        let done = std::thread::Builder::new().spawn(move || block_on(work)).map(|thread| thread.join());
        if !matches!(done, Ok(Ok(()))) {
            tracing::warn!("unfinished files not removed");
        }
    } else if let Ok(runtime) = Handle::try_current() {
        drop(runtime.spawn(work));
    }
}
