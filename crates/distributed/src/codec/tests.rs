// SPDX-License-Identifier: Apache-2.0

use std::fs;
use std::path::Path as FsPath;

use datafusion::physical_plan::displayable;
use datafusion::prelude::SessionContext;
use datafusion_proto::physical_plan::{AsExecutionPlan, DefaultPhysicalProtoConverter};
use datafusion_proto::protobuf::PhysicalPlanNode;
use m2m_catalog::Install;
use m2m_datasource::{ExcludedRows, Piece, SessionOptions, Source, session};
use m2m_sink::{Checksum, FieldKind, FileSet, ImportField, ImportFormat, SetNaming, WrittenFile};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

const META: &str = r#"{"version": 2, "rows": 15, "collections": [{
    "collection": "c", "metric": 1, "dim": 2, "rows": 15, "engine": 1, "index_params": "{}",
    "segments": [
        {"collection": "c", "segment": "7", "dim": 2, "rows": 10, "fileSize": 160},
        {"collection": "c", "segment": "8", "dim": 2, "rows": 5, "fileSize": 80}],
    "partitions": []}]}"#;

/// Writes a collection `c` of dimension 2: ids 0 to 9, of which rows 2 and 4 are deleted, and
/// 10 to 14.
fn write(root: &FsPath) {
    let file = |path: &FsPath, payload: &[u8]| {
        let length = u64::try_from(payload.len()).unwrap().to_le_bytes();
        fs::write(path, [&length, payload].concat()).unwrap();
    };
    for (segment, ids, deleted) in [("7", 0..10_i64, vec![2_i32, 4]), ("8", 10..15, vec![])] {
        let folder = root.join("tables/c").join(segment);
        fs::create_dir_all(&folder).unwrap();
        let vectors: Vec<u8> = ids.clone().flat_map(|_| [0.5_f32, 1.5]).flat_map(f32::to_le_bytes).collect();
        let ids: Vec<u8> = ids.flat_map(i64::to_le_bytes).collect();
        let deleted: Vec<u8> = deleted.into_iter().flat_map(i32::to_le_bytes).collect();
        file(&folder.join(format!("{segment}.uid")), &ids);
        file(&folder.join(format!("{segment}.rv")), &vectors);
        file(&folder.join("deleted_docs"), &deleted);
    }
    fs::write(root.join("meta.json"), META).unwrap();
}

/// A session over the collection `c`, without two more of its rows.
async fn open(root: &FsPath) -> (SessionContext, Source) {
    write(root);
    let source = Source::open(&Install::locate(root).unwrap()).await.unwrap();
    let mut left_out = ExcludedRows::default();
    left_out.insert("7", 3);
    left_out.insert("8", 0);
    let table = source.collection("c").unwrap().excluding(&left_out).await.unwrap();
    let source = source.with_tables(vec![Arc::new(table)]);
    let ctx = session(SessionOptions { workers: 2, ..SessionOptions::default() }).unwrap();
    source.register(&ctx).unwrap();
    (ctx, source)
}

fn set(name: &str, rows: u64, segment_offset: i64) -> FileSet {
    let name = format!("c/_default/{name}");
    FileSet { name, rows, segment_id: "7".into(), segment_offset, segments: vec!["7".into(), "8".into()] }
}

fn npy_write(source: &Source) -> Arc<dyn ExecutionPlan> {
    let pieces = vec![vec![Piece { segment: 0, rows: 0..10 }, Piece { segment: 1, rows: 0..5 }]];
    let columns = ["id", "vector", "segment_id", "segment_offset"];
    let scan = source.collection("c").unwrap().scan_pieces(pieces, &columns).unwrap();
    let options = NpyWriteOptions {
        base_url: Url::parse("file:///").unwrap(),
        prefix: "out".into(),
        collection: "c".into(),
        fields: vec!["id".into(), "vector".into()],
        field_names: vec!["key".into(), "embedding".into()],
        sets: vec![set("7", 5, 0), set("7-9", 6, 9)],
        check_finite: true,
        checksum: Checksum::Sha256,
        part_bytes: 8 << 20,
    };
    Arc::new(NpyWriteExec::try_new(scan, options).unwrap())
}

async fn stream_write(ctx: &SessionContext, format: ImportFormat) -> Arc<dyn ExecutionPlan> {
    let sql = "SELECT id, vector, segment_id, segment_offset FROM c WHERE id % 3 = 1";
    let input = ctx.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    let field = |column: &str, kind| ImportField {
        column: column.into(),
        field: format!("{column}_2"),
        kind,
        nullable: false,
    };
    let file = WrittenFile {
        set: "c/_default/7-1".into(),
        path: "c/_default/7-1.parquet".into(),
        field: String::new(),
        rows: 1000,
        bytes: 77,
        crc32c: 5,
        sha256: None,
        dtype: "parquet".into(),
        width: None,
        segments: vec!["7".into()],
    };
    let options = StreamWriteOptions {
        base_url: Url::parse("s3://bucket").unwrap(),
        prefix: "a b/c".into(),
        collection: "c".into(),
        folder: "c/_default".into(),
        format,
        fields: vec![field("id", FieldKind::Int64), field("vector", FieldKind::FloatVector(2))],
        id_column: "id".into(),
        set_rows: 1000,
        naming: SetNaming::Origin,
        check_finite: true,
        checksum: Checksum::Crc32c,
        part_bytes: 8 << 20,
        finished: if format == ImportFormat::Parquet { vec![file] } else { Vec::new() },
    };
    Arc::new(StreamWriteExec::try_new(input, options).unwrap())
}

/// A plan with each node of ours, and each part that a scan can have.
async fn plans(ctx: &SessionContext, source: &Source) -> Vec<Arc<dyn ExecutionPlan>> {
    let mut plans = Vec::new();
    for sql in [
        "SELECT * FROM c",
        "SELECT segment_offset, id FROM c",
        "SELECT vector FROM c LIMIT 3",
        "SELECT id FROM c WHERE id % 3 = 1 AND segment_id <> '8'",
        "SELECT id + 1 AS n, partition_tag FROM c WHERE segment_offset IN (1, 2, 7) LIMIT 2",
        "SELECT id, segment_id FROM stored.c WHERE deleted",
        "SELECT count(DISTINCT id % 4) FROM c",
    ] {
        plans.push(ctx.sql(sql).await.unwrap().create_physical_plan().await.unwrap());
    }
    plans.push(npy_write(source));
    for format in [ImportFormat::Npy, ImportFormat::Parquet] {
        plans.push(stream_write(ctx, format).await);
    }
    plans
}

fn shown(plan: &dyn ExecutionPlan) -> String {
    displayable(plan).indent(true).to_string()
}

/// The nodes of ours in a plan, from its leaves on.
fn ours(plan: &Arc<dyn ExecutionPlan>) -> Vec<Arc<dyn ExecutionPlan>> {
    let mut nodes: Vec<_> = plan.children().into_iter().flat_map(ours).collect();
    let is_write = plan.is::<NpyWriteExec>() || plan.is::<StreamWriteExec>();
    if is_write || segment_scan(plan.as_ref()).is_some() {
        nodes.push(Arc::clone(plan));
    }
    nodes
}

#[tokio::test]
async fn a_plan_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (ctx, source) = open(folder.path()).await;
    let codec = PlanCodec::default();
    let context = ctx.task_ctx();
    let mut count = 0;
    for plan in plans(&ctx, &source).await {
        let node = PhysicalPlanNode::try_from_physical_plan(Arc::clone(&plan), &codec).unwrap();
        let mut bytes = Vec::new();
        node.try_encode(&mut bytes).unwrap();
        let node = PhysicalPlanNode::try_decode(&bytes).unwrap();
        let back = node.try_into_physical_plan(&context, &codec).unwrap();
        assert_eq!(shown(back.as_ref()), shown(plan.as_ref()));
        assert_eq!(back.schema(), plan.schema(), "{}", shown(plan.as_ref()));
        for (before, after) in ours(&plan).iter().zip(ours(&back)) {
            let values = |plan| segment_scan(plan).map(|(scan, source)| source.values(scan));
            assert_eq!(values(after.as_ref()), values(before.as_ref()));
            let options = |plan: &dyn ExecutionPlan| {
                let npy = plan.downcast_ref::<NpyWriteExec>().map(|write| write.options().clone());
                (npy, plan.downcast_ref::<StreamWriteExec>().map(|write| write.options().clone()))
            };
            assert_eq!(options(after.as_ref()), options(before.as_ref()));
            count += 1;
        }
    }
    assert!(count >= 12, "only {count} nodes of ours");
}

#[tokio::test]
async fn bytes_that_are_no_node_are_errors_and_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let (ctx, source) = open(folder.path()).await;
    let (codec, converter, context) =
        (PlanCodec::default(), DefaultPhysicalProtoConverter {}, ctx.task_ctx());
    let plans = plans(&ctx, &source).await;
    let nodes: Vec<_> = plans.iter().flat_map(ours).collect();
    let encoded: Vec<_> = nodes
        .iter()
        .map(|node| {
            let mut bytes = Vec::new();
            codec.try_encode(Arc::clone(node), &mut bytes, &converter).unwrap();
            let inputs: Vec<_> = node.children().into_iter().cloned().collect();
            (bytes, inputs)
        })
        .collect();
    for (bytes, inputs) in &encoded {
        for end in 0..bytes.len() {
            drop(codec.try_decode(&bytes[..end], inputs, &context, &converter));
        }
    }
    let change = (0..encoded.len(), any::<prop::sample::Index>(), any::<u8>());
    let mut runner = TestRunner::new(Config { cases: 2000, failure_persistence: None, ..Config::default() });
    let changed = runner.run(&change, |(node, at, byte)| {
        let (mut bytes, inputs) = encoded[node].clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        drop(codec.try_decode(&bytes, &inputs, &context, &converter));
        Ok(())
    });
    changed.unwrap();
}
