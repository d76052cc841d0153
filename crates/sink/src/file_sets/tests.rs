// SPDX-License-Identifier: Apache-2.0

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;

fn deleted(offsets: &[u32], rows: u64) -> Arc<DeletedDocs> {
    let mut bytes = (offsets.len() as u64 * 4).to_le_bytes().to_vec();
    bytes.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
    Arc::new(DeletedDocs::decode(&bytes, rows).unwrap())
}

fn segment(id: &str, rows: u64, offsets: &[u32]) -> SegmentRows {
    SegmentRows { segment_id: id.into(), rows, deleted: deleted(offsets, rows) }
}

/// Rows of 4 bytes, sets of 40 bytes.
fn plan(segments: &[SegmentRows], writers: usize) -> Vec<Vec<PlannedSet>> {
    plan_file_sets("c/p", segments, 4, 40, writers).unwrap()
}

/// `name rows@segment:offset pieces` of every set; groups begin with `|`.
#[track_caller]
fn check(groups: &[Vec<PlannedSet>], expected: &[&str]) {
    let text = |planned: &PlannedSet| {
        let FileSet { name, rows, segment_id, segment_offset, .. } = &planned.set;
        let pieces: Vec<_> = planned.pieces.iter().map(|(at, rows)| format!("{at}[{rows:?}]")).collect();
        format!("{name} {rows}@{segment_id}:{segment_offset} {}", pieces.join(" "))
    };
    let mut found = Vec::new();
    for group in groups {
        found.push("|".to_owned());
        found.extend(group.iter().map(text));
    }
    assert_eq!(found, expected);
}

#[test]
fn small_segments_are_merged() {
    let segments = [segment("a", 3, &[]), segment("b", 3, &[]), segment("c", 3, &[])];
    let groups = plan(&segments, 1);
    check(&groups, &["|", "c/p/a 9@a:0 0[0..3] 1[0..3] 2[0..3]"]);
    assert_eq!(groups[0][0].set.segments, ["a", "b", "c"]);
}

#[test]
fn large_segment_is_split_into_numbered_parts() {
    check(
        &plan(&[segment("a", 25, &[]), segment("b", 5, &[])], 1),
        &["|", "c/p/a-1 10@a:0 0[0..10]", "c/p/a-2 10@a:10 0[10..20]", "c/p/a-3 10@a:20 0[20..25] 1[0..5]"],
    );
}

#[test]
fn part_in_a_set_of_another_segment_counts() {
    check(
        &plan(&[segment("a", 5, &[]), segment("b", 25, &[])], 1),
        &["|", "c/p/a 10@a:0 0[0..5] 1[0..5]", "c/p/b-2 10@b:5 1[5..15]", "c/p/b-3 10@b:15 1[15..25]"],
    );
}

#[test]
fn set_begins_at_a_live_row_and_says_where() {
    check(
        &plan(&[segment("a", 14, &[0, 1, 12]), segment("b", 9, &[0, 1])], 1),
        &["|", "c/p/a-1 9@a:2 0[0..11]", "c/p/a-2 9@a:11 0[11..14] 1[0..9]"],
    );
}

#[test]
fn segments_without_live_rows_are_read_and_named_nowhere() {
    let dead = |id| segment(id, 2, &[0, 1]);
    let segments = [dead("a"), segment("b", 10, &[]), dead("c"), segment("d", 10, &[0]), dead("e")];
    let groups = plan(&segments, 1);
    check(&groups, &["|", "c/p/b 10@b:0 0[0..2] 1[0..10] 2[0..2]", "c/p/d 9@d:1 3[0..10] 4[0..2]"]);
    assert_eq!(groups[0][0].set.segments, ["b"]);
}

#[test]
fn cut_moves_to_a_near_border_of_segments() {
    let segments = [segment("a", 95, &[]), segment("b", 105, &[])];
    let groups = plan_file_sets("c/p", &segments, 4, 400, 1).unwrap();
    check(&groups, &["|", "c/p/a 95@a:0 0[0..95]", "c/p/b 105@b:0 1[0..105]"]);
}

#[test]
fn nothing_to_write_gives_no_set() {
    assert!(plan(&[], 4).is_empty());
    assert!(plan(&[segment("a", 0, &[]), segment("b", 2, &[0, 1])], 4).is_empty());
}

#[test]
fn sets_are_handed_out_evenly_in_their_order() {
    check(
        &plan(&[segment("a", 29, &[])], 2),
        &[
            "|",
            "c/p/a-1 7@a:0 0[0..7]",
            "c/p/a-2 7@a:7 0[7..14]",
            "|",
            "c/p/a-3 7@a:14 0[14..21]",
            "c/p/a-4 8@a:21 0[21..29]",
        ],
    );
}

#[test]
fn every_writer_gets_a_set_when_the_data_is_worth_it() {
    let sets = |rows, writers| {
        plan_file_sets("c/p", &[segment("a", rows, &[])], 1 << 20, 1 << 30, writers).unwrap().concat().len()
    };
    assert_eq!((sets(64, 4), sets(127, 4), sets(128, 4), sets(256, 4), sets(1024, 4)), (1, 1, 2, 4, 4));
    assert_eq!((sets(1024, 1), sets(1025, 1), sets(3 * 1024, 2), sets(512, 0)), (1, 2, 4, 1));
}

#[test]
fn sizes_at_the_edges_are_survived() {
    let one = [segment("a", 3, &[])];
    assert_eq!(plan_file_sets("c/p", &one, 0, 0, 2).unwrap().concat().len(), 3);
    assert_eq!(plan_file_sets("c/p", &one, usize::MAX, 1, usize::MAX).unwrap().concat().len(), 3);
    assert_eq!(plan_file_sets("c/p", &one, 1, u64::MAX, 1).unwrap().concat().len(), 1);
}

#[track_caller]
fn refused(segments: &[SegmentRows], reason: &str) {
    let error = plan_file_sets("c/p", segments, 4, 40, 1).unwrap_err().to_string();
    assert_eq!(error, format!("cannot plan the import files of `c/p`: {reason}"));
}

#[test]
fn names_that_do_not_tell_sets_apart_are_refused() {
    refused(&[segment("a", 1, &[]), segment("a", 1, &[])], "segment `a` is listed twice");
    let up = "expected a segment that can name a folder, found `../a`";
    refused(&[segment("../a", 1, &[])], up);
    let segments = [segment("a", 25, &[]), segment("a-2", 25, &[])];
    let plan = plan_file_sets("c/p", &segments, 4, 100, 1).map(|groups| groups.concat().len());
    assert_eq!(plan.unwrap(), 2);
    refused(&[segment("a", 20, &[]), segment("a-2", 10, &[])], "two file sets would be named `c/p/a-2`");
}

fn any_segments() -> impl Strategy<Value = Vec<SegmentRows>> {
    let stored = (0u64..60).prop_flat_map(|rows| {
        let last = u32::try_from(rows).unwrap_or(0);
        (Just(rows), btree_set(0..last.max(1), 0..=usize::try_from(rows).unwrap_or(0)))
    });
    vec(stored, 0..12).prop_map(|segments| {
        let named = segments.into_iter().enumerate().map(|(at, (rows, offsets))| {
            let offsets: Vec<_> = offsets.into_iter().collect();
            segment(&at.to_string(), rows, &offsets)
        });
        named.collect()
    })
}

proptest! {
    #[test]
    fn every_stored_row_is_in_one_piece_and_every_live_row_is_counted(
        segments in any_segments(), row_bytes in 1usize..8, target in 1u64..400, writers in 0usize..6,
    ) {
        let groups = plan_file_sets("c/p", &segments, row_bytes, target, writers).unwrap();
        let live: u64 = segments.iter().map(SegmentRows::live).sum();
        prop_assert!(groups.len() <= writers.max(1));
        prop_assert!(groups.iter().all(|group| !group.is_empty()));
        prop_assert!(groups.iter().all(|group| group.is_sorted_by_key(PlannedSet::first_piece)));
        let mut sets = groups.concat();
        sets.sort_by_key(PlannedSet::first_piece);
        prop_assert_eq!(sets.iter().map(|planned| planned.set.rows).sum::<u64>(), live);

        // Laid end to end, the pieces are the segments.
        let mut stored: Vec<(usize, u64)> = Vec::new();
        for planned in &sets {
            let rows = |(at, rows): &(usize, Range<u64>)| rows.clone().map(|row| (*at, row)).collect::<Vec<_>>();
            let of_set: Vec<_> = planned.pieces.iter().flat_map(rows).collect();
            let is_live = |(at, row): &&(usize, u64)| !segments[*at].deleted.contains(*row);
            let lives: Vec<_> = of_set.iter().filter(is_live).collect();
            prop_assert_eq!(planned.set.rows, lives.len() as u64);
            let (at, row) = *lives[0];
            prop_assert_eq!(&planned.set.segment_id, &segments[at].segment_id);
            prop_assert_eq!(planned.set.segment_offset, i64::try_from(row).unwrap());
            let mut of_lives: Vec<_> = lives.iter().map(|(at, _)| segments[*at].segment_id.clone()).collect();
            of_lives.dedup();
            prop_assert_eq!(&planned.set.segments, &of_lives);
            stored.extend(of_set);
        }
        let all = segments.iter().enumerate();
        let all: Vec<_> = all.flat_map(|(at, segment)| (0..segment.rows).map(move |row| (at, row))).collect();
        prop_assert_eq!(stored, if live == 0 { Vec::new() } else { all });
    }

    #[test]
    fn sets_are_about_as_large_as_asked(rows in 1u64..5000, cut in 0u64..5000, target in 8u64..800) {
        let cut = cut.min(rows);
        let segments = [segment("a", cut, &[]), segment("b", rows - cut, &[])];
        let sets = plan_file_sets("c/p", &segments, 1, target, 1).unwrap().concat();
        prop_assert!(sets.iter().all(|planned| planned.set.rows <= target + target / 4 + 1));
        prop_assert_eq!(sets.len() as u64, rows.div_ceil(target));
    }
}
