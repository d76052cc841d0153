// SPDX-License-Identifier: Apache-2.0

use bytes::Bytes;
use object_store::{MultipartUpload, PutPayload, Result};
use tokio::task::JoinSet;

use crate::part_buffer::PartBuffer;

/// Parts of one file that are on their way at once.
pub(crate) const IN_FLIGHT_MAX: usize = 2;
/// Fewer bytes are gathered before they are written to a disk.
const WRITTEN_AT_ONCE: usize = 64 << 10;

/// One file on its way.
///
/// * To a bucket it goes in parts of equal length, of which at most `part_bytes` ×
///   ([`IN_FLIGHT_MAX`] + 1) are held.
/// * To a disk, bytes are written as they come, before more are made: they are still in the
///   cache of the core that made them, and a copy in memory that waits would drive them out.
///
/// Nothing is visible under the file's name before [`Upload::complete`].
#[derive(Debug)]
pub(crate) struct Upload {
    upload: Box<dyn MultipartUpload>,
    is_local: bool,
    buffer: PartBuffer,
    in_flight: JoinSet<Result<()>>,
}

impl Upload {
    /// Begins a file in parts of `part_bytes`, which mean nothing to a disk.
    pub(crate) fn new(upload: Box<dyn MultipartUpload>, part_bytes: usize, is_local: bool) -> Self {
        let part_bytes = if is_local { usize::MAX } else { part_bytes };
        Self { upload, is_local, buffer: PartBuffer::new(part_bytes, 0), in_flight: JoinSet::new() }
    }

    /// Takes over bytes, and waits when enough parts are on their way.
    pub(crate) async fn put(&mut self, mut bytes: Bytes) -> Result<()> {
        while let Some(part) = self.buffer.fill(&mut bytes) {
            self.send(part).await?;
        }
        if self.is_local && self.buffer.len() >= WRITTEN_AT_ONCE {
            self.send_rest().await?;
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
        if self.is_local {
            self.upload.put_part(part).await?;
            // Others get their turn: who shows how far it is, and who ends it.
            tokio::task::yield_now().await;
            return Ok(());
        }
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

#[cfg(test)]
mod tests {
    use std::fs;

    use object_store::ObjectStoreExt;
    use object_store::path::Path;

    use super::*;
    use crate::testing::{Fault, WatchedStore};

    /// Puts 60,128 bytes in pieces into a file in parts of 10,000.
    async fn upload(store: &WatchedStore, place: &std::path::Path) -> Result<()> {
        let path = Path::from_absolute_path(place).unwrap();
        let mut upload = Upload::new(store.put_multipart(&path).await.unwrap(), 10_000, false);
        let done = async {
            for at in (0..60_128).step_by(12_000) {
                upload.put(bytes(at..(at + 12_000).min(60_128))).await?;
            }
            upload.send_rest().await?;
            upload.settle().await?;
            upload.complete().await
        };
        let done = done.await;
        if done.is_err() {
            upload.abort().await.unwrap();
        }
        done
    }

    fn bytes(range: std::ops::Range<usize>) -> Bytes {
        range.map(|at| u8::try_from(at % 251).unwrap()).collect::<Vec<_>>().into()
    }

    #[tokio::test]
    async fn parts_to_a_bucket_are_equal_and_few_are_on_their_way() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.npy");
        let store = WatchedStore::new(None);
        upload(&store, &place).await.unwrap();
        assert_eq!(store.parts("a.npy"), [[10_000; 6].as_slice(), &[128]].concat());
        assert!((1..=IN_FLIGHT_MAX).contains(&store.in_flight_max()), "{}", store.in_flight_max());
        assert_eq!(fs::read(place).unwrap(), bytes(0..60_128));
    }

    #[tokio::test]
    async fn a_part_that_fails_on_its_way_is_told() {
        for part in [0, 3, 6] {
            let folder = tempfile::tempdir().unwrap();
            let store = WatchedStore::new(Some(Fault::Part("a.npy", part)));
            let error = upload(&store, &folder.path().join("a.npy")).await.unwrap_err();
            assert!(error.to_string().contains("No space left on device"), "{part}: {error}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}
