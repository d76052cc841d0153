// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use object_store::path::Path;
use object_store::{MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutOptions, PutPayload};

use crate::{Error, Result};

/// Where a file goes.
#[derive(Clone, Debug)]
pub(super) struct FilePlace {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) is_local: bool,
    pub(super) path: Path,
    /// The path as messages show it.
    pub(super) location: String,
}

/// What has arrived of a file.
#[derive(Debug)]
pub(super) enum Content {
    /// Its parts have.
    Upload(Box<dyn MultipartUpload>),
    /// Nothing yet: it is short.
    Held(PutPayload, PutOptions),
}

/// A file that is not visible under its name.
#[derive(Debug)]
pub(super) struct StagedFile {
    place: FilePlace,
    content: Content,
    visible: Visible,
}

/// What stands under a name, nothing being known when the store does not answer.
type Found = Option<Option<ObjectMeta>>;

/// How far a file has come, which decides what is left when it is taken back.
#[derive(Debug)]
enum Visible {
    No,
    /// The store was asked for it, where this stood before, as far as it told.
    Perhaps(Found),
    Yes,
}

impl StagedFile {
    pub(super) fn new(place: FilePlace, content: Content) -> Self {
        Self { place, content, visible: Visible::No }
    }

    pub(super) fn is_local(&self) -> bool {
        self.place.is_local
    }

    /// Makes the file visible.
    pub(super) async fn complete(&mut self) -> Result<()> {
        // Compared when the answer gets lost.
        self.visible = Visible::Perhaps(self.place.found().await);
        let FilePlace { store, path, location, .. } = &self.place;
        let completed = match &mut self.content {
            Content::Upload(upload) => upload.complete().await,
            Content::Held(payload, options) => store.put_opts(path, payload.clone(), options.clone()).await,
        };
        completed.map_err(|error| Error::unwritten(location.clone(), error))?;
        self.visible = Visible::Yes;
        Ok(())
    }

    /// Removes what there is of the file. What cannot be removed is logged: the
    /// reason for giving up matters more to the caller.
    pub(super) async fn discard(self) {
        let Self { place, content, visible } = self;
        if let Content::Upload(mut upload) = content
            && !matches!(visible, Visible::Yes)
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(location = %place.location, %error, "unfinished file not removed");
        }
        let is_ours = match &visible {
            Visible::No => false,
            // A file of before, or one that may be, is not ours to remove.
            Visible::Perhaps(None) => false,
            Visible::Perhaps(before) => {
                place.found().await.is_some_and(|now| now.is_some() && *before != Some(now))
            }
            Visible::Yes => true,
        };
        if is_ours {
            match place.store.delete(&place.path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => {
                    tracing::warn!(location = %place.location, %error, "file of a failed statement not removed");
                }
            }
        }
    }

    /// What is said when a sink succeeds without having ended this file.
    pub(super) fn unfinished(&self) -> Error {
        let source =
            object_store::Error::Generic { store: "staged", source: "its writer stopped early".into() };
        Error::unwritten(self.place.location.clone(), source)
    }
}

impl FilePlace {
    async fn found(&self) -> Found {
        match self.store.head(&self.path).await {
            Ok(file) => Some(Some(file)),
            Err(object_store::Error::NotFound { .. }) => Some(None),
            Err(_) => None,
        }
    }
}
