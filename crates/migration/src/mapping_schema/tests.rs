// SPDX-License-Identifier: Apache-2.0

use std::fs;
use std::path::PathBuf;

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use m2m_catalog::{Install, MetaSource, Metadata};
use m2m_datasource::{SessionOptions, session};
use m2m_sink::ImportFormat;
use serde_json::{Value, json};

use super::*;
use crate::settings::{
    Choices, CollectionSettings, Cosine, FieldSettings, IndexChoice, LoadSettings, Partitions,
};
use crate::{DumpPlan, PlanReport, ReportOptions, Silent};

/// Codes of the metadata.
const L2: i64 = 1;
const IP: i64 = 2;
const TANIMOTO: i64 = 5;
const SUBSTRUCTURE: i64 = 6;

/// An installation in a folder of its own.
struct Old {
    root: tempfile::TempDir,
    collections: Vec<Value>,
}

impl Old {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), collections: Vec::new() }
    }

    /// Adds a collection without rows.
    fn with(self, name: &str, metric: i64, dim: u32) -> Self {
        self.with_index(name, metric, dim, 1, "{}")
    }

    fn with_index(mut self, name: &str, metric: i64, dim: u32, engine: i64, params: &str) -> Self {
        self.collections.push(json!({
            "collection": name, "metric": metric, "dim": dim, "engine": engine, "index_params": params,
            "segments": [], "partitions": [],
        }));
        self
    }

    /// Adds a partition to the last collection.
    fn tag(mut self, tag: &str) -> Self {
        let partitions = self.last()["partitions"].as_array_mut().unwrap();
        let table_id = format!("p{}", partitions.len());
        partitions.push(json!({"tag": tag, "table_id": table_id, "segments": []}));
        self
    }

    /// Adds a segment to what was added last.
    fn segment(mut self, id: u64, rows: u64, deleted: &[i32]) -> Self {
        let root = self.root.path().join("tables");
        let (name, metric, dim) = {
            let last = self.last();
            let number = |key: &str| last[key].as_i64().unwrap();
            (last["collection"].as_str().unwrap().to_owned(), number("metric"), number("dim"))
        };
        let segment = json!({"segment": id.to_string(), "rows": rows, "fileTypes": ["RAW"]});
        let last = self.last();
        let (table_id, segments) = match last["partitions"].as_array().unwrap().last().cloned() {
            Some(partition) => {
                let at = last["partitions"].as_array().unwrap().len() - 1;
                let table_id = partition["table_id"].as_str().unwrap().to_owned();
                (table_id, &mut last["partitions"][at]["segments"])
            }
            None => (name, &mut last["segments"]),
        };
        segments.as_array_mut().unwrap().push(segment);
        let folder = root.join(table_id).join(id.to_string());
        fs::create_dir_all(&folder).unwrap();
        let write = |name: String, payload: Vec<u8>| {
            let bytes = [(payload.len() as u64).to_le_bytes().as_slice(), &payload].concat();
            fs::write(folder.join(name), bytes).unwrap();
        };
        let width = if metric > IP { dim / 8 } else { 4 * dim };
        write(format!("{id}.uid"), (0..rows).flat_map(u64::to_le_bytes).collect());
        write(format!("{id}.rv"), vec![0; usize::try_from(rows).unwrap() * usize::try_from(width).unwrap()]);
        write("deleted_docs".into(), deleted.iter().flat_map(|offset| offset.to_le_bytes()).collect());
        self
    }

    fn last(&mut self) -> &mut Value {
        self.collections.last_mut().unwrap()
    }

    fn file(&self, path: &str) -> PathBuf {
        self.root.path().join("tables").join(path)
    }

    async fn open(&self) -> Source {
        fs::create_dir_all(self.file("")).unwrap();
        let meta = self.root.path().join("meta.json");
        let text = json!({"version": 2, "collections": self.collections}).to_string();
        fs::write(&meta, text).unwrap();
        let metadata = Metadata { source: MetaSource::file(&meta).unwrap(), wal: None };
        Source::open(&Install { tables: vec![self.file("")], metadata }).await.unwrap()
    }

    /// A session for a server of some version.
    async fn session(&self, version: &str, selection: Selection) -> SessionContext {
        let source = self.open().await;
        let ctx = session(SessionOptions { workers: 2, ..SessionOptions::default() }).unwrap();
        source.register(&ctx).unwrap();
        let server = Server::Assumed(ServerVersion::parse(version));
        let dumping = DumpSettings { workers: 2, ..DumpSettings::default() };
        let segments = OnceCell::new();
        Facts { source, server, selection, dumping, segments }.register(&ctx).unwrap();
        ctx
    }

    /// What a query answers for a server of 2.3.5.
    async fn ask(&self, sql: &str) -> Vec<String> {
        ask(&self.session("v2.3.5", Selection::default()).await, sql).await
    }

    async fn ask_with(&self, choices: Choices, sql: &str) -> Vec<String> {
        let selection = Selection { choices, ..Selection::default() };
        ask(&self.session("v2.3.5", selection).await, sql).await
    }
}

/// The rows of an answer, their values with `|` between them.
async fn ask(ctx: &SessionContext, sql: &str) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in ctx.sql(sql).await.unwrap().collect().await.unwrap() {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        let row = |at: usize| columns.iter().map(|column| column.value(at).to_string()).collect::<Vec<_>>();
        rows.extend((0..batch.num_rows()).map(|at| row(at).join("|")));
    }
    rows
}

const PARTITIONS: &str = "SELECT partition_tag, target_name, is_renamed, collides FROM mapping.partitions";
const PROBLEMS: &str = "SELECT * FROM mapping.problems ORDER BY collection, problem";
const SIZES: &str = "SELECT live_rows, live_bytes, import_files, import_jobs, unreadable_segments FROM mapping.collections ORDER BY collection";

#[tokio::test]
async fn tags_are_renamed_and_those_that_a_suffix_alone_tells_apart_collide() {
    let old = Old::new().with("films", L2, 4).tag("2019").tag("a_b").tag("a-b").tag("new york");
    let rows = old.ask(PARTITIONS).await;
    assert_eq!(rows[..3], ["_default|_default|false|false", "2019|2019|false|false", "a_b|a_b|false|true"]);
    assert!(rows[3].starts_with("a-b|a_b_") && rows[3].ends_with("|true|true"), "{rows:?}");
    assert_eq!(rows[4], "new york|new_york_a361ce1f|true|false");
    assert_eq!(rows.len(), 5);
}

#[tokio::test]
async fn what_becomes_of_metric_and_index_is_noted() {
    let old = Old::new()
        .with_index("a_kept", L2, 4, 11, r#"{"M": 16, "efConstruction": 200}"#)
        .with_index("b_annoy", L2, 4, 12, r#"{"n_trees": 8}"#)
        .with_index("c_rnsg", IP, 4, 4, r#"{"knng": 100}"#)
        .with_index("d_sptag", L2, 4, 7, "{}")
        .with_index("e_bits", TANIMOTO, 16, 9, "{}");
    let columns = "metric, target_metric, metric_note, target_index, target_params, index_note";
    let rows = old.ask(&format!("SELECT {columns} FROM mapping.collections ORDER BY collection")).await;
    let graph = r#"HNSW|{"M":16,"efConstruction":200}"#;
    assert_eq!(rows[0], format!("L2|L2|NULL|{graph}|NULL"));
    for (row, metric, engine) in [(1, "L2", "ANNOY"), (2, "IP", "RNSG"), (3, "L2", "SPTAG_KDT")] {
        let begin = format!(
            "{metric}|{metric}|NULL|{graph}|index {engine} becomes HNSW, because Milvus v2.3.5 has no {engine}"
        );
        assert!(rows[row].starts_with(&begin), "{}", rows[row]);
    }
    assert!(rows[4].starts_with("TANIMOTO|JACCARD|metric TANIMOTO becomes JACCARD: "), "{}", rows[4]);
    assert!(rows[4].ends_with("|BIN_FLAT|{}|NULL"), "{}", rows[4]);
    assert_eq!(old.ask(PROBLEMS).await, [] as [&str; 0]);
    let annoy = "SELECT target_index, index_note FROM mapping.collections WHERE engine = 'ANNOY'";
    assert_eq!(ask(&old.session("v2.2.16", Selection::default()).await, annoy).await, ["ANNOY|NULL"]);
}

#[tokio::test]
async fn limits_are_those_of_the_version() {
    let many =
        |tags: usize| (0..tags).fold(Old::new().with("films", L2, 1), |old, tag| old.tag(&format!("t{tag}")));
    let fits = many(4095);
    assert_eq!(fits.ask(PROBLEMS).await, [] as [&str; 0]);
    let newer = ask(&fits.session("v2.4.1", Selection::default()).await, PROBLEMS).await;
    let key = "have a field keep their tags with `m2m.partitions: key`";
    assert_eq!(newer.len(), 2, "{newer:?}");
    assert_eq!(newer[0], format!("films|it has 4096 partitions, the server allows 1024|{key}"));
    let dimension = "films|vectors of dimension 1 in `vector`, the server allows 2 to 32768|migrate to Milvus 2.3, which takes them";
    assert_eq!(newer[1], dimension);
    let full = many(4096);
    assert_eq!(
        full.ask(PROBLEMS).await,
        [format!("films|it has 4097 partitions, the server allows 4096|{key}")]
    );
    let choices = Choices { partitions: Partitions::Key, ..Choices::default() };
    assert_eq!(full.ask_with(choices, PROBLEMS).await, [] as [&str; 0]);
}

#[tokio::test]
async fn a_metric_without_counterpart_is_a_problem_and_has_no_name() {
    let old = Old::new().with("bits", SUBSTRUCTURE, 16).with("films", L2, 4);
    let ctx = old.session("v2.3.0", Selection::default()).await;
    let problem = "bits|metric `SUBSTRUCTURE` has no counterpart in Milvus v2.3.0|2.3.0 alone lacks it, use a newer release";
    assert_eq!(ask(&ctx, PROBLEMS).await, [problem]);
    let metrics = "SELECT target_metric FROM mapping.collections ORDER BY collection";
    assert_eq!(ask(&ctx, metrics).await, ["NULL", "L2"]);
    assert_eq!(old.ask(metrics).await, ["SUBSTRUCTURE", "L2"]);
}

#[tokio::test]
async fn index_parameters_that_cannot_be_read_are_a_problem() {
    let old = Old::new().with_index("films", L2, 4, 2, "{nlist}");
    let rows = old.ask(PROBLEMS).await;
    assert!(rows.len() == 1 && rows[0].starts_with("films|") && rows[0].contains("`{nlist}`"), "{rows:?}");
    assert!(rows[0].ends_with("`m2m.index: auto`, or none with `none`"), "{rows:?}");
    let columns = "SELECT target_metric, target_index, target_params FROM mapping.collections";
    assert_eq!(old.ask(columns).await, ["L2|NULL|NULL"]);
}

#[tokio::test]
async fn names_that_milvus_refuses_and_names_of_two_are_problems() {
    let old = Old::new().with("a-b", L2, 4).with("c", L2, 4).with("d", L2, 4).with("e", L2, 4);
    let rows = old.ask(PROBLEMS).await;
    assert!(
        rows.len() == 1 && rows[0].starts_with("a-b|cannot use `a-b` as the name of a collection"),
        "{rows:?}"
    );
    assert!(rows[0].ends_with("|give it another name with `m2m.collections.a-b.name`"), "{rows:?}");
    let named = |name: &str| CollectionSettings { target_name: Some(name.into()), ..Default::default() };
    let of_collections = [("a-b", "a_b"), ("c", "e")].map(|(of, name)| (of.to_owned(), named(name)));
    let selection = Selection { of_collections: of_collections.into(), ..Selection::default() };
    let ctx = old.session("v2.3.5", selection).await;
    let rows = ask(&ctx, "SELECT collection, problem FROM mapping.problems ORDER BY collection").await;
    assert_eq!(rows, ["c|`e` would be called `e` too", "e|`c` would be called `e` too"]);
    let names = ask(&ctx, "SELECT target_name FROM mapping.collections ORDER BY collection").await;
    assert_eq!(names, ["a_b", "e", "d", "e"]);
}

#[tokio::test]
async fn a_damaged_segment_is_counted_and_the_others_are_told() {
    let old = Old::new()
        .with("films", L2, 4)
        .segment(7, 10, &[1, 1, 3])
        .segment(8, 5, &[])
        .segment(9, 5, &[])
        .with("gone", L2, 4)
        .segment(10, 3, &[]);
    assert_eq!(old.ask(SIZES).await, ["18|432|2|1|0", "3|72|2|1|0"]);
    fs::write(old.file("films/8/8.rv"), [0; 87]).unwrap();
    fs::remove_file(old.file("films/9/9.uid")).unwrap();
    fs::remove_dir_all(old.file("gone")).unwrap();
    assert_eq!(old.ask(SIZES).await, ["8|192|2|1|2", "0|0|0|0|1"]);
    assert_eq!(old.ask(PROBLEMS).await, [] as [&str; 0]);
    assert_eq!(old.ask("SELECT count(*) FROM mapping.partitions").await, ["2"]);
}

#[tokio::test]
async fn choices_decide_over_files_names_and_indexes() {
    let old = Old::new()
        .with_index("films", IP, 4, 11, r#"{"M": 16, "efConstruction": 200}"#)
        .tag("new york")
        .segment(7, 10, &[1])
        .tag("x")
        .segment(8, 4, &[]);
    assert_eq!(old.ask(SIZES).await, ["13|312|4|2|0"]);
    let key = Choices { partitions: Partitions::Key, ..Choices::default() };
    assert_eq!(old.ask_with(key.clone(), SIZES).await, ["13|312|3|1|0"]);
    let rows = old.ask_with(key.clone(), PARTITIONS).await;
    assert_eq!(rows, ["_default|NULL|false|false", "new york|NULL|false|false", "x|NULL|false|false"]);
    let parquet = Choices { format: ImportFormat::Parquet, ..key };
    assert_eq!(old.ask_with(parquet, SIZES).await, ["13|312|1|1|0"]);
    let others = Choices { index: IndexChoice::None, cosine: Cosine::Always, ..Choices::default() };
    let sql = "SELECT target_metric, target_index, index_note FROM mapping.collections";
    let rows = old.ask_with(others, sql).await;
    assert!(rows[0].starts_with("COSINE|NULL|no index is built"), "{rows:?}");
    let renamed = Selection { rename: Some("movies".into()), ..Selection::default() };
    let ctx = old.session("v2.3.5", renamed).await;
    assert_eq!(ask(&ctx, "SELECT target_name FROM mapping.collections").await, ["movies"]);
}

#[tokio::test]
async fn a_name_is_of_the_one_collection_that_is_selected() {
    let old = Old::new().with("c", L2, 4).with("d", L2, 4);
    for (collections, expected) in
        [(vec![], ["c", "d"]), (vec!["D".into()], ["c", "new"]), (vec!["c".into(), "d".into()], ["c", "d"])]
    {
        let selection = Selection { rename: Some("new".into()), collections, ..Selection::default() };
        let ctx = old.session("v2.3.5", selection).await;
        let names = ask(&ctx, "SELECT target_name FROM mapping.collections ORDER BY collection").await;
        assert_eq!(names, expected);
    }
}

#[tokio::test]
async fn choices_that_do_not_fit_are_problems_of_their_collection() {
    let old = Old::new().with("c", L2, 4).segment(7, 3, &[]).with("d", L2, 4);
    let fields = [("year".to_owned(), FieldSettings::default())].into();
    let settings = CollectionSettings { fields, ..CollectionSettings::default() };
    let of_collections = [("c".to_owned(), settings.clone())].into();
    let ctx = old.session("v2.3.5", Selection { of_collections, ..Selection::default() }).await;
    let rows = ask(&ctx, PROBLEMS).await;
    assert!(rows.len() == 1 && rows[0].starts_with("c|") && rows[0].contains("`year`"), "{rows:?}");
    let sizes = "SELECT live_rows, target_metric, import_files, dump_seconds FROM mapping.collections ORDER BY collection";
    assert_eq!(ask(&ctx, sizes).await, ["3|NULL|NULL|NULL", "0|L2|0|0.0"]);
    // The same field is one of a query, which is not what is shown.
    let of_query = CollectionSettings { query: Some("SELECT 1".into()), ..settings };
    let of_collections = [("c".to_owned(), of_query)].into();
    let ctx = old.session("v2.3.5", Selection { of_collections, ..Selection::default() }).await;
    assert_eq!(ask(&ctx, PROBLEMS).await, [] as [&str; 0]);
}

#[tokio::test]
async fn sizes_are_those_of_a_plan() {
    let old = Old::new().with("films", L2, 64).segment(7, 3000, &[5]).tag("x").segment(8, 700, &[]).tag("y");
    let dumping = DumpSettings { workers: 2, file_bytes: 100_000, ..DumpSettings::default() };
    for (partitions, format) in [
        (Partitions::Keep, ImportFormat::Npy),
        (Partitions::Keep, ImportFormat::Parquet),
        (Partitions::Key, ImportFormat::Npy),
        (Partitions::Key, ImportFormat::Parquet),
    ] {
        let choices = Choices { partitions, format, ..Choices::default() };
        let selection = Selection { choices, ..Selection::default() };
        let source = old.open().await;
        let ctx = session(SessionOptions::default()).unwrap();
        source.register(&ctx).unwrap();
        register_mapping(&ctx, &source, MappingServer::Assumed, &selection, &dumping).unwrap();
        let plan = Box::pin(DumpPlan::new(&source, &ctx, &selection, &dumping, &Silent)).await.unwrap();
        let (loading, options) = (LoadSettings::default(), ReportOptions::default());
        let assumed = crate::Server::Assumed;
        let report = PlanReport::of_plan(&plan, assumed, &dumping, &loading, options).await.unwrap();
        let sql = "SELECT live_rows, import_files, import_jobs, ceil(dump_seconds)::BIGINT, ceil(load_seconds)::BIGINT FROM mapping.collections";
        let PlanReport { rows, files, jobs, dump_seconds, load_seconds, .. } = report;
        let expected = format!("{rows}|{files}|{jobs}|{dump_seconds}|{load_seconds}");
        assert_eq!(ask(&ctx, sql).await, [expected], "{partitions:?} {format:?}");
        assert!(rows == 3699 && jobs > 8, "{jobs} jobs");
    }
}

#[tokio::test]
async fn files_that_would_be_too_long_are_a_problem() {
    let old = Old::new().with("films", L2, 4).segment(7, 10, &[]);
    let source = old.open().await;
    let read = source.readable_segments().await;
    let mut huge = read[0].segments[0].clone();
    huge.rows = 1 << 31;
    let read = ReadableSegments { segments: vec![huge], unreadable: 0 };
    let ctx = session(SessionOptions::default()).unwrap();
    source.register(&ctx).unwrap();
    let server = Server::Assumed(ServerVersion::parse("v2.3.5"));
    let dumping = DumpSettings { workers: 1, file_bytes: 1 << 40, ..DumpSettings::default() };
    let segments = OnceCell::new_with(Some(vec![read]));
    let facts = Facts { source, server, selection: Selection::default(), dumping, segments };
    facts.register(&ctx).unwrap();
    let rows = ask(&ctx, PROBLEMS).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].contains("34359738368 bytes") && rows[0].ends_with("|choose a smaller `--file-size`"));
}

#[tokio::test]
async fn an_assumed_server_says_so() {
    let source = Old::new().with("films", L2, 4).open().await;
    let ctx = session(SessionOptions::default()).unwrap();
    source.register(&ctx).unwrap();
    let (selection, dumping) = (Selection::default(), DumpSettings::default());
    register_mapping(&ctx, &source, MappingServer::Assumed, &selection, &dumping).unwrap();
    assert_eq!(ask(&ctx, "SELECT * FROM mapping.server").await, [format!("{ASSUMED_VERSION}|true")]);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_an_error_of_the_scan_alone() {
    let source = Old::new().with("films", L2, 4).tag("a b").open().await;
    let ctx = session(SessionOptions::default()).unwrap();
    source.register(&ctx).unwrap();
    let options = ConnectOptions { uri: "127.0.0.1:1".into(), ..ConnectOptions::default() };
    let (selection, dumping) = (Selection::default(), DumpSettings::default());
    let server = MappingServer::Configured(Box::new(options));
    register_mapping(&ctx, &source, server, &selection, &dumping).unwrap();
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'mapping'";
    assert_eq!(ask(&ctx, tables).await, ["4"]);
    // Names are the same on every server.
    assert_eq!(ask(&ctx, "SELECT count(*) FROM mapping.partitions").await, ["2"]);
    for table in ["server", "collections", "problems"] {
        let frame = ctx.sql(&format!("SELECT * FROM mapping.{table}")).await.unwrap();
        let error = crate::Error::from(frame.collect().await.unwrap_err()).to_string();
        assert!(error.contains("127.0.0.1:1"), "{error}");
    }
}

#[tokio::test]
async fn every_row_has_a_cell_for_each_column() {
    let old = Old::new().with("a-b", L2, 4).segment(7, 10, &[]).tag("x y");
    let source = old.open().await;
    let server = Server::Assumed(ServerVersion::parse("v2.3.5"));
    let (selection, dumping) = (Selection::default(), DumpSettings::default());
    let facts = Facts { source, server, selection, dumping, segments: OnceCell::new() };
    for kind in rows::Kind::ALL {
        let rows = rows::of(kind, &facts).await.unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|row| tables::fits(kind.columns(), row)), "{kind:?}");
    }
}
