// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::testing::Bench;

async fn error(sql: &str) -> String {
    Bench::new().sql(sql).await.unwrap_err()
}

#[tokio::test]
async fn what_a_database_cannot_be_told_is_refused() {
    for (sql, expected) in [
        ("CREATE EXTERNAL TABLE t (a INT) STORED AS SQLITE LOCATION 'a.db'", "takes no list of columns"),
        ("CREATE EXTERNAL TABLE t STORED AS SQLITE PARTITIONED BY (a) LOCATION 'a.db'", "PARTITIONED BY"),
        ("CREATE UNBOUNDED EXTERNAL TABLE t STORED AS SQLITE LOCATION 'a.db'", "UNBOUNDED"),
        (
            "CREATE EXTERNAL TABLE t STORED AS SQLITE LOCATION 's3://b/a.db'",
            "expected the path of a SQLite database on this machine",
        ),
        (
            "CREATE EXTERNAL TABLE t STORED AS SQLITE LOCATION 'a.db' OPTIONS ('tabel' 'x')",
            "no option `tabel`: there is `table`",
        ),
        (
            "CREATE EXTERNAL TABLE t STORED AS SQLITE LOCATION 'a.db' OPTIONS ('table' '')",
            "option `table` of a table stored as SQLITE: expected the name of a table, found nothing",
        ),
        (
            "CREATE EXTERNAL TABLE t STORED AS SQLITE LOCATION 'a.db' OPTIONS ('password_env' 'X')",
            "no option `password_env`",
        ),
        ("CREATE EXTERNAL TABLE t STORED AS MYSQL LOCATION 'secret.db'", "expected an address such as"),
    ] {
        let error = error(sql).await;
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn no_error_repeats_a_password() {
    for (location, options, expected) in [
        (
            "mysql://me:secret@nowhere.invalid/db",
            "'password' 'secret'",
            "no option `password`: there is `table` and `password_env`",
        ),
        ("mysql://me:secret@nowhere.invalid/db", "'password_env' 'PATH'", "the LOCATION has a password"),
        ("mysql://me:secret@nowhere.invalid", "'table' 't'", "cannot parse the address"),
        (
            "mysql://me:secret@127.0.0.1:1/db",
            "'table' 't'",
            "cannot read database `mysql://me@127.0.0.1:1/db`: nothing listens there",
        ),
        (
            "me:secret@tcp(127.0.0.1:1)/db",
            "'table' 't'",
            "`mysql://me@127.0.0.1:1/db`: nothing listens there",
        ),
        (
            "mysql://me@127.0.0.1:1/db",
            "'password_env' 'M2M_NO_SUCH_VARIABLE'",
            "`M2M_NO_SUCH_VARIABLE`, which the option `password_env` names, is not set",
        ),
        ("mysql://me@127.0.0.1:1/db", "'password_env' 'CARGO_MANIFEST_DIR'", "nothing listens there"),
    ] {
        let error = error(&format!(
            "CREATE EXTERNAL TABLE t STORED AS MYSQL LOCATION '{location}' OPTIONS ({options})"
        ))
        .await;
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn the_definition_of_a_table_has_no_password() {
    let server = MySql::parse("me:s'ecret@tcp(db:3307)/shop?tls=skip-verify").unwrap();
    let options = Options { table: None, password_env: Some("SHOP".into()) };
    assert_eq!(
        definition("\"T\"", &server, "it's", &options),
        "CREATE EXTERNAL TABLE \"T\" STORED AS MYSQL LOCATION 'mysql://me@db:3307/shop' OPTIONS ('table' 'it''s', 'password_env' 'SHOP')"
    );
}

#[tokio::test]
async fn the_definition_of_a_sqlite_table_is_the_statement() {
    let bench = Bench::new();
    bench.write("a.db", &["CREATE TABLE t (a INT)"]).await;
    bench.create("a.db").await.unwrap();
    let shown = bench.sql("SHOW CREATE TABLE t").await.unwrap();
    assert!(
        shown.contains("STORED AS SQLITE LOCATION <folder>/a.db")
            || shown.contains("STORED AS SQLITE LOCATION '<folder>/a.db'"),
        "{shown}"
    );
}
