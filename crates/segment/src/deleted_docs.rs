// SPDX-License-Identifier: Apache-2.0
//! `deleted_docs`: the offsets of the rows that are deleted.
//!
//! ```text
//! offset  size      value
//! 0       8         n, the bytes of the counted part, u64 little-endian
//! 8       n         n/4 offsets, i32 little-endian
//! 8+n     any       left over by an older, longer file; means nothing
//! ```
//!
//! The offsets are a set: servers up to 1.1.0 append each flush, so they are
//! not sorted and may repeat; 1.1.1 rewrites the file over a longer one without
//! cutting it. Source: `codecs/default/DefaultDeletedDocsFormat.cpp`, v1.0.0,
//! v1.1.0 and v1.1.1.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::header::HEADER_LEN;

/// Bytes of one offset.
const OFFSET_BYTES: usize = 4;
/// Offsets that are held before repeated ones are looked for.
const UNSORTED: usize = 1 << 16;

/// The deleted rows of a segment, as a set of offsets.
///
/// * Every offset is below the segment's number of rows.
/// * The offsets are ascending and none repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeletedDocs {
    offsets: Vec<u32>,
    stored_entries: u64,
}

impl DeletedDocs {
    /// Returns a set without offsets.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Decodes the whole content of a `deleted_docs` file of a segment with `rows` rows.
    ///
    /// # Errors
    ///
    /// When the file is shorter than its header says, the counted part is no
    /// whole number of offsets, or an offset is negative or not below `rows`.
    pub fn decode(bytes: &[u8], rows: u64) -> Result<Self> {
        let file_len = bytes.len() as u64;
        let (header, rest) = bytes.split_first_chunk().ok_or(Error::NoHeader { found: file_len })?;
        let mut decoder = Decoder::new(*header, file_len, rows)?;
        decoder.push(rest)?;
        decoder.finish()
    }

    /// Returns the set with more offsets of a segment with `rows` rows, in any
    /// order. Those that are in it already change nothing.
    ///
    /// # Errors
    ///
    /// When an offset is not below `rows`.
    pub fn with(&self, offsets: &[u32], rows: u64) -> Result<Self> {
        if let Some(&found) = offsets.iter().find(|offset| u64::from(**offset) >= rows) {
            return Err(Error::Offset { rows, found });
        }
        let mut all = Vec::with_capacity(self.offsets.len().saturating_add(offsets.len()));
        all.extend_from_slice(&self.offsets);
        all.extend_from_slice(offsets);
        // A stable sort merges what is sorted already.
        all.sort();
        all.dedup();
        all.shrink_to_fit();
        Ok(Self { offsets: all, stored_entries: self.stored_entries })
    }

    /// Returns the number of deleted rows.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.offsets.len() as u64
    }

    /// Returns whether no row is deleted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Returns the number of entries in the file, repeated ones included.
    #[must_use]
    pub fn stored_entries(&self) -> u64 {
        self.stored_entries
    }

    /// Returns the deleted offsets, ascending.
    #[must_use]
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// Returns whether the row at `offset` is deleted.
    #[must_use]
    pub fn contains(&self, offset: u64) -> bool {
        u32::try_from(offset).is_ok_and(|offset| self.offsets.binary_search(&offset).is_ok())
    }

    /// Returns how many of the rows in `rows` are deleted.
    #[must_use]
    pub fn count_in(&self, rows: Range<u64>) -> u64 {
        self.within(&rows).len() as u64
    }

    /// Returns the runs of live rows in `rows`: ascending, not empty, as long
    /// as can be, and together every live row once.
    pub fn live_runs(&self, rows: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let ends = self.within(&rows).iter().map(|&offset| u64::from(offset)).chain([rows.end]);
        let mut start = rows.start;
        ends.filter_map(move |end| {
            let run = start..end;
            start = end.saturating_add(1);
            (!run.is_empty()).then_some(run)
        })
    }

    /// The deleted offsets inside `rows`.
    fn within(&self, rows: &Range<u64>) -> &[u32] {
        let from = self.offsets.partition_point(|&offset| u64::from(offset) < rows.start);
        let to = self.offsets.partition_point(|&offset| u64::from(offset) < rows.end);
        self.offsets.get(from..to).unwrap_or_default()
    }
}

/// Decodes a `deleted_docs` file part by part.
///
/// However long the file is, no more is held than twice as many offsets as it
/// has different ones, which the rows bound, or 65536, and what one more part adds.
///
/// ```
/// use m2m_segment::deleted_docs::Decoder;
///
/// # fn main() -> Result<(), m2m_segment::Error> {
/// // A file of 20 bytes, of which 8 are counted.
/// let mut decoder = Decoder::new(8_u64.to_le_bytes(), 20, 10)?;
/// decoder.push(&[3, 0, 0, 0, 1])?;
/// assert_eq!(decoder.missing(), 3);
/// decoder.push(&[0, 0, 0, 0xff, 0xff, 0xff, 0xff])?;
/// assert_eq!(decoder.finish()?.offsets(), [1, 3]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    rows: u64,
    counted: u64,
    missing: u64,
    /// The begin of an offset that a part ended in.
    begun: Vec<u8>,
    offsets: Vec<u32>,
    stored_entries: u64,
    /// As many offsets are looked through for repeated ones.
    limit: usize,
}

impl Decoder {
    /// Returns a decoder for the file of a segment with `rows` rows, from the
    /// first eight bytes of the file and its size.
    ///
    /// # Errors
    ///
    /// When the file is shorter than its header says, or the counted part is no
    /// whole number of offsets.
    pub fn new(header: [u8; 8], file_len: u64, rows: u64) -> Result<Self> {
        let counted = u64::from_le_bytes(header);
        if counted.checked_add(HEADER_LEN).is_none_or(|end| end > file_len) {
            return Err(too_short(counted, file_len));
        }
        if !counted.is_multiple_of(OFFSET_BYTES as u64) {
            return Err(Error::Remainder { unit: "offset", width: OFFSET_BYTES as u64, found: counted });
        }
        Ok(Self {
            rows,
            counted,
            missing: counted,
            begun: Vec::new(),
            offsets: Vec::new(),
            stored_entries: 0,
            limit: UNSORTED,
        })
    }

    /// Returns how many bytes of the counted part are yet to come.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Takes the next bytes behind the header. Those behind the counted part mean nothing.
    ///
    /// # Errors
    ///
    /// When an offset is negative or not below the number of rows.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let counted = usize::try_from(self.missing).map_or(bytes.len(), |missing| missing.min(bytes.len()));
        let bytes = bytes.get(..counted).unwrap_or(bytes);
        self.missing = self.missing.saturating_sub(counted as u64);
        let mut rest = bytes;
        if !self.begun.is_empty() {
            let lacking = OFFSET_BYTES.saturating_sub(self.begun.len()).min(bytes.len());
            let (end, behind) = bytes.split_at_checked(lacking).unwrap_or((bytes, &[]));
            self.begun.extend(end);
            rest = behind;
            if let Ok(entry) = self.begun.as_slice().try_into() {
                self.begun.clear();
                self.entry(entry)?;
            }
        }
        let (entries, begun) = rest.as_chunks::<OFFSET_BYTES>();
        for entry in entries {
            self.entry(*entry)?;
        }
        self.begun.extend(begun);
        Ok(())
    }

    /// Returns the deleted rows.
    ///
    /// # Errors
    ///
    /// When some of the counted part is missing.
    pub fn finish(mut self) -> Result<DeletedDocs> {
        if self.missing > 0 {
            let found = self.counted.saturating_sub(self.missing).saturating_add(HEADER_LEN);
            return Err(too_short(self.counted, found));
        }
        self.leave_repeated_out();
        self.offsets.shrink_to_fit();
        Ok(DeletedDocs { offsets: self.offsets, stored_entries: self.stored_entries })
    }

    fn entry(&mut self, bytes: [u8; OFFSET_BYTES]) -> Result<()> {
        let found = i32::from_le_bytes(bytes);
        let offset = u32::try_from(found).ok().filter(|offset| u64::from(*offset) < self.rows);
        let entry = self.stored_entries;
        self.offsets.push(offset.ok_or(Error::DeletedOffset { rows: self.rows, found, entry })?);
        self.stored_entries = entry.saturating_add(1);
        if self.offsets.len() >= self.limit {
            self.leave_repeated_out();
            self.limit = self.offsets.len().saturating_mul(2).max(UNSORTED);
        }
        Ok(())
    }

    fn leave_repeated_out(&mut self) {
        // A stable sort is quick where most is sorted already.
        self.offsets.sort();
        self.offsets.dedup();
    }
}

fn too_short(counted: u64, found: u64) -> Error {
    Error::FileLength { expected: u128::from(counted).saturating_add(u128::from(HEADER_LEN)), found }
}

#[cfg(test)]
mod tests;
