// SPDX-License-Identifier: Apache-2.0

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::metadata::Metadata;
use crate::mysql::MySql;
use crate::server::ServerSigns;
use crate::sqlite::tests::database;

fn sqlite(path: &Path) -> Metadata {
    Metadata { source: MetaSource::Sqlite(path.into()), wal: None }
}

fn unread(path: &Path) -> Metadata {
    Metadata { source: MetaSource::Unread(path.into()), wal: None }
}

/// The only problem of metadata, which a strict reading refuses with the same words.
async fn problem(metadata: &Metadata) -> Problem {
    let mut examination = metadata.examine().await;
    assert_eq!(examination.problems.len(), 1, "{:?}", examination.problems);
    let problem = examination.problems.remove(0);
    let refusal = metadata.inventory().await.unwrap_err();
    assert!(in_one_line(&refusal) == problem.message, "{refusal:?}, {problem:?}");
    assert!(!problem.message.contains('\n') && !problem.remedy.is_empty() && !problem.subject.is_empty());
    problem
}

/// The problem of metadata of which nothing can be read: its message and remedy.
async fn of_all(metadata: &Metadata) -> (String, String) {
    assert_eq!(metadata.examine().await.inventory, Inventory::default());
    let problem = problem(metadata).await;
    assert_eq!((problem.place, &problem.collection), (Place::Metadata, &None));
    (problem.message, problem.remedy)
}

async fn with_tables(folder: &Path, sql: &'static str) -> PathBuf {
    let path = database(folder, sql).await;
    let renamed = folder.join("other.sqlite");
    fs::rename(path, &renamed).unwrap();
    renamed
}

#[tokio::test]
async fn whole_metadata_has_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = sqlite(&database(folder.path(), "").await);
    let examination = metadata.examine().await;
    assert_eq!(examination.problems, []);
    assert_eq!(examination.inventory, metadata.inventory().await.unwrap());
    assert_eq!(metadata.read().await.unwrap(), examination);
    assert_eq!(examination.inventory.collections.len(), 1);
}

#[tokio::test]
async fn metadata_that_is_missing_or_something_else_is_one_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meta.sqlite");
    let (message, remedy) = of_all(&unread(&path)).await;
    assert!(message.starts_with("cannot read metadata `") && message.contains("No such file"), "{message}");
    assert!(remedy.contains("m2m recover --tables DIR"), "{remedy}");
    for content in ["", "PK\u{3}\u{4}", "<html>"] {
        fs::write(&path, content).unwrap();
        let (message, remedy) = of_all(&unread(&path)).await;
        assert!(message.contains("neither a SQLite database nor JSON"), "{message}");
        assert!(remedy.contains("m2m recover --tables DIR"), "{remedy}");
    }
    fs::write(&path, r#"{"collections": null}"#).unwrap();
    assert_eq!(unread(&path).examine().await.problems, [], "it is there by now");
}

#[tokio::test]
async fn a_damaged_database_is_one_problem_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path(), "").await;
    let whole = fs::read(&path).unwrap();
    for (from, to) in [(0, whole.len() / 2), (100, whole.len()), (4096, 4200)] {
        let mut bytes = whole.clone();
        if from == 0 {
            bytes.truncate(to);
        } else {
            bytes[from..to].fill(0xa5);
        }
        fs::write(&path, bytes).unwrap();
        let (message, remedy) = of_all(&sqlite(&path)).await;
        assert!(message.contains("is damaged: "), "{message}");
        assert!(remedy.contains("sqlite3 COPY .dump | sed") && remedy.contains("m2m recover"), "{remedy}");
    }
}

#[tokio::test]
async fn a_database_of_another_kind_is_one_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = with_tables(folder.path(), "DROP TABLE Environment").await;
    let (message, remedy) = of_all(&sqlite(&path)).await;
    assert!(message.contains("is not of Milvus 1.x"), "{message}");
    assert!(remedy.contains("`meta_uri`"), "{remedy}");
    let of_011 =
        "DROP TABLE Tables; CREATE TABLE Collection(id INTEGER); CREATE TABLE SegmentFile(id INTEGER);";
    let path = with_tables(folder.path(), of_011).await;
    let (message, remedy) = of_all(&sqlite(&path)).await;
    assert!(message.contains("0.11") && remedy.contains("0.11 server"), "{message} {remedy}");
    let path = with_tables(folder.path(), "ALTER TABLE Tables DROP COLUMN metric_type").await;
    let (message, _) = of_all(&sqlite(&path)).await;
    assert!(message.contains("metric_type"), "{message}");
}

#[tokio::test]
async fn json_that_cannot_be_is_one_problem() {
    let of = |text: &str| Metadata {
        source: MetaSource::MetaJson { location: "s3://b/meta.json".into(), text: text.into() },
        wal: None,
    };
    let (message, remedy) = of_all(&of("{\"collections\": [{]}")).await;
    assert!(message.contains("line 1 column"), "{message}");
    assert!(remedy.contains("m2m export"), "{remedy}");
    let (_, remedy) = of_all(&of(r#"{"version": 3, "collections": []}"#)).await;
    assert!(remedy.contains("a newer one"), "{remedy}");
    let metadata = of(r#"{"collections": [{"collection": "c", "metric": 9, "dim": 4}]}"#);
    let problem = problem(&metadata).await;
    assert_eq!((problem.place, problem.collection.as_deref()), (Place::Collection, Some("c")));
    assert_eq!(problem.subject, "collection `c`, key `metric`");
    assert!(problem.remedy.contains("m2m export"), "{problem:?}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_one_problem_without_a_password() {
    let mysql = MySql::parse("reader:secret@tcp(127.0.0.1:1)/milvus").unwrap();
    let metadata = Metadata { source: MetaSource::MySql(mysql), wal: None };
    let (message, remedy) = of_all(&metadata).await;
    assert!(message.contains("nothing listens there") && !message.contains("secret"), "{message}");
    assert!(remedy.contains("check host and port"), "{remedy}");
    assert_eq!(metadata.server_signs().await, ServerSigns::default());
}

#[tokio::test]
async fn a_collection_that_cannot_be_is_a_problem_with_its_name_and_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let bad = "INSERT INTO Tables VALUES (2, 'bad', 0, 16, 5, 2, 1048576, 1, '{}', 8, '', '', '1.1.1', 7);";
    let metadata = sqlite(&database(folder.path(), bad).await);
    let problem = problem(&metadata).await;
    assert_eq!((problem.place, problem.collection.as_deref()), (Place::Collection, Some("bad")));
    assert_eq!(problem.subject, "table `Tables`, row 2 (`bad`), column `metric_type`");
    assert!(problem.message.ends_with("expected 1 to 7, found `8`"), "{problem:?}");
    assert!(problem.remedy.contains("in a copy of the metadata"), "{problem:?}");
    let inventory = metadata.examine().await.inventory;
    assert_eq!((inventory.collections.len(), inventory.tables.len()), (1, 2));
}

#[tokio::test]
async fn rows_that_no_live_collection_needs_are_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = "INSERT INTO TableFiles VALUES (2, 'ghost', 's', 1, 's', 99, 0, 0, 5, 5, 1, 0);
        INSERT INTO Tables VALUES (2, '22', 0, 16, 5, 0, 1, 1, '{}', 8, 'gone', 'p', '1.1.1', 0);
        INSERT INTO Tables VALUES (3, 'dropped', 1, -1, 5, 0, 1, 1, '{}', 8, '', '', '1.1.1', 0);
        CREATE TABLE Fields (collection_id TEXT, field_name TEXT, field_type INTEGER, field_params TEXT);
        INSERT INTO Fields VALUES ('ghost', 'f', 5, '{}');";
    let examination = sqlite(&database(folder.path(), foreign).await).examine().await;
    assert_eq!(examination.problems, []);
    assert_eq!((examination.inventory.collections.len(), examination.fields.len()), (1, 1));
}

#[tokio::test]
async fn fields_that_cannot_be_read_are_a_problem_that_no_inventory_minds() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = sqlite(&database(folder.path(), "CREATE TABLE Fields (name TEXT)").await);
    let examination = metadata.examine().await;
    let problem = examination.problems.first().unwrap();
    assert_eq!((problem.place, problem.subject.as_str()), (Place::Metadata, "table `Fields`"));
    assert!(problem.message.contains("collection_id"), "{problem:?}");
    assert_eq!(metadata.inventory().await.unwrap(), examination.inventory);
    assert_eq!(examination.inventory.collections.len(), 1);
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_a_problem_and_the_collections_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let wal = folder.path().join("wal");
    fs::create_dir(&wal).unwrap();
    let metadata = Metadata { wal: Some(wal.clone()), ..sqlite(&database(folder.path(), "").await) };
    assert_eq!(metadata.examine().await.problems, []);
    let damages: [(&str, &[u8], &str); 4] = [
        ("0.wal", b"records", "`--wal`"),
        ("mxlog.meta", b"short", "stop it cleanly"),
        ("mxlog.meta", &[9; 24], "stop it cleanly"),
        ("0.wal", &[], "`--wal`"),
    ];
    for (name, content, word) in damages {
        fs::write(wal.join(name), content).unwrap();
        let problem = problem(&metadata).await;
        assert_eq!((problem.place, &problem.collection), (Place::Log, &None));
        assert!(problem.subject.starts_with(&wal.display().to_string()), "{problem:?}");
        assert!(problem.remedy.contains(word), "{problem:?}");
        let inventory = metadata.examine().await.inventory;
        assert_eq!((inventory.collections.len(), inventory.unflushed.len()), (1, 0));
    }
    let gone = Metadata { wal: Some(folder.path().join("nowhere")), ..metadata };
    assert_eq!(problem(&gone).await.place, Place::Log);
}
