// SPDX-License-Identifier: Apache-2.0

use crate::testing::{TestInstall, failure, numbers, plan};

fn install() -> TestInstall {
    TestInstall::float(2).segment("_default", 1, 10, &[3]).segment("5", 2, 4, &[])
}

#[tokio::test]
async fn conditions_that_have_a_value_for_every_row_leave_no_filter_above_the_scan() {
    let install = install();
    let ctx = install.session().await;
    for filter in [
        "id = 5",
        "id <> 5 OR segment_offset > 3",
        "id BETWEEN 3 AND 8",
        "id IN (1, 2, 3, 4, 5)",
        "id NOT IN (1, 2, 3, 4, NULL)",
        "id % 1000 = 3",
        "id / 10 = 100",
        "id * 3 + segment_offset - 7 > 40",
        "id * 0.5 > 7.25",
        "id / 0.5 > 7.25",
        "id > 18446744073709551615",
        "(id = 1) IS NOT TRUE",
        "(id > 3) = (segment_offset > 2)",
        "partition_tag = '5' OR id = 1003",
        "id::VARCHAR = '1003'",
        "id::VARCHAR LIKE '%7'",
        "TRY_CAST(partition_tag AS BIGINT) = segment_offset",
        "CASE WHEN segment_offset = 0 THEN id = 1000 ELSE id % 2 = 0 END",
        "id = (SELECT max(id) FROM c AS other WHERE id % 2 = 0)",
    ] {
        let plan = plan(&ctx, &format!("SELECT id, vector FROM c WHERE {filter}")).await;
        let scan = plan.lines().find(|line| line.contains("vectors of matching rows")).unwrap_or_default();
        assert!(scan.contains("predicate="), "{filter}: {plan}");
        assert!(!plan.contains("FilterExec: CASE") && !plan.contains("FilterExec: id"), "{filter}: {plan}");
    }
}

#[tokio::test]
async fn conditions_that_may_fail_or_need_a_vector_stay_with_the_engine() {
    let install = install();
    let ctx = install.session().await;
    for filter in [
        "10 / (id - 1004) > 2",
        "id % segment_offset = 0",
        "id % 0 = 0",
        "id / -1 < 0",
        "CAST(id AS INT) % 7 = 5",
        "CAST(partition_tag AS BIGINT) + id = 5",
        "CAST(partition_tag AS BIGINT) = segment_offset",
        "abs(id) = 5",
        "random() < id",
        "vector[1] = id",
        "id = 5 OR vector[1] > 3",
        "CASE WHEN id = 1004 THEN id / segment_offset = 3 ELSE id = 5 END",
    ] {
        let plan = plan(&ctx, &format!("SELECT id, vector FROM c WHERE {filter}")).await;
        assert!(plan.contains("FilterExec") && !plan.contains("predicate="), "{filter}: {plan}");
    }
}

/// The engine leaves out a condition for rows that another has decided. A scan
/// that evaluated it before would fail.
#[tokio::test]
async fn a_condition_fails_only_where_it_fails_without_a_scan_that_filters() {
    let install = install();
    let ctx = install.session().await;
    crate::testing::with_plain_copy(&ctx, "c").await;
    for filter in [
        "id < 0 AND 10 / (id - 1004) > 2",
        "id = 1005 AND 10 / (id - 1004) > 2",
        "id >= 2000 AND CAST(partition_tag AS BIGINT) = 5",
        "10 / (id - 1003) > 2",
    ] {
        let of = |table: &str| format!("SELECT id FROM {table} WHERE {filter}");
        assert_eq!(numbers(&ctx, &of("c")).await, numbers(&ctx, &of("plain")).await, "{filter}");
    }
    for filter in ["10 / (id - 1004) > 2", "vector[2] > 0 AND CAST(partition_tag AS BIGINT) = 5"] {
        let of = |table: &str| format!("SELECT id FROM {table} WHERE {filter}");
        assert_eq!(failure(&ctx, &of("c")).await, failure(&ctx, &of("plain")).await, "{filter}");
    }
}
