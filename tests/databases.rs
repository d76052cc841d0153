// SPDX-License-Identifier: Apache-2.0
//! Tables of databases are joined with collections, and no password is shown.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use m2m_catalog::Install;
use m2m_datasource::{SessionOptions, Source, session};

use crate::support::command::{m2m, run_command};
use crate::support::fixtures;
use crate::support::services::{MariaDb, WRONG, assert_no_secret, mariadb};

/// A database that the users of the tests may read, made anew.
fn database(server: &MariaDb, name: &str, statements: &str) -> String {
    let name = format!("milvus_shop_{name}");
    let anew = format!("DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name}; USE {name};");
    server.administer("utf8mb4", &format!("{anew} SET time_zone = '+00:00'; {statements}"));
    name
}

/// A session over the installation that knows tables of databases.
async fn open() -> SessionContext {
    let source = Source::open(&Install::locate(&fixtures::install("install-1.1.1")).unwrap()).await.unwrap();
    let ctx = session(SessionOptions { workers: 2, ..SessionOptions::default() }).unwrap();
    source.register(&ctx).unwrap();
    m2m_database::register(&ctx);
    ctx
}

async fn batches(ctx: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>, DataFusionError> {
    ctx.sql(sql).await?.collect().await
}

/// The cells of an answer, a line for each row.
async fn cells(ctx: &SessionContext, sql: &str) -> String {
    let batches = batches(ctx, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let table = pretty_format_batches(&batches).unwrap().to_string();
    let cells = |line: &str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(" | ");
    table.lines().filter(|line| line.starts_with('|')).skip(1).map(cells).collect::<Vec<_>>().join("\n")
}

/// An error with its causes, which never says a password.
async fn failure(ctx: &SessionContext, server: &MariaDb, sql: &str) -> String {
    let error = batches(ctx, sql).await.unwrap_err();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    assert!(!text.contains(&server.password) && !text.contains(WRONG), "a password is in the error");
    assert!(!format!("{error:?}").contains(&server.password), "a password is in the error");
    text
}

async fn create(ctx: &SessionContext, server: &MariaDb, database: &str, table: &str) {
    let sql = statement(&server.dsn(&server.user, database, ""), table);
    batches(ctx, &sql).await.unwrap_or_else(|error| panic!("{table}: {error}"));
}

fn statement(address: &str, table: &str) -> String {
    format!("CREATE OR REPLACE EXTERNAL TABLE {table} STORED AS MYSQL LOCATION '{address}'")
}

const TYPES: &str = "
CREATE TABLE kinds (
  id BIGINT NOT NULL PRIMARY KEY, a TINYINT(1), b TINYINT UNSIGNED, c SMALLINT UNSIGNED, d MEDIUMINT, e INT UNSIGNED,
  f BIGINT UNSIGNED, g FLOAT, h DOUBLE, i DECIMAL(10, 3), j DECIMAL(30, 10), k VARCHAR(20) CHARACTER SET latin1,
  l TEXT NOT NULL, m VARBINARY(8), n BLOB, o DATE, p DATETIME(6), q TIMESTAMP NULL, r TIME, s YEAR, t BIT(1), u BIT(20),
  v ENUM('x', 'ÿ'), w JSON, x SET('one', 'two'), y CHAR(3), z POINT
);
INSERT INTO kinds VALUES
(-9223372036854775808, -128, 255, 65535, -8388608, 4294967295, 9223372036854775807, 0.1, 0.1, 0.125,
 12345678901234567890.0123456789, 'é', '日本', X'00ff', X'', '2020-02-29', '2020-01-02 03:04:05.000006',
 '2021-01-02 03:04:05', '-30:00:01', 2020, b'1', b'10000000000000000001', 'ÿ', '{\"x\": [1, \"ü\"]}', 'one,two', 'ab',
 POINT(1, 2)),
(7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL);";

#[tokio::test]
async fn every_type_of_mariadb_has_one_that_holds_its_values() {
    let server = mariadb();
    let name = database(&server, "kinds", TYPES);
    let ctx = open().await;
    create(&ctx, &server, &name, "kinds").await;
    let types = "SELECT string_agg(data_type, ' ' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_name = 'kinds'";
    assert_eq!(
        cells(&ctx, types).await,
        "Int64 Int8 Int16 Int32 Int32 Int64 Int64 Float32 Float64 Float64 Utf8 Utf8 Utf8 Binary Binary Utf8 Utf8 \
         Utf8 Utf8 Int16 Boolean Int64 Utf8 Utf8 Utf8 Utf8 Binary"
    );
    let not_null = "SELECT column_name FROM information_schema.columns WHERE table_name = 'kinds' AND is_nullable = 'NO' ORDER BY 1";
    assert_eq!(cells(&ctx, not_null).await, "id\nl");
    let lines = cells(&ctx, "SELECT * EXCLUDE (z) FROM kinds ORDER BY id").await;
    let [full, empty] = lines.lines().collect::<Vec<_>>()[..] else { panic!("{lines}") };
    assert_eq!(
        full,
        "-9223372036854775808 | -128 | 255 | 65535 | -8388608 | 4294967295 | 9223372036854775807 | 0.1 | 0.1 | 0.125 | \
         12345678901234567890.0123456789 | é | 日本 | 00ff |  | 2020-02-29 | 2020-01-02 03:04:05.000006 | \
         2021-01-02 03:04:05 | -30:00:01 | 2020 | true | 524289 | ÿ | {\"x\": [1, \"ü\"]} | one,two | ab"
    );
    assert_eq!(empty.split(" | ").filter(|cell| !cell.is_empty()).collect::<Vec<_>>(), ["7"]);
    assert_eq!(cells(&ctx, "SELECT length(encode(z, 'hex')) > 40 FROM kinds WHERE id < 0").await, "true");
    assert_eq!(cells(&ctx, "SELECT count(*), count(a), count(l) FROM kinds").await, "2 | 1 | 2");
}

#[tokio::test]
async fn attributes_are_joined_with_a_collection() {
    let server = mariadb();
    let statements = "CREATE TABLE articles (id BIGINT PRIMARY KEY, name VARCHAR(50) NOT NULL, price DECIMAL(8, 2));
        INSERT INTO articles SELECT seq, CONCAT('article ', seq), IF(seq % 2 = 0, seq / 10, NULL) FROM seq_0_to_99999;
        CREATE VIEW cheap AS SELECT id, price FROM articles WHERE price < 20;";
    let name = database(&server, "articles", statements);
    let ctx = open().await;
    create(&ctx, &server, &name, "articles").await;
    create(&ctx, &server, &name, "cheap").await;
    assert_eq!(
        cells(&ctx, "SELECT count(*), sum(id), count(price) FROM articles").await,
        "100000 | 4999950000 | 50000"
    );
    let joined = "SELECT count(*), count(price), sum(a.id) - sum(f.id) FROM float_l2 AS f JOIN articles AS a ON a.id = f.id";
    let expected =
        "SELECT count(*), count(*) FILTER (WHERE id % 2 = 0), 0 FROM float_l2 WHERE id BETWEEN 0 AND 99999";
    assert_eq!(cells(&ctx, joined).await, cells(&ctx, expected).await);
    assert_eq!(cells(&ctx, "SELECT name, price FROM articles WHERE id = 4242").await, "article 4242 | 424.2");
    assert_eq!(cells(&ctx, "SELECT count(*), max(price) FROM cheap").await, "100 | 19.8");
    assert_eq!(cells(&ctx, "SELECT count(*) FROM (SELECT name FROM articles LIMIT 10)").await, "10");
    let plan = cells(&ctx, "EXPLAIN SELECT name FROM articles LIMIT 10").await;
    assert!(plan.contains("projection=[name], fetch=10"), "{plan}");
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_without_a_password() {
    let server = mariadb();
    let statements = "CREATE TABLE numbers (id INT, large BIGINT UNSIGNED, text VARCHAR(9)) ENGINE = InnoDB;
        INSERT INTO numbers SELECT seq, seq, seq FROM seq_0_to_9999;
        UPDATE numbers SET large = 9223372036854775808 WHERE id = 9000;";
    let name = database(&server, "errors", statements);
    let ctx = open().await;
    create(&ctx, &server, &name, "numbers").await;
    let error = failure(&ctx, &server, "SELECT sum(large) FROM numbers").await;
    let place = format!(
        "of table `numbers` in `mysql://m2m_reader@127.0.0.1:{}/{name}`, column `large`",
        server.port
    );
    assert!(error.contains("row 9000 ") && error.contains(&place), "{error}");
    assert!(error.contains("expected an integer of 64 bits, found 9223372036854775808"), "{error}");
    assert_eq!(cells(&ctx, "SELECT count(id) FROM numbers").await, "10000");

    let address = server.dsn(&server.user, &name, "");
    let error = failure(&ctx, &server, &statement(&address, "none")).await;
    assert!(
        error.contains("has no table `none` that the user may see; name one by the option `table`"),
        "{error}"
    );
    let hidden = server.dsn(&server.user, "mysql", "");
    let error = failure(&ctx, &server, &statement(&hidden, "user")).await;
    assert!(error.contains("the user may not read it"), "{error}");
    let wrong = format!("mysql://{}:{WRONG}@127.0.0.1:{}/{name}", server.user, server.port);
    let error = failure(&ctx, &server, &statement(&wrong, "absent")).await;
    assert!(
        error.contains("cannot read database `mysql://m2m_reader@127.0.0.1")
            && error.contains("refuses the user or the password"),
        "{error}"
    );

    server.administer("utf8mb4", &format!("USE {name}; ALTER TABLE numbers MODIFY text INT"));
    let error = failure(&ctx, &server, "SELECT id FROM numbers").await;
    assert!(
        error.contains("changed after the table was created") && error.contains("`text` varchar(9)"),
        "{error}"
    );
    server.administer("utf8mb4", &format!("USE {name}; DROP TABLE numbers"));
    let error = failure(&ctx, &server, "SELECT id FROM numbers").await;
    assert!(error.contains("no table `numbers`"), "{error}");
}

#[tokio::test]
async fn a_table_is_read_as_it_was_at_one_moment_and_never_locked() {
    let server = mariadb();
    let statements = "CREATE TABLE lasting (id INT PRIMARY KEY, filler VARCHAR(1000)) ENGINE = InnoDB;
        INSERT INTO lasting SELECT seq, REPEAT('x', 1000) FROM seq_0_to_49999;";
    let name = database(&server, "moment", statements);
    let ctx = open().await;
    create(&ctx, &server, &name, "lasting").await;
    let sql = "SELECT id, filler FROM lasting";
    let mut rows = ctx.sql(sql).await.unwrap().execute_stream().await.unwrap();
    let first = futures::TryStreamExt::try_next(&mut rows).await.unwrap().unwrap();
    server.administer(
        "utf8mb4",
        &format!("USE {name}; DELETE FROM lasting WHERE id >= 100; UPDATE lasting SET filler = 'y'"),
    );
    let rest: Vec<RecordBatch> = futures::TryStreamExt::try_collect(rows).await.unwrap();
    assert_eq!(first.num_rows() + rest.iter().map(RecordBatch::num_rows).sum::<usize>(), 50_000);
    assert_eq!(cells(&ctx, "SELECT count(*), max(filler) FROM lasting").await, "100 | y");
}

#[test]
fn a_password_comes_from_the_environment_and_is_shown_nowhere() {
    let server = mariadb();
    let name = database(&server, "secrets", "CREATE TABLE t (id INT); INSERT INTO t VALUES (5), (6);");
    let plain = format!("mysql://{}@127.0.0.1:{}/{name}", server.user, server.port);
    let install = fixtures::install("install-1.1.1");
    let sql = |statements: &str| {
        let args = ["sql", "--install", install.to_str().unwrap(), statements];
        let mut command = m2m(&args);
        command.env("SHOP_PASSWORD", &server.password).env("M2M_LOG", "trace");
        let run = run_command(&args, command);
        assert_no_secret(&run);
        run
    };
    let from_environment = format!(
        "CREATE EXTERNAL TABLE a STORED AS MYSQL LOCATION '{plain}' OPTIONS ('table' 't', 'password_env' 'SHOP_PASSWORD');"
    );
    let from_address = format!(
        "CREATE EXTERNAL TABLE b STORED AS MYSQL LOCATION '{}' OPTIONS ('table' 't');",
        server.dsn(&server.user, &name, "")
    );
    for (create, table, shown) in [
        (
            &from_environment,
            "a",
            format!("LOCATION '{plain}' OPTIONS ('table' 't', 'password_env' 'SHOP_PASSWORD')"),
        ),
        (&from_address, "b", format!("LOCATION '{plain}' OPTIONS ('table' 't')")),
    ] {
        let run = sql(&format!(
            "{create} SELECT sum(id) AS total FROM {table}; SHOW CREATE TABLE {table}; EXPLAIN VERBOSE SELECT * FROM {table};
             SELECT * FROM information_schema.tables; SELECT * FROM information_schema.views; SELECT * FROM information_schema.df_settings;"
        ))
        .ends_with(0);
        assert!(run.stdout.contains("11") && run.stdout.contains(&shown), "{}", run.stdout);
    }
    sql(&from_environment.replace("SHOP_PASSWORD", "SHOP_NO_PASSWORD"))
        .ends_with(1)
        .says(&["`SHOP_NO_PASSWORD`, which the option `password_env` names, is not set"]);
    sql(&from_environment.replace("'t'", "'u'")).ends_with(1).says(&["has no table `u`"]);
    sql(&from_address.replace("'t'", "'u'")).ends_with(1).says(&["has no table `u`"]);
    sql(&format!("EXPLAIN {from_address}")).ends_with(0);
}
