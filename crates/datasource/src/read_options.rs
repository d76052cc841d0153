// SPDX-License-Identifier: Apache-2.0
//! How much of a segment is read at once.

/// Bytes of one block.
const BLOCK: u64 = 2 << 20;
const MIN_BLOCK: u64 = 64 << 10;
const MAX_BLOCK: u64 = 64 << 20;

/// Blocks that are read at once from a disk, one of them being worked on.
const BLOCKS_OF_DISK: usize = 2;
/// Bytes that are on their way from a bucket at once: its latency is that of a network.
const IN_FLIGHT: u64 = 16 << 20;
const MOST_BLOCKS: usize = 16;

/// How the files of segments are read.
///
/// Each scan partition holds at most so many bytes of blocks, and the batch
/// that was made of the last one:
///
/// | segments | blocks | together, when `block_bytes` is left out |
/// |---|---|---|
/// | on this machine | 2 | 4 MiB |
/// | in a bucket | 16 MiB / `block_bytes`, 2 at least | 16 MiB |
///
/// To these come 8 bytes of id for each row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Bytes of vectors, or of ids where no vectors are asked for, that are read
    /// by one request and become one batch: 64 KiB to 64 MiB, what is outside is
    /// taken as the nearest of the two. 2 MiB when left out. A row is never cut.
    pub block_bytes: Option<u64>,
}

/// What a scan partition reads at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadAhead {
    /// Bytes of one block.
    pub(crate) block_bytes: u64,
    /// Blocks on their way.
    pub(crate) blocks: usize,
}

impl ReadOptions {
    pub(crate) fn ahead(self, is_remote: bool) -> ReadAhead {
        let block_bytes = self.block_bytes.unwrap_or(BLOCK).clamp(MIN_BLOCK, MAX_BLOCK);
        let blocks = if is_remote {
            usize::try_from(IN_FLIGHT / block_bytes)
                .unwrap_or(BLOCKS_OF_DISK)
                .clamp(BLOCKS_OF_DISK, MOST_BLOCKS)
        } else {
            BLOCKS_OF_DISK
        };
        ReadAhead { block_bytes, blocks }
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
        assert_eq!(ahead(None, false), (2 << 20, 2));
        assert_eq!(ahead(None, true), (2 << 20, 8));
        assert_eq!(ahead(Some(0), true), (64 << 10, 16));
        assert_eq!(ahead(Some(8 << 20), true), (8 << 20, 2));
        assert_eq!(ahead(Some(u64::MAX), true), (64 << 20, 2));
        assert_eq!(ahead(Some(u64::MAX), false), (64 << 20, 2));
    }
}
