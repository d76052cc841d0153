// SPDX-License-Identifier: Apache-2.0
//! Rows that are left out of a collection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use m2m_segment::deleted_docs::DeletedDocs;

use crate::error::{Error, Result};
use crate::stats::SegmentStats;

/// Rows that are not sorted in until there are so many of them.
const FRESH: usize = 1 << 10;
/// Fresh rows are sorted in when they are one in so many.
const FRESH_SHARE: usize = 16;

/// Rows of one collection that are left out of its table: a set of segment ids
/// and stored offsets, of about 4 bytes a row.
///
/// ```
/// use m2m_datasource::ExcludedRows;
///
/// let mut rows = ExcludedRows::default();
/// rows.insert("1606", 7);
/// rows.insert("1606", 7);
/// assert_eq!(rows.len(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ExcludedRows {
    segments: BTreeMap<String, Offsets>,
}

/// A set of offsets.
#[derive(Clone, Debug, Default)]
struct Offsets {
    sorted: Vec<u32>,
    /// Those that are not in `sorted` yet.
    fresh: BTreeSet<u32>,
}

impl ExcludedRows {
    /// Adds a row. One that is there already changes nothing.
    pub fn insert(&mut self, segment_id: &str, offset: u32) {
        match self.segments.get_mut(segment_id) {
            Some(offsets) => offsets.insert(offset),
            None => self.segments.entry(segment_id.into()).or_default().insert(offset),
        }
    }

    /// Adds all rows of another set.
    pub fn extend(&mut self, other: &Self) {
        for (segment_id, offsets) in &other.segments {
            let own = self.segments.entry(segment_id.clone()).or_default();
            offsets.sorted.iter().chain(&offsets.fresh).for_each(|&offset| own.insert(offset));
        }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.segments.values().map(Offsets::len).sum()
    }

    /// Returns whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Returns whether a row is among them.
    #[must_use]
    pub fn contains(&self, segment_id: &str, offset: u32) -> bool {
        self.segments.get(segment_id).is_some_and(|offsets| offsets.contains(offset))
    }
}

impl Offsets {
    fn len(&self) -> u64 {
        self.sorted.len().saturating_add(self.fresh.len()) as u64
    }

    fn contains(&self, offset: u32) -> bool {
        self.fresh.contains(&offset) || self.sorted.binary_search(&offset).is_ok()
    }

    fn insert(&mut self, offset: u32) {
        if self.sorted.last().is_none_or(|last| *last < offset) {
            // Rows nearly always come in their order.
            self.sorted.push(offset);
        } else if self.sorted.binary_search(&offset).is_err() {
            self.fresh.insert(offset);
            if self.fresh.len() > FRESH.max(self.sorted.len() / FRESH_SHARE) {
                self.sorted.extend(std::mem::take(&mut self.fresh));
                // A stable sort merges two sorted runs.
                self.sorted.sort();
            }
        }
    }

    fn all(&self) -> Vec<u32> {
        self.sorted.iter().chain(&self.fresh).copied().collect()
    }
}

/// What a scan leaves out beside deleted rows. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hidden {
    /// Of the segments that have such rows, all rows that are left out, the deleted ones too.
    segments: Arc<BTreeMap<String, Arc<DeletedDocs>>>,
    /// Live rows that are left out.
    pub(crate) rows: u64,
}

impl Hidden {
    /// What is left out of segments, which are `rows` rows that are not deleted.
    pub(crate) fn of_segments(segments: BTreeMap<String, Arc<DeletedDocs>>, rows: u64) -> Self {
        Self { segments: Arc::new(segments), rows }
    }

    /// The rows that are left out of a segment, if any are that are not deleted.
    pub(crate) fn of(&self, segment_id: &str) -> Option<&Arc<DeletedDocs>> {
        self.segments.get(segment_id)
    }

    /// Leaves out more rows of the segments of `collection`, and says what the segments are then.
    pub(crate) fn with(
        &self,
        rows: &ExcludedRows,
        segments: &[SegmentStats],
        collection: &str,
    ) -> Result<(Self, Vec<SegmentStats>)> {
        let mut named: BTreeMap<&str, usize> = BTreeMap::new();
        for segment in segments {
            *named.entry(&segment.segment_id).or_default() += 1;
        }
        // One that several segments have would be left out of all of them.
        if let Some(segment) = rows.segments.keys().find(|id| named.get(id.as_str()) != Some(&1)).cloned() {
            return Err(Error::ExcludedSegment { collection: collection.into(), segment });
        }
        let mut hidden = self.clone();
        let mut all = (*self.segments).clone();
        let mut left = Vec::with_capacity(segments.len());
        for segment in segments {
            let Some(offsets) = rows.segments.get(&segment.segment_id) else {
                left.push(segment.clone());
                continue;
            };
            let merged = segment.deleted.with(&offsets.all(), segment.rows);
            let merged = merged.map_err(|source| Error::ExcludedRow {
                collection: collection.into(),
                segment: segment.segment_id.clone(),
                source,
            })?;
            let merged = Arc::new(merged);
            hidden.rows = hidden.rows.saturating_add(merged.len().saturating_sub(segment.deleted.len()));
            all.insert(segment.segment_id.clone(), Arc::clone(&merged));
            left.push(segment.hiding(merged));
        }
        hidden.segments = Arc::new(all);
        Ok((hidden, left))
    }
}

#[cfg(test)]
mod tests;
