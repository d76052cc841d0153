// SPDX-License-Identifier: Apache-2.0
//! Every fixture, read by SQL, is what its generator says.

use std::collections::HashMap;
use std::path::Path;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float32Type, Int64Type};
use datafusion::prelude::SessionContext;
use m2m_catalog::Install;
use m2m_datasource::{SessionOptions, Source, session};
use sha2::{Digest, Sha256};

use crate::support::fixtures::{self, CollectionTruth, INSTALLS, PartitionTruth};
use crate::support::hex::hex;

/// The rows of one segment: ids, and vectors as stored bytes.
type Rows = Vec<(i64, Vec<u8>)>;

async fn open(name: &str) -> SessionContext {
    register(&fixtures::install(name)).await
}

/// A session over the installation in a folder.
pub(crate) async fn register(folder: &Path) -> SessionContext {
    let source = Source::open(&Install::locate(folder).unwrap()).await.unwrap();
    let ctx = session(SessionOptions { workers: 2, ..SessionOptions::default() }).unwrap();
    source.register(&ctx).unwrap();
    ctx
}

async fn rows_by_segment(ctx: &SessionContext, collection: &str, tag: &str) -> HashMap<String, Rows> {
    let tag = tag.replace('\'', "''");
    let sql = format!(
        "SELECT CAST(segment_id AS VARCHAR) AS segment_id, id, vector FROM {collection} \
         WHERE partition_tag = '{tag}' ORDER BY segment_id, segment_offset"
    );
    let mut segments: HashMap<String, Rows> = HashMap::new();
    for batch in ctx.sql(&sql).await.unwrap().collect().await.unwrap() {
        let names = cast(batch.column(0), &DataType::Utf8).unwrap();
        let ids = batch.column(1).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let name = names.as_string::<i32>().value(row).to_owned();
            segments.entry(name).or_default().push((ids.value(row), vector(&batch, row)));
        }
    }
    segments
}

fn vector(batch: &RecordBatch, row: usize) -> Vec<u8> {
    let column = batch.column(2);
    match column.data_type() {
        DataType::FixedSizeList(..) => {
            let values = column.as_fixed_size_list().value(row);
            values
                .as_primitive::<Float32Type>()
                .values()
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        }
        _ => column.as_fixed_size_binary().value(row).to_vec(),
    }
}

fn sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
    }
    hex(&digest.finalize())
}

fn compare(what: &str, truth: &PartitionTruth, mut segments: HashMap<String, Rows>) {
    let mut rows = Rows::new();
    for segment in &truth.segments {
        let of_segment = segments.remove(&segment.segment_id).unwrap_or_default();
        assert_eq!(of_segment.len() as u64, segment.live, "{what}, segment {}", segment.segment_id);
        rows.extend(of_segment);
    }
    assert!(segments.is_empty(), "{what} has segments that the truth does not name: {:?}", segments.keys());
    assert_eq!(rows.len() as u64, truth.live_rows, "{what}");
    let mut both: Vec<Vec<u8>> =
        rows.iter().map(|(id, vector)| [&id.to_le_bytes(), vector.as_slice()].concat()).collect();
    let ids: Vec<[u8; 8]> = rows.iter().map(|(id, _)| id.to_le_bytes()).collect();
    assert_eq!(sha256(ids.iter().map(<[u8; 8]>::as_slice)), truth.ids_sha256, "{what}: ids");
    assert_eq!(
        sha256(rows.iter().map(|(_, vector)| vector.as_slice())),
        truth.vectors_sha256,
        "{what}: vectors"
    );
    assert_eq!(sha256(both.iter().map(Vec::as_slice)), truth.rows_sha256, "{what}: rows");
    both.sort_unstable();
    assert_eq!(sha256(both.iter().map(Vec::as_slice)), truth.sorted_rows_sha256, "{what}: sorted rows");
}

async fn single(ctx: &SessionContext, sql: &str) -> i64 {
    let batches = ctx.sql(sql).await.unwrap().collect().await.unwrap();
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// Compares the rows of a collection with their truth.
pub(crate) async fn check_collection(ctx: &SessionContext, install: &str, truth: &CollectionTruth) {
    let name = &truth.collection;
    let count = single(ctx, &format!("SELECT count(*) FROM {name}")).await;
    assert_eq!(count as u64, truth.live_rows, "{install}: {name}");
    for partition in &truth.partitions {
        let segments = rows_by_segment(ctx, name, &partition.tag).await;
        compare(&format!("{install}: {name}, partition `{}`", partition.tag), partition, segments);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_collection_and_partition_of_the_fixtures_is_read_as_its_truth_says() {
    for install in INSTALLS {
        let ctx = open(install).await;
        let truth = fixtures::truth(install);
        for collection in &truth.collections {
            check_collection(&ctx, install, collection).await;
        }
        let tables = single(&ctx, "SELECT count(*) FROM meta.collections").await;
        assert_eq!(tables as usize, truth.collections.len(), "{install}: no dropped collection is shown");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_tables_agree_with_the_truth() {
    for install in INSTALLS {
        let ctx = open(install).await;
        for collection in &fixtures::truth(install).collections {
            let name = &collection.collection;
            let sql = format!(
                "SELECT count(*) FROM meta.collections WHERE collection = '{name}' AND metric = '{}' AND dimension = {}",
                collection.metric, collection.dimension
            );
            assert_eq!(single(&ctx, &sql).await, 1, "{install}: {name}");
            for segment in collection.partitions.iter().flat_map(|partition| &partition.segments) {
                let sql = format!(
                    "SELECT count(*) FROM meta.segments WHERE collection = '{name}' AND segment_id = '{}' \
                     AND rows = {} AND deleted = {} AND live = {}",
                    segment.segment_id, segment.rows, segment.deleted, segment.live
                );
                assert_eq!(single(&ctx, &sql).await, 1, "{install}: {name}, segment {}", segment.segment_id);
            }
        }
    }
}
