// SPDX-License-Identifier: Apache-2.0
//! Metadata in MariaDB is read as the same metadata in SQLite is.

use std::time::{Duration, Instant};

use m2m_catalog::{Error, Install, Inventory, MetaSource, Metadata, MySql, meta_json};

use crate::support::fixtures;
use crate::support::services::{MariaDb, mariadb};

const INSTALLS: [(&str, &str); 5] = [
    ("install-1.1.1", "milvus_1_1_1"),
    ("install-1.1.1", "milvus"),
    ("install-1.1.1", "milvus_lower"),
    ("install-1.0.0", "milvus_1_0_0"),
    ("install-1.1.1-unflushed", "milvus_1_1_1_unflushed"),
];

impl MariaDb {
    fn dsn(&self, user: &str, database: &str, parameters: &str) -> String {
        format!("{user}:{}@tcp(127.0.0.1:{})/{database}?{parameters}", self.password, self.port)
    }

    fn by_socket(&self, user: &str, database: &str, parameters: &str) -> String {
        format!("{user}:{}@unix({})/{database}?{parameters}", self.password, self.socket)
    }
}

async fn read(address: &str) -> Result<Inventory, Error> {
    Metadata { source: MetaSource::MySql(MySql::parse(address)?), wal: None }.inventory().await
}

/// Everything that an error says, to the last cause.
fn said(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}; caused by: {error}");
        cause = error.source();
    }
    text
}

/// What reading from an address fails with, in seconds, and never saying a password.
async fn failure(address: &str, secret: &str) -> (Error, String) {
    let begin = Instant::now();
    let error = read(address).await.expect_err("it was read");
    let text = said(&error);
    println!("{:>6.1?}  {text}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(10), "{text}");
    assert!(!text.contains(secret) && !format!("{error:?}").contains(secret), "{text}");
    (error, text)
}

#[tokio::test]
async fn an_inventory_is_the_same_from_mariadb_and_from_sqlite() {
    let server = mariadb();
    for (install, database) in INSTALLS {
        let install = Install::locate(&fixtures::install(install)).unwrap();
        let expected = install.metadata.inventory().await.unwrap();
        for address in [
            server.dsn(&server.user, database, "charset=utf8mb4&parseTime=True&loc=Local"),
            server.by_socket(&server.user, database, ""),
        ] {
            let source = MetaSource::MySql(MySql::parse(&address).unwrap());
            let found = Metadata { source, wal: install.metadata.wal.clone() }.inventory().await.unwrap();
            assert_eq!(found, expected, "{database}");
            assert_eq!(meta_json::write(&found).unwrap(), meta_json::write(&expected).unwrap());
        }
    }
}

#[tokio::test]
async fn the_connection_is_encrypted_as_the_address_says() {
    let server = mariadb();
    let ca = &server.ca;
    let tls = |parameters: &str| server.dsn(&server.tls_user, "milvus", parameters);
    for parameters in [
        String::new(),
        "tls=preferred".into(),
        "tls=skip-verify".into(),
        format!("ssl-ca={ca}"),
        format!("ssl-mode=VERIFY_CA&ssl-ca={ca}"),
        format!("tls=true&ssl-ca={ca}"),
    ] {
        read(&tls(&parameters)).await.unwrap_or_else(|error| panic!("{parameters}: {}", said(&error)));
    }
    read(&server.dsn(&server.user, "milvus", "tls=false")).await.unwrap();
    let (_, text) = failure(&tls("tls=false"), &server.password).await;
    assert!(text.contains("refuses the user or the password") && text.contains("over TLS"), "{text}");
    for parameters in ["tls=true", "ssl-mode=VERIFY_CA"] {
        let (_, text) = failure(&tls(parameters), &server.password).await;
        assert!(text.contains("TLS failed") && text.contains("`ssl-ca=/path/ca.pem`"), "{text}");
    }
    let (_, text) = failure(&tls("ssl-ca=/nonexistent/ca.pem"), &server.password).await;
    assert!(text.contains("file of certificates"), "{text}");
}

#[tokio::test]
async fn what_keeps_from_reading_is_told_soon_and_without_the_password() {
    let server = mariadb();
    let (user, secret, port) = (&server.user, server.password.as_str(), &server.port);
    for (address, word) in [
        (format!("{user}:wr0ng-{secret}@tcp(127.0.0.1:{port})/milvus"), "refuses the user or the password"),
        (format!("{user}@tcp(127.0.0.1:{port})/milvus"), "refuses the user or the password"),
        (server.dsn("nobody_of_that_name", "milvus", ""), "refuses the user or the password"),
        (server.dsn(user, "milvus_nowhere", ""), "no such database"),
        (server.dsn(user, "m2m_denied", ""), "may not read it"),
        (format!("{user}:{secret}@tcp(127.0.0.1:1)/milvus"), "nothing listens there"),
        (format!("{user}:{secret}@tcp(no-such-host.invalid)/milvus"), "cannot be reached"),
        (format!("{user}:{secret}@tcp(192.0.2.1)/milvus?timeout=1s"), ""),
        (format!("{user}:{secret}@unix(/nonexistent/mysql.sock)/milvus"), "socket cannot be opened"),
    ] {
        let (error, text) = failure(&address, secret).await;
        assert!(matches!(error, Error::Database { .. }), "{error:?}");
        assert!(text.contains(word) && text.contains("mysql://"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_never_speaks_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("u:hushed@tcp({})/milvus", silent.local_addr().unwrap());
    let (_, text) = failure(&address, "hushed").await;
    assert!(text.contains("did not answer in time"), "{text}");
}

#[tokio::test]
async fn other_databases_are_told_from_1_x() {
    let server = mariadb();
    for (database, tables) in [("milvus_other", "`files`, `orders`"), ("milvus_empty", "found none")] {
        let (error, text) = failure(&server.dsn(&server.user, database, ""), &server.password).await;
        assert!(matches!(error, Error::OtherDatabase { .. }), "{error:?}");
        assert!(text.contains(tables) && text.contains("`Environment`") && text.contains(database), "{text}");
    }
}
