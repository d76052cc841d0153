// SPDX-License-Identifier: Apache-2.0
//! The write-ahead log: which rows and deletes it holds, without their data.
//!
//! ```text
//! offset  size            value, little-endian and packed
//! 0       8               lsn, u64: file number << 32 | offset of the record's end
//! 8       1               type
//! 9       2               length of the collection's name
//! 11      2               length of the partition tag
//! 13      4               number of ids
//! 17      4               bytes of data
//! 21      …               collection, tag, ids (8 bytes each), data
//! ```
//!
//! Records follow each other from offset 0; there is no checksum. How far they
//! reach stands beside them, in `mxlog.meta`:
//!
//! ```text
//! offset  size            value, little-endian
//! 0       8               lsn before the last write, u64
//! 8       8               lsn, u64
//! 16      8               the same lsn again; another one when the write was torn
//! ```
//!
//! Source: `db/wal/WalDefinations.h`, `db/wal/WalBuffer.cpp` and
//! `db/wal/WalMetaHandler.cpp`, v0.9.0 to v1.1.1.
//!
//! The data may be large, so a record is read in two short steps: its fixed
//! part, which says how long the names are and where the next record begins,
//! and then the names.
//!
//! ```
//! use m2m_segment::wal::{RECORD_HEADER_LEN, RecordHeader, RecordKind};
//!
//! # fn main() -> Result<(), m2m_segment::Error> {
//! // The whole of `7.wal`: one deleted id in the collection `c`.
//! let lsn = (7_u64 << 32 | 30).to_le_bytes();
//! let file = [&lsn[..], &[3, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], b"c", &[9; 8]].concat();
//! let (fixed, rest) = file.split_first_chunk::<RECORD_HEADER_LEN>().unwrap();
//! let header = RecordHeader::decode(*fixed, 7, 0, file.len() as u64)?;
//! assert_eq!(header.end, 30);
//!
//! let record = header.with_names(&rest[..header.names_len()])?;
//! assert_eq!((record.kind, record.collection.as_str(), record.rows), (RecordKind::Delete, "c", 1));
//! # Ok(())
//! # }
//! ```

use crate::error::{Error, Result};

/// Bytes of a record before its names.
pub const RECORD_HEADER_LEN: usize = 21;

/// What a record does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// Inserts binary vectors.
    InsertBinary,
    /// Inserts float vectors.
    InsertVector,
    /// Deletes ids.
    Delete,
    /// Updates rows; no released server writes it.
    Update,
    /// Marks a flush.
    Flush,
    /// Inserts rows of a hybrid collection.
    Entity,
}

impl RecordKind {
    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::InsertBinary,
            2 => Self::InsertVector,
            3 => Self::Delete,
            4 => Self::Update,
            5 => Self::Flush,
            6 => Self::Entity,
            _ => return None,
        })
    }

    /// Returns whether the record inserts rows.
    #[must_use]
    pub fn is_insert(self) -> bool {
        matches!(self, Self::InsertBinary | Self::InsertVector | Self::Entity)
    }
}

/// The fixed part of a record, checked against its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// Log sequence number.
    pub lsn: u64,
    /// What the record does.
    pub kind: RecordKind,
    /// Ids in the record.
    pub rows: u32,
    /// Bytes of the collection's name, which follows the header.
    pub collection_len: u16,
    /// Bytes of the partition tag, which follows the name.
    pub tag_len: u16,
    /// Where the record begins in its file.
    pub begin: u64,
    /// Where the record ends in its file, and the next one begins.
    pub end: u64,
}

/// A record, without its ids and data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Log sequence number.
    pub lsn: u64,
    /// What the record does.
    pub kind: RecordKind,
    /// The collection.
    pub collection: String,
    /// The partition tag; empty or `_default` for the default partition.
    pub partition_tag: String,
    /// Ids in the record.
    pub rows: u32,
}

impl RecordHeader {
    /// Decodes the header of the record that begins at `offset` of the file
    /// with the number `file_number` and `file_len` bytes.
    ///
    /// # Errors
    ///
    /// When the record's type is unknown, its sequence number does not name
    /// its end, or it ends behind the file.
    pub fn decode(
        bytes: [u8; RECORD_HEADER_LEN],
        file_number: u64,
        offset: u64,
        file_len: u64,
    ) -> Result<Self> {
        let [l0, l1, l2, l3, l4, l5, l6, l7, code, c0, c1, t0, t1, r0, r1, r2, r3, d0, d1, d2, d3] = bytes;
        let lsn = u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7]);
        let collection_len = u16::from_le_bytes([c0, c1]);
        let tag_len = u16::from_le_bytes([t0, t1]);
        let rows = u32::from_le_bytes([r0, r1, r2, r3]);
        let data = u32::from_le_bytes([d0, d1, d2, d3]);
        let wrong = |expected: String, found: String| Error::WalRecord { expected, offset, found };
        let kind = RecordKind::from_code(code)
            .ok_or_else(|| wrong("a type from 1 to 6".into(), format!("type {code}")))?;
        // No length is above 2³⁶; a sum that saturates is behind any file or
        // unlike any sequence number, so it is refused below.
        let end = (RECORD_HEADER_LEN as u64)
            .saturating_add(u64::from(collection_len))
            .saturating_add(u64::from(tag_len))
            .saturating_add(u64::from(rows).saturating_mul(8))
            .saturating_add(u64::from(data))
            .saturating_add(offset);
        if end > file_len {
            let within = format!("a record within the {file_len} bytes of its file");
            return Err(wrong(within, format!("one that ends at {end}")));
        }
        let (lsn_file, lsn_end) = (lsn >> 32, lsn & 0xffff_ffff);
        if (lsn_file, lsn_end) != (file_number, end) {
            let place = format!("the sequence number {file_number} << 32 | {end}");
            return Err(wrong(place, format!("{lsn_file} << 32 | {lsn_end}")));
        }
        Ok(Self { lsn, kind, rows, collection_len, tag_len, begin: offset, end })
    }

    /// Returns the bytes of both names, which follow the header.
    #[must_use]
    pub fn names_len(&self) -> usize {
        usize::from(self.collection_len).saturating_add(usize::from(self.tag_len))
    }

    /// Returns the record, from the [`names_len`](Self::names_len) bytes behind
    /// its header.
    ///
    /// # Errors
    ///
    /// When there are fewer or more bytes than that, or they are no UTF-8.
    pub fn with_names(self, names: &[u8]) -> Result<Record> {
        let expected = self.names_len();
        let wrong = |found: String| Error::WalRecord {
            expected: format!("{expected} bytes of UTF-8 names"),
            offset: self.begin,
            found,
        };
        let (collection, tag) = names
            .split_at_checked(usize::from(self.collection_len))
            .filter(|_| names.len() == expected)
            .ok_or_else(|| wrong(format!("{} bytes", names.len())))?;
        let text = |bytes: &[u8]| {
            String::from_utf8(bytes.to_vec()).map_err(|error| wrong(error.utf8_error().to_string()))
        };
        Ok(Record {
            lsn: self.lsn,
            kind: self.kind,
            collection: text(collection)?,
            partition_tag: text(tag)?,
            rows: self.rows,
        })
    }
}

/// Returns the sequence number up to which records were applied, from the
/// content of `mxlog.meta`: three numbers, of which the last two differ only
/// after a write that was torn.
///
/// # Errors
///
/// When the content has another size than 24 bytes. A server that has not
/// written a record yet leaves the file empty; but so may a full disk, and only
/// the size of the log's files tells which it was.
pub fn applied_lsn(mxlog: &[u8]) -> Result<u64> {
    let ([previous, first, second], []) = mxlog.as_chunks::<8>() else {
        return Err(Error::WalPosition { found: mxlog.len() as u64 });
    };
    Ok(u64::from_le_bytes(if first == second { *second } else { *previous }))
}

#[cfg(test)]
mod tests;
