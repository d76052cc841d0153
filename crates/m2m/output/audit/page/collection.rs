// SPDX-License-Identifier: Apache-2.0
//! Collections and partitions as they are shown: the largest of very many, and the sums of the
//! others, so that a page stays small and nothing is missing in it.

use std::cmp::Reverse;

use indicatif::HumanCount;
use m2m_migration::audit::{AuditedCollection, AuditedPartition};

use super::chart::{Histogram, Stack};
use crate::output::words::counted;

/// Collections that are shown one by one.
const MOST_COLLECTIONS: usize = 200;
/// Partitions of a collection that are shown one by one.
const MOST_PARTITIONS: usize = 100;
/// Partitions of all collections that are shown one by one.
const MOST_PARTITIONS_IN_ALL: usize = 1000;
/// Bars of a histogram: neighbours are drawn as one.
const MOST_BARS: usize = 32;
/// Bars of all histograms: with very many collections, each has fewer of them.
const MOST_BARS_IN_ALL: usize = 4000;

/// The audited collections.
pub(super) struct Collections<'a> {
    pub(super) listed: Vec<Entry<'a>>,
    pub(super) rest: Option<Rest>,
}

/// A collection.
pub(super) struct Entry<'a> {
    pub(super) collection: &'a AuditedCollection,
    pub(super) bytes: u64,
    pub(super) stack: Stack,
    pub(super) partitions: &'a [AuditedPartition],
    pub(super) rest: Option<RestOfPartitions>,
    pub(super) charts: Vec<Histogram>,
}

/// Sums of the collections that are not listed.
#[derive(Default)]
pub(super) struct Rest {
    pub(super) collections: u64,
    pub(super) segments: u64,
    pub(super) unreadable_segments: u64,
    pub(super) live_rows: u64,
    pub(super) deleted_rows: u64,
    pub(super) bytes: u64,
    pub(super) stack: Stack,
}

/// Sums of the partitions that are not listed.
#[derive(Default)]
pub(super) struct RestOfPartitions {
    pub(super) partitions: u64,
    pub(super) segments: u64,
    pub(super) live_rows: u64,
    pub(super) deleted_rows: u64,
    pub(super) live_bytes: u64,
}

impl<'a> Collections<'a> {
    /// Chooses the largest ones, and leaves them in their order.
    pub(super) fn new(collections: &'a [AuditedCollection]) -> Self {
        let mut by_size: Vec<usize> = (0..collections.len()).collect();
        by_size.sort_by_key(|at| Reverse(collections.get(*at).map(bytes)));
        let mut listed: Vec<usize> = by_size.iter().copied().take(MOST_COLLECTIONS).collect();
        listed.sort_unstable();
        let unlisted = by_size.iter().skip(MOST_COLLECTIONS).filter_map(|at| collections.get(*at));
        let mut left = MOST_PARTITIONS_IN_ALL;
        let bars = MOST_BARS.min(MOST_BARS_IN_ALL / 2 / listed.len().max(1));
        let entries = listed.iter().filter_map(|at| collections.get(*at));
        Self {
            listed: entries.map(|entry| Entry::new(entry, bars, &mut left)).collect(),
            rest: rest(unlisted),
        }
    }

    /// How many collections there are.
    pub(super) fn caption(&self) -> String {
        let listed = self.listed.len() as u64;
        match &self.rest {
            Some(rest) => format!(
                "The largest {} of {}; the last row is the sum of the others",
                HumanCount(listed),
                counted(listed + rest.collections, "collection"),
            ),
            None => counted(listed, "collection"),
        }
    }
}

impl<'a> Entry<'a> {
    /// Shows a collection with at most so many bars a drawing, and as many partitions as are left.
    fn new(collection: &'a AuditedCollection, bars: usize, left: &mut usize) -> Self {
        let all = collection.partitions.as_slice();
        let shown = all.len().min(MOST_PARTITIONS).min(*left);
        *left -= shown;
        let (partitions, others) = all.split_at_checked(shown).unwrap_or((all, &[]));
        let norms = collection.norms.as_ref().and_then(|norms| Histogram::of_norms(norms, bars));
        let sizes = Histogram::of_segments(&collection.segment_rows, bars);
        Self {
            collection,
            bytes: bytes(collection),
            stack: Stack::new(collection.live_bytes, collection.deleted_bytes, collection.orphan_bytes),
            partitions,
            rest: rest_of_partitions(others),
            charts: norms.into_iter().chain(sizes).collect(),
        }
    }

    /// How many partitions there are.
    pub(super) fn caption(&self) -> String {
        counted(self.collection.partitions.len() as u64, "partition")
    }
}

fn bytes(collection: &AuditedCollection) -> u64 {
    collection.live_bytes + collection.deleted_bytes + collection.orphan_bytes.unwrap_or(0)
}

fn rest<'a>(collections: impl Iterator<Item = &'a AuditedCollection>) -> Option<Rest> {
    let mut rest = Rest::default();
    let (mut live, mut deleted, mut orphan) = (0, 0, None);
    for collection in collections {
        rest.collections += 1;
        rest.segments += collection.segments;
        rest.unreadable_segments += collection.unreadable_segments;
        rest.live_rows += collection.live_rows;
        rest.deleted_rows += collection.deleted_rows;
        rest.bytes += bytes(collection);
        live += collection.live_bytes;
        deleted += collection.deleted_bytes;
        orphan = collection.orphan_bytes.map(|bytes| orphan.unwrap_or(0) + bytes).or(orphan);
    }
    rest.stack = Stack::new(live, deleted, orphan);
    (rest.collections > 0).then_some(rest)
}

fn rest_of_partitions(partitions: &[AuditedPartition]) -> Option<RestOfPartitions> {
    let mut rest = RestOfPartitions::default();
    for partition in partitions {
        rest.partitions += 1;
        rest.segments += partition.segments;
        rest.live_rows += partition.live_rows;
        rest.deleted_rows += partition.deleted_rows;
        rest.live_bytes += partition.live_bytes;
    }
    (rest.partitions > 0).then_some(rest)
}
