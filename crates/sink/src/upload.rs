// SPDX-License-Identifier: Apache-2.0

use bytes::Bytes;
use object_store::{MultipartUpload, PutPayload, Result};
use tokio::task::JoinSet;

use crate::part_buffer::PartBuffer;

/// Parts of one file that are on their way at once.
pub(crate) const IN_FLIGHT_MAX: usize = 2;
/// One file on its way, in parts of equal length.
///
/// Holds at most `part_bytes` × ([`IN_FLIGHT_MAX`] + 1) of the file. Nothing is
/// visible under the file's name before [`Upload::complete`].
#[derive(Debug)]
pub(crate) struct Upload {
    upload: Box<dyn MultipartUpload>,
    buffer: PartBuffer,
    in_flight: JoinSet<Result<()>>,
}

impl Upload {
    pub(crate) fn new(upload: Box<dyn MultipartUpload>, part_bytes: usize) -> Self {
        Self { upload, buffer: PartBuffer::new(part_bytes, 0), in_flight: JoinSet::new() }
    }

    /// Takes over bytes, and waits when enough parts are on their way.
    pub(crate) async fn put(&mut self, mut bytes: Bytes) -> Result<()> {
        while let Some(part) = self.buffer.fill(&mut bytes) {
            self.send(part).await?;
        }
        Ok(())
    }

    /// Sends what is left as the last part, without waiting for it.
    pub(crate) async fn send_rest(&mut self) -> Result<()> {
        match self.buffer.take_rest() {
            Some(part) => self.send(part).await,
            None => Ok(()),
        }
    }

    /// Waits until every part has arrived.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        self.wait_below(1).await
    }

    /// Makes the file visible; all parts must have arrived.
    pub(crate) async fn complete(&mut self) -> Result<()> {
        self.upload.complete().await.map(drop)
    }

    /// Gives up the parts on their way without waiting for their end.
    pub(crate) fn forsake_parts(&mut self) {
        self.in_flight = JoinSet::new();
    }

    /// Drops what was sent.
    pub(crate) async fn abort(mut self) -> Result<()> {
        self.in_flight.shutdown().await;
        self.upload.abort().await
    }

    async fn send(&mut self, part: PutPayload) -> Result<()> {
        self.wait_below(IN_FLIGHT_MAX).await?;
        // Spawned, so that it goes on while the next rows are read.
        self.in_flight.spawn(self.upload.put_part(part));
        Ok(())
    }

    async fn wait_below(&mut self, parts: usize) -> Result<()> {
        while self.in_flight.len() >= parts {
            match self.in_flight.join_next().await {
                Some(sent) => sent??,
                None => break,
            }
        }
        Ok(())
    }
}
