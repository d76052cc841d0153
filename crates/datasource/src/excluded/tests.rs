// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeSet;

use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;

use super::*;
use crate::piece::{Piece, share_out};
use crate::source::Source;
use crate::table::CollectionTable;
use crate::testing::{Numbers, TestInstall, chain, numbers, plan, query, session_over, sorted};

/// Partition, segment and rows of each segment.
const SEGMENTS: [(&str, u32, u64); 5] =
    [("_default", 1, 40), ("_default", 2, 7), ("a", 3, 64), ("a", 4, 0), ("b", 5, 3)];

fn install(deleted: &[Vec<u32>]) -> TestInstall {
    SEGMENTS.iter().zip(deleted).fold(TestInstall::float(4), |install, ((tag, segment, rows), deleted)| {
        let deleted: Vec<i32> = deleted.iter().map(|&offset| i32::try_from(offset).unwrap()).collect();
        install.segment(tag, *segment, *rows, &deleted)
    })
}

/// About one in so many rows of each segment.
fn some(random: &mut Numbers, one_in: u64) -> Vec<Vec<u32>> {
    let of_segment =
        |rows: u64| (0..u32::try_from(rows).unwrap()).filter(|_| random.below(one_in) == 0).collect();
    SEGMENTS.iter().map(|(.., rows)| *rows).map(of_segment).collect()
}

fn rows(offsets: &[Vec<u32>]) -> ExcludedRows {
    let mut rows = ExcludedRows::default();
    for ((_, segment, _), offsets) in SEGMENTS.iter().zip(offsets) {
        // In any order, and some twice.
        for &offset in offsets.iter().rev().chain(offsets.first()) {
            rows.insert(&segment.to_string(), offset);
        }
    }
    rows
}

async fn excluding(source: &Source, rows: &ExcludedRows) -> (Arc<CollectionTable>, Source) {
    let table = Arc::new(source.collection("c").unwrap().excluding(rows).await.unwrap());
    let source = source.with_tables(vec![Arc::clone(&table)]);
    (table, source)
}

const QUERIES: [&str; 12] = [
    "SELECT id FROM c",
    "SELECT id FROM c WHERE vector[1] = id",
    "SELECT 1000 * CAST(segment_id AS BIGINT) + segment_offset FROM c",
    "SELECT count(*) FROM c",
    "SELECT min(id) FROM c UNION ALL SELECT max(id) FROM c",
    "SELECT max(id) FROM c WHERE partition_tag = 'a'",
    "SELECT id FROM c WHERE id % 3 = 1",
    "SELECT id FROM c WHERE id BETWEEN 1010 AND 3020 AND vector[1] = id",
    "SELECT segment_offset FROM c WHERE segment_id = '3'",
    "SELECT count(*) FROM (SELECT id FROM c LIMIT 50)",
    "SELECT count(*) FROM (SELECT vector FROM c WHERE id > 1003 LIMIT 50)",
    "SELECT id FROM c ORDER BY id DESC LIMIT 9",
];

async fn answers(ctx: &SessionContext) -> Vec<Vec<Option<i64>>> {
    let mut answers = Vec::new();
    for sql in QUERIES {
        use datafusion::arrow::array::AsArray;
        use datafusion::arrow::datatypes::Int64Type;
        let batches = query(ctx, sql).await;
        let mut all: Vec<_> = batches
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().iter().collect::<Vec<_>>())
            .collect();
        all.sort_unstable();
        answers.push(all);
    }
    answers
}

#[tokio::test]
async fn rows_that_are_left_out_are_as_good_as_deleted() {
    let mut random = Numbers(7);
    for one_in in [1, 2, 2, 5, 5, 40, 1000] {
        let (deleted, excluded) = (some(&mut random, 6), some(&mut random, one_in));
        let both: Vec<Vec<u32>> = deleted
            .iter()
            .zip(&excluded)
            .map(|(one, other)| {
                one.iter().chain(other).copied().collect::<BTreeSet<_>>().into_iter().collect()
            })
            .collect();
        let (expected_install, install) = (install(&both), install(&deleted));
        let expected = expected_install.open().await;
        let (table, source) = excluding(&install.open().await, &rows(&excluded)).await;

        let segments = table.segments().await.unwrap();
        let expected_table = expected.collection("c").unwrap();
        let expected_segments = expected_table.segments().await.unwrap();
        for (one, other) in segments.iter().zip(expected_segments.iter()) {
            assert_eq!(one.deleted.offsets(), other.deleted.offsets());
            assert_eq!((one.live(), one.rows), (other.live(), other.rows));
        }
        let (ctx, expected_ctx) = (session_over(&source), session_over(&expected));
        assert_eq!(answers(&ctx).await, answers(&expected_ctx).await, "{excluded:?}");
        // What is known of a segment's ids after the first answers leaves segments out.
        assert_eq!(answers(&ctx).await, answers(&expected_ctx).await, "{excluded:?}");
        for sql in QUERIES {
            let is_constant = |plan: &str| !plan.contains("DataSourceExec");
            let (one, other) = (plan(&ctx, sql).await, plan(&expected_ctx, sql).await);
            assert_eq!(is_constant(&one), is_constant(&other), "{one}");
        }
        assert_eq!(numbers(&ctx, "SELECT count(*) FROM stored.c").await, [114]);

        let all: Vec<_> = segments.iter().enumerate().collect();
        let scan = table.scan_pieces(share_out(&all, 3), &["id", "vector"]).unwrap();
        let ids = numbers(&expected_ctx, "SELECT id FROM c").await;
        assert_eq!(sorted(&collect(scan, ctx.task_ctx()).await.unwrap()), ids);
    }
}

#[tokio::test]
async fn pieces_of_a_segment_leave_out_their_rows_and_promise_the_others() {
    let install = TestInstall::float(2).segment("_default", 1, 10, &[3, 0]);
    let mut out = ExcludedRows::default();
    [4, 0, 9].into_iter().for_each(|offset| out.insert("1", offset));
    let (table, source) = excluding(&install.open().await, &out).await;
    let ctx = session_over(&source);
    for cut in 0..=10 {
        let pieces = [0..cut, cut..10].map(|rows| Piece { segment: 0, rows });
        let scan = table.scan_pieces(vec![pieces.to_vec()], &["id"]).unwrap();
        let promised = datafusion::physical_plan::StatisticsContext::new()
            .compute(scan.as_ref(), &datafusion::physical_plan::StatisticsArgs::new())
            .unwrap();
        assert_eq!(promised.num_rows, datafusion::common::stats::Precision::Exact(6));
        let ids = sorted(&collect(scan, ctx.task_ctx()).await.unwrap());
        assert_eq!(ids, [1001, 1002, 1005, 1006, 1007, 1008], "cut at {cut}");
    }
    let text = plan(&ctx, "SELECT vector FROM c").await;
    assert!(text.contains("left_out=2, reads=[deleted_docs, vectors]"), "{text}");
}

#[tokio::test]
async fn rows_are_left_out_one_after_the_other() {
    let install = TestInstall::float(2).segment("_default", 1, 6, &[0]).segment("p", 2, 2, &[]);
    let source = install.open().await;
    let (mut first, mut second) = (ExcludedRows::default(), ExcludedRows::default());
    first.insert("1", 2);
    second.insert("1", 3);
    second.insert("2", 1);
    let (_, once) = excluding(&source, &first).await;
    let (table, twice) = excluding(&once, &second).await;
    assert_eq!(numbers(&session_over(&twice), "SELECT id FROM c").await, [1001, 1004, 1005, 2000]);
    assert_eq!(table.segments().await.unwrap()[0].deleted.offsets(), [0, 2, 3]);
    first.extend(&second);
    let (_, together) = excluding(&source, &first).await;
    assert_eq!(numbers(&session_over(&together), "SELECT id FROM c").await, [1001, 1004, 1005, 2000]);
    assert_eq!(numbers(&session_over(&source), "SELECT count(*) FROM c").await, [7]);
    let (table, none) = excluding(&source, &ExcludedRows::default()).await;
    assert_eq!(numbers(&session_over(&none), "SELECT count(*) FROM c").await, [7]);
    assert_eq!(table.collection().name, "c");
}

#[tokio::test]
async fn rows_that_do_not_exist_cannot_be_left_out() {
    let install = TestInstall::float(2).segment("_default", 1, 6, &[0]).segment("p", 2, 0, &[]);
    let table = install.open().await.collection("c").unwrap();
    for (segment, offset, message) in [
        (
            "1",
            6,
            "cannot leave rows of segment `1` out of collection `c`: expected offsets from 0 to below 6, found 6",
        ),
        ("1", u32::MAX, "found 4294967295"),
        ("2", 0, "below 0, found 0"),
        (
            "3",
            0,
            "cannot leave rows of segment `3` out of collection `c`, which has none or several of this id",
        ),
    ] {
        let mut rows = ExcludedRows::default();
        rows.insert("1", 0);
        rows.insert(segment, offset);
        let error = chain(&table.excluding(&rows).await.unwrap_err());
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn rows_are_a_set_in_whatever_order_they_come() {
    let mut random = Numbers(3);
    for (count, below) in [(0, 1), (10, 5), (5000, 4000), (40_000, 1 << 20), (3000, 1 << 32)] {
        let (mut rows, mut expected) = (ExcludedRows::default(), BTreeSet::new());
        for _ in 0..count {
            let offset = u32::try_from(random.below(below)).unwrap();
            rows.insert("1", offset);
            expected.insert(offset);
        }
        assert_eq!(rows.len(), expected.len() as u64);
        assert_eq!(rows.is_empty(), expected.is_empty());
        assert!(expected.iter().all(|offset| rows.contains("1", *offset) && !rows.contains("2", *offset)));
        let Some(offsets) = rows.segments.get("1") else { continue };
        assert!(offsets.sorted.is_sorted_by(|one, other| one < other));
        assert_eq!(offsets.all().into_iter().collect::<BTreeSet<_>>(), expected);
    }
}
