// SPDX-License-Identifier: Apache-2.0

use bytes::Bytes;
use object_store::{PutPayload, PutPayloadMut};

/// Shorter pieces are copied: sharing them costs more, and keeps alive the
/// whole block that they were cut from.
const SHARED_BYTES_MIN: usize = 4096;

/// Cuts bytes into parts of equal length.
#[derive(Debug)]
pub(crate) struct PartBuffer {
    part_bytes: usize,
    /// Bytes of the first part that are put before it later.
    reserved: usize,
    buffer: PutPayloadMut,
}

impl PartBuffer {
    /// Cuts parts of a length, the first of them shorter by what is reserved.
    pub(crate) fn new(part_bytes: usize, reserved: usize) -> Self {
        // So that every part has a byte at least.
        let part_bytes = part_bytes.max(reserved.saturating_add(1));
        Self { part_bytes, reserved, buffer: PutPayloadMut::new() }
    }

    /// Takes bytes until a part is full and returns that; none when all are taken.
    pub(crate) fn fill(&mut self, bytes: &mut Bytes) -> Option<PutPayload> {
        let full = self.part_bytes.saturating_sub(self.reserved);
        let room = full.saturating_sub(self.buffer.content_length());
        let piece = bytes.split_to(room.min(bytes.len()));
        if piece.len() < SHARED_BYTES_MIN {
            self.buffer.extend_from_slice(&piece);
        } else {
            self.buffer.push(piece);
        }
        if self.buffer.content_length() < full { None } else { self.take_rest() }
    }

    /// Bytes that wait for their part.
    pub(crate) fn len(&self) -> usize {
        self.buffer.content_length()
    }

    /// Returns what is left as the last part.
    pub(crate) fn take_rest(&mut self) -> Option<PutPayload> {
        if self.buffer.is_empty() {
            return None;
        }
        self.reserved = 0;
        Some(std::mem::take(&mut self.buffer).freeze())
    }
}
