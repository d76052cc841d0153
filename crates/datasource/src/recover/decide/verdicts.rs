// SPDX-License-Identifier: Apache-2.0
//! Segments that were merged, and merges that were never finished.

use std::collections::{BTreeMap, BTreeSet};

use crate::recover::choices::Choices;
use crate::recover::overlap::{Overlaps, segment};
use crate::recover::table::Table;

/// Why a segment does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was merged into the segment at this place.
    Replaced(u32),
    /// It is what the segment at this place was to be merged into, which never ended.
    Unfinished(u32),
}

/// Finds the segments that were merged, and merges that were never finished.
pub(super) fn verdicts(table: &Table, overlaps: &Overlaps, choices: &Choices) -> BTreeMap<u32, Verdict> {
    let live = |place: u32| segment(table, place).map_or(0, |segment| segment.live);
    let is_kept = |place: u32| segment(table, place).is_some_and(|known| choices.keeps(&table.id, &known.id));
    let rows = &overlaps.rows;
    // All live rows of the older one are in the newer one; it may have none.
    let whole = || {
        rows.pairs
            .iter()
            .filter(|((older, _), pair)| pair.held == live(*older))
            .map(|(&(older, newer), pair)| (older, newer, pair))
    };
    let merges: BTreeSet<u32> =
        whole().filter(|(_, _, pair)| pair.held > 0).map(|(_, newer, _)| newer).collect();
    let mut verdicts = BTreeMap::new();
    for (older, newer, pair) in whole() {
        let is_covered = rows.covered.get(&newer).copied().unwrap_or(0) == live(newer);
        // Without a live row that was merged, deleted ones may have been inserted again.
        let is_merge = is_covered && merges.contains(&newer);
        if pair.again > 0 && is_merge && !is_kept(newer) && !rows.is_cut {
            verdicts.insert(newer, Verdict::Unfinished(older));
        }
    }
    for (older, newer, pair) in whole().filter(|(_, _, pair)| pair.held > 0) {
        let is_unfinished = matches!(verdicts.get(&newer), Some(Verdict::Unfinished(_)));
        if pair.again == 0 && !is_unfinished && !is_kept(older) && !verdicts.contains_key(&older) {
            verdicts.insert(older, Verdict::Replaced(newer));
        }
    }
    verdicts
}

#[cfg(test)]
mod tests;
