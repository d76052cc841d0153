// SPDX-License-Identifier: Apache-2.0

use super::*;

#[tokio::test]
async fn a_segment_that_was_merged_does_not_count_and_its_deleted_rows_stay_deleted() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[1]).segment("a", "2", &[(4, 4)], &[]);
    // After the merge, row 3 was deleted; the sources know nothing of it.
    tables.segment("a", "3", &[(1, 1), (3, 3), (4, 4)], &[1]);
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "a"), ["3"]);
    assert_eq!(recovered.report.collections[0].live_rows, 2);
    assert!(!recovered.report.is_incomplete);
    says(&recovered, &["left out", "segment `a/1` (2 live rows of 3 stored)", "merged into `3`"]);
    let kept = BTreeSet::from([("a".into(), "1".into())]);
    let recovered = tables.recover(&Choices { kept, ..l2() }).await;
    assert_eq!(segments(&recovered, "a"), ["1", "3"]);
    says(&recovered, &["warning", "1 id in common", "that the newer one has deleted"]);
    assert!(!recovered.report.is_doubtful, "it was said that it counts");
}

#[tokio::test]
async fn a_merge_that_was_not_finished_does_not_bring_deleted_rows_back() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[1]).segment("a", "2", &[(4, 4)], &[]);
    tables.segment("a", "3", &[(1, 1), (2, 2), (3, 3), (4, 4)], &[]);
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "a"), ["1", "2"]);
    assert!(recovered.report.is_incomplete, "one row would be lost if the guess were wrong");
    says(&recovered, &["left out", "`a/3`", "not finished", "--leave-out a/3"]);
    let left_out = BTreeSet::from([("a".into(), Some("3".into()))]);
    let recovered = tables.recover(&Choices { left_out, ..l2() }).await;
    assert_eq!(segments(&recovered, "a"), ["1", "2"]);
    assert!(!recovered.report.is_incomplete);
}

#[tokio::test]
async fn a_merge_that_was_not_finished_does_not_bring_a_source_back_that_was_wholly_deleted() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[0, 1, 2]).segment("a", "2", &[(4, 4)], &[]);
    tables.segment("a", "3", &[(1, 1), (2, 2), (3, 3), (4, 4)], &[]);
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "a"), ["1", "2"]);
    assert_eq!(recovered.report.collections[0].live_rows, 1);
    assert!(recovered.report.is_incomplete);
    says(&recovered, &["left out", "`a/3`", "not finished", "deleted in `1`"]);
}

#[tokio::test]
async fn a_merge_of_a_row_that_was_deleted_and_inserted_again_is_one() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[1]).segment("a", "2", &[(2, 2)], &[]);
    tables.segment("a", "3", &[(1, 1), (3, 3), (2, 2)], &[]);
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "a"), ["3"]);
    assert!(!recovered.report.is_incomplete);
}

#[tokio::test]
async fn merges_of_merges_leave_the_last_one() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]).segment("a", "2", &[(1, 1), (2, 2), (3, 3), (4, 4)], &[0]);
    tables.segment("a", "3", &[(2, 2), (3, 3), (4, 4)], &[]);
    assert_eq!(segments(&tables.recover(&l2()).await, "a"), ["3"]);
}

#[tokio::test]
async fn equal_ids_with_other_vectors_stay_and_are_told() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]).segment("a", "2", &[(1, 9), (2, 9), (3, 9)], &[]);
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "a"), ["1", "2"]);
    says(
        &recovered,
        &[
            "warning",
            "`a/1` and the newer `a/2` have 3 live ids in common, with other vectors",
            "`--leave-out` leaves it out",
        ],
    );
    assert!(!recovered.report.is_doubtful);
}

#[tokio::test]
async fn equal_rows_of_different_folders_have_nothing_to_do_with_each_other() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]).segment("b", "2", &ABC, &[]);
    let recovered = tables.recover(&l2()).await;
    assert_eq!((segments(&recovered, "a").len(), segments(&recovered, "b").len()), (1, 1));
}

#[tokio::test]
async fn wide_vectors_are_compared_too() {
    let tables = Tables::new();
    for (segment, last) in [("1", 5_u8), ("2", 5), ("3", 6)] {
        tables.segment("a", segment, &[(1, 1)], &[]);
        let mut vector = vec![0; 4100];
        vector[4099] = last;
        write(&tables.path(&format!("a/{segment}/{segment}.rv")), &vector);
    }
    let recovered = tables.recover(&Choices::default()).await;
    assert_eq!(segments(&recovered, "a"), ["2", "3"]);
    says(&recovered, &["guessed", "metric L2"]);
}

/// Makes sure that what is in doubt is settled by a word on one segment, and by no other.
async fn settles(tables: &Tables, words: &[&str], of: &str) {
    let open = tables.recover(&l2()).await;
    assert!(open.report.is_doubtful && !open.report.is_incomplete, "{}", open.report);
    says(&open, words);
    for segment in ["1", "2"] {
        let kept = BTreeSet::from([("a".into(), segment.into())]);
        let kept = tables.recover(&Choices { kept, ..l2() }).await;
        assert_eq!(kept.report.is_doubtful, segment != of, "{}", kept.report);
        assert_eq!(segments(&kept, "a"), ["1", "2"]);
        let left_out = BTreeSet::from([("a".into(), Some(segment.into()))]);
        assert!(!tables.recover(&Choices { left_out, ..l2() }).await.report.is_doubtful);
    }
}

#[tokio::test]
async fn rows_that_would_come_back_are_in_doubt_until_it_is_said_that_they_count() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]).segment("a", "2", &[(1, 1), (4, 4)], &[0]);
    settles(&tables, &["warning", "1 id in common", "its rows would come back", "`--keep a/1`"], "1").await;
}

#[tokio::test]
async fn equal_rows_of_two_segments_are_in_doubt_when_neither_has_all_of_the_other() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]).segment("a", "2", &[(1, 1), (2, 9), (4, 4)], &[]);
    let words = ["warning", "2 live ids in common, with 1 equal vector", "`--leave-out a/1`"];
    settles(&tables, &words, "1").await;
}

#[tokio::test]
async fn rows_that_were_inserted_again_are_in_doubt_since_they_may_be_of_an_unfinished_merge() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[0, 1, 2]).segment("a", "2", &ABC, &[]);
    settles(&tables, &["warning", "3 rows in common", "not finished", "`--keep a/2`"], "2").await;
}

#[tokio::test]
async fn segments_that_are_too_many_to_compare_are_in_doubt_until_each_is_kept() {
    let tables = Tables::new();
    for segment in 1..=66 {
        tables.segment("a", &segment.to_string(), &[(1, 1), (segment + 1, 2)], &[]);
    }
    let recovered = tables.recover(&l2()).await;
    assert!(recovered.report.is_doubtful);
    says(&recovered, &["too many segments with the same ids"]);
    let kept = |segments: std::ops::RangeInclusive<u64>| Choices {
        kept: segments.map(|segment| ("a".into(), segment.to_string())).collect(),
        ..l2()
    };
    assert!(tables.recover(&kept(1..=65)).await.report.is_doubtful);
    let recovered = tables.recover(&kept(1..=66)).await;
    assert!(!recovered.report.is_doubtful);
    assert_eq!(segments(&recovered, "a").len(), 66);
}
