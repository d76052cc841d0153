// SPDX-License-Identifier: Apache-2.0

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::physical_plan::{ExecutionPlanProperties, StatisticsArgs, StatisticsContext, collect};

use super::*;
use crate::testing::{TestInstall, chain, failure, numbers, plan, query, sorted};

fn install() -> TestInstall {
    TestInstall::float(2)
        .segment("_default", 1, 10, &[3, 0, 3])
        .segment("_default", 2, 6, &[0, 1, 2, 3, 4, 5])
        .segment("p", 3, 0, &[])
        .segment("p", 4, 7, &[6])
}

const LIVE: [i64; 14] = [1001, 1002, 1004, 1005, 1006, 1007, 1008, 1009, 4000, 4001, 4002, 4003, 4004, 4005];

#[tokio::test]
async fn exactly_the_live_rows_are_shown_each_with_its_own_vector() {
    let install = install();
    let ctx = install.session().await;
    assert_eq!(numbers(&ctx, "SELECT id FROM c").await, LIVE);
    assert_eq!(numbers(&ctx, "SELECT id FROM c WHERE vector[1] = id AND vector[2] = 0.5").await, LIVE);
    let offsets = "SELECT id FROM c WHERE id = 1000 * CAST(segment_id AS BIGINT) + segment_offset";
    assert_eq!(numbers(&ctx, offsets).await, LIVE);
    assert_eq!(
        numbers(&ctx, "SELECT segment_offset FROM c WHERE partition_tag = 'p'").await,
        [0, 1, 2, 3, 4, 5]
    );
}

#[tokio::test]
async fn binary_vectors_are_those_of_their_rows() {
    let install = TestInstall::binary(16).segment("_default", 1, 9, &[0, 4, 5]);
    let ctx = install.session().await;
    let batches = query(&ctx, "SELECT vector, segment_offset FROM c").await;
    let vectors = batches.iter().flat_map(|batch| {
        let vectors = batch.column(0).as_fixed_size_binary().clone();
        (0..batch.num_rows()).map(move |row| vectors.value(row).to_vec())
    });
    let expected = [1, 2, 3, 6, 7, 8].map(|row| vec![row, 0]);
    assert_eq!(vectors.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_count_is_a_constant_of_the_plan_and_right_below_a_limit() {
    let install = install();
    let ctx = install.session().await;
    assert!(plan(&ctx, "SELECT count(*) FROM c").await.contains("[14 as count(*)]"));
    assert!(plan(&ctx, "SELECT count(id) FROM c").await.contains("[14 as count(c.id)]"));
    for limit in [0, 1, 5, 8, 13, 14, 99] {
        for source in ["c", "c WHERE partition_tag = 'p'", "c WHERE id > 0", "c WHERE segment_id = '2'"] {
            let all = numbers(&ctx, &format!("SELECT id FROM {source}")).await;
            let expected = all.len().min(limit);
            let some = numbers(&ctx, &format!("SELECT id FROM {source} LIMIT {limit}")).await;
            assert_eq!(some.len(), expected, "{source} LIMIT {limit}");
            assert!(some.iter().all(|id| all.contains(id)));
            let counted = format!("SELECT count(*) FROM (SELECT id FROM {source} LIMIT {limit})");
            assert_eq!(numbers(&ctx, &counted).await, [i64::try_from(expected).unwrap()], "{counted}");
            let left = format!("SELECT id FROM {source} OFFSET {limit}");
            assert_eq!(numbers(&ctx, &left).await.len(), all.len() - expected, "{left}");
        }
    }
}

/// The rows that a plan promises, of one partition or of all.
fn promised(plan: &Arc<dyn ExecutionPlan>, partition: Option<usize>) -> Precision<usize> {
    let args = StatisticsArgs::new().with_partition(partition);
    StatisticsContext::new().compute(plan.as_ref(), &args).unwrap().num_rows
}

#[tokio::test]
async fn pieces_cut_anywhere_give_every_live_row_once_and_in_order() {
    let install = install();
    let source = install.open().await;
    let ctx = install.session().await;
    let table = source.collection("c").unwrap();
    let segments = table.segments().await.unwrap();
    for cut in 0..=10 {
        let (first, last) = (Piece { segment: 0, rows: 0..cut }, Piece { segment: 0, rows: cut..10 });
        let groups = vec![vec![first, last], vec![Piece::whole(3, &segments[3])]];
        let scan = table.scan_pieces(groups, &["id", "vector", "segment_id"]).unwrap();
        assert_eq!(scan.output_partitioning().partition_count(), 2);
        assert_eq!(promised(&scan, None), Precision::Exact(14));
        // A filter may be handed to the scan later: one partition alone promises nothing.
        assert_eq!(promised(&scan, Some(0)), Precision::Absent);
        let first = scan.execute(0, ctx.task_ctx()).unwrap();
        let first: Vec<_> = first.try_collect().await.unwrap();
        let ids = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        assert_eq!(first.iter().flat_map(ids).collect::<Vec<_>>(), LIVE[..8], "cut at {cut}");
        assert_eq!(sorted(&collect(scan, ctx.task_ctx()).await.unwrap()), LIVE, "cut at {cut}");
    }
}

#[tokio::test]
async fn pieces_beyond_the_rows_and_unknown_columns_are_errors() {
    let install = install();
    let table = install.open().await.collection("c").unwrap();
    let piece = |segment, rows| vec![vec![Piece { segment, rows }]];
    assert!(table.scan_pieces(piece(0, 0..10), &["id"]).is_err(), "segments were not read");
    table.segments().await.unwrap();
    assert!(table.scan_pieces(piece(0, 0..10), &["id"]).is_ok());
    assert!(table.scan_pieces(piece(0, 0..11), &["id"]).is_err());
    assert!(table.scan_pieces(piece(4, 0..1), &["id"]).is_err());
    assert!(table.scan_pieces(piece(0, 0..10), &["ids"]).is_err());
}

#[tokio::test]
async fn without_the_column_of_vectors_no_file_of_vectors_is_needed() {
    let install = install();
    for segment in [1, 2, 4] {
        std::fs::remove_file(install.file(segment, &format!("{segment}.rv"))).unwrap();
    }
    let ctx = install.session().await;
    assert_eq!(numbers(&ctx, "SELECT id FROM c WHERE id % 2 = 0").await.len(), 7);
    assert_eq!(numbers(&ctx, "SELECT max(id) FROM c").await, [4005]);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM c").await, [14]);
    let error = failure(&ctx, "SELECT id, vector FROM c LIMIT 1").await;
    assert!(error.contains("1/1.rv` is missing, and with it the vectors of 10 rows"), "{error}");
}

#[tokio::test]
async fn vectors_of_all_segments_are_checked_in_their_order() {
    let install = install();
    for segment in [4, 1] {
        std::fs::write(install.file(segment, &format!("{segment}.rv")), [0; 8]).unwrap();
    }
    let table = install.open().await.collection("c").unwrap();
    let error = chain(&table.check_vectors().await.unwrap_err());
    assert!(error.contains("/tables/c/1/1.rv"), "{error}");
}

#[tokio::test]
async fn a_segment_that_grew_after_planning_is_an_error() {
    let install = install();
    let ctx = install.session().await;
    let plan = ctx.sql("SELECT id FROM c").await.unwrap().create_physical_plan().await.unwrap();
    crate::testing::write(&install.file(1, "1.uid"), &[0; 88]);
    let error = chain(&collect(plan, ctx.task_ctx()).await.unwrap_err());
    assert!(error.contains("1/1.uid` changed after the query was planned"), "{error}");
    assert!(error.contains("expected 88 bytes, found 96"), "{error}");
}

#[tokio::test]
async fn a_collection_without_segments_has_no_rows_and_all_columns() {
    let install = TestInstall::float(4);
    let ctx = install.session().await;
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM c").await, [0]);
    let none = ctx.sql("SELECT * FROM c").await.unwrap();
    assert_eq!(none.schema().fields().len(), 5);
    assert_eq!(none.count().await.unwrap(), 0);
}
