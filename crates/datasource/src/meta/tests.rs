// SPDX-License-Identifier: Apache-2.0

use std::fs;

use datafusion::arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;
use m2m_catalog::{Install, MetaSource, Metadata};
use m2m_storage::Storage;

use crate::source::Source;
use crate::testing::{TestInstall, numbers, query, session_over, some_bucket};

async fn texts(ctx: &SessionContext, sql: &str) -> Vec<Vec<String>> {
    let batches = query(ctx, sql).await;
    let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    let cells = |(batch, row): (&super::RecordBatch, usize)| {
        batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap()).collect()
    };
    rows.map(cells).collect()
}

async fn examine(install: &Install) -> SessionContext {
    let roots = install.tables.iter().map(|folder| Storage::local(folder).unwrap()).collect();
    session_over(&Source::examine(&install.metadata, roots, crate::ReadOptions::default()).await.unwrap())
}

/// An installation whose collection `c` can be read, and `bad` cannot.
fn with_a_bad_collection() -> (TestInstall, Install) {
    let files = TestInstall::float(2).segment("_default", 1, 3, &[1]);
    let install = files.install();
    let path = files.root().join("meta.json");
    let text = fs::read_to_string(&path).unwrap();
    let bad = r#""collections": [{"collection": "bad", "metric": 1, "dim": 0}, "#;
    fs::write(&path, text.replace(r#""collections": ["#, bad)).unwrap();
    let metadata = Metadata { source: MetaSource::file(&path).unwrap(), wal: None };
    (files, Install { metadata, ..install })
}

#[tokio::test]
async fn a_collection_that_cannot_be_is_a_row_of_problems_and_the_others_are_read() {
    let (_files, install) = with_a_bad_collection();
    assert!(Source::open(&install).await.unwrap_err().to_string().contains("`bad`, key `dim`"));
    let ctx = examine(&install).await;
    let found = texts(&ctx, "SELECT place, collection, subject, message, remedy FROM meta.problems").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0][..3], ["collection", "bad", "collection `bad`, key `dim`"]);
    assert!(found[0][3].contains("found `0`") && found[0][4].contains("m2m export"), "{found:?}");
    assert_eq!(texts(&ctx, "SELECT collection FROM meta.collections").await, [["c"]]);
    assert_eq!(numbers(&ctx, "SELECT id FROM c").await, [1000, 1002]);
}

#[tokio::test]
async fn without_metadata_every_table_answers_and_one_says_why_it_is_empty() {
    let files = TestInstall::float(2).segment("_default", 1, 3, &[]);
    fs::create_dir_all(files.tables()).unwrap();
    let install = Install::locate_to_examine(files.root()).unwrap();
    let ctx = examine(&install).await;
    let found = texts(&ctx, "SELECT place, collection, remedy FROM meta.problems").await;
    assert_eq!(found[0][..2], ["metadata", ""]);
    assert!(found[0][2].contains("m2m recover --tables DIR"), "{found:?}");
    let tables = "SELECT table_schema || '.' || table_name FROM information_schema.tables
        WHERE table_schema IN ('meta', 'inspect') ORDER BY 1";
    let tables = texts(&ctx, tables).await;
    assert!(tables.len() > 20, "{tables:?}");
    for table in tables.into_iter().flatten() {
        let rows = numbers(&ctx, &format!("SELECT count(*) FROM {table}")).await;
        let expected = i64::from(["meta.problems", "meta.server"].contains(&table.as_str()));
        assert_eq!(rows, [expected], "{table}");
    }
    let server = texts(&ctx, "SELECT metadata, kind, wal, is_running, sign FROM meta.server").await;
    let expected = files.root().join("meta.sqlite").display().to_string();
    assert_eq!(server, [[expected.as_str(), "", "", "false", ""]]);
}

#[tokio::test]
async fn an_installation_that_was_opened_strictly_has_no_problem() {
    let install = TestInstall::float(2).segment("_default", 1, 3, &[]);
    let ctx = install.session().await;
    assert_eq!(texts(&ctx, "SELECT * FROM meta.problems").await, Vec::<Vec<String>>::new());
    let server = texts(&ctx, "SELECT kind, wal IS NULL, is_running, sign IS NULL FROM meta.server").await;
    assert_eq!(server, [["meta.json", "true", "false", "true"]]);
}

#[tokio::test]
async fn signs_of_a_server_are_looked_for_when_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meta.sqlite");
    fs::write(&path, "no database").unwrap();
    let metadata = Metadata { source: MetaSource::Sqlite(path), wal: None };
    let options = crate::ReadOptions::default();
    let source = Source::examine(&metadata, vec![some_bucket("db")], options).await.unwrap();
    let ctx = session_over(&source);
    assert_eq!(texts(&ctx, "SELECT sign FROM meta.server").await, [[""]]);
    fs::write(folder.path().join("meta.sqlite-wal"), "rows").unwrap();
    let sign = texts(&ctx, "SELECT sign FROM meta.server").await.remove(0).remove(0);
    assert!(sign.contains("meta.sqlite-wal` with 4 bytes"), "{sign}");
}

#[tokio::test]
async fn a_bucket_is_not_asked_for_segments_of_metadata_that_is_lost() {
    let metadata = Metadata { source: MetaSource::Unread("/nonexistent/meta.sqlite".into()), wal: None };
    let options = crate::ReadOptions::default();
    // Nobody serves this bucket.
    let source = Source::examine(&metadata, vec![some_bucket("db")], options).await.unwrap();
    let ctx = session_over(&source);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM meta.segments WHERE rows > 0").await, [0]);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM meta.problems").await, [1]);
    let nowhere = Source::examine(&metadata, Vec::new(), options).await;
    assert!(matches!(nowhere, Err(crate::Error::NoTables)));
}
