// SPDX-License-Identifier: Apache-2.0
//! What is to be said of segments that count and share ids.

use std::collections::BTreeSet;

use crate::recover::choices::Choices;
use crate::recover::overlap::{Overlaps, Pair, segment};
use crate::recover::report::{Certainty, Remarks, count};
use crate::recover::table::Table;

/// Pairs of segments that are named for one folder.
const PAIRS_SHOWN: usize = 20;

/// Something that may be wrong with two segments.
struct Doubt {
    text: String,
    /// The segment that may not count, if one of both does not.
    of: Option<u32>,
}

/// Tells which segments that count share ids, and whether it is in doubt that they count.
pub(super) fn warn(
    table: &Table,
    overlaps: &Overlaps,
    taken: &BTreeSet<u32>,
    choices: &Choices,
    remarks: &mut Remarks,
) -> bool {
    let is_kept = |place: u32| segment(table, place).is_some_and(|known| choices.keeps(&table.id, &known.id));
    let both = |older: &u32, newer: &u32| taken.contains(older) && taken.contains(newer);
    let pairs = overlaps.ids.pairs.iter().filter(|((older, newer), _)| both(older, newer));
    let doubts = pairs.flat_map(|(&places, pair)| doubts(table, overlaps, places, *pair));
    let (open, settled): (Vec<Doubt>, Vec<Doubt>) =
        doubts.partition(|doubt| doubt.of.is_some_and(|place| !is_kept(place)));
    let mut is_doubtful = !open.is_empty();
    // Those that have to be settled come first.
    let shown: Vec<Doubt> = open.into_iter().chain(settled).collect();
    let more = shown.len().saturating_sub(PAIRS_SHOWN);
    for doubt in shown.into_iter().take(PAIRS_SHOWN) {
        remarks.add(Certainty::Warning, doubt.text);
    }
    if more > 0 {
        remarks.add(Certainty::Warning, format!("and {more} more such pairs in `{}`", table.id));
    }
    if overlaps.ids.is_cut || overlaps.rows.is_cut {
        is_doubtful |= !taken.iter().all(|&place| is_kept(place));
        remarks.add(
            Certainty::Warning,
            format!(
                "`{}` has too many segments with the same ids to compare all: which of them count has to be said of each with `--keep` or `--leave-out`",
                table.id
            ),
        );
    }
    is_doubtful
}

/// What may be wrong with two segments, older and newer.
fn doubts(table: &Table, overlaps: &Overlaps, (older, newer): (u32, u32), ids: Pair) -> Vec<Doubt> {
    let id = |place: u32| segment(table, place).map_or("", |segment| segment.id.as_str());
    let pair = format!("`{0}/{1}` and the newer `{0}/{2}`", table.id, id(older), id(newer));
    let settle = |place: u32| {
        let name = format!("{}/{}", table.id, id(place));
        format!("`--leave-out {name}` leaves it out, `--keep {name}` says that it counts")
    };
    let rows = overlaps.rows.pairs.get(&(older, newer)).copied().unwrap_or_default();
    let mut doubts = Vec::new();
    if ids.live > 0 {
        let common = count(ids.live, "live id");
        let (what, of) = match rows.live {
            0 => {
                let what = "with other vectors: inserted twice, or one segment is left over, and `--leave-out` leaves it out";
                (what.to_owned(), None)
            }
            equal => {
                let equal = count(equal, "equal vector");
                let what = format!("with {equal}: inserted twice, or the older one is left over");
                (format!("{what}; {}", settle(older)), Some(older))
            }
        };
        doubts.push(Doubt { text: format!("{pair} have {common} in common, {what}"), of });
    }
    if ids.deleted > 0 {
        let common = count(ids.deleted, "id");
        let text = format!(
            "{pair} have {common} in common that the newer one has deleted: the older one is likely left over, and its rows would come back; {}",
            settle(older)
        );
        doubts.push(Doubt { text, of: Some(older) });
    }
    // A merge has all live rows of its sources.
    let is_whole = segment(table, older).is_some_and(|older| older.live == rows.held);
    if rows.again > 0 && is_whole {
        let common = count(rows.again, "row");
        let text = format!(
            "{pair} have {common} in common that the older one has deleted: inserted again, or the newer one is a merge that was not finished; {}",
            settle(newer)
        );
        doubts.push(Doubt { text, of: Some(newer) });
    }
    doubts
}
