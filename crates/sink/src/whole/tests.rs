// SPDX-License-Identifier: Apache-2.0

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, UInt64Type};
use arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::execution_plan::execute_stream;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions, collect, displayable,
};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::time::{Duration, sleep, timeout};
use url::Url;

use crate::register_formats;
use crate::testing::{Fault, Then, WatchedStore, input, rows};

const FORMATS: [&str; 4] = ["parquet", "csv", "json", "arrow"];
/// Files of one request, and files of many parts.
const BUFFERS: [usize; 2] = [10 << 20, 4 << 10];
/// The last row divides by zero.
const BROKEN: &str =
    "SELECT value AS n, value % 3 AS k, 1 / (30000 - value) AS x FROM generate_series(1, 30000)";
const SOUND: &str = "SELECT value AS n, value % 3 AS k, 1 / value AS x FROM generate_series(1, 30000)";

/// A session, and a folder to write to.
struct Session {
    ctx: SessionContext,
    folder: tempfile::TempDir,
}

impl Session {
    fn new(buffer: usize) -> Self {
        let session = Self::of_the_engine(buffer);
        register_formats(&session.ctx).unwrap();
        session
    }

    /// A session that knows nothing of this module.
    fn of_the_engine(buffer: usize) -> Self {
        let mut config = SessionConfig::new().with_target_partitions(3).with_batch_size(1000);
        config.options_mut().execution.objectstore_writer_buffer_size = buffer;
        config.options_mut().execution.parquet.max_row_group_size = 5_000;
        config.options_mut().execution.parquet.compression = Some("uncompressed".to_owned());
        let ctx = SessionContext::new_with_config(config);
        Self { ctx, folder: tempfile::tempdir().unwrap() }
    }

    /// Runs a statement in which `{}` is the folder.
    async fn run(&self, sql: &str) -> Result<Vec<RecordBatch>, String> {
        let frame = self.ctx.sql(&self.sql(sql)).await.map_err(|error| error.to_string())?;
        frame.collect().await.map_err(|error| chain(&error))
    }

    async fn count(&self, sql: &str) -> u64 {
        let batches = self.run(sql).await.unwrap();
        assert_eq!(batches[0].schema().field(0).name(), "count");
        batches[0].column(0).as_primitive::<UInt64Type>().value(0)
    }

    fn sql(&self, sql: &str) -> String {
        sql.replace("{}", self.folder.path().to_str().unwrap())
    }

    /// Everything below the folder, folders too.
    fn found(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(self.folder.path(), "", &mut found);
        found.sort();
        found
    }
}

fn list(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            list(&entry.path(), &format!("{name}/"), found);
        }
        found.push(name);
    }
}

/// An error with all of its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Statements that write to one file, to a folder, and to a folder for each value.
fn targets(query: &str, format: &str) -> [String; 3] {
    [
        format!("COPY ({query}) TO '{{}}/x.{format}' STORED AS {format}"),
        format!("COPY ({query}) TO '{{}}/deep/out/' STORED AS {format}"),
        format!("COPY ({query}) TO '{{}}/deep/out/' STORED AS {format} PARTITIONED BY (k)"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_in_the_last_row_leaves_nothing() {
    for format in FORMATS {
        for buffer in BUFFERS {
            for sql in targets(BROKEN, format) {
                let session = Session::new(buffer);
                let error = session.run(&sql).await.unwrap_err();
                assert!(error.contains("Divide by zero"), "{sql}: {error}");
                assert_eq!(session.found(), [""; 0], "{sql}");
            }
        }
    }
}

#[tokio::test]
async fn error_leaves_what_was_there() {
    for format in FORMATS {
        for buffer in BUFFERS {
            let session = Session::new(buffer);
            for [sound, broken] in [0, 1, 2].map(|at| [SOUND, BROKEN].map(|q| targets(q, format)[at].clone()))
            {
                session.count(&sound).await;
                let before = contents(&session);
                session.run(&broken).await.unwrap_err();
                assert_eq!(contents(&session), before, "{broken}");
            }
        }
    }
}

fn contents(session: &Session) -> Vec<(String, Option<Vec<u8>>)> {
    let bytes = |name: &String| fs::read(session.folder.path().join(name)).ok();
    session.found().into_iter().map(|name| (name.clone(), bytes(&name))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn success_is_what_the_engine_writes() {
    for format in FORMATS {
        for buffer in BUFFERS {
            let [session, engine] = [Session::new(buffer), Session::of_the_engine(buffer)];
            let one_file = &targets(&format!("{SOUND} ORDER BY n"), format)[0];
            assert_eq!(session.count(one_file).await, 30_000);
            assert_eq!(engine.count(one_file).await, 30_000);
            assert_eq!(contents(&session), contents(&engine), "{one_file}");
        }
    }
}

#[tokio::test]
async fn all_rows_of_folders_and_partitions_are_there() {
    for format in FORMATS {
        for sql in &targets(SOUND, format)[1..] {
            let session = Session::new(BUFFERS[1]);
            assert_eq!(session.count(sql).await, 30_000);
            let is_partitioned = sql.contains("PARTITIONED");
            let by = if is_partitioned { "PARTITIONED BY (k)" } else { "" };
            let k = if is_partitioned { ", x BIGINT, k BIGINT" } else { ", k BIGINT, x BIGINT" };
            let table = format!(
                "CREATE EXTERNAL TABLE t (n BIGINT{k}) STORED AS {format} {by} LOCATION '{{}}/deep/out/'"
            );
            session.run(&table).await.unwrap();
            let sums = session.run("SELECT count(*), sum(n), sum(k) FROM t").await.unwrap();
            let sum = |at: usize| sums[0].column(at).as_primitive::<Int64Type>().value(0);
            assert_eq!((sum(0), sum(1), sum(2)), (30_000, 450_015_000, 30_000), "{sql}");
        }
    }
}

#[tokio::test]
async fn insert_adds_all_rows_or_none() {
    for format in FORMATS {
        let session = Session::new(BUFFERS[1]);
        fs::create_dir(session.folder.path().join("t")).unwrap();
        let table = format!(
            "CREATE EXTERNAL TABLE t (n BIGINT, k BIGINT, x BIGINT) STORED AS {format} LOCATION '{{}}/t/'"
        );
        session.run(&table).await.unwrap();
        assert_eq!(session.count(&format!("INSERT INTO t {SOUND}")).await, 30_000);
        let before = contents(&session);
        session.run(&format!("INSERT INTO t {BROKEN}")).await.unwrap_err();
        assert_eq!(contents(&session), before, "{format}");
        assert_eq!(session.count(&format!("INSERT INTO t {SOUND}")).await, 30_000);
        let rows = session.run("SELECT count(*) FROM t").await.unwrap();
        assert_eq!(rows[0].column(0).as_primitive::<Int64Type>().value(0), 60_000, "{format}");
    }
}

#[tokio::test]
async fn query_without_rows_makes_the_file_that_the_engine_makes() {
    for format in FORMATS {
        let [session, engine] = [Session::new(BUFFERS[0]), Session::of_the_engine(BUFFERS[0])];
        let sql = &targets(&format!("{SOUND} WHERE value < 0"), format)[0];
        assert_eq!(session.count(sql).await, 0);
        engine.count(sql).await;
        assert_eq!(contents(&session), contents(&engine), "{format}");
    }
}

/// Plans to copy numbers without end.
async fn endless(session: &Session, to: &str) -> Arc<dyn ExecutionPlan> {
    let batches: Vec<_> = (0..500).map(|at| rows("7", at * 1000..at * 1000 + 1000)).collect();
    let input = input(vec![batches], Then::Hang);
    let columns = ["id", "segment_offset"].map(|name| {
        let column = datafusion::physical_expr::expressions::col(name, &input.schema()).unwrap();
        (column, name.to_owned())
    });
    let input = datafusion::physical_plan::projection::ProjectionExec::try_new(columns, input).unwrap();
    let sql = session.sql(&format!("COPY (SELECT 1 AS id, 1 AS segment_offset) TO {to}"));
    let plan = session.ctx.sql(&sql).await.unwrap().create_physical_plan().await.unwrap();
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    plan.replace_children(vec![Arc::new(input)], options).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statement_that_is_dropped_leaves_what_was_there() {
    for format in FORMATS {
        for to in [format!("'{{}}/x.{format}'"), format!("'{{}}/deep/out/' STORED AS {format}")] {
            let session = Session::new(BUFFERS[1]);
            fs::write(session.folder.path().join(format!("x.{format}")), "old").unwrap();
            let before = contents(&session);
            let plan = endless(&session, &to).await;
            let mut stream = execute_stream(plan, session.ctx.task_ctx()).unwrap();
            let begun = async {
                while contents(&session) == before {
                    assert!(timeout(Duration::from_millis(50), stream.next()).await.is_err());
                }
            };
            timeout(Duration::from_secs(10), begun).await.expect("the statement has begun");
            drop(stream);
            let cleaned = async {
                while contents(&session) != before {
                    sleep(Duration::from_millis(10)).await;
                }
            };
            timeout(Duration::from_secs(10), cleaned).await.expect("all is as it was");
        }
    }
}

#[test]
fn runtime_that_ends_leaves_nothing() {
    for format in FORMATS {
        let session = Session::new(BUFFERS[1]);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let plan = endless(&session, &format!("'{{}}/deep/out/' STORED AS {format}")).await;
            let mut stream = execute_stream(plan, session.ctx.task_ctx()).unwrap();
            while session.found().is_empty() {
                assert!(timeout(Duration::from_millis(50), stream.next()).await.is_err());
            }
        });
        drop(runtime);
        assert_eq!(session.found(), [""; 0], "{format}");
    }
}

/// A session whose store `memory://` is this one.
fn with_store(buffer: usize, url: &str, store: Arc<dyn ObjectStore>) -> Session {
    let session = Session::new(buffer);
    session.ctx.register_object_store(&Url::parse(url).unwrap(), store);
    session
}

#[tokio::test]
async fn stores_other_than_folders_get_all_or_nothing() {
    for format in FORMATS {
        for buffer in BUFFERS {
            let store = Arc::new(InMemory::new());
            let session = with_store(buffer, "memory://b", Arc::clone(&store) as _);
            let old = StorePath::from("x");
            store.put(&old, "old".into()).await.unwrap();
            for to in [format!("memory://b/x.{format}"), "memory://b/out/".to_owned()] {
                session.run(&format!("COPY ({BROKEN}) TO '{to}' STORED AS {format}")).await.unwrap_err();
                let found: Vec<_> =
                    store.list(None).map_ok(|file| file.location).try_collect().await.unwrap();
                assert_eq!(found, std::slice::from_ref(&old), "{to}");
                assert_eq!(
                    session.count(&format!("COPY ({SOUND}) TO '{to}' STORED AS {format}")).await,
                    30_000
                );
                for file in store.list(None).try_collect::<Vec<_>>().await.unwrap() {
                    if file.location != old {
                        assert!(file.size > 0, "{}", file.location);
                        store.delete(&file.location).await.unwrap();
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn store_that_refuses_is_quoted_and_nothing_stays() {
    let faults = |end| [Fault::Begin(end), Fault::Part(end, 0), Fault::Part(end, 2), Fault::Complete(end)];
    for format in ["parquet", "csv", "json", "arrow"] {
        let end: &'static str = format;
        for fault in faults(end) {
            let store = Arc::new(WatchedStore::new(Some(fault)));
            let session = with_store(BUFFERS[1], "file:///", store);
            for sql in targets(SOUND, format) {
                let error = session.run(&sql).await.unwrap_err();
                let place = session.folder.path().to_str().unwrap();
                assert!(error.contains("no space left") && error.contains(place), "{sql} {fault:?}: {error}");
                assert_eq!(session.found(), [""; 0], "{sql} {fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn failure_of_one_file_removes_the_others() {
    // The third folder cannot get its file.
    let store = Arc::new(WatchedStore::new(None));
    let session = with_store(BUFFERS[1], "file:///", store);
    fs::create_dir_all(session.folder.path().join("deep/out")).unwrap();
    fs::write(session.folder.path().join("deep/out/k=2"), "no folder").unwrap();
    let before = contents(&session);
    for format in FORMATS {
        let error = session.run(&targets(SOUND, format)[2]).await.unwrap_err();
        assert!(error.contains("deep/out/k=2"), "{error}");
        assert_eq!(contents(&session), before);
    }
}

#[tokio::test]
async fn plans_show_the_sink_and_its_numbers_as_before() {
    for format in FORMATS {
        let [session, engine] = [Session::new(BUFFERS[0]), Session::of_the_engine(BUFFERS[0])];
        let mut shown = Vec::new();
        for session in [&session, &engine] {
            for explain in ["EXPLAIN", "EXPLAIN FORMAT TREE"] {
                let sql = format!("{explain} {}", targets(SOUND, format)[0]);
                let text = pretty_format_batches(&session.run(&sql).await.unwrap()).unwrap().to_string();
                shown.push(text.replace(session.folder.path().to_str().unwrap(), ""));
            }
            let sql = session.sql(&targets(&format!("{SOUND} ORDER BY n"), format)[0]);
            let plan = session.ctx.sql(&sql).await.unwrap().create_physical_plan().await.unwrap();
            let text = displayable(plan.as_ref()).indent(false).to_string();
            shown.push(text.replace(session.folder.path().to_str().unwrap(), ""));
            assert!(session.found().is_empty());
            collect(Arc::clone(&plan), session.ctx.task_ctx()).await.unwrap();
            let rows = plan.metrics().and_then(|metrics| metrics.sum_by_name("rows_written"));
            shown.push(format!("{:?}", rows.map(|rows| rows.as_usize())));
        }
        let of_engine = shown.split_off(4);
        assert_eq!(shown, of_engine);
    }
}

#[tokio::test]
async fn session_stays_what_it_was() {
    let engine = Session::of_the_engine(BUFFERS[0]);
    let ctx = &engine.ctx;
    ctx.sql("CREATE VIEW v AS SELECT 7 AS seven").await.unwrap();
    let (id, rules) = (ctx.session_id(), ctx.state().physical_optimizers().len());
    let settings = "SELECT * FROM information_schema.df_settings ORDER BY name";
    ctx.state_ref().write().config_mut().options_mut().catalog.information_schema = true;
    let before = engine.run(settings).await.unwrap();
    register_formats(ctx).unwrap();
    register_formats(ctx).unwrap();
    assert_eq!(engine.run(settings).await.unwrap(), before);
    assert_eq!((ctx.state().session_id(), ctx.state().physical_optimizers().len()), (id.as_str(), rules + 1));
    assert_eq!(engine.run("SELECT seven FROM v").await.unwrap()[0].num_rows(), 1);
    let formats = ["parquet", "csv", "json", "arrow", "npy"];
    assert!(formats.iter().all(|format| ctx.state().get_file_format_factory(format).is_some()));
}

#[tokio::test]
async fn tables_in_memory_take_rows() {
    let session = Session::new(BUFFERS[0]);
    session.run("CREATE TABLE t (n BIGINT)").await.unwrap();
    assert_eq!(session.count("INSERT INTO t VALUES (1), (2)").await, 2);
    session.run("INSERT INTO t SELECT 1 / (3 - n) FROM t, (VALUES (3)) AS z(n)").await.unwrap_err();
    assert_eq!(session.run("SELECT n FROM t").await.unwrap()[0].num_rows(), 2);
}
