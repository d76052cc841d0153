// SPDX-License-Identifier: Apache-2.0

use datafusion::arrow::datatypes::DataType;
use datafusion::prelude::{SessionContext, col, lit};

use super::*;
use crate::testing::{TestInstall, failure, numbers, plan, query, with_plain_copy};

fn install() -> TestInstall {
    TestInstall::float(2)
        .segment("_default", 1, 5, &[0])
        .segment("a", 2, 4, &[3, 1])
        .segment("a", 3, 3, &[])
        .segment("5", 4, 2, &[1])
        .segment("gone", 6, 2, &[0, 1])
}

/// Conditions over columns of segments and of rows, some of which become
/// constants while the engine simplifies them.
const FILTERS: &[&str] = &[
    "partition_tag = 'a'",
    "partition_tag <> 'a'",
    "partition_tag = 'A'",
    "partition_tag IN ('a', '5')",
    "partition_tag NOT IN ('a', NULL)",
    "partition_tag NOT IN (NULL, 'a') AND segment_id <> '1'",
    "segment_id <> '1' AND partition_tag <> CAST(NULL AS VARCHAR)",
    "partition_tag = NULL",
    "partition_tag IN (NULL, 'a')",
    "NOT (partition_tag IN (NULL, 'a'))",
    "partition_tag <> 'a' OR NULL",
    "partition_tag <> 'a' AND 1 = 1",
    "partition_tag <> 'a' AND (segment_id = '1' OR NULL)",
    "partition_tag > 'a' AND partition_tag < 'a'",
    "partition_tag BETWEEN NULL AND 'z'",
    "partition_tag BETWEEN 'z' AND 'a'",
    "(partition_tag = 'a') = (segment_id = '2')",
    "(partition_tag = 'a') IS NOT TRUE",
    "partition_tag || segment_id = 'a2'",
    "coalesce(nullif(partition_tag, 'a'), 'b') = 'b'",
    "NOT (partition_tag = NULL)",
    "partition_tag IS NOT DISTINCT FROM NULL",
    "partition_tag IS DISTINCT FROM 'a'",
    "partition_tag IS NULL OR segment_id = '2'",
    "partition_tag = 'a' AND segment_id = '3'",
    "partition_tag = 'a' OR segment_id = '1'",
    "partition_tag = 'a' OR id = 1004",
    "NOT (partition_tag = 'a' OR id = 1004)",
    "partition_tag = segment_id",
    "partition_tag LIKE '_'",
    "upper(partition_tag) = 'A'",
    "segment_id BETWEEN '2' AND '3'",
    "segment_id = 3",
    "CAST(segment_id AS BIGINT) > 2",
    "CAST(segment_id AS BIGINT) * 1000 = id",
    "segment_offset = 2 AND partition_tag = 'a'",
    "CASE WHEN partition_tag = 'a' THEN segment_id = '2' ELSE id > 4000 END",
    "partition_tag = (SELECT max(partition_tag) FROM c)",
    "segment_id IN (SELECT segment_id FROM plain WHERE id = 2000)",
    "EXISTS (SELECT 1 FROM plain AS p WHERE p.partition_tag = t.partition_tag AND p.id = 3000)",
    "random() < 2 AND partition_tag = 'a'",
    "random() < 0 OR partition_tag = 'a'",
    "true",
    "false",
];

#[tokio::test]
async fn every_filter_lets_the_same_rows_pass_as_a_table_without_pruning() {
    let install = install();
    let ctx = install.session().await;
    with_plain_copy(&ctx, "c").await;
    for filter in FILTERS {
        let pruned = numbers(&ctx, &format!("SELECT t.id FROM c AS t WHERE {filter}")).await;
        let plain = numbers(&ctx, &format!("SELECT t.id FROM plain AS t WHERE {filter}")).await;
        assert_eq!(pruned, plain, "{filter}");
        let counted = numbers(&ctx, &format!("SELECT count(*) FROM c AS t WHERE {filter}")).await;
        assert_eq!(counted, [i64::try_from(plain.len()).unwrap()], "{filter}");
    }
}

#[tokio::test]
async fn segments_that_cannot_match_are_not_in_the_plan() {
    let install = install();
    let ctx = install.session().await;
    let of_one = plan(&ctx, "SELECT id FROM c WHERE segment_id = '3'").await;
    assert!(of_one.contains("segments=1 of 5") && of_one.contains("3/3.uid"), "{of_one}");
    assert!(!of_one.contains("Filter") && !of_one.contains("2/2.uid"), "{of_one}");
    let of_tag = plan(&ctx, "SELECT id FROM c WHERE partition_tag LIKE 'a%' AND id > 0").await;
    // What could fail is evaluated once more, for the rows that are left.
    assert!(of_tag.contains("segments=2 of 5") && of_tag.contains("partition_tag@3 LIKE a%"), "{of_tag}");
}

/// A file that is not in the plan is not opened, however damaged it is.
#[tokio::test]
async fn segments_that_are_left_out_are_not_read() {
    let install = install();
    let ctx = install.session().await;
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM c").await, [10]);
    std::fs::remove_file(install.file(1, "1.rv")).unwrap();
    let rows = "SELECT count(vector) FROM c WHERE partition_tag = 'a' AND vector[1] = id";
    assert_eq!(numbers(&ctx, rows).await, [5]);
    assert!(failure(&ctx, "SELECT vector FROM c").await.contains("1/1.rv"));
}

#[tokio::test]
async fn a_condition_that_fails_for_a_segment_fails_only_when_its_rows_are_reached() {
    let install = install();
    let ctx = install.session().await;
    let number = "CAST(partition_tag AS BIGINT) = 5";
    assert_eq!(numbers(&ctx, &format!("SELECT id FROM c WHERE segment_id = '4' AND {number}")).await, [4000]);
    assert!(failure(&ctx, &format!("SELECT id FROM c WHERE {number}")).await.contains("Cannot cast string"));
}

#[test]
fn only_plain_comparisons_of_constant_columns_are_taken_over() {
    use TableProviderFilterPushDown::{Exact, Inexact, Unsupported};

    let tag = || col(PARTITION_TAG);
    assert_eq!(support(&tag().eq(lit("a"))), Exact);
    assert_eq!(support(&tag().eq(lit("a")).or(col(SEGMENT_ID).in_list(vec![lit("1")], true))), Exact);
    assert_eq!(support(&tag().like(lit("a%"))), Inexact);
    assert_eq!(support(&datafusion::prelude::cast(tag(), DataType::Int64).eq(lit(5))), Inexact);
    assert_eq!(support(&col("id").eq(lit(1))), Inexact);
    assert_eq!(support(&tag().eq(lit("a")).or(col("id").eq(lit(1)))), Inexact);
    assert_eq!(support(&tag().eq(lit("a")).or(col("vector").is_null())), Unsupported);
    assert_eq!(support(&lit(true)), Unsupported);
}

/// The segments in the plan of a query.
async fn kept(ctx: &SessionContext, sql: &str) -> usize {
    let plan = plan(ctx, sql).await;
    if plan.contains("EmptyExec") {
        return 0;
    }
    (1..=5).find(|kept| plan.contains(&format!("segments={kept} of 5"))).unwrap()
}

#[tokio::test]
async fn known_ranges_of_ids_leave_segments_out_of_the_plan() {
    let install = install();
    // One segment has no live row, and no filter over ranges keeps it.
    for (filter, unknown, known) in [
        ("id = 2002", 4, 1),
        ("id > 1002 AND id < 2002", 4, 2),
        // Row 0 of segment 1 and row 3 of segment 2 are deleted.
        ("id IN (1000, 2003)", 4, 0),
        ("id % 2 = 0", 4, 4),
        ("id < 1500 OR partition_tag = '5'", 4, 2),
        ("segment_offset > 3", 1, 1),
        ("segment_offset = 1 AND id >= 3000", 4, 2),
        ("segment_offset > 70", 0, 0),
        ("10 / (id - 5000) = 0 AND id < 2000", 4, 1),
        ("id IS NULL", 0, 0),
    ] {
        let ctx = install.session().await;
        let sql = format!("SELECT id FROM c WHERE {filter}");
        assert_eq!(kept(&ctx, &sql).await, unknown, "{filter}");
        let rows = numbers(&ctx, &sql).await;
        assert_eq!(numbers(&ctx, "SELECT max(id) FROM c").await, [4000]);
        assert_eq!(kept(&ctx, &sql).await, known, "{filter}");
        assert_eq!(numbers(&ctx, &sql).await, rows, "{filter}");
    }
}

/// The ranges are those of live rows, and say nothing of the others.
#[tokio::test]
async fn ranges_of_live_rows_leave_no_deleted_row_out() {
    let install = install();
    let ctx = install.session().await;
    assert_eq!(numbers(&ctx, "SELECT max(id) FROM c").await, [4000]);
    for (filter, rows) in
        [("id = 1000", 1), ("id IN (2003, 6001)", 2), ("segment_offset > 1", 6), ("id < 0", 0)]
    {
        let sql = format!("SELECT id FROM stored.c WHERE {filter}");
        assert_eq!(numbers(&ctx, &sql).await.len(), rows, "{filter}");
    }
}

/// Ids are read for their range by a query for all of them, and by no other.
#[tokio::test]
async fn who_asks_for_some_ids_does_not_read_all_of_them() {
    let install = install();
    let ctx = install.session().await;
    for sql in [
        "SELECT id FROM c LIMIT 2",
        "SELECT id FROM c WHERE id > 2001",
        "SELECT id, segment_offset FROM c",
        "SELECT count(*) FROM c",
    ] {
        query(&ctx, sql).await;
        assert_eq!(kept(&ctx, "SELECT vector FROM c WHERE id = 3000").await, 4, "{sql}");
    }
    assert_eq!(numbers(&ctx, "SELECT min(id) FROM c WHERE partition_tag = 'a'").await, [2000]);
    assert_eq!(kept(&ctx, "SELECT vector FROM c WHERE id = 3000").await, 3, "of partition `a` alone");
}
