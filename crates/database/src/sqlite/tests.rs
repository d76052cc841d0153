// SPDX-License-Identifier: Apache-2.0

use arrow::array::AsArray;
use sqlx::Connection;

use crate::testing::Bench;

async fn types(bench: &Bench) -> String {
    let sql =
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = 't'";
    bench.sql(&format!("{sql} ORDER BY ordinal_position")).await.unwrap()
}

#[tokio::test]
async fn types_are_those_that_columns_are_declared_as() {
    let bench = Bench::new();
    let statements = [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a BIGINT NOT NULL, b VARCHAR(20), c TEXT NOT NULL, d BLOB,
         e REAL, f DOUBLE, g BOOLEAN, h DATE, i DATETIME, j DECIMAL(10, 2), k NUMERIC, l JSON,
         m GENERATED ALWAYS AS (a + 1), \"N o\" INT)",
        "INSERT INTO t (id, a, b, c, d, e, f, g, h, i, j, k, l, \"N o\") VALUES
         (1, 5, 'b', 'ü', X'00ff', 1.5, 2, TRUE, '2020-02-30', 1577836800, 12.25, 3, '{\"x\": 1}', -9223372036854775808),
         (-7, 6, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 8, NULL)",
    ];
    bench.write("a.db", &statements).await;
    bench.create("a.db").await.unwrap();
    assert_eq!(
        types(&bench).await,
        "id | Int64 | NO; a | Int64 | NO; b | Utf8 | YES; c | Utf8 | NO; d | Binary | YES; e | Float64 | YES; \
         f | Float64 | YES; g | Boolean | YES; h | Utf8 | YES; i | Utf8 | YES; j | Float64 | YES; \
         k | Float64 | YES; l | Utf8 | YES; m | Int64 | YES; N o | Int64 | YES"
    );
    assert_eq!(
        bench.sql("SELECT * FROM t ORDER BY id").await.unwrap(),
        "-7 | 6 |  |  |  |  |  |  |  |  |  |  | 8 | 7 | ; \
         1 | 5 | b | ü | 00ff | 1.5 | 2.0 | true | 2020-02-30 | 1577836800 | 12.25 | 3.0 | {\"x\": 1} | 6 | -9223372036854775808"
    );
    assert_eq!(bench.files(), ["a.db"]);
}

#[tokio::test]
async fn columns_are_read_as_they_are_asked_for() {
    let bench = Bench::new();
    let statements = [
        "CREATE TABLE t (a INT, b TEXT, \"c\"\"d\" INT)",
        "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 19999)
         INSERT INTO t SELECT n, 'text ' || n, -n FROM n",
    ];
    bench.write("a.db", &statements).await;
    bench.create("a.db").await.unwrap();
    assert_eq!(bench.sql("SELECT count(*) FROM t").await.unwrap(), "20000");
    assert_eq!(
        bench.sql("SELECT sum(a), count(DISTINCT b), min(\"c\"\"d\") FROM t").await.unwrap(),
        "199990000 | 20000 | -19999"
    );
    assert_eq!(bench.sql("SELECT b, a FROM t WHERE a = 12345").await.unwrap(), "text 12345 | 12345");
    assert_eq!(bench.sql("SELECT b FROM t WHERE a > 15000 LIMIT 1").await.unwrap(), "text 15001");
    assert_eq!(bench.sql("SELECT count(*) FROM (SELECT a FROM t LIMIT 7)").await.unwrap(), "7");
    let plan = bench.sql("EXPLAIN SELECT b FROM t LIMIT 3").await.unwrap();
    assert!(plan.contains("StreamingTableExec: partition_sizes=1, projection=[b], fetch=3"), "{plan}");
    // Rows that nobody takes are not waited for.
    let some = bench.ctx.sql("SELECT b FROM t").await.unwrap().execute_stream().await.unwrap();
    drop(some);
    let batches = bench.batches("SELECT a FROM t").await.unwrap();
    assert!(batches.iter().all(|batch| batch.num_rows() <= 8192));
}

#[tokio::test]
async fn a_table_is_found_by_its_option_or_by_the_name_of_the_sql_table() {
    let bench = Bench::new();
    let statements = [
        "CREATE TABLE \"It's\" (a INT); INSERT INTO \"It's\" VALUES (1)",
        "CREATE TABLE t (a INT); INSERT INTO t VALUES (2)",
        "CREATE VIEW v AS SELECT a, a / 2.0 AS half, 'x' || a AS text, NULL AS n FROM t",
    ];
    bench.write("a.db", &statements).await;
    bench.create("a.db").await.unwrap();
    assert_eq!(bench.sql("SELECT * FROM t").await.unwrap(), "2");
    bench.create_with("a.db", "OPTIONS ('table' 'It''s')").await.unwrap();
    assert_eq!(bench.sql("SELECT * FROM t").await.unwrap(), "1");
    bench.create_with("a.db", "OPTIONS ('table' 'V')").await.unwrap();
    assert_eq!(bench.sql("SELECT * FROM t").await.unwrap(), "2 | 1.0 | x2 | ");
    assert_eq!(
        types(&bench).await,
        "a | Int64 | YES; half | Float64 | YES; text | Utf8 | YES; n | Utf8 | YES"
    );
    let error = bench.create_with("a.db", "OPTIONS ('table' 'u')").await.unwrap_err();
    assert!(error.contains("database `<folder>/a.db` has no table `u`; it has `It's`, `t`, `v`; name one by the option `table`"), "{error}");
    bench.write("none.db", &["PRAGMA user_version = 3"]).await;
    let error = bench.create("none.db").await.unwrap_err();
    assert!(error.contains("no table `t`; it has none"), "{error}");
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_an_error_that_names_row_and_column() {
    for (declared, value, expected) in [
        ("INT", "3.5", "expected an integer of 64 bits, found 3.5"),
        ("INT", "'many'", "found the text `many`"),
        ("BOOLEAN", "2", "expected 0 or 1, found 2"),
        ("REAL", "'1,5'", "found the text `1,5`"),
        ("DECIMAL(20)", "9007199254740993", "found 9007199254740993"),
        ("TEXT", "X'ff'", "expected a text in UTF-8, found a blob of 1 bytes"),
        ("TEXT", "CAST(X'61ff' AS TEXT)", "found a text of 2 bytes that are not UTF-8"),
        ("BLOB", "'text'", "expected bytes, found the text `text`"),
        ("BLOB", "7", "expected bytes, found 7"),
    ] {
        let bench = Bench::new();
        let statements = [
            &format!("CREATE TABLE t (id INTEGER, value {declared})"),
            "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 9999) INSERT INTO t SELECT n, NULL FROM n",
            &format!("UPDATE t SET value = {value} WHERE id = 9000"),
        ];
        bench.write("a.db", &statements).await;
        bench.create("a.db").await.unwrap();
        let error = bench.sql("SELECT count(value), count(id) FROM t").await.unwrap_err();
        assert!(error.contains("row 9000 of table `t` in `<folder>/a.db`, column `value`: "), "{error}");
        assert!(error.contains(expected), "{error}");
        assert_eq!(bench.sql("SELECT count(id) FROM t").await.unwrap(), "10000");
    }
}

#[tokio::test]
async fn columns_without_a_type_are_what_their_values_are() {
    let bench = Bench::new();
    bench
        .write(
            "a.db",
            &[
                "CREATE TABLE t (a, b, c STRING, d, e UUID)",
                "INSERT INTO t VALUES (1, 2, 'x', X'00', NULL), (NULL, 2.5, 'y', NULL, NULL)",
            ],
        )
        .await;
    bench.create("a.db").await.unwrap();
    assert_eq!(
        types(&bench).await,
        "a | Int64 | YES; b | Float64 | YES; c | Utf8 | YES; d | Binary | YES; e | Utf8 | YES"
    );
    assert_eq!(
        bench.sql("SELECT * FROM t ORDER BY b").await.unwrap(),
        "1 | 2.0 | x | 00 | ;  | 2.5 | y |  | "
    );
    bench.write("a.db", &["INSERT INTO t VALUES (1, 2, 3, 4, 5)"]).await;
    let error = bench.create("a.db").await.unwrap_err();
    assert!(error.contains("column `c` of table `t` in `<folder>/a.db` is declared as `STRING`, and has values of several types: integer, text"), "{error}");
}

#[tokio::test]
async fn huge_texts_come_in_batches_that_fit() {
    let bench = Bench::new();
    let statements = [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB)",
        "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 19)
         INSERT INTO t SELECT n, printf('%.*c', 3000000 + n, 'x'), zeroblob(n) FROM n",
    ];
    bench.write("a.db", &statements).await;
    bench.create("a.db").await.unwrap();
    let batches = bench.batches("SELECT a, b, id FROM t").await.unwrap();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 20);
    for batch in &batches {
        assert!(batch.num_rows() <= 3, "{}", batch.num_rows());
        for (text, blob) in batch.column(0).as_string::<i32>().iter().zip(batch.column(1).as_binary::<i32>())
        {
            assert_eq!(text.unwrap().len(), 3_000_000 + blob.unwrap().len());
        }
    }
}

#[tokio::test]
async fn rows_that_stand_only_in_the_log_are_read_and_nothing_is_written() {
    let bench = Bench::new();
    let begin = [
        "PRAGMA journal_mode = WAL",
        "PRAGMA wal_autocheckpoint = 0",
        "CREATE TABLE t (a INT NOT NULL); INSERT INTO t VALUES (1), (2)",
    ];
    let mut writer = bench.connect("a.db", &begin).await;
    let main = std::fs::read(bench.path("a.db")).unwrap();
    let log = std::fs::read(bench.path("a.db-wal")).unwrap();
    assert!(!log.is_empty());
    bench.create("a.db").await.unwrap();
    assert_eq!(bench.sql("SELECT sum(a) FROM t").await.unwrap(), "3");
    sqlx::query("INSERT INTO t VALUES (40)").execute(&mut writer).await.unwrap();
    assert_eq!(bench.sql("SELECT sum(a) FROM t").await.unwrap(), "43");
    assert_eq!(std::fs::read(bench.path("a.db")).unwrap(), main);
    assert_eq!(std::fs::read(bench.path("a.db-wal")).unwrap()[..log.len()], log);
    writer.close().await.unwrap();
    assert_eq!(bench.files(), ["a.db"]);
    // Of a database in this mode that nobody has open, all is in its file.
    assert_eq!(bench.sql("SELECT sum(a) FROM t").await.unwrap(), "43");
    assert_eq!(bench.files(), ["a.db"]);
}

#[tokio::test]
async fn what_a_transaction_has_not_committed_is_not_read() {
    let bench = Bench::new();
    let statements = [
        "PRAGMA cache_size = 1",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT NOT NULL, filler TEXT)",
        "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 999) INSERT INTO t SELECT n, 1, hex(zeroblob(500)) FROM n",
    ];
    let mut writer = bench.connect("a.db", &statements).await;
    bench.create("a.db").await.unwrap();
    let before = std::fs::read(bench.path("a.db")).unwrap();
    sqlx::raw_sql("BEGIN; UPDATE t SET a = 2; DELETE FROM t WHERE id < 500")
        .execute(&mut writer)
        .await
        .unwrap();
    assert_ne!(std::fs::read(bench.path("a.db")).unwrap(), before);
    let journal = std::fs::read(bench.path("a.db-journal")).unwrap();
    assert_eq!(bench.sql("SELECT count(*), sum(a) FROM t").await.unwrap(), "1000 | 1000");
    assert_eq!(std::fs::read(bench.path("a.db-journal")).unwrap(), journal);
    sqlx::raw_sql("COMMIT").execute(&mut writer).await.unwrap();
    assert_eq!(bench.sql("SELECT count(*), sum(a) FROM t").await.unwrap(), "500 | 1000");
    writer.close().await.unwrap();
}

#[tokio::test]
async fn links_lead_to_the_database_and_its_log() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("place")).unwrap();
    let writer = bench
        .connect(
            "place/a.db",
            &["PRAGMA journal_mode = WAL", "CREATE TABLE t (a INT)", "INSERT INTO t VALUES (5)"],
        )
        .await;
    std::os::unix::fs::symlink(bench.path("place/a.db"), bench.path("link")).unwrap();
    bench.create("link").await.unwrap();
    assert_eq!(bench.sql("SELECT a FROM t").await.unwrap(), "5");
    let url = format!("file://{}", bench.path("place/a.db").display());
    bench
        .sql(&format!("CREATE EXTERNAL TABLE u STORED AS sqlite LOCATION '{url}' OPTIONS ('table' 't')"))
        .await
        .unwrap();
    assert_eq!(bench.sql("SELECT a FROM u").await.unwrap(), "5");
    writer.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_changes_while_it_is_read_is_an_error() {
    let bench = Bench::new();
    let statements = [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)",
        "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 49) INSERT INTO t SELECT n, printf('%.*c', 1000000, 'x') FROM n",
    ];
    bench.write("a.db", &statements).await;
    bench.create("a.db").await.unwrap();
    let mut rows = bench.ctx.sql("SELECT a FROM t").await.unwrap().execute_stream().await.unwrap();
    use futures::TryStreamExt;
    rows.try_next().await.unwrap().unwrap();
    bench.write("a.db", &["INSERT INTO t VALUES (50, 'more')"]).await;
    let error = rows.try_collect::<Vec<_>>().await.unwrap_err().to_string();
    assert!(error.contains("changed while it was read"), "{error}");
}

#[tokio::test]
async fn columns_that_changed_after_the_table_was_created_are_an_error() {
    let bench = Bench::new();
    bench.write("a.db", &["CREATE TABLE t (a INT, b TEXT)", "INSERT INTO t VALUES (1, 'x')"]).await;
    bench.create("a.db").await.unwrap();
    bench.write("a.db", &["INSERT INTO t VALUES (2, 'y')"]).await;
    assert_eq!(bench.sql("SELECT count(b) FROM t").await.unwrap(), "2");
    bench.write("a.db", &["ALTER TABLE t RENAME COLUMN b TO c"]).await;
    let error = bench.sql("SELECT b FROM t").await.unwrap_err();
    assert!(error.contains("expected `a` INT, `b` TEXT, found `a` INT, `c` TEXT; drop the table"), "{error}");
    bench.write("a.db", &["DROP TABLE t"]).await;
    let error = bench.sql("SELECT a FROM t").await.unwrap_err();
    assert!(error.contains("changed after the table was created"), "{error}");
}

#[tokio::test]
async fn files_that_are_no_database_are_errors_that_name_them() {
    let bench = Bench::new();
    let error = bench.create("none.db").await.unwrap_err();
    assert!(error.contains("there is no SQLite database `<folder>/none.db`"), "{error}");
    assert!(bench.files().is_empty());
    std::fs::write(bench.path("text.db"), "x".repeat(5000)).unwrap();
    let error = bench.create("text.db").await.unwrap_err();
    assert!(error.contains("cannot query SQLite database `<folder>/text.db`"), "{error}");
    assert!(error.contains("not a database"), "{error}");
    std::fs::create_dir(bench.path("folder.db")).unwrap();
    assert!(bench.create("folder.db").await.unwrap_err().contains("folder.db"));
    bench.write("utf16.db", &["PRAGMA encoding = 'UTF-16le'", "CREATE TABLE t (a TEXT)"]).await;
    let error = bench.create("utf16.db").await.unwrap_err();
    assert!(error.contains("keeps texts in UTF-16le, expected UTF-8"), "{error}");
    bench.write("cut.db", &["CREATE TABLE t (a TEXT)", "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 9999) INSERT INTO t SELECT 'text ' || n FROM n"]).await;
    bench.create("cut.db").await.unwrap();
    let bytes = std::fs::read(bench.path("cut.db")).unwrap();
    std::fs::write(bench.path("cut.db"), &bytes[..bytes.len() / 2]).unwrap();
    let error = bench.sql("SELECT count(a) FROM t").await.unwrap_err();
    assert!(error.contains("cannot query SQLite database"), "{error}");
}
