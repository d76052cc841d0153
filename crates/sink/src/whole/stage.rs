// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path as FsPath, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use tokio::sync::Notify;

use super::file::StagedFile;
use crate::cleanup::run_unattended;
use crate::{Error, Result};

/// Short files in buckets are held in memory as long as they have no more than
/// this together.
const HELD_MAX: usize = 32 << 20;
/// Files of a bucket that are made visible, or removed, at once.
const AT_ONCE: usize = 8;

/// The files of one statement, until it is decided what becomes of them.
#[derive(Debug, Default)]
pub(super) struct Stage {
    state: Mutex<State>,
    /// Tells that a writer has ended.
    ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Whether it is decided: what comes now comes too late.
    is_closed: bool,
    /// Files that are being written.
    writers: usize,
    /// Files that have arrived.
    finished: Vec<StagedFile>,
    /// Files whose writers were dropped in the middle.
    abandoned: Vec<StagedFile>,
    /// The bytes of files that are held in memory.
    held: usize,
    /// Folders that were not there before.
    folders: BTreeSet<PathBuf>,
    /// What a store said first when it refused something.
    failure: Option<Error>,
}

impl Stage {
    /// Begins a file.
    pub(super) fn begin(self: &Arc<Self>) -> object_store::Result<Writer> {
        let mut state = self.state();
        if state.is_closed {
            return Err(too_late());
        }
        state.writers += 1;
        Ok(Writer(Arc::clone(self)))
    }

    /// Notes the folders that a local file will have made.
    pub(super) fn note_folders(&self, path: &Path) {
        let file = PathBuf::from(format!("/{path}"));
        let folders = file.ancestors().skip(1).take_while(|folder| !folder.exists());
        self.state().folders.extend(folders.map(FsPath::to_path_buf));
    }

    /// Returns whether so many more bytes can be held in memory, and counts them.
    pub(super) fn holds(&self, bytes: usize) -> bool {
        let mut state = self.state();
        let held = state.held.saturating_add(bytes);
        if held <= HELD_MAX {
            state.held = held;
        }
        held <= HELD_MAX
    }

    /// Takes a file that has arrived.
    pub(super) fn finish(&self, file: StagedFile) -> object_store::Result<()> {
        let mut state = self.state();
        if state.is_closed {
            drop(state);
            self.abandon(file);
            return Err(too_late());
        }
        state.finished.push(file);
        Ok(())
    }

    /// Takes a file whose writer was dropped in the middle.
    pub(super) fn abandon(&self, file: StagedFile) {
        let mut state = self.state();
        if !state.is_closed {
            state.abandoned.push(file);
            return;
        }
        let folders = state.folders.clone();
        drop(state);
        drop(Files { finished: Vec::new(), abandoned: vec![file], folders });
    }

    /// Keeps what a store said, because the engine does not hand it on, and returns
    /// what the engine gets to see.
    pub(super) fn fail(&self, location: &str, error: object_store::Error) -> object_store::Error {
        let seen = object_store::Error::Generic { store: "staged", source: error.to_string().into() };
        let failure = Error::unwritten(location.to_owned(), error);
        self.state().failure.get_or_insert(failure);
        seen
    }

    /// Returns what a store said first, once.
    pub(super) fn failure(&self) -> Option<Error> {
        self.state().failure.take()
    }

    /// Waits until all writers have ended.
    pub(super) async fn settle(&self) {
        loop {
            let ended = self.ended.notified();
            if self.state().writers == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Ends the stage and returns its files. What is still being written is taken
    /// back when its writer ends.
    pub(super) fn close(&self) -> Files {
        let mut state = self.state();
        state.is_closed = true;
        Files {
            finished: std::mem::take(&mut state.finished),
            abandoned: std::mem::take(&mut state.abandoned),
            folders: state.folders.clone(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a writer is told that goes on after the end.
pub(super) fn too_late() -> object_store::Error {
    object_store::Error::Generic { store: "staged", source: "the statement has ended".into() }
}

/// A file that is being written, until this is dropped.
#[derive(Debug)]
pub(super) struct Writer(Arc<Stage>);

impl Writer {
    pub(super) fn stage(&self) -> &Arc<Stage> {
        &self.0
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.state().writers -= 1;
        self.0.ended.notify_waiters();
    }
}

/// The files of a stage that was closed. Dropped, they are taken back.
#[derive(Debug)]
pub(super) struct Files {
    finished: Vec<StagedFile>,
    abandoned: Vec<StagedFile>,
    folders: BTreeSet<PathBuf>,
}

impl Files {
    /// Makes all files visible, or takes all of them back.
    pub(super) async fn complete(mut self) -> Result<()> {
        let completed = match self.abandoned.first() {
            Some(file) => Err(file.unfinished()),
            None => self.complete_all().await,
        };
        match completed {
            Ok(()) => {
                self.finished.clear();
                self.folders.clear();
            }
            Err(_) => self.discard().await,
        }
        completed
    }

    /// Takes all files back.
    pub(super) async fn discard(mut self) {
        let files = self.take();
        let folders = std::mem::take(&mut self.folders);
        discard(files, folders).await;
    }

    async fn complete_all(&mut self) -> Result<()> {
        // Of local files one after the other: so little has happened at a failure.
        let at_once = if self.finished.iter().any(StagedFile::is_local) { 1 } else { AT_ONCE };
        let completed: Vec<_> = self.finished.iter_mut().map(|file| file.complete().boxed()).collect();
        stream::iter(completed).buffer_unordered(at_once).try_collect().await
    }

    fn take(&mut self) -> Vec<StagedFile> {
        self.finished.drain(..).chain(self.abandoned.drain(..)).collect()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let (local, remote): (Vec<_>, Vec<_>) = self.take().into_iter().partition(StagedFile::is_local);
        let folders = std::mem::take(&mut self.folders);
        if !local.is_empty() || !folders.is_empty() {
            run_unattended(true, discard(local, folders));
        }
        if !remote.is_empty() {
            run_unattended(false, discard(remote, BTreeSet::new()));
        }
    }
}

async fn discard(files: Vec<StagedFile>, folders: BTreeSet<PathBuf>) {
    stream::iter(files).for_each_concurrent(AT_ONCE, StagedFile::discard).await;
    // Those inside come behind those around them.
    for folder in folders.iter().rev() {
        // Somebody else may have put something there: then it stays.
        drop(fs::remove_dir(folder));
    }
}
