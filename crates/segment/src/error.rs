// SPDX-License-Identifier: Apache-2.0
//! What can be wrong with the bytes of a segment.

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why bytes are not what they should be. Which file they came from is for the
/// caller to say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is too short for its length header.
    #[error("expected a length header of 8 bytes, found a file of {found}")]
    NoHeader {
        /// Bytes of the file.
        found: u64,
    },
    /// The length header and the size of the file disagree.
    #[error("expected a file of {expected} bytes by its length header, found {found}")]
    FileLength {
        /// Bytes by the header, itself included.
        expected: u128,
        /// Bytes of the file.
        found: u64,
    },
    /// The payload is not a whole number of values.
    #[error("expected a payload of whole {unit}s of {width} bytes, found {found} bytes")]
    Remainder {
        /// What a value is.
        unit: &'static str,
        /// Bytes of one.
        width: u64,
        /// Bytes of the payload.
        found: u64,
    },
    /// The vectors are not as many as the ids.
    #[error("expected {expected} bytes of vectors ({rows} rows of {row_bytes} bytes), found {found}")]
    VectorBytes {
        /// Bytes that the ids ask for.
        expected: u128,
        /// Rows by the ids.
        rows: u64,
        /// Bytes of one vector.
        row_bytes: u64,
        /// Bytes of the payload.
        found: u64,
    },
    /// More rows than an offset can name.
    #[error("expected fewer than 2147483648 rows in a segment, found {found}")]
    TooManyRows {
        /// Rows by the length header, or by the place of a block.
        found: u64,
    },
    /// A deleted offset that no row has.
    #[error("expected deleted offsets from 0 to below {rows}, found {found} at entry {entry}")]
    DeletedOffset {
        /// Rows of the segment.
        rows: u64,
        /// The offset.
        found: i32,
        /// Its place in the file, counted from 0.
        entry: u64,
    },
    /// An offset that no row has.
    #[error("expected offsets from 0 to below {rows}, found {found}")]
    Offset {
        /// Rows of the segment.
        rows: u64,
        /// The offset.
        found: u32,
    },
    /// A dimension that no collection can have.
    #[error("expected a dimension from 1 to 32768{multiple}, found {found}", multiple = if *.bits { " that is a multiple of 8" } else { "" })]
    Dimension {
        /// Whether the vectors are binary.
        bits: bool,
        /// The dimension.
        found: u32,
    },
    /// A block that is not a whole number of rows.
    #[error("expected a block of whole rows of {row_bytes} bytes, found {found} bytes")]
    Block {
        /// Bytes of one row.
        row_bytes: u64,
        /// Bytes of the block.
        found: u64,
    },
    /// A WAL record whose header contradicts itself or its place.
    #[error("expected {expected} in the WAL record at offset {offset}, found {found}")]
    WalRecord {
        /// What should be there.
        expected: String,
        /// Where the record begins in its file.
        offset: u64,
        /// What is there.
        found: String,
    },
    /// A WAL position file of another size.
    #[error("expected 24 bytes of WAL position, found {found}")]
    WalPosition {
        /// Bytes of the file.
        found: u64,
    },
    /// A bloom filter that contradicts itself or its size.
    #[error("expected {expected} in the bloom filter, found {found}")]
    BloomFilter {
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
}
