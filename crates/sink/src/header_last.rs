// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use m2m_storage::Storage;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{MultipartId, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::task::JoinSet;

use crate::checksum::{Checksum, Sums};
use crate::part_buffer::PartBuffer;
use crate::standing::{Standing, has_come, standing};
use crate::upload::IN_FLIGHT_MAX;
use crate::{Error, Result};

/// Object stores refuse more parts in a file; a disk takes any number.
pub(crate) const PARTS_MAX: usize = 10_000;

/// Where a file goes, and how.
#[derive(Clone)]
pub(crate) struct FilePlace {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) parts: Arc<dyn MultipartStore>,
    pub(crate) path: Path,
    /// The path as messages show it.
    pub(crate) location: String,
    /// Parts are of this length, other than the last.
    pub(crate) part_bytes: usize,
    /// Whether it is a disk, which takes parts as they come. A bucket takes a file that fills no
    /// two parts in one request, and several parts at once.
    pub(crate) is_local: bool,
}

impl FilePlace {
    /// Finds a file's place in a storage, by the length of its parts.
    pub(crate) fn of_storage(storage: &Storage, path: Path, part_bytes: usize) -> Self {
        Self {
            store: Arc::clone(storage.store()),
            parts: storage.parts(u64::try_from(part_bytes).unwrap_or(u64::MAX)),
            location: storage.display(&path),
            path,
            part_bytes,
            is_local: storage.is_local(),
        }
    }
}

/// How far a file has come, which decides what is left when it is given up.
enum Stage {
    /// Parts are sent; nothing is visible.
    Sending,
    /// The store was asked to make it visible, where this stood before; nothing
    /// when the store did not tell.
    Completing(Standing),
    /// It is visible.
    Complete,
}

/// A file whose header is known last.
///
/// The first part is held back; the others are sent as they fill. The header
/// goes before the first part when the rows are counted. A file without a
/// header is sent likewise, so that a short one is a single request.
pub(crate) struct HeaderLast {
    place: FilePlace,
    buffer: PartBuffer,
    /// The first part without its header, once it is full. A copy: held back for
    /// long, pieces of batches would keep all of their memory.
    first: Bytes,
    /// Known when all rows are counted.
    header: Bytes,
    upload: Option<MultipartId>,
    /// Parts that were cut, the first among them.
    cut: usize,
    in_flight: JoinSet<object_store::Result<(usize, PartId)>>,
    arrived: BTreeMap<usize, PartId>,
    stage: Stage,
    /// Of the whole file, as far as it has come.
    bytes: u64,
}

impl HeaderLast {
    /// Begins a file with the length of the header that it will get.
    pub(crate) fn new(place: FilePlace, header_len: usize) -> Self {
        Self {
            buffer: PartBuffer::new(place.part_bytes, header_len),
            place,
            first: Bytes::new(),
            header: Bytes::new(),
            upload: None,
            cut: 0,
            in_flight: JoinSet::new(),
            arrived: BTreeMap::new(),
            stage: Stage::Sending,
            bytes: 0,
        }
    }

    /// Takes over bytes, and waits when enough parts are on their way.
    pub(crate) async fn put(&mut self, mut bytes: Bytes) -> Result<()> {
        self.count(bytes.len());
        while let Some(part) = self.buffer.fill(&mut bytes) {
            self.take(part).await?;
        }
        Ok(())
    }

    /// Sends all that is to be sent before the file can be made visible.
    pub(crate) async fn settle(&mut self, header: &[u8]) -> Result<()> {
        if let Some(part) = self.buffer.take_rest() {
            self.take(part).await?;
        }
        self.header = Bytes::copy_from_slice(header);
        self.count(header.len());
        // One request to the local store would go on when nobody waits any more.
        if self.upload.is_some() || self.place.is_local {
            let first = self.take_first();
            self.send(0, first).await?;
        }
        self.wait_below(1).await
    }

    /// Makes the file visible, once it has settled.
    pub(crate) async fn complete(&mut self) -> Result<()> {
        // Compared when the answer gets lost: a file of before is not ours to remove.
        let before = standing(&self.place.store, &self.place.path).await;
        self.stage = Stage::Completing(before.clone());
        let whole = self.take_first();
        let FilePlace { store, parts, path, .. } = &self.place;
        let done = match &self.upload {
            Some(upload) => {
                let ids = std::mem::take(&mut self.arrived).into_values().collect();
                parts.complete_multipart(path, upload, ids).await
            }
            None => store.put(path, whole).await,
        };
        match done {
            Err(object_store::Error::NotFound { .. }) if has_come(store, path, &before, self.bytes).await => {
            }
            done => drop(done.map_err(|error| self.failure(error))?),
        }
        self.stage = Stage::Complete;
        Ok(())
    }

    /// Reads the file, once it is complete.
    pub(crate) async fn sums(&self, checksum: Checksum) -> Result<Sums> {
        let FilePlace { store, path, location, .. } = &self.place;
        let unread =
            |source: object_store::Error| Error::Read { location: location.clone(), source: source.into() };
        Sums::of_file(store, path, checksum).await.map_err(unread)
    }

    /// Gives up the parts on their way without waiting for their end.
    pub(crate) fn forsake_parts(&mut self) {
        self.in_flight = JoinSet::new();
    }

    /// Removes what there is of the file. What cannot be removed is logged: the
    /// reason for giving up matters more to the caller.
    pub(crate) async fn discard(mut self) {
        self.in_flight.shutdown().await;
        let FilePlace { store, parts, path, location, .. } = &self.place;
        if let Some(upload) = self.upload.as_ref().filter(|_| !matches!(self.stage, Stage::Complete))
            && let Err(error) = parts.abort_multipart(path, upload).await
        {
            tracing::warn!(%location, %error, "unfinished file not removed");
        }
        let is_ours = match &self.stage {
            Stage::Sending => false,
            Stage::Completing(Some(before)) => match standing(store, path).await {
                Some(now) => is_new(before.as_ref(), now.as_ref()),
                None => false,
            },
            // What stood there before is not known: it may be somebody's.
            Stage::Completing(None) => false,
            Stage::Complete => true,
        };
        if is_ours {
            match store.delete(path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => tracing::warn!(%location, %error, "file that was given up not removed"),
            }
        }
    }

    /// Takes a part that is full, or the last.
    async fn take(&mut self, part: PutPayload) -> Result<()> {
        let number = self.cut;
        self.cut += 1;
        if number == 0 {
            self.first = part.iter().map(Bytes::as_ref).collect::<Vec<&[u8]>>().concat().into();
            return Ok(());
        }
        self.send(number, part).await
    }

    /// The first part, or all of a short file.
    fn take_first(&mut self) -> PutPayload {
        [std::mem::take(&mut self.header), std::mem::take(&mut self.first)].into_iter().collect()
    }

    async fn send(&mut self, number: usize, part: PutPayload) -> Result<()> {
        if number >= PARTS_MAX && !self.place.is_local {
            let (location, part_bytes) = (self.place.location.clone(), self.place.part_bytes);
            return Err(Error::CopyTooLong { location, parts: PARTS_MAX, part_bytes });
        }
        self.wait_below(IN_FLIGHT_MAX).await?;
        let upload = match &self.upload {
            Some(upload) => upload.clone(),
            None => {
                let begun = self.place.parts.create_multipart(&self.place.path).await;
                self.upload.insert(begun.map_err(|error| self.failure(error))?).clone()
            }
        };
        let (parts, path) = (Arc::clone(&self.place.parts), self.place.path.clone());
        if self.place.is_local {
            let id = parts.put_part(&path, &upload, number, part).await;
            self.arrived.insert(number, id.map_err(|error| self.failure(error))?);
            // Others get their turn: who shows how far it is, and who ends it.
            tokio::task::yield_now().await;
            return Ok(());
        }
        // Spawned, so that it goes on while the next rows are read.
        self.in_flight.spawn(async move {
            let id = parts.put_part(&path, &upload, number, part).await?;
            Ok((number, id))
        });
        Ok(())
    }

    async fn wait_below(&mut self, parts: usize) -> Result<()> {
        while self.in_flight.len() >= parts {
            let Some(sent) = self.in_flight.join_next().await else { break };
            let sent = sent.map_err(object_store::Error::from).and_then(|sent| sent);
            let (number, id) = sent.map_err(|error| self.failure(error))?;
            self.arrived.insert(number, id);
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    fn failure(&self, error: object_store::Error) -> Error {
        Error::unwritten(self.place.location.clone(), error)
    }
}

fn is_new(before: Option<&ObjectMeta>, now: Option<&ObjectMeta>) -> bool {
    now.is_some_and(|now| before.is_none_or(|before| before != now))
}

#[cfg(test)]
mod tests;
