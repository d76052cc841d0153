// SPDX-License-Identifier: Apache-2.0
//! Blocks of files, in memory that is used again: fresh memory costs a fault and a page of
//! zeros for every 4 KiB, together about as much as reading them from the page cache.

use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

/// Pieces of memory that wait for the next block: as many as are on their way to a file at once.
const KEPT: usize = 8;

/// The memory of one scan partition's blocks. It is given back with the last of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockMemory {
    free: Arc<Mutex<VecDeque<Vec<u8>>>>,
}

impl BlockMemory {
    /// Memory whose content means nothing.
    fn lend(&self, length: usize) -> Lent {
        let mut free = self.free();
        // What is far longer would be held by a few bytes.
        let fits = |bytes: &Vec<u8>| bytes.len() >= length && bytes.len() / 2 <= length;
        // What was used last is still in the cache.
        let found = free.iter().rposition(fits).and_then(|at| free.remove(at));
        drop(free);
        Lent { bytes: found.unwrap_or_else(|| vec![0; length]), length, home: self.clone() }
    }

    fn free(&self) -> MutexGuard<'_, VecDeque<Vec<u8>>> {
        // Nobody panics with it in his hands, and whatever is in it is free.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory that goes back where it came from.
#[derive(Debug)]
struct Lent {
    bytes: Vec<u8>,
    /// How much of it is used.
    length: usize,
    home: BlockMemory,
}

impl Lent {
    fn used(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut free = self.home.free();
        free.push_back(std::mem::take(&mut self.bytes));
        if free.len() > KEPT {
            free.pop_front();
        }
    }
}

/// What was read of a file, nobody else's yet.
#[derive(Debug)]
pub(crate) struct Block(Memory);

#[derive(Debug)]
enum Memory {
    Lent(Lent),
    /// As a store gave it.
    Given(Bytes),
}

impl Block {
    /// Reads a range of a local file, which may be shorter.
    pub(crate) fn read(file: &File, range: &Range<u64>, memory: &BlockMemory) -> std::io::Result<Self> {
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut lent = memory.lend(length);
        let mut filled = 0;
        while filled < length {
            let at = range.start.saturating_add(filled as u64);
            match file.read_at(lent.used().get_mut(filled..).unwrap_or_default(), at) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        lent.length = filled;
        Ok(Self(Memory::Lent(lent)))
    }

    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Memory::Lent(lent) => lent.length,
            Memory::Given(bytes) => bytes.len(),
        }
    }

    /// Changes the bytes in place; `change` says how many of them are kept.
    pub(crate) fn changed<E>(self, change: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<Bytes, E> {
        match self.0 {
            Memory::Lent(mut lent) => {
                lent.length = change(lent.used())?.min(lent.length);
                Ok(Bytes::from_owner(lent))
            }
            Memory::Given(bytes) => {
                // Bytes that nobody else holds become writable without a copy.
                let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(shared.as_ref()));
                let kept = change(&mut bytes)?;
                bytes.truncate(kept);
                Ok(bytes.freeze())
            }
        }
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Memory::Lent(lent) => lent.as_ref(),
            Memory::Given(bytes) => bytes,
        }
    }
}

impl From<Bytes> for Block {
    fn from(bytes: Bytes) -> Self {
        Self(Memory::Given(bytes))
    }
}

impl From<Block> for Bytes {
    fn from(block: Block) -> Self {
        match block.0 {
            Memory::Lent(lent) => Bytes::from_owner(lent),
            Memory::Given(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn read(bytes: &[u8], range: Range<u64>, memory: &BlockMemory) -> Block {
        Block::read(&file(bytes), &range, memory).unwrap()
    }

    #[test]
    fn memory_is_used_again_and_says_nothing_of_what_it_held() {
        let memory = BlockMemory::default();
        let first = Bytes::from(read(b"abcdefgh", 2..6, &memory));
        let held = first.as_ptr();
        let other = Bytes::from(read(b"ABCDEFGH", 0..4, &memory));
        assert_ne!(other.as_ptr(), held);
        // A slice holds the whole.
        let part = first.slice(1..3);
        drop(first);
        assert_ne!(Bytes::from(read(b"....", 0..4, &memory)).as_ptr(), held);
        assert_eq!(part, "de".as_bytes());
        drop(part);
        let again = Bytes::from(read(b"xyz", 0..3, &memory));
        assert_eq!(again, "xyz".as_bytes());
        assert_eq!(other, "ABCD".as_bytes());
    }

    #[test]
    fn memory_that_is_far_longer_is_not_held_by_a_few_bytes() {
        let memory = BlockMemory::default();
        let long = Bytes::from(read(&[7; 1000], 0..1000, &memory));
        let held = long.as_ptr();
        drop(long);
        assert_ne!(Bytes::from(read(&[1; 8], 0..8, &memory)).as_ptr(), held);
        assert_eq!(Bytes::from(read(&[2; 600], 0..600, &memory)).as_ptr(), held);
    }

    #[test]
    fn no_more_is_kept_than_is_used_again() {
        let memory = BlockMemory::default();
        let blocks: Vec<Block> = (0..3 * KEPT).map(|_| read(&[1; 8], 0..8, &memory)).collect();
        assert_eq!(memory.free().len(), 0);
        drop(blocks);
        assert_eq!(memory.free().len(), KEPT);
    }

    #[test]
    fn a_file_that_ends_early_gives_what_it_has() {
        let memory = BlockMemory::default();
        assert_eq!(Bytes::from(read(b"abc", 1..9, &memory)), "bc".as_bytes());
        assert_eq!(read(b"abc", 7..9, &memory).len(), 0);
    }

    #[test]
    fn what_is_changed_in_place_is_cut() {
        let change = |bytes: &mut [u8]| {
            bytes.copy_within(2..4, 0);
            Ok::<_, ()>(2)
        };
        let memory = BlockMemory::default();
        assert_eq!(read(b"abcd", 0..4, &memory).changed(change).unwrap(), "cd".as_bytes());
        let shared = Bytes::from_static(b"abcd");
        assert_eq!(Block::from(shared.clone()).changed(change).unwrap(), "cd".as_bytes());
        assert_eq!(shared, "abcd".as_bytes());
        assert_eq!(read(b"abcd", 0..4, &memory).changed(|_| Err("no")), Err("no"));
    }
}
