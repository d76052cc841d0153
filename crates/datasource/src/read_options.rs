// SPDX-License-Identifier: Apache-2.0
//! How much of a segment is read at once.

/// Bytes of one block of a file on a disk: it stays in a core's cache from the moment it is
/// read until it is written. Longer ones go by way of the memory, twice.
const BLOCK_OF_DISK: u64 = 1 << 20;
/// Bytes of one block of a file in a bucket, where each request costs time.
const BLOCK_OF_BUCKET: u64 = 8 << 20;
const MIN_BLOCK: u64 = 64 << 10;
const MAX_BLOCK: u64 = 16 << 20;

/// Blocks that are read at once from a disk: they are read by who uses them, so
/// one that is ahead would only take memory.
const BLOCKS_OF_DISK: usize = 1;
/// Blocks that are read ahead from a bucket, at least.
const LEAST_BLOCKS: usize = 2;
/// Bytes that are read ahead from a bucket: its latency is that of a network.
const AHEAD_OF_BUCKET: u64 = 24 << 20;
const MOST_BLOCKS: usize = 16;

/// Bytes between two wanted rows that are read along rather than by a request of their own.
const GAP_OF_DISK: u64 = 32 << 10;
const GAP_OF_BUCKET: u64 = 256 << 10;

/// How the files of segments are read.
///
/// Each scan partition holds at most the block that it hands out and those that
/// it reads ahead, which are 32 MiB together or less:
///
/// | segments | `block_bytes` | blocks ahead | bytes held |
/// |---|---|---|---|
/// | on this machine | 1 MiB | 1 | 2 × `block_bytes`: 2 MiB |
/// | in a bucket | 8 MiB | 24 MiB / `block_bytes`, from 2 to 16 | `block_bytes` + 24 MiB, or 3 × `block_bytes` if that is more: 32 MiB |
///
/// Of a disk, the memory of up to 8 blocks that were used is kept for the next ones.
///
/// A scan holds so much for each partition that is at work, of which there are
/// as many as [`workers`](crate::SessionOptions::workers): 16 of them hold
/// 512 MiB of a bucket, and 768 MiB by the largest `block_bytes`.
///
/// With a filter over ids, blocks of ids are read ahead besides, a quarter as
/// large or less; a block of vectors then has the rows that pass and what is read
/// along, and is of several ranges of a file where rows are far from each other.
///
/// With vectors come 8 bytes of id for each row. Whatever the blocks are, no
/// batch has more than 2 MiB of vectors, unless one vector has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Bytes of vectors, or of ids where no vectors are asked for, that one
    /// request reads: 64 KiB to 16 MiB, what is outside is taken as the nearest
    /// of the two. A row is never cut.
    pub block_bytes: Option<u64>,
}

/// What a scan partition reads at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadAhead {
    /// Bytes of one block.
    pub(crate) block_bytes: u64,
    /// Blocks that are read while one is handed out.
    pub(crate) blocks: usize,
    /// Bytes between wanted rows that are read along.
    pub(crate) gap_bytes: u64,
}

impl ReadAhead {
    /// Whether it is a bucket that is read.
    pub(crate) fn is_remote(self) -> bool {
        self.gap_bytes == GAP_OF_BUCKET
    }
}

impl ReadOptions {
    pub(crate) fn ahead(self, is_remote: bool) -> ReadAhead {
        let usual = if is_remote { BLOCK_OF_BUCKET } else { BLOCK_OF_DISK };
        let block_bytes = self.block_bytes.unwrap_or(usual).clamp(MIN_BLOCK, MAX_BLOCK);
        let blocks = if is_remote {
            let blocks = usize::try_from(AHEAD_OF_BUCKET / block_bytes).unwrap_or(MOST_BLOCKS);
            blocks.clamp(LEAST_BLOCKS, MOST_BLOCKS)
        } else {
            BLOCKS_OF_DISK
        };
        let gap_bytes = if is_remote { GAP_OF_BUCKET } else { GAP_OF_DISK };
        ReadAhead { block_bytes, blocks, gap_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(block_bytes: Option<u64>, is_remote: bool) -> (u64, usize) {
        let ahead = ReadOptions { block_bytes }.ahead(is_remote);
        (ahead.block_bytes, ahead.blocks)
    }

    #[test]
    fn blocks_are_bounded_in_size_and_number() {
        assert_eq!(ahead(None, false), (1 << 20, 1));
        assert_eq!(ahead(None, true), (8 << 20, 3));
        assert_eq!(ahead(Some(4 << 20), true), (4 << 20, 6));
        assert_eq!(ahead(Some(0), true), (64 << 10, 16));
        assert_eq!(ahead(Some(u64::MAX), true), (16 << 20, 2));
        assert_eq!(ahead(Some(u64::MAX), false), (16 << 20, 1));
    }

    #[test]
    fn no_partition_reads_more_than_32_mib_ahead() {
        for block_bytes in (0..=40).map(|power| Some(1 << power)).chain([None, Some(9 << 20), Some(13 << 20)])
        {
            for is_remote in [false, true] {
                let (block_bytes, blocks) = ahead(block_bytes, is_remote);
                assert!(blocks >= 1 && block_bytes * blocks as u64 <= 32 << 20, "{block_bytes} × {blocks}");
            }
        }
    }
}
