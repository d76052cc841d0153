// SPDX-License-Identifier: Apache-2.0

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use super::*;
use crate::shell::testing;

/// Runs statements for real, and writes down what was asked of it.
struct Recorder {
    ctx: SessionContext,
    format: Format,
    timing: bool,
    /// What was run, with its rows, and what was set.
    log: Vec<String>,
}

impl Recorder {
    async fn new() -> Self {
        Self { ctx: testing::session().await, format: Format::Table, timing: false, log: Vec::new() }
    }
}

impl Engine for Recorder {
    async fn run(&mut self, sql: &str) -> Result<()> {
        if sql.contains("interrupt me") {
            return Err(Error::Interrupted);
        }
        let rows = self.ctx.sql(sql).await?.collect().await?;
        let shown = pretty_format_batches(&rows).map_err(DataFusionError::from)?;
        self.log.push(format!("{sql}\n{shown}"));
        Ok(())
    }

    fn set_timing(&mut self, on: Option<bool>) -> bool {
        self.timing = on.unwrap_or(!self.timing);
        self.timing
    }

    fn format(&self) -> Format {
        self.format
    }

    fn set_format(&mut self, format: Format) -> Result<()> {
        if format == Format::Parquet {
            return Err(wrong("\\format", "parquet needs a file".into()));
        }
        self.format = format;
        Ok(())
    }

    fn set_output(&mut self, file: Option<&str>) -> Result<()> {
        self.log.push(format!("output {file:?}"));
        Ok(())
    }

    fn context(&self) -> &SessionContext {
        &self.ctx
    }
}

/// Does what was typed, and returns how it went and what was run.
async fn typed(text: &str) -> (Flow, Vec<String>) {
    let mut engine = Recorder::new().await;
    let flow = Session::new(&mut engine).await.input(text).await.unwrap();
    (flow, engine.log)
}

/// The rows of the only statement that was run.
async fn rows(text: &str) -> String {
    let (flow, log) = typed(text).await;
    assert_eq!((flow, log.len()), (Flow::Go, 1), "{log:?}");
    log[0].clone()
}

#[tokio::test]
async fn each_statement_is_run_until_one_fails() {
    let (flow, log) = typed("SELECT 1;\n\\timing\nSELECT 2; SELECT nothing; SELECT 3;").await;
    assert_eq!(flow, Flow::Failed);
    assert_eq!(log.len(), 2);
    assert!(log[0].starts_with("SELECT 1;\n") && log[1].starts_with("SELECT 2;\n"), "{log:?}");
    assert_eq!(typed("SELECT 'interrupt me'; SELECT 1;").await, (Flow::Failed, vec![]));
    assert_eq!(typed("\\nothing\nSELECT 1;").await, (Flow::Failed, vec![]));
    assert_eq!(typed("quit").await, (Flow::Quit, vec![]));
    assert_eq!(typed("\\?").await, (Flow::Go, vec![]));
}

#[tokio::test]
async fn tables_and_views_are_listed_with_what_is_known_of_collections() {
    let all = rows("\\d").await;
    for line in [
        "| collections | Photos      | table      |                  |",
        "| collections | few         | view       |                  |",
        "| collections | float_l2    | collection | L2, 1 dimensions |",
        "| meta        | segments    | table      |                  |",
    ] {
        assert!(all.contains(line), "{line} is missing in\n{all}");
    }
    assert!(!all.contains("df_settings"), "{all}");
    let tables = rows("\\dt").await;
    assert!(tables.contains("float_l2") && !tables.contains("few"), "{tables}");
    let views = rows("\\dv").await;
    assert!(views.contains("few") && !views.contains("float_l2"), "{views}");
}

#[tokio::test]
async fn patterns_are_those_of_psql() {
    for (pattern, shown, hidden) in [
        ("f*", vec!["float_l2"], vec!["Photos", "segments"]),
        ("FLOAT_L?", vec!["float_l2"], vec!["Photos"]),
        ("photos", vec!["Photos"], vec!["float_l2"]),
        ("meta.*", vec!["segments", "partitions"], vec!["float_l2"]),
        ("*.tables", vec!["collections |", "meta        |"], vec!["float_l2"]),
        ("\"Photos\"", vec!["Photos"], vec!["float_l2"]),
        ("\"f*\"", vec![], vec!["float_l2"]),
        ("floatxl2", vec![], vec!["float_l2"]),
        ("float%", vec![], vec!["float_l2"]),
        ("it's", vec![], vec!["float_l2"]),
        ("\\", vec![], vec!["float_l2"]),
    ] {
        let log = rows(&format!("\\dt {pattern}")).await;
        let (_, found) = log.split_once('\n').unwrap();
        assert!(shown.iter().all(|name| found.contains(name)), "{pattern}: {log}");
        assert!(!hidden.iter().any(|name| found.contains(name)), "{pattern}: {log}");
    }
}

#[tokio::test]
async fn a_collection_is_described_by_its_metadata_its_live_rows_and_its_columns() {
    let (flow, log) = typed("\\d FLOAT_L2").await;
    assert_eq!((flow, log.len()), (Flow::Go, 3), "{log:?}");
    assert!(log[0].contains("| float_l2   | 1         | L2     | FLAT   |"), "{}", log[0]);
    assert!(log[1].contains("| _default  | 1        | 1         |"), "{}", log[1]);
    assert!(log[2].contains("| partition_tag | Utf8"), "{}", log[2]);
}

#[tokio::test]
async fn other_tables_are_described_by_their_columns() {
    let photos = rows("\\d photos").await;
    assert!(photos.contains("| Name        | Int64     | "), "{photos}");
    assert!(rows("\\d \"few\"").await.contains("| id "));
    assert!(rows("\\d segments").await.contains("| live "));
    assert!(rows("\\d information_schema.views").await.contains("| definition "));
    assert_eq!(typed("\\d nothing").await, (Flow::Failed, vec![]));
}

#[tokio::test]
async fn an_unknown_table_names_the_nearest_and_an_ambiguous_one_all() {
    let mut engine = Recorder::new().await;
    let session = Session::new(&mut engine).await;
    let error = session.no_table(None, "flaot_l2").to_string();
    assert_eq!(error, "\\d: there is no table or view `flaot_l2`; the nearest is `float_l2`");
    let error = session.no_table(Some("meta"), "x").to_string();
    assert!(error.starts_with("\\d: there is no table or view `meta.x`"), "{error}");
    // Neither is in the default schema.
    session.engine.ctx.sql("CREATE SCHEMA other").await.unwrap().collect().await.unwrap();
    session.engine.ctx.sql("CREATE TABLE other.segments AS SELECT 1").await.unwrap().collect().await.unwrap();
    let session = Session::new(session.engine).await;
    let error = session.no_table(None, "segments").to_string();
    assert_eq!(error, "\\d: `segments` could be any of `meta.segments`, `other.segments`");
}

#[tokio::test]
async fn functions_and_schemas_are_listed() {
    let functions = rows("\\df *_number").await;
    assert!(functions.contains("| row_number | window "), "{functions}");
    assert_eq!(
        functions.matches("row_number").count() - functions.matches("row_number(").count(),
        1,
        "{functions}"
    );
    let schemas = rows("\\dn").await;
    assert!(schemas.contains("| collections | 4      |"), "{schemas}");
    assert!(rows("\\dn me*").await.contains("| meta   | 4      |"));
}

#[tokio::test]
async fn formats_are_set_by_name_and_vertical_goes_back() {
    let mut engine = Recorder::new().await;
    let mut session = Session::new(&mut engine).await;
    assert_eq!(session.input("\\format CSV").await.unwrap(), Flow::Go);
    assert_eq!(session.engine.format, Format::Csv);
    assert_eq!(session.input("\\format").await.unwrap(), Flow::Go);
    assert_eq!(session.input("\\format ndjsn").await.unwrap(), Flow::Failed);
    assert_eq!(session.engine.format, Format::Csv);
    assert_eq!(session.input("\\format parquet").await.unwrap(), Flow::Failed);
    let error = session.format(Some("ndjsn"), Origin { file: None, depth: 0 }).unwrap_err().to_string();
    assert!(error.contains("`ndjsn`; the nearest is `ndjson`; there are table, csv"), "{error}");

    session.input("\\x").await.unwrap();
    assert_eq!(session.engine.format, Format::Vertical);
    session.input("\\x on").await.unwrap();
    session.input("\\x").await.unwrap();
    assert_eq!(session.engine.format, Format::Csv);
    session.input("\\format vertical").await.unwrap();
    session.input("\\x off").await.unwrap();
    assert_eq!(session.engine.format, Format::Table);
}

#[tokio::test]
async fn timing_and_output_are_the_engines() {
    let mut engine = Recorder::new().await;
    let mut session = Session::new(&mut engine).await;
    session.input("\\timing").await.unwrap();
    assert!(session.engine.timing);
    session.input("\\timing off").await.unwrap();
    assert!(!session.engine.timing);
    assert_eq!(session.input("\\timing later").await.unwrap(), Flow::Failed);
    session.input("\\o 'a b.csv'\n\\o").await.unwrap();
    assert_eq!(session.engine.log, ["output Some(\"a b.csv\")", "output None"]);
}

#[tokio::test]
async fn names_are_read_again_after_what_may_have_changed_them() {
    let mut engine = Recorder::new().await;
    let mut session = Session::new(&mut engine).await;
    let before = Arc::clone(&session.names);
    session.input("SELECT 1; (SELECT 2);").await.unwrap();
    session.input("select 1;").await.unwrap();
    session.input("CREATE TABLE made AS SELECT 1 AS one;").await.unwrap();
    assert!(before.table(None, "made").is_none());
    assert_eq!(session.names.table(None, "made").unwrap().1.columns, ["one"]);
}

/// A folder with files, and a session that runs the first.
async fn ran(files: &[(&str, &str)]) -> (Flow, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut engine = Recorder::new().await;
    let mut session = Session::new(&mut engine).await;
    let flow = session.file(&folder.path().join(files[0].0)).await.unwrap();
    let first = |entry: &String| entry.trim_start().lines().next().unwrap_or_default().to_owned();
    let run = engine.log.iter().map(first).collect();
    (flow, run)
}

#[tokio::test]
async fn a_file_is_run_to_its_end_with_statements_and_commands() {
    let (flow, run) = ran(&[("a.sql", "\u{feff}-- first\nSELECT 1;\n\\timing on\nSELECT 2")]).await;
    assert_eq!((flow, run), (Flow::Go, vec!["SELECT 1;".to_owned(), "SELECT 2".to_owned()]));
}

#[tokio::test]
async fn an_error_stops_the_file_and_those_that_run_it() {
    let (flow, run) = ran(&[
        ("a.sql", "SELECT 1;\n\\i sub/b.sql\nSELECT 2;"),
        ("sub/b.sql", "SELECT 3;\n\\i c.sql\n"),
        ("sub/c.sql", "SELECT 4; SELECT nothing; SELECT 5;"),
    ])
    .await;
    assert_eq!(flow, Flow::Failed);
    assert_eq!(run, ["SELECT 1;", "SELECT 3;", "SELECT 4;"]);
}

#[tokio::test]
async fn a_file_may_end_itself_but_not_the_shell() {
    let (flow, run) =
        ran(&[("a.sql", "\\i b.sql\nSELECT 1;\n\\q\nSELECT 2;"), ("b.sql", "exit\nSELECT 3;")]).await;
    assert_eq!((flow, run), (Flow::Go, vec!["SELECT 1;".to_owned()]));
}

#[tokio::test]
async fn files_that_run_themselves_come_to_an_end() {
    let (flow, run) = ran(&[("a.sql", "SELECT 1;\n\\i a.sql")]).await;
    assert_eq!((flow, run.len()), (Flow::Failed, DEEPEST + 1));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x"), b"SELECT '\xff'").unwrap();
    let mut engine = Recorder::new().await;
    let mut session = Session::new(&mut engine).await;
    for name in ["nothing", "x", ""] {
        assert_eq!(session.file(&folder.path().join(name)).await.unwrap(), Flow::Failed, "{name}");
    }
    assert_eq!(session.input("\\i").await.unwrap(), Flow::Failed);
    assert_eq!(session.input("\\i /no/such/file").await.unwrap(), Flow::Failed);
}

#[tokio::test]
async fn places_in_messages_are_those_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.sql");
    std::fs::write(&file, "SELECT 1;\n\n\nSELECT 2;").unwrap();
    let mut engine = Recorder::new().await;
    Session::new(&mut engine).await.file(&file).await.unwrap();
    assert!(engine.log[1].starts_with("\n\n\nSELECT 2;\n"), "{:?}", engine.log[1]);
}
