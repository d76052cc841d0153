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
//! Records follow each other from offset 0; there is no checksum.
//! Source: `db/wal/WalDefinations.h`, `db/wal/WalBuffer.cpp`, v0.9.0 to v1.1.1.

use crate::error::{Error, Result};

/// Bytes of a record before its names.
pub const RECORD_HEADER_LEN: usize = 21;
/// Bytes of `mxlog.meta`.
const POSITION_LEN: usize = 24;

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
    /// Where the record ends in its file.
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
        // None of these sums can overflow: each term is far below 2⁶³.
        let length = (RECORD_HEADER_LEN as u64)
            .saturating_add(u64::from(collection_len))
            .saturating_add(u64::from(tag_len))
            .saturating_add(u64::from(rows).saturating_mul(8))
            .saturating_add(u64::from(data));
        let end = offset.saturating_add(length);
        if end > file_len {
            return Err(wrong(
                format!("a record within the {file_len} bytes of its file"),
                format!("one that ends at {end}"),
            ));
        }
        if lsn & 0xffff_ffff != end || lsn >> 32 != file_number {
            return Err(wrong(format!("the sequence number {file_number} << 32 | {end}"), format!("{lsn}")));
        }
        Ok(Self { lsn, kind, rows, collection_len, tag_len, end })
    }

    /// Returns the bytes of both names, which follow the header.
    #[must_use]
    pub fn names_len(&self) -> usize {
        usize::from(self.collection_len).saturating_add(usize::from(self.tag_len))
    }

    /// Returns the record, from the bytes of its names.
    ///
    /// # Errors
    ///
    /// When the names are shorter than the header says or no UTF-8.
    pub fn with_names(self, names: &[u8]) -> Result<Record> {
        let begin = self.end;
        let wrong = |found: &str| Error::WalRecord {
            expected: format!("{} bytes of UTF-8 names", self.names_len()),
            offset: begin,
            found: found.into(),
        };
        let (collection, rest) =
            names.split_at_checked(usize::from(self.collection_len)).ok_or_else(|| wrong("fewer"))?;
        let (tag, _) = rest.split_at_checked(usize::from(self.tag_len)).ok_or_else(|| wrong("fewer"))?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| wrong("other bytes"));
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
/// When the content has another size than 24 bytes.
pub fn applied_lsn(mxlog: &[u8]) -> Result<u64> {
    let found = mxlog.len() as u64;
    let bytes: [u8; POSITION_LEN] = mxlog.try_into().map_err(|_| Error::WalPosition { found })?;
    let (numbers, _) = bytes.as_chunks::<8>();
    match numbers.iter().map(|number| u64::from_le_bytes(*number)).collect::<Vec<_>>().as_slice() {
        [previous, first, second] => Ok(if first == second { *second } else { *previous }),
        _ => Err(Error::WalPosition { found }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(
        lsn: u64,
        code: u8,
        collection: u16,
        tag: u16,
        rows: u32,
        data: u32,
    ) -> [u8; RECORD_HEADER_LEN] {
        let mut bytes = Vec::new();
        bytes.extend(lsn.to_le_bytes());
        bytes.push(code);
        bytes.extend(collection.to_le_bytes());
        bytes.extend(tag.to_le_bytes());
        bytes.extend(rows.to_le_bytes());
        bytes.extend(data.to_le_bytes());
        bytes.try_into().unwrap()
    }

    #[test]
    fn a_record_is_decoded_with_its_names() {
        let end = 100 + 21 + 3 + 1 + 16 + 32;
        let decoded = RecordHeader::decode(header(4 << 32 | end, 2, 3, 1, 2, 32), 4, 100, 500).unwrap();
        assert_eq!((decoded.end, decoded.names_len()), (end, 4));
        let record = decoded.with_names(b"abct").unwrap();
        assert_eq!((record.collection.as_str(), record.partition_tag.as_str(), record.rows), ("abc", "t", 2));
        assert!(record.kind.is_insert());
    }

    #[test]
    fn a_record_that_contradicts_itself_is_refused() {
        let end = 21_u64;
        assert!(RecordHeader::decode(header(end, 5, 0, 0, 0, 0), 0, 0, 21).is_ok());
        assert!(RecordHeader::decode(header(end, 0, 0, 0, 0, 0), 0, 0, 21).is_err(), "type");
        assert!(RecordHeader::decode(header(end, 5, 0, 0, 0, 0), 0, 0, 20).is_err(), "file");
        assert!(RecordHeader::decode(header(end, 5, 0, 0, 0, 0), 1, 0, 21).is_err(), "file number");
        assert!(RecordHeader::decode(header(22, 5, 0, 0, 0, 0), 0, 0, 21).is_err(), "end");
        assert!(RecordHeader::decode(header(end, 3, 0, 0, u32::MAX, u32::MAX), 0, 0, 21).is_err(), "length");
    }

    #[test]
    fn names_that_are_cut_or_no_text_are_refused() {
        let decoded = RecordHeader::decode(header(24, 3, 2, 1, 0, 0), 0, 0, 24).unwrap();
        assert!(decoded.with_names(b"ab").is_err());
        assert!(decoded.with_names(&[0xff, 0xfe, b'x']).is_err());
    }

    #[test]
    fn a_torn_position_counts_as_the_one_before() {
        let position =
            |numbers: [u64; 3]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
        assert_eq!(applied_lsn(&position([5, 7, 7])).unwrap(), 7);
        assert_eq!(applied_lsn(&position([5, 7, 6])).unwrap(), 5);
        assert_eq!(applied_lsn(&[0; 23]).unwrap_err(), Error::WalPosition { found: 23 });
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_an_error(bytes: [u8; RECORD_HEADER_LEN], number: u64, offset: u64, length: u64) {
            if let Ok(decoded) = RecordHeader::decode(bytes, number, offset, length) {
                prop_assert!(decoded.end <= length && decoded.end > offset);
            }
        }
    }
}
