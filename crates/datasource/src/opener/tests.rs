// SPDX-License-Identifier: Apache-2.0

use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;

use super::*;
use crate::piece::Piece;
use crate::testing::{TestInstall, numbers, query, sorted};

fn deleted(offsets: &[i32]) -> DeletedDocs {
    let payload: Vec<u8> = offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
    DeletedDocs::decode(&[&(payload.len() as u64).to_le_bytes(), payload.as_slice()].concat(), 100).unwrap()
}

#[test]
fn a_limit_cuts_a_block_behind_the_last_wanted_row() {
    let deleted = deleted(&[0, 3, 4, 9]);
    assert_eq!(first_live(&deleted, 0..10, 1), 0..2);
    assert_eq!(first_live(&deleted, 0..10, 2), 0..3);
    assert_eq!(first_live(&deleted, 0..10, 3), 0..6);
    assert_eq!(first_live(&deleted, 0..10, 6), 0..9);
    assert_eq!(first_live(&deleted, 5..8, 2), 5..7);
}

#[test]
fn bytes_at_an_odd_address_are_copied_to_an_even_one() {
    let bytes = Bytes::from((0..24).collect::<Vec<u8>>());
    for start in 0..8 {
        let slice = bytes.slice(start..start + 16);
        let buffer = aligned::<i64>(&slice);
        assert!(buffer.as_ptr().addr().is_multiple_of(8));
        assert_eq!(buffer.as_slice(), slice.as_ref());
    }
}

/// 16 rows of 128 KiB fill a block, so 75 rows are five.
fn wide(deleted: &[i32]) -> TestInstall {
    TestInstall::float(32_768).segment("_default", 1, 75, deleted)
}

async fn check_wide(ctx: &SessionContext, expected: &[i64]) {
    let batches = query(ctx, "SELECT id, vector FROM c").await;
    assert_eq!(sorted(&batches), expected);
    for batch in &batches {
        assert!(batch.num_rows() > 0 && batch.num_rows() * 32_768 * 4 <= 2 << 20);
    }
    assert_eq!(numbers(ctx, "SELECT id FROM c WHERE vector[1] = id AND vector[32768] = 0.5").await, expected);
}

#[tokio::test]
async fn wide_vectors_come_in_blocks_that_fit() {
    let all: Vec<i64> = (1000..1075).collect();
    check_wide(&wide(&[]).session().await, &all).await;
}

#[tokio::test]
async fn rows_deleted_at_the_edges_of_blocks_are_left_out() {
    // The last of a block, all of the next two, the first of another, the last row.
    let gone: Vec<i32> = [31].into_iter().chain(32..64).chain([64, 74]).collect();
    let left: Vec<i64> = (0..75).filter(|row| !gone.contains(row)).map(|row| 1000 + i64::from(row)).collect();
    check_wide(&wide(&gone).session().await, &left).await;
}

#[tokio::test]
async fn a_limit_reads_no_further_than_it_must() {
    let install = wide(&[0]);
    let ctx = install.session().await;
    let plan = ctx.sql("SELECT id, vector FROM c LIMIT 2").await.unwrap();
    let plan = plan.create_physical_plan().await.unwrap();
    let rows = collect(Arc::clone(&plan), ctx.task_ctx()).await.unwrap();
    assert_eq!(sorted(&rows), [1001, 1002]);
    let scanned = datafusion::physical_plan::metrics::MetricsSet::sum_by_name;
    let mut leaf = plan;
    while let Some(child) = leaf.children().first().map(|child| Arc::clone(*child)) {
        leaf = child;
    }
    let bytes = scanned(&leaf.metrics().unwrap(), "bytes_scanned").unwrap().as_usize();
    assert_eq!(bytes, 3 * (8 + 32_768 * 4));
}

#[tokio::test]
async fn a_file_that_shrank_is_an_error_and_no_shorter_answer() {
    for name in ["1.uid", "1.rv"] {
        let install = TestInstall::float(2).segment("_default", 1, 10, &[]);
        let table = install.open().await.collection("c").unwrap();
        table.segments().await.unwrap();
        let groups = vec![vec![Piece { segment: 0, rows: 0..10 }]];
        let scan = table.scan_pieces(groups, &["id", "vector"]).unwrap();
        let path = install.file(1, name);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let ctx = install.session().await;
        let error = crate::testing::chain(&collect(scan, ctx.task_ctx()).await.unwrap_err());
        assert!(error.contains(&format!("/1/{name}")), "{error}");
    }
}

#[tokio::test]
async fn batches_are_the_same_whatever_the_blocks_are() {
    let gone: Vec<i32> = [31].into_iter().chain(32..64).chain([64, 74]).collect();
    let install = wide(&gone);
    let left: Vec<i64> = (0..75).filter(|row| !gone.contains(row)).map(|row| 1000 + i64::from(row)).collect();
    for block_bytes in [0, 1 << 20, 8 << 20, u64::MAX] {
        let install = install.install();
        let root = m2m_storage::Storage::local(&install.tables[0]).unwrap();
        let options = crate::ReadOptions { block_bytes: Some(block_bytes) };
        let source = crate::Source::with_options(&install.metadata, vec![root], options).await.unwrap();
        let ctx = crate::testing::session_over(&source);
        check_wide(&ctx, &left).await;
        let whole = "SELECT id FROM c WHERE vector[1] = id AND id = 1000 + segment_offset";
        assert_eq!(numbers(&ctx, whole).await, left);
        assert_eq!(numbers(&ctx, "SELECT segment_offset FROM c").await.len(), left.len());
    }
}
