// SPDX-License-Identifier: Apache-2.0

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Float32Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringArray,
};
use arrow::datatypes::{DataType, Float32Type, Int32Type, UInt64Type};
use arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::physical_plan::execution_plan::execute_stream;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions, collect, displayable,
};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use npyz::NpyFile;
use tokio::time::{Duration, timeout};

use super::*;
use crate::testing::{Then, cause, input, rows};

/// A session that can write NumPy arrays, and a folder to write them to.
struct Session {
    ctx: SessionContext,
    folder: tempfile::TempDir,
}

impl Session {
    fn new() -> Self {
        let ctx = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(4));
        register_formats(&ctx).unwrap();
        Self { ctx, folder: tempfile::tempdir().unwrap() }
    }

    /// A session with a table `t` of a column `x`.
    fn with_column(array: ArrayRef) -> Self {
        let session = Self::new();
        let batch = RecordBatch::try_from_iter_with_nullable([("x", array, true)]).unwrap();
        session.ctx.register_batch("t", batch).unwrap();
        session
    }

    /// Runs a statement in which `{}` is the folder; returns the count.
    async fn run(&self, sql: &str) -> Result<u64, String> {
        let frame = self.ctx.sql(&self.sql(sql)).await.map_err(cause)?;
        let batches = frame.collect().await.map_err(cause)?;
        assert_eq!(batches[0].schema().field(0).name(), "count");
        Ok(batches[0].column(0).as_primitive::<UInt64Type>().value(0))
    }

    /// Runs a statement that fails, and checks that it left nothing.
    async fn refused(&self, sql: &str) -> String {
        let before = self.files();
        let message = self.run(sql).await.unwrap_err();
        assert_eq!(self.files(), before);
        message
    }

    fn sql(&self, sql: &str) -> String {
        sql.replace("{}", self.folder.path().to_str().unwrap())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Everything below the folder, sorted; folders end with a slash.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        list(self.folder.path(), "", &mut files);
        files.sort();
        files
    }

    fn shape(&self, path: &str) -> (String, Vec<u64>) {
        let bytes = std::fs::read(self.path(path)).unwrap();
        let file = NpyFile::new(bytes.as_slice()).unwrap();
        (file.dtype().descr().trim_matches('\'').to_owned(), file.shape().to_vec())
    }

    fn values<T: npyz::Deserialize>(&self, path: &str) -> Vec<T> {
        NpyFile::new(std::fs::read(self.path(path)).unwrap().as_slice()).unwrap().into_vec().unwrap()
    }
}

fn list(folder: &Path, prefix: &str, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            let name = format!("{name}/");
            list(&entry.path(), &name, files);
            files.push(name);
        } else {
            files.push(name);
        }
    }
}

#[tokio::test]
async fn columns_become_files_of_a_folder() {
    let session = Session::new();
    session.ctx.register_batch("t", rows("7", 0..5)).unwrap();
    let sql = "COPY (SELECT id, vector AS embedding FROM t) TO '{}/out/deep/' STORED AS NPY";
    assert_eq!(session.run(sql).await, Ok(5));
    let files = ["out/", "out/deep/", "out/deep/embedding.npy", "out/deep/id.npy"];
    assert_eq!(session.files(), files);
    assert_eq!(session.values::<i64>("out/deep/id.npy"), [1000, 1001, 1002, 1003, 1004]);
    assert_eq!(session.shape("out/deep/embedding.npy"), ("<f4".into(), vec![5, 3]));
    assert_eq!(session.values::<f32>("out/deep/embedding.npy")[12..], [4., 4.5, -4.]);
}

#[tokio::test]
async fn file_is_what_numpy_would_save() {
    let session = Session::with_column(Arc::new(Int64Array::from(vec![1, 2])));
    assert_eq!(session.run("COPY t TO '{}/x.npy'").await, Ok(2));
    let bytes = std::fs::read(session.path("x.npy")).unwrap();
    assert_eq!(bytes[..128], crate::npy::header(crate::npy::NpyType::Int64, 2, None).unwrap());
    assert_eq!(bytes[128..], [1i64.to_le_bytes(), 2i64.to_le_bytes()].concat());
}

#[tokio::test]
async fn path_says_whether_a_file_or_a_folder_is_meant() {
    let session = Session::with_column(Arc::new(Int32Array::from(vec![7])));
    std::fs::create_dir(session.path("is.folder")).unwrap();
    for (to, file) in [
        ("{}/a.npy", "a.npy"),
        ("{}/b", "b/x.npy"),
        ("{}/c/", "c/x.npy"),
        ("{}/d.npy/", "d.npy/x.npy"),
        ("{}/e.dat", "e.dat"),
        ("file://{}/f.npy", "f.npy"),
        ("file://{}/g%20h/", "g h/x.npy"),
        ("{}/is.folder", "is.folder/x.npy"),
        ("{}/i*[j]?/k.npy", "i*[j]?/k.npy"),
        ("{}/l%20m/", "l%20m/x.npy"),
    ] {
        session.run(&format!("COPY t TO '{to}' STORED AS NPY")).await.unwrap();
        assert_eq!(session.values::<i32>(file), [7], "{to}");
    }
}

#[tokio::test]
async fn several_columns_do_not_fit_into_a_file() {
    let session = Session::new();
    let message = session.refused("COPY (SELECT 1 AS a, 2 AS b) TO '{}/x.npy'").await;
    assert!(message.contains("2 columns") && message.contains("end the path with `/`"), "{message}");
    let message = session.refused("COPY (SELECT 1 AS a, 2 AS b) TO 's3://b/x.npy'").await;
    assert!(message.contains("`s3://b/x.npy`"), "{message}");
}

#[tokio::test]
async fn no_rows_are_an_empty_array() {
    let session = Session::new();
    session.ctx.register_batch("t", rows("7", 0..1)).unwrap();
    let sql = "COPY (SELECT id, vector, [1.5] AS list FROM t WHERE id < 0) TO '{}/out/' STORED AS NPY";
    assert_eq!(session.run(sql).await, Ok(0));
    assert_eq!(session.shape("out/id.npy"), ("<i8".into(), vec![0]));
    assert_eq!(session.shape("out/vector.npy"), ("<f4".into(), vec![0, 3]));
    assert_eq!(session.shape("out/list.npy"), ("<f8".into(), vec![0, 0]));
}

#[tokio::test]
async fn rows_keep_the_order_of_the_query() {
    let session = Session::new();
    // Many batches in each of several partitions.
    let partitions = (0..4_i64).map(|partition| {
        (0..30)
            .map(|batch| rows("7", partition * 3000 + batch * 100..partition * 3000 + batch * 100 + 100))
            .collect()
    });
    let partitions: Vec<Vec<_>> = partitions.collect();
    let table = MemTable::try_new(partitions[0][0].schema(), partitions).unwrap();
    session.ctx.register_table("t", Arc::new(table)).unwrap();
    for (order, expected) in [
        ("id DESC", (0..12_000_i64).rev().map(|n| n + 1000).collect::<Vec<_>>()),
        ("(id * 7919) % 12007", {
            let mut ids: Vec<_> = (1000..13_000_i64).collect();
            ids.sort_by_key(|id| (id * 7919) % 12_007);
            ids
        }),
    ] {
        let sql = format!("COPY (SELECT id, vector FROM t ORDER BY {order}) TO '{{}}/out/' STORED AS NPY");
        assert_eq!(session.run(&sql).await, Ok(12_000));
        assert_eq!(session.values::<i64>("out/id.npy"), expected);
        let vectors = session.values::<f32>("out/vector.npy");
        assert!(expected.iter().zip(vectors.chunks(3)).all(|(id, vector)| vector[0] == (id - 1000) as f32));
    }
    // Without an order the columns of a row still stand at the same place.
    session.run("COPY (SELECT id, vector FROM t WHERE id % 3 = 0) TO '{}/out/' STORED AS NPY").await.unwrap();
    let (ids, vectors) = (session.values::<i64>("out/id.npy"), session.values::<f32>("out/vector.npy"));
    assert_eq!(ids.len(), 4000);
    assert!(ids.iter().zip(vectors.chunks(3)).all(|(id, vector)| vector[0] == (id - 1000) as f32));
}

#[tokio::test]
async fn limit_and_offset_count_in_the_order_of_the_query() {
    let session = Session::new();
    session.ctx.register_batch("t", rows("7", 0..100)).unwrap();
    let sql = "COPY (SELECT id FROM t ORDER BY id DESC LIMIT 3 OFFSET 2) TO '{}/x.npy'";
    assert_eq!(session.run(sql).await, Ok(3));
    assert_eq!(session.values::<i64>("x.npy"), [1097, 1096, 1095]);
}

#[tokio::test]
async fn many_parts_are_put_together() {
    let session = Session::new();
    // 1 200 000 vectors of 12 bytes: three parts and a rest, in batches of no round length.
    let batches: Vec<_> = (0..1200).map(|at| rows("7", at * 1000..at * 1000 + 1000)).collect();
    let table = MemTable::try_new(batches[0].schema(), vec![batches]).unwrap();
    session.ctx.register_table("t", Arc::new(table)).unwrap();
    assert_eq!(
        session.run("COPY (SELECT vector, id FROM t ORDER BY id) TO '{}/out/' STORED AS NPY").await,
        Ok(1_200_000)
    );
    assert_eq!(session.shape("out/vector.npy"), ("<f4".into(), vec![1_200_000, 3]));
    let vectors = session.values::<f32>("out/vector.npy");
    assert!(
        vectors
            .chunks(3)
            .enumerate()
            .all(|(row, vector)| vector == [row as f32, row as f32 + 0.5, -(row as f32)])
    );
    assert!(session.values::<i64>("out/id.npy").into_iter().eq(1000..1_201_000));
    assert_eq!(session.files(), ["out/", "out/id.npy", "out/vector.npy"]);
}

#[tokio::test]
async fn existing_files_are_replaced_and_others_stay() {
    let session = Session::with_column(Arc::new(Int32Array::from(vec![1, 2])));
    std::fs::create_dir(session.path("out")).unwrap();
    for name in ["x.npy", "y.npy", "notes.txt", "x.npy#1"] {
        std::fs::write(session.path("out").join(name), name.repeat(1000)).unwrap();
    }
    session.run("COPY t TO '{}/out/' STORED AS NPY").await.unwrap();
    assert_eq!(session.values::<i32>("out/x.npy"), [1, 2]);
    for name in ["y.npy", "notes.txt", "x.npy#1"] {
        assert_eq!(std::fs::read_to_string(session.path("out").join(name)).unwrap(), name.repeat(1000));
    }
}

#[tokio::test]
async fn not_a_number_and_infinity_are_written() {
    let session = Session::with_column(Arc::new(Float32Array::from(vec![f32::NAN, f32::INFINITY, -0.0])));
    session.run("COPY t TO '{}/x.npy'").await.unwrap();
    let found = session.values::<f32>("x.npy");
    assert!(found[0].is_nan() && found[1] == f32::INFINITY && found[2].is_sign_negative());
}

#[tokio::test]
async fn lists_of_one_length_become_rows() {
    let lists = |lists: &[Option<&[Option<f32>]>]| -> ArrayRef {
        let lists = lists.iter().map(|list| list.map(<[Option<f32>]>::to_vec));
        Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(lists))
    };
    let (a, b) = ([Some(1.), Some(2.)], [Some(3.), Some(4.)]);
    let session = Session::with_column(lists(&[Some(&a), Some(&b), Some(&a)]));
    session.run("COPY (SELECT x FROM t LIMIT 2 OFFSET 1) TO '{}/x.npy'").await.unwrap();
    assert_eq!(session.shape("x.npy"), ("<f4".into(), vec![2, 2]));
    assert_eq!(session.values::<f32>("x.npy"), [3., 4., 1., 2.]);

    let session = Session::with_column(lists(&[Some(&a), Some(&a[..1])]));
    let message = session.refused("COPY t TO '{}/x.npy'").await;
    assert!(message.contains("expected 2 values") && message.contains("found 1 in row 1"), "{message}");
    let session = Session::with_column(lists(&[Some(&a), Some(&[Some(1.), None])]));
    assert!(session.refused("COPY t TO '{}/x.npy'").await.contains("null in row 1"));
    let session = Session::with_column(lists(&[Some(&a), Some(&b), None]));
    assert!(session.refused("COPY t TO '{}/x.npy'").await.contains("null in row 2"));
}

#[tokio::test]
async fn lists_of_another_length_in_a_later_batch_are_refused() {
    let session = Session::new();
    let batch = |len: usize| {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1); len])]);
        RecordBatch::try_from_iter([("x", Arc::new(list) as ArrayRef)]).unwrap()
    };
    let batches = vec![batch(2), batch(2), batch(3)];
    session
        .ctx
        .register_table("t", Arc::new(MemTable::try_new(batches[0].schema(), vec![batches]).unwrap()))
        .unwrap();
    assert!(session.refused("COPY t TO '{}/x.npy'").await.contains("found 3 in row 2"));
}

#[tokio::test]
async fn null_is_refused_with_its_row() {
    let mut values = vec![Some(1); 20_000];
    values[17_003] = None;
    let session = Session::with_column(Arc::new(Int64Array::from(values)));
    let message = session.refused("COPY (SELECT x AS a, x FROM t) TO '{}/new/out/' STORED AS NPY").await;
    assert!(message.contains("column `a`") && message.contains("null in row 17003"), "{message}");
}

#[tokio::test]
async fn types_that_numpy_has_not_are_named_with_a_remedy() {
    let session = Session::with_column(Arc::new(StringArray::from(vec!["a"])));
    let sql = "COPY (SELECT 1 AS id, x, arrow_cast(x, 'Utf8View') AS y, [[1]] AS z FROM t) TO '{}/out/' STORED AS NPY";
    let message = session.refused(sql).await;
    for part in ["`x` (Utf8)", "`y` (Utf8View)", "`z` (List(", "STORED AS PARQUET"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!message.contains("`id`"), "{message}");
    for other in
        ["NULL", "1.5::decimal(10,2)", "'12:00'::time", "interval '1 day'", "struct(1, 2)", "'a'::bytea"]
    {
        let message = session.refused(&format!("COPY (SELECT {other} AS x) TO '{{}}/x.npy'")).await;
        assert!(message.contains("`x` ("), "{other}: {message}");
    }
}

#[tokio::test]
async fn names_that_are_no_files_are_refused_before_a_row_is_read() {
    let session = Session::new();
    for (columns, part) in [
        ("1 AS \"a/b\"", "a/b"),
        ("1 AS \"..\"", "`..`"),
        ("1 AS \"\"", "empty"),
        ("1 AS a, 2 AS \"A\"", "in case only"),
    ] {
        let message = session.refused(&format!("COPY (SELECT {columns}) TO '{{}}/out/' STORED AS NPY")).await;
        assert!(message.contains(part) && message.contains("`AS`"), "{message}");
    }
    // One file has the name that it is given.
    assert_eq!(session.run("COPY (SELECT 1 AS \"a/b\") TO '{}/x.npy'").await, Ok(1));
    session.run("COPY (SELECT count(*), 1 AS \"ü %20 #1\") TO '{}/out/' STORED AS NPY").await.unwrap();
    assert_eq!(session.files(), ["out/", "out/count(*).npy", "out/ü %20 #1.npy", "x.npy"]);
}

#[tokio::test]
async fn options_and_partitions_are_refused() {
    let session = Session::new();
    let message = session.refused("COPY (SELECT 1 AS x) TO '{}/x.npy' OPTIONS (compression 'zstd')").await;
    assert!(message.contains("no option `compression`"), "{message}");
    let sql = "COPY (SELECT 1 AS x, 2 AS y) TO '{}/out/' STORED AS NPY PARTITIONED BY (y)";
    assert!(session.refused(sql).await.contains("PARTITIONED BY"));
}

#[tokio::test]
async fn buckets_are_for_sessions_that_know_them() {
    let session = Session::new();
    let message = session.refused("COPY (SELECT 1 AS x) TO 's3://bucket/out/' STORED AS NPY").await;
    assert!(message.contains("`s3://bucket/out/`") && message.contains("local folders only"), "{message}");
    let message = session.refused("COPY (SELECT 1 AS x) TO 's3://bucket/a?b/' STORED AS NPY").await;
    assert!(message.contains("%3F"), "{message}");
}

#[tokio::test]
async fn place_that_cannot_be_written_to_is_named() {
    let session = Session::new();
    std::fs::write(session.path("file"), "").unwrap();
    let message = session.refused("COPY (SELECT 1 AS x) TO '{}/file/x.npy'").await;
    assert!(message.contains("/file`"), "{message}");
    std::fs::create_dir_all(session.path("out/x.npy/inside")).unwrap();
    let message = session.refused("COPY (SELECT 1 AS a, 1 AS x) TO '{}/out/' STORED AS NPY").await;
    assert!(message.contains("/out/x.npy`"), "{message}");
}

#[tokio::test]
async fn error_in_the_middle_of_the_rows_leaves_nothing() {
    let session = Session::new();
    // More than a part was written before.
    let batches = (0..800).map(|at| rows("7", at * 1000..at * 1000 + 1000)).collect();
    let plan = copy(&session, input(vec![batches], Then::Fail), "out/").await;
    let error = collect(plan, session.ctx.task_ctx()).await.unwrap_err();
    assert!(cause(error).contains("the disk is gone"));
    assert!(session.files().is_empty());
}

#[tokio::test]
async fn error_leaves_the_old_files() {
    let session = Session::with_column(Arc::new(Int64Array::from(vec![Some(1), None])));
    std::fs::write(session.path("x.npy"), "old").unwrap();
    session.refused("COPY t TO '{}/x.npy'").await;
    assert_eq!(std::fs::read_to_string(session.path("x.npy")).unwrap(), "old");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copy_that_is_dropped_leaves_nothing() {
    for batches in [0, 1, 800] {
        let session = Session::new();
        let batches = (0..=batches).map(|at| rows("7", at * 1000..at * 1000 + 1000)).collect();
        let plan = copy(&session, input(vec![batches], Then::Hang), "new/out/").await;
        let mut stream = execute_stream(plan, session.ctx.task_ctx()).unwrap();
        assert!(timeout(Duration::from_millis(500), stream.next()).await.is_err());
        assert!(!session.files().is_empty(), "the copy has begun");
        drop(stream);
        assert!(session.files().is_empty(), "{:?}", session.files());
    }
}

/// Plans to copy what a plan yields.
async fn copy(session: &Session, input: Arc<dyn ExecutionPlan>, to: &str) -> Arc<dyn ExecutionPlan> {
    session.ctx.register_batch("shape", RecordBatch::new_empty(input.schema())).unwrap();
    let columns = session
        .sql(&format!("COPY (SELECT id, vector, segment_offset FROM shape) TO '{{}}/{to}' STORED AS NPY"));
    let plan = session.ctx.sql(&columns).await.unwrap().create_physical_plan().await.unwrap();
    let names = ["id", "vector", "segment_offset"];
    let projected = names.map(|name| {
        let column = datafusion::physical_expr::expressions::col(name, &input.schema()).unwrap();
        (column, name.to_owned())
    });
    let input = datafusion::physical_plan::projection::ProjectionExec::try_new(projected, input).unwrap();
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    plan.replace_children(vec![Arc::new(input)], options).unwrap()
}

#[tokio::test]
async fn explain_shows_the_files_and_writes_none() {
    let session = Session::new();
    session.ctx.register_batch("t", rows("7", 0..1)).unwrap();
    let sql = session.sql("EXPLAIN COPY (SELECT id, vector, [1] AS l FROM t) TO '{}/out/' STORED AS NPY");
    let batches = session.ctx.sql(&sql).await.unwrap().collect().await.unwrap();
    let text = pretty_format_batches(&batches).unwrap().to_string();
    assert!(
        text.contains(
            "DataSinkExec: sink=NpySink(files=[id.npy <i8 (N,), vector.npy <f4 (N, 3), l.npy <i8 (N, ?)]"
        ),
        "{text}"
    );
    assert!(session.files().is_empty());
    let sql = session.sql("COPY (SELECT id FROM t) TO '{}/x.npy'");
    let plan = session.ctx.sql(&sql).await.unwrap().create_physical_plan().await.unwrap();
    let text = displayable(plan.as_ref()).indent(false).to_string();
    assert!(text.contains("NpySink(files=[<i8 (N,)], to=/"), "{text}");
    collect(Arc::clone(&plan), session.ctx.task_ctx()).await.unwrap();
    let metrics = plan.metrics().unwrap();
    assert_eq!(metrics.sum_by_name("rows_written").unwrap().as_usize(), 1);
    assert_eq!(metrics.sum_by_name("bytes_written").unwrap().as_usize(), 8);
}

#[tokio::test]
async fn format_is_not_for_reading() {
    let session = Session::with_column(Arc::new(BooleanArray::from(vec![true])));
    session.run("COPY t TO '{}/out/' STORED AS NPY").await.unwrap();
    let state = session.ctx.state();
    let format = state.get_file_format_factory("NPY").unwrap().default();
    let options = datafusion::datasource::listing::ListingOptions::new(Arc::clone(&format));
    let url = datafusion::datasource::listing::ListingTableUrl::parse(session.sql("{}/out/")).unwrap();
    let error = options.infer_schema(&state, &url).await.unwrap_err();
    assert!(error.to_string().contains("does not read"), "{error}");
    let schema = arrow::datatypes::Schema::new(vec![arrow::datatypes::Field::new("x", DataType::Int8, true)]);
    let table = datafusion::datasource::listing::ListingTableConfig::new(url)
        .with_listing_options(options)
        .with_schema(Arc::new(schema));
    let table = datafusion::datasource::listing::ListingTable::try_new(table).unwrap();
    let error = session.ctx.read_table(Arc::new(table)).unwrap().collect().await.unwrap_err();
    assert!(error.to_string().contains("does not read"), "{error}");
}
