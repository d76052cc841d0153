// SPDX-License-Identifier: Apache-2.0

use std::fs;

use super::*;
use crate::inventory::EnvironmentRow;

/// The tables as the server makes them (`SqliteMetaImpl.cpp`, v1.1.1).
const SCHEMA: &str = "
    CREATE TABLE Environment (global_lsn INTEGER DEFAULT (0) NOT NULL);
    CREATE TABLE Tables (id INTEGER PRIMARY KEY NOT NULL, table_id TEXT UNIQUE NOT NULL, state INTEGER NOT NULL,
        dimension INTEGER NOT NULL, created_on INTEGER NOT NULL, flag INTEGER DEFAULT (0) NOT NULL,
        index_file_size INTEGER NOT NULL, engine_type INTEGER NOT NULL, index_params TEXT NOT NULL,
        metric_type INTEGER NOT NULL, owner_table TEXT DEFAULT ('') NOT NULL, partition_tag TEXT DEFAULT ('') NOT NULL,
        version TEXT DEFAULT ('1.1.1') NOT NULL, flush_lsn INTEGER NOT NULL);
    CREATE TABLE TableFiles (id INTEGER PRIMARY KEY NOT NULL, table_id TEXT NOT NULL, segment_id TEXT DEFAULT ('') NOT NULL,
        engine_type INTEGER NOT NULL, file_id TEXT NOT NULL, file_type INTEGER NOT NULL,
        file_size INTEGER DEFAULT (0) NOT NULL, row_count INTEGER DEFAULT (0) NOT NULL, updated_time INTEGER NOT NULL,
        created_on INTEGER NOT NULL, date INTEGER NOT NULL, flush_lsn INTEGER NOT NULL);
    INSERT INTO Tables VALUES (1, 'c', 0, 16, 5, 2, 1048576, 1, '{}', 1, '', '', '1.1.1', 7);
    INSERT INTO TableFiles VALUES (1, 'c', 's', 1, 's', 1, 720, 10, 5, 5, 1210515, 0);";

pub(crate) async fn database(folder: &Path, more: &'static str) -> PathBuf {
    let path = folder.join("meta.sqlite");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(SCHEMA).execute(&mut connection).await.unwrap();
    sqlx::raw_sql(more).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    path
}

#[tokio::test]
async fn rows_are_read_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path(), "INSERT INTO Environment VALUES (9)").await;
    let rows = read(&path).await.unwrap();
    assert_eq!((rows.tables[0].table_id.as_str(), rows.tables[0].flush_lsn), ("c", Some(7)));
    assert_eq!((rows.files[0].segment_id.as_str(), rows.files[0].row_count), ("s", Some(10)));
    assert_eq!(rows.environment, [EnvironmentRow { global_lsn: Some(9) }]);
}

#[tokio::test]
async fn fields_are_read_where_there_are_any_and_an_inventory_does_without() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path(), "").await;
    assert_eq!(read(&path).await.unwrap().fields.unwrap(), [], "of 0.7");
    fs::remove_file(&path).unwrap();
    let fields =
        "CREATE TABLE Fields (collection_id TEXT, field_name TEXT, field_type INTEGER, field_params TEXT);
        INSERT INTO Fields VALUES ('c', 'price', 11, '{}'), ('c', 'age', 'many', NULL);";
    let rows = read(&database(folder.path(), fields).await).await.unwrap().fields.unwrap();
    let rows: Vec<_> =
        rows.iter().map(|row| (row.field_name.as_str(), row.field_type, row.field_params.as_str())).collect();
    assert_eq!(rows, [("age", None, ""), ("price", Some(11), "{}")]);
    fs::remove_file(&path).unwrap();
    let rows = read(&database(folder.path(), "CREATE TABLE Fields (name TEXT);").await).await.unwrap();
    assert!(matches!(rows.fields, Err(Error::Sql { .. })), "{:?}", rows.fields);
    assert_eq!(rows.tables.len(), 1);
}

#[tokio::test]
async fn a_row_count_that_wrapped_around_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path(), "UPDATE TableFiles SET row_count = 18446744073709551610").await;
    assert_eq!(read(&path).await.unwrap().files[0].row_count, None);
}

#[tokio::test]
async fn a_null_in_a_dropped_row_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let dropped = "ALTER TABLE Tables RENAME TO strict; CREATE TABLE Tables AS SELECT * FROM strict;
        INSERT INTO Tables(id, state) VALUES (2, 1);
        ALTER TABLE TableFiles RENAME TO files; CREATE TABLE TableFiles AS SELECT * FROM files;
        INSERT INTO TableFiles(id, file_type) VALUES (2, 4);";
    let rows = read(&database(folder.path(), dropped).await).await.unwrap();
    assert_eq!((rows.tables[1].index_params.as_str(), rows.tables[1].state), ("{}", Some(1)));
    assert_eq!((rows.files[1].table_id.as_str(), rows.files[1].file_type), ("", Some(4)));
}

#[tokio::test]
async fn rows_that_stand_only_in_the_wal_are_read_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path(), "").await;
    // While a connection is open, its rows stay in the -wal.
    let mut writer = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let insert = "PRAGMA journal_mode = WAL; INSERT INTO TableFiles VALUES (2, 'c', 't', 1, 't', 1, 0, 3, 5, 5, 1, 0);";
    sqlx::raw_sql(insert).execute(&mut writer).await.unwrap();
    let killed = tempfile::tempdir().unwrap();
    for name in ["meta.sqlite", "meta.sqlite-wal"] {
        fs::copy(folder.path().join(name), killed.path().join(name)).unwrap();
    }
    let before = fs::read(killed.path().join("meta.sqlite-wal")).unwrap();
    assert!(!before.is_empty());
    let rows = read(&killed.path().join("meta.sqlite")).await.unwrap();
    assert_eq!(rows.files.len(), 2);
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("linked.sqlite");
    std::os::unix::fs::symlink(killed.path().join("meta.sqlite"), &link).unwrap();
    assert_eq!(read(&link).await.unwrap().files.len(), 2, "through a link");
    assert_eq!(fs::read(killed.path().join("meta.sqlite-wal")).unwrap(), before);
    assert_eq!(fs::read_dir(killed.path()).unwrap().count(), 2, "no file is left behind");
}

#[tokio::test]
async fn a_change_that_a_killed_writer_did_not_commit_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path(), "").await;
    let mut writer = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    // So small a cache writes changed pages to the database before the commit.
    let change = "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN;
        UPDATE TableFiles SET file_type = 4;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        INSERT INTO Environment SELECT i FROM n;";
    sqlx::raw_sql(change).execute(&mut writer).await.unwrap();
    let killed = tempfile::tempdir().unwrap();
    for name in ["meta.sqlite", "meta.sqlite-journal"] {
        fs::copy(folder.path().join(name), killed.path().join(name)).unwrap();
    }
    let rows = read(&killed.path().join("meta.sqlite")).await.unwrap();
    assert_eq!((rows.files[0].file_type, rows.environment.len()), (Some(1), 0));
    assert!(killed.path().join("meta.sqlite-journal").exists());
}

#[tokio::test]
async fn names_of_columns_and_tables_are_found_in_any_case() {
    let folder = tempfile::tempdir().unwrap();
    let more = "ALTER TABLE Tables RENAME COLUMN id TO ID; ALTER TABLE TableFiles RENAME COLUMN id TO Id;
        ALTER TABLE TableFiles RENAME TO files; ALTER TABLE files RENAME TO tablefiles;";
    let path = database(folder.path(), more).await;
    let rows = read(&path).await.unwrap();
    assert_eq!((rows.tables[0].id, rows.files[0].id), (1, 1));
}

#[tokio::test]
async fn a_damaged_database_is_refused_whatever_the_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path(), "").await;
    let whole = fs::read(&path).unwrap();
    let truncated = whole[..whole.len() / 2].to_vec();
    let mut scribbled = whole.clone();
    for byte in &mut scribbled[4096..] {
        *byte ^= 0x5a;
    }
    let mut garbage = MAGIC.to_vec();
    garbage.extend([0x42; 4000]);
    for bytes in [truncated, scribbled, garbage] {
        fs::write(&path, bytes).unwrap();
        let error = read(&path).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn other_databases_are_told_from_1_x() {
    let folder = tempfile::tempdir().unwrap();
    for (sql, is_011) in [
        ("CREATE TABLE Collection(id); CREATE TABLE SegmentFile(id);", true),
        ("CREATE TABLE shopping(id);", false),
        ("PRAGMA user_version = 1", false),
    ] {
        let path = folder.path().join(format!("{}.sqlite", sql.len()));
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let error = read(&path).await.unwrap_err();
        match is_011 {
            true => assert!(matches!(error, Error::Milvus011 { .. }), "{error:?}"),
            false => assert!(matches!(error, Error::OtherDatabase { .. }), "{error:?}"),
        }
    }
}

/// Damage that SQLite does not notice: the type that a table declares for a column is text to it.
#[tokio::test]
async fn a_type_that_is_no_text_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let declared = "ALTER TABLE Tables RENAME TO old; CREATE TABLE Tables (id DECLARED PRIMARY KEY, table_id DECLARED, state,
        dimension, created_on, flag, index_file_size, engine_type, index_params, metric_type, owner_table,
        partition_tag, version, flush_lsn); INSERT INTO Tables SELECT * FROM old; DROP TABLE old;";
    let path = database(folder.path(), declared).await;
    let mut bytes = fs::read(&path).unwrap();
    let mut changed = 0;
    for at in 0..bytes.len() {
        if bytes[at..].starts_with(b"DECLARED") {
            bytes[at..at + 8].fill(0xff);
            changed += 1;
        }
    }
    assert!(changed >= 2);
    fs::write(&path, bytes).unwrap();
    let rows = read(&path).await.unwrap();
    assert_eq!((rows.tables[0].id, rows.tables[0].table_id.as_str()), (1, "c"));
}
