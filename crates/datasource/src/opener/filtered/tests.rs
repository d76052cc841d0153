// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;

use crate::session::{SessionOptions, session};
use crate::testing::{TestInstall, failure, numbers, plan, query, session_over, sorted, with_plain_copy};

fn some() -> TestInstall {
    TestInstall::float(8)
        .segment("_default", 1, 40, &[0, 1, 2, 7, 39])
        .segment("a", 2, 25, &[3, 1])
        .segment("a", 3, 30, &[])
        .segment("b", 4, 2, &[0, 1])
}

/// Conditions that need no vector, and some that need one too.
const FILTERS: &[&str] = &[
    "id = 1005",
    "id = 1000",
    "id = 5",
    "id IN (1003, 2001, 2002, 3029, NULL)",
    "id NOT IN (1003, NULL)",
    "id % 7 = 3",
    "id % 2 = 0 OR partition_tag = 'b'",
    "id BETWEEN 1038 AND 2004",
    "id > 1030 AND id < 2010 AND segment_offset % 3 <> 1",
    "id <> id",
    "(id = 1004) IS NOT TRUE",
    "NOT (id = NULL)",
    "segment_offset < 3",
    "segment_offset = id - 2000",
    "segment_offset * 1000 > id",
    "CASE WHEN partition_tag = 'a' THEN id % 2 = 0 ELSE segment_offset = 4 END",
    "id::VARCHAR LIKE '%7'",
    "coalesce(nullif(id, 1005), 1) = 1",
    "partition_tag LIKE 'a%' AND id > 2020",
    "segment_id = '3' AND id % 5 = 0",
    "CAST(segment_id AS BIGINT) * 1000 + segment_offset = id",
    "vector[1] = id AND id % 4 = 1",
    "vector[1] > 2000 OR id = 1010",
    "l2_norm(vector) > 1500 AND id % 3 = 0",
    "id = (SELECT max(id) FROM plain)",
    "id IN (SELECT id + 1 FROM plain WHERE id % 11 = 0)",
    "EXISTS (SELECT 1 FROM plain AS p WHERE p.id = t.id - 5)",
    "random() < 2 AND id % 2 = 0",
    "id > 0",
    "true",
];

/// What a table answers: ids, first components and offsets, one text a row.
async fn answer(ctx: &SessionContext, table: &str, rest: &str) -> Vec<String> {
    let sql = format!("SELECT id, vector, partition_tag, segment_offset FROM {table} AS t WHERE {rest}");
    let mut rows: Vec<String> = Vec::new();
    for batch in query(ctx, &sql).await {
        let text = datafusion::arrow::util::pretty::pretty_format_batches(&[batch]).unwrap().to_string();
        rows.extend(text.lines().skip(3).filter(|line| !line.starts_with('+')).map(squeezed));
    }
    rows.sort();
    rows
}

/// Widths of columns differ from batch to batch.
fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn every_filter_gives_the_rows_and_vectors_that_a_plain_table_gives() {
    for table in ["c", "stored.c"] {
        for install in [some(), TestInstall::binary(16).segment("a", 2, 30, &[4, 5]).segment("b", 3, 9, &[])]
        {
            let is_binary = install.session().await.sql("SELECT vector[1] FROM c").await.is_err();
            let ctx = install.session().await;
            with_plain_copy(&ctx, table).await;
            for filter in FILTERS.iter().filter(|filter| !(is_binary && filter.contains("vector"))) {
                let expected = answer(&ctx, "plain", filter).await;
                assert_eq!(answer(&ctx, table, filter).await, expected, "{filter}");
                let counted =
                    numbers(&ctx, &format!("SELECT count(*) FROM {table} AS t WHERE {filter}")).await;
                assert_eq!(counted, [i64::try_from(expected.len()).unwrap()], "{filter}");
                for limit in [0, 1, 3, 100] {
                    let limited = answer(&ctx, table, &format!("{filter} LIMIT {limit}")).await;
                    assert_eq!(limited.len(), expected.len().min(limit), "{filter} LIMIT {limit}");
                    assert!(limited.iter().all(|row| expected.contains(row)), "{filter} LIMIT {limit}");
                }
            }
        }
    }
}

#[tokio::test]
async fn filters_that_change_while_a_query_runs_lose_no_row() {
    let install = some();
    let ctx = &install.session().await;
    with_plain_copy(ctx, "c").await;
    for rest in [
        "ORDER BY t.id LIMIT 7",
        "ORDER BY t.id DESC LIMIT 7",
        "ORDER BY t.segment_offset, t.id LIMIT 9",
        "JOIN (SELECT id FROM plain WHERE id % 9 = 0) AS w ON w.id = t.id",
        "WHERE t.id IN (SELECT p.id FROM plain AS p WHERE p.segment_offset = 11)",
    ] {
        let of = |table: &str| format!("SELECT t.id FROM {table} AS t {rest}");
        assert_eq!(numbers(ctx, &of("c")).await, numbers(ctx, &of("plain")).await, "{rest}");
    }
}

#[tokio::test]
async fn a_condition_fails_only_for_rows_that_are_there() {
    let install = TestInstall::float(2).segment("_default", 1, 10, &[3]);
    let ctx = install.session().await;
    assert_eq!(numbers(&ctx, "SELECT id FROM c WHERE 10 / (id - 1003) > 2").await, [1004, 1005, 1006]);
    let error = failure(&ctx, "SELECT id FROM c WHERE 10 / (id - 1004) > 2").await;
    assert!(error.to_lowercase().contains("divide by zero"), "{error}");
}

#[tokio::test]
async fn a_plan_says_what_passes_and_what_is_read() {
    let install = some();
    let ctx = install.session().await;
    let text = plan(&ctx, "SELECT vector FROM c WHERE id = 1005").await;
    assert!(
        text.contains("predicate=id@0 = 1005, reads=[deleted_docs, ids, vectors of matching rows]"),
        "{text}"
    );
    assert!(!text.contains("FilterExec"), "{text}");
    let mixed = plan(&ctx, "SELECT id FROM c WHERE id > 1005 AND vector[1] > 2").await;
    assert!(
        mixed.contains("FilterExec: get_field") || mixed.contains("FilterExec: array_element"),
        "{mixed}"
    );
    assert!(mixed.contains("predicate=id@0 > 1005"), "{mixed}");
}

/// 3,000 rows of 2 KiB: 6 MB of vectors.
async fn in_bucket() -> (SessionContext, Arc<crate::testing::Bucket>) {
    let install = TestInstall::float(512).segment("a", 1, 1000, &[5]).segment("a", 2, 1000, &[]).segment(
        "b",
        3,
        1000,
        &[],
    );
    let (source, bucket) = install.open_in_bucket().await;
    let ctx = session_over(&source);
    // The headers of all segments are read once for the table.
    numbers(&ctx, "SELECT count(*) FROM c").await;
    bucket.asked();
    bucket.vectors_asked();
    (ctx, bucket)
}

#[tokio::test]
async fn a_point_lookup_reads_the_ids_and_one_vector() {
    let (ctx, bucket) = in_bucket().await;
    let rows = query(&ctx, "SELECT id, vector FROM c WHERE id = 2345").await;
    assert_eq!(sorted(&rows), [2345]);
    let (_, bytes) = bucket.asked();
    // Two headers of 8 bytes, at planning and at opening, of each file of vectors.
    assert_eq!(bucket.vectors_asked(), 2048 + 6 * 8);
    assert!(bytes < 3000 * 8 + 4096, "{bytes} bytes");
}

#[tokio::test]
async fn near_rows_are_one_request_and_far_ones_are_not_read_through() {
    let (ctx, bucket) = in_bucket().await;
    let sql = "SELECT id, vector FROM c WHERE partition_tag = 'b' AND";
    let headers = 2 * 8;
    assert_eq!(sorted(&query(&ctx, &format!("{sql} id BETWEEN 3010 AND 3019")).await).len(), 10);
    assert_eq!(bucket.vectors_asked(), 10 * 2048 + headers);
    // 128 rows are 256 KiB, the gap that is read along.
    assert_eq!(sorted(&query(&ctx, &format!("{sql} id IN (3010, 3100)")).await), [3010, 3100]);
    assert_eq!(bucket.vectors_asked(), 91 * 2048 + headers);
    assert_eq!(sorted(&query(&ctx, &format!("{sql} id IN (3010, 3500)")).await), [3010, 3500]);
    assert_eq!(bucket.vectors_asked(), 2 * 2048 + headers);
}

#[tokio::test]
async fn a_query_without_vectors_reads_none_and_a_limit_reads_little() {
    let (ctx, bucket) = in_bucket().await;
    for sql in [
        "SELECT count(*) FROM c WHERE id % 2 = 0",
        "SELECT min(id), max(id), count(*) FROM c",
        "SELECT id, segment_offset FROM c WHERE segment_offset > 7",
        "SELECT id, vector FROM c WHERE id = 5",
    ] {
        query(&ctx, sql).await;
        let read = bucket.vectors_asked();
        assert!(read <= 6 * 8, "{sql}: {read}");
    }
    let rows = query(&ctx, "SELECT id, vector FROM c WHERE id > 1100 LIMIT 3").await;
    assert_eq!(sorted(&rows).len(), 3);
    let read = bucket.vectors_asked();
    assert!(read <= 2 * 3 * 2048 + 6 * 8, "{read}");
    query(&ctx, "SELECT id, vector FROM c WHERE partition_tag = 'b' LIMIT 3").await;
    assert_eq!(bucket.vectors_asked(), 3 * 2048 + 2 * 8);
}

#[tokio::test]
async fn the_range_of_ids_is_exact_and_is_of_live_rows() {
    let install = some();
    let ctx = install.session().await;
    let sql = "SELECT min(id), max(id), count(*) FROM c";
    assert!(!plan(&ctx, sql).await.contains("DataSourceExec"), "{}", plan(&ctx, sql).await);
    let lowest = "SELECT min(id) FROM c UNION ALL SELECT max(id) FROM c UNION ALL SELECT count(*) FROM c";
    assert_eq!(numbers(&ctx, lowest).await, [88, 1003, 3029]);
    let of_a = "SELECT min(id) FROM c WHERE partition_tag = 'a' UNION ALL SELECT max(id) FROM c WHERE segment_id = '2'";
    assert_eq!(numbers(&ctx, of_a).await, [2000, 2024]);
    let with_filter = "SELECT max(id) FROM c WHERE id < 2000";
    assert_eq!(numbers(&ctx, with_filter).await, [1038]);
    // A segment without a live row has no range, and a table of none has no smallest id.
    let none = query(&ctx, "SELECT min(id) FROM c WHERE partition_tag = 'b'").await;
    assert_eq!(none[0].column(0).null_count(), 1);
}

#[tokio::test]
async fn stored_rows_say_whether_they_are_deleted() {
    let install = some();
    let ctx = install.session().await;
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM stored.c").await, [97]);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM stored.c WHERE deleted").await, [9]);
    let gone = "SELECT id FROM stored.c WHERE deleted AND partition_tag IN ('_default', 'a')";
    assert_eq!(numbers(&ctx, gone).await, [1000, 1001, 1002, 1007, 1039, 2001, 2003]);
    let kept = "SELECT id FROM stored.C WHERE NOT deleted AND vector[1] = id";
    assert_eq!(numbers(&ctx, kept).await, numbers(&ctx, "SELECT id FROM c").await);
    assert_eq!(numbers(&ctx, "SELECT id FROM stored.c WHERE id = 2003 AND deleted").await, [2003]);
    assert_eq!(numbers(&ctx, "SELECT max(id) FROM stored.c WHERE partition_tag = 'b'").await, [4001]);
}

/// Random conditions, made of what a scan evaluates and of what the engine does.
struct Conditions(u64);

impl Conditions {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn number(&mut self) -> String {
        match self.below(5) {
            0 => "id".into(),
            1 => "segment_offset".into(),
            2 => format!("id % {}", 2 + self.below(1000)),
            3 => format!("(segment_offset * {} - id)", self.below(4)),
            _ => (1000 + self.below(150_000)).to_string(),
        }
    }

    fn condition(&mut self, depth: u64) -> String {
        if depth > 0 && self.below(2) == 0 {
            let (left, right) = (self.condition(depth - 1), self.condition(depth - 1));
            return match self.below(4) {
                0 => format!("({left} OR {right})"),
                1 => format!("NOT ({left})"),
                2 => format!("(CASE WHEN {left} THEN {right} ELSE NULL END)"),
                _ => format!("({left} AND {right})"),
            };
        }
        let (left, right) = (self.number(), self.number());
        let condition = match self.below(9) {
            0 => format!("{left} = {right}"),
            1 => format!("{left} <> {right}"),
            2 => format!("{left} IN ({right}, 2000, NULL, 140000)"),
            3 => format!("{left} NOT IN ({right}, 1003)"),
            4 => format!("{left} BETWEEN {right} AND {}", self.number()),
            5 => format!(
                "partition_tag = '{}'",
                ["a", "_default", "b"][usize::try_from(self.below(3)).unwrap()]
            ),
            6 => format!("abs({left}) >= {right}"),
            7 => format!("{left} IS DISTINCT FROM nullif({right}, 1234)"),
            _ => format!("{left} < {right}"),
        };
        format!("({condition})")
    }
}

/// Ids of rows, each of which must have its own vector.
async fn checked_ids(ctx: &SessionContext, sql: &str) -> Vec<i64> {
    let batches = query(ctx, sql).await;
    for batch in &batches {
        let offsets = batch.column(1).as_primitive::<Int64Type>();
        let vectors = batch.column(2).as_fixed_size_binary();
        for row in 0..batch.num_rows() {
            assert_eq!(i64::from(vectors.value(row)[0]), offsets.value(row) & 255, "{sql}");
        }
    }
    sorted(&batches)
}

/// 150,000 rows are two pieces of two blocks of ids each.
#[tokio::test]
async fn random_conditions_let_the_rows_of_a_plain_table_pass() {
    let deleted: Vec<i32> =
        (0..150_000).filter(|row| row % 7 == 3 || (60_000..70_000).contains(row)).collect();
    let install =
        TestInstall::binary(16).segment("_default", 1, 150_000, &deleted).segment("a", 200, 900, &[5]);
    let ctx = install.session().await;
    with_plain_copy(&ctx, "c").await;
    let mut conditions = Conditions(20_260_101);
    let mut passed = 0;
    for _ in 0..30 {
        let condition = conditions.condition(3);
        let of = |table: &str| format!("SELECT id, segment_offset, vector FROM {table} WHERE {condition}");
        let expected = checked_ids(&ctx, &of("plain")).await;
        assert_eq!(checked_ids(&ctx, &of("c")).await, expected, "{condition}");
        let limit = usize::try_from(conditions.below(2000)).unwrap();
        let limited = checked_ids(&ctx, &format!("{} LIMIT {limit}", of("c"))).await;
        assert_eq!(limited.len(), expected.len().min(limit), "{condition}");
        assert!(limited.iter().all(|id| expected.binary_search(id).is_ok()), "{condition}");
        passed += usize::from(!expected.is_empty());
    }
    assert!(passed > 12, "{passed} conditions let rows pass");
}

/// The bytes that a query's scan has read.
async fn scanned(ctx: &SessionContext, sql: &str) -> usize {
    let plan = ctx.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    collect(Arc::clone(&plan), ctx.task_ctx()).await.unwrap();
    let mut leaf = plan;
    while let Some(child) = leaf.children().first().map(|child| Arc::clone(*child)) {
        leaf = child;
    }
    leaf.metrics().unwrap().sum_by_name("bytes_scanned").unwrap().as_usize()
}

#[tokio::test]
async fn a_limit_behind_a_filter_reads_one_block_of_ids() {
    let install = TestInstall::binary(16).segment("_default", 1, 120_000, &[]);
    let source = install.open().await;
    let ctx = session(SessionOptions { workers: 1, ..SessionOptions::default() }).unwrap();
    source.register(&ctx).unwrap();
    let block = 65_536 * 8;
    assert_eq!(scanned(&ctx, "SELECT id, vector FROM c WHERE id >= 1007 LIMIT 5").await, block + 5 * 2);
    assert_eq!(scanned(&ctx, "SELECT vector FROM c WHERE id = 100777").await, 120_000 * 8 + 2);
    assert_eq!(scanned(&ctx, "SELECT vector FROM c WHERE segment_offset = 100777").await, 2);
}

/// Rows of 1 KiB that all pass are read as without a filter, in whole blocks.
#[tokio::test]
async fn a_filter_that_lets_all_pass_reads_as_much_at_once_as_none() {
    let install = TestInstall::float(256).segment("_default", 1, 20_000, &[4]);
    let (source, bucket) = install.open_in_bucket().await;
    let ctx = session_over(&source);
    let mut asked = Vec::new();
    for sql in ["SELECT id, vector FROM c", "SELECT id, vector FROM c WHERE id > 0"] {
        assert_eq!(query(&ctx, sql).await.iter().map(RecordBatch::num_rows).sum::<usize>(), 19_999);
        asked.push(bucket.asked());
    }
    // Headers of the table are read by the first alone.
    assert!(asked[1].0 <= asked[0].0 && asked[1].1 <= asked[0].1, "{asked:?}");
}
