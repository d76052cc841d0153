// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use async_trait::async_trait;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::file::{Content, FilePlace, StagedFile};
use super::stage::{Writer, too_late};

/// An upload that is not visible when it is complete: it is the stage's then.
#[derive(Debug)]
pub(super) struct StagedUpload {
    place: FilePlace,
    /// None once it is complete or aborted.
    upload: Option<Box<dyn MultipartUpload>>,
    writer: Writer,
}

impl StagedUpload {
    pub(super) fn new(place: FilePlace, upload: Box<dyn MultipartUpload>, writer: Writer) -> Self {
        Self { place, upload: Some(upload), writer }
    }

    fn take(&mut self) -> Option<StagedFile> {
        let upload = self.upload.take()?;
        Some(StagedFile::new(self.place.clone(), Content::Upload(upload)))
    }
}

#[async_trait]
impl MultipartUpload for StagedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let Some(upload) = &mut self.upload else {
            return Box::pin(async { Err(too_late()) });
        };
        let part = upload.put_part(data);
        let (stage, location) = (Arc::clone(self.writer.stage()), self.place.location.clone());
        Box::pin(async move { part.await.map_err(|error| stage.fail(&location, error)) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let file = self.take().ok_or_else(too_late)?;
        self.writer.stage().finish(file)?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn abort(&mut self) -> Result<()> {
        match self.upload.take() {
            Some(mut upload) => upload.abort().await,
            None => Err(too_late()),
        }
    }
}

impl Drop for StagedUpload {
    fn drop(&mut self) {
        if let Some(file) = self.take() {
            self.writer.stage().abandon(file);
        }
    }
}
