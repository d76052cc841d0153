// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeSet;

use super::*;
use crate::recover::overlap::{Pair, Shared};
use crate::recover::table::of_rows;

/// What two segments share: older, newer, held rows of the older one, and those again there.
type Shares = (u32, u32, u64, u64);

/// The folder `a` with segments of these live rows, `0`, `1` and so on.
fn table(live: &[u64]) -> Table {
    of_rows("a", live)
}

fn overlaps(pairs: &[Shares], covered: &[(u32, u64)]) -> Overlaps {
    let pair = |&(older, newer, held, again): &Shares| {
        ((older, newer), Pair { held, live: held, deleted: 0, again })
    };
    let rows = Shared {
        pairs: pairs.iter().map(pair).collect(),
        covered: covered.iter().copied().collect(),
        is_cut: false,
    };
    Overlaps { ids: Shared::default(), rows }
}

fn keeping(segment: &str) -> Choices {
    Choices { kept: BTreeSet::from([("a".into(), segment.into())]), ..Choices::default() }
}

#[test]
fn segments_are_judged_by_what_they_share() {
    use Verdict::{Replaced, Unfinished};
    for (what, live, pairs, covered, expected) in [
        ("nothing", &[3, 3][..], &[][..], &[][..], &[][..]),
        ("a part of the older one", &[3, 3], &[(0, 1, 2, 0)], &[(1, 2)], &[]),
        ("all of the older one", &[3, 4], &[(0, 1, 3, 0)], &[(1, 3)], &[(0, Replaced(1))]),
        (
            "merges of merges",
            &[3, 4, 5],
            &[(0, 1, 3, 0), (0, 2, 3, 0), (1, 2, 4, 0)],
            &[],
            &[(0, Replaced(1)), (1, Replaced(2))],
        ),
        ("deleted rows as well", &[2, 1, 4], &[(0, 2, 2, 1), (1, 2, 1, 0)], &[(2, 4)], &[(2, Unfinished(0))]),
        ("deleted rows, and new ones", &[2, 4], &[(0, 1, 2, 1)], &[(1, 3)], &[]),
        (
            "a source that was wholly deleted",
            &[0, 1, 4],
            &[(0, 2, 0, 3), (1, 2, 1, 0)],
            &[(2, 4)],
            &[(2, Unfinished(0))],
        ),
        ("all was deleted and inserted again", &[0, 3], &[(0, 1, 0, 3)], &[(1, 3)], &[]),
        (
            "deleted rows of what was merged in part",
            &[3, 1, 2],
            &[(0, 2, 0, 1), (1, 2, 1, 0)],
            &[(2, 2)],
            &[(1, Replaced(2))],
        ),
    ] {
        let found = verdicts(&table(live), &overlaps(pairs, covered), &Choices::default());
        assert_eq!(found, expected.iter().copied().collect(), "{what}");
    }
}

#[test]
fn what_is_kept_is_not_judged() {
    let (merged, shared) = (table(&[3, 4]), overlaps(&[(0, 1, 3, 0)], &[(1, 3)]));
    assert!(verdicts(&merged, &shared, &keeping("0")).is_empty());
    let (unfinished, shared) = (table(&[0, 1, 4]), overlaps(&[(0, 2, 0, 3), (1, 2, 1, 0)], &[(2, 4)]));
    let found = verdicts(&unfinished, &shared, &keeping("2"));
    assert_eq!(found, BTreeMap::from([(1, Verdict::Replaced(2))]), "what was merged is in it");
}

#[test]
fn what_was_not_compared_in_full_is_no_unfinished_merge() {
    let mut shared = overlaps(&[(0, 1, 2, 1)], &[(1, 3)]);
    shared.rows.is_cut = true;
    assert!(verdicts(&table(&[2, 3]), &shared, &Choices::default()).is_empty());
}
