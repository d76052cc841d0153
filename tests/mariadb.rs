// SPDX-License-Identifier: Apache-2.0
//! Metadata in MariaDB is read as the same metadata in SQLite is.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use m2m_catalog::{Error, Install, Inventory, MetaSource, Metadata, MySql, Place, ServerSigns, meta_json};

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
    pub(crate) fn dsn(&self, user: &str, database: &str, parameters: &str) -> String {
        format!("{user}:{}@tcp(127.0.0.1:{})/{database}?{parameters}", self.password, self.port)
    }

    fn by_socket(&self, user: &str, database: &str, parameters: &str) -> String {
        format!("{user}:{}@unix({})/{database}?{parameters}", self.password, self.socket)
    }

    /// Has the administrator run statements, over a connection of a character set.
    pub(crate) fn administer(&self, charset: &str, statements: &str) -> String {
        let me = Command::new("id").arg("-un").output().unwrap().stdout;
        let output = Command::new("mariadb")
            .args(["--no-defaults", "--skip-column-names", "--user", str::from_utf8(&me).unwrap().trim()])
            .args(["--socket", &self.socket, "--default-character-set", charset, "--execute", statements])
            .output()
            .unwrap();
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes a database with the tables of `milvus`, which the users may read.
    fn copy(&self, database: &str) {
        let tables = ["Tables", "TableFiles", "Environment"].map(|table| {
            format!(
                "CREATE TABLE {table} LIKE milvus.{table}; INSERT INTO {table} SELECT * FROM milvus.{table};"
            )
        });
        let anew = format!("DROP DATABASE IF EXISTS {database}; CREATE DATABASE {database}; USE {database};");
        self.administer("utf8mb4", &(anew + &tables.concat()));
    }

    /// Listens at an address of this machine and passes on what goes to and
    /// from the server. `watch` sees what a client says before the server does.
    fn behind(&self, host: &str, watch: impl FnMut(&[u8]) + Clone + Send + 'static) -> u16 {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let (port, address) = (listener.local_addr().unwrap().port(), format!("127.0.0.1:{}", self.port));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&address).unwrap();
                let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let watch = watch.clone();
                thread::spawn(move || pass_on(client, server, watch));
                thread::spawn(move || pass_on(from, to, |_| {}));
            }
        });
        port
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, mut watch: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        watch(&buffer[..len]);
        if to.write_all(&buffer[..len]).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Both).ok();
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
    assert!(text.contains("`ssl-ca` names cannot be read"), "{text}");
}

#[tokio::test]
async fn the_name_of_the_host_is_compared_unless_the_address_says_otherwise() {
    let server = mariadb();
    // The certificate names 127.0.0.1 and localhost.
    let port = server.behind("127.0.0.2", |_| {});
    let by = |parameters: &str| {
        let MariaDb { tls_user, password, ca, .. } = &server;
        format!("{tls_user}:{password}@tcp(127.0.0.2:{port})/milvus?ssl-ca={ca}{parameters}")
    };
    for parameters in ["", "&tls=true", "&ssl-mode=VERIFY_IDENTITY"] {
        let (_, text) = failure(&by(parameters), &server.password).await;
        assert!(text.contains("another host") && text.contains("not valid for name"), "{text}");
    }
    read(&by("&ssl-mode=VERIFY_CA")).await.unwrap();
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
        (format!("{user}:{secret}@unix(/nonexistent/mysql.sock)/milvus"), "socket cannot be opened"),
    ] {
        let (error, text) = failure(&address, secret).await;
        assert!(matches!(error, Error::Database { .. }), "{error:?}");
        assert!(text.contains(word) && text.contains("mysql://"), "{text}");
    }
    // No host has this address: some networks say nothing, others that they do not lead there.
    let (_, text) = failure(&format!("{user}:{secret}@tcp(192.0.2.1)/milvus?timeout=1s"), secret).await;
    let words = ["did not answer in time", "cannot be reached", "nothing listens there"];
    assert!(words.iter().any(|word| text.contains(word)), "{text}");
}

#[tokio::test]
async fn rows_are_read_as_they_stood_at_one_moment() {
    let server = mariadb();
    let database = "milvus_test_snapshot";
    server.copy(database);
    let before = read(&server.dsn(&server.user, database, "")).await.unwrap();
    assert!(before.collections.iter().any(|collection| collection.segments().count() > 0));
    // Somebody drops everything after `Tables` was read.
    let said = Arc::new(Mutex::new(String::new()));
    let port = server.behind("127.0.0.1", {
        let said = Arc::clone(&said);
        move |bytes| {
            let mut said = said.lock().unwrap();
            let was_there = said.contains("`TableFiles`");
            said.push_str(&String::from_utf8_lossy(bytes));
            if !was_there && said.contains("`TableFiles`") {
                let change = "UPDATE Tables SET state = 1; DELETE FROM TableFiles; DELETE FROM Environment";
                mariadb().administer("utf8mb4", &format!("USE {database}; {change}"));
            }
        }
    });
    let MariaDb { user, password, .. } = &server;
    let address = format!("{user}:{password}@tcp(127.0.0.1:{port})/{database}?tls=false");
    assert_eq!(read(&address).await.unwrap(), before);
    let after = read(&server.dsn(user, database, "")).await.unwrap();
    assert_eq!((after.collections.len(), after.files.len()), (0, 0), "nobody dropped anything");
    let said = said.lock().unwrap().clone();
    let begin = said.find("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").expect("no transaction");
    assert!(begin < said.find("`Tables`").unwrap(), "{said}");
    server.administer("utf8mb4", &format!("DROP DATABASE {database}"));
}

#[tokio::test]
async fn reading_takes_the_right_to_select_from_three_tables() {
    let server = mariadb();
    let (database, user) = ("m2m_test_rights", "m2m_test_narrow");
    server.copy(database);
    let password = server.password.replace('\\', "\\\\").replace('\'', "''");
    let grants = ["Tables", "TableFiles", "Environment"]
        .map(|table| format!("GRANT SELECT ON {database}.{table} TO {user};"))
        .concat();
    let create = format!("CREATE OR REPLACE USER {user} IDENTIFIED BY '{password}'; {grants}");
    server.administer("utf8mb4", &create);
    let found = read(&server.dsn(user, database, "")).await.unwrap();
    assert_eq!(found, read(&server.dsn(&server.user, "milvus", "")).await.unwrap());
    server.administer("utf8mb4", &format!("DROP USER {user}; DROP DATABASE {database}"));
}

#[tokio::test]
async fn tags_that_were_written_over_a_latin_1_connection_are_read_as_they_were_meant() {
    let server = mariadb();
    let database = "milvus_test_latin1";
    // The last one has a byte that Latin-1 gives no meaning.
    let tag = "späte 报Ý";
    for charset in ["utf8mb4", "latin1"] {
        server.copy(database);
        let rename = format!(
            "USE {database}; UPDATE Tables SET partition_tag = id WHERE owner_table <> '';
            ALTER TABLE Tables CONVERT TO CHARACTER SET {charset};"
        );
        server.administer("utf8mb4", &rename);
        let row = format!("USE {database}; SELECT max(id) FROM Tables WHERE owner_table <> '' AND state = 0");
        let row = server.administer("utf8mb4", &row);
        let write = format!("USE {database}; UPDATE Tables SET partition_tag = '{tag}' WHERE id = {row}");
        server.administer("latin1", &write);
        let tags = async |parameters: &str| {
            let found = read(&server.dsn(&server.user, database, parameters)).await.unwrap();
            let partitions = found.collections.into_iter().flat_map(|collection| collection.partitions);
            partitions.map(|partition| partition.tag).collect::<Vec<_>>()
        };
        assert!(tags("charset=latin1").await.contains(&tag.into()), "{charset}");
        for parameters in ["", "charset=utf8mb4", "charset=utf8", "charset=gbk"] {
            let found = tags(parameters).await;
            assert!(found.iter().any(|tag| tag.starts_with("spÃ¤te")), "{charset}, {parameters}: {found:?}");
        }
    }
    server.administer("utf8mb4", &format!("DROP DATABASE {database}"));
}

#[tokio::test]
async fn what_is_no_number_is_never_taken_for_one() {
    let server = mariadb();
    let (database, address) = ("milvus_test_numbers", server.dsn(&server.user, "milvus_test_numbers", ""));
    server.copy(database);
    let change = |statements: &str| server.administer("utf8mb4", &format!("USE {database}; {statements}"));
    let expected = read(&address).await.unwrap().collections;
    change(
        "ALTER TABLE Tables MODIFY state VARCHAR(64) NULL, MODIFY index_params VARCHAR(512) NULL,
            MODIFY table_id VARCHAR(255) NULL;
        INSERT INTO Tables(id, state, dimension, created_on, owner_table, partition_tag, index_params)
            VALUES (900, '1', 0, 0, '', '', NULL);",
    );
    assert_eq!(read(&address).await.unwrap().collections, expected, "a NULL in a dropped row");
    for state in ["'x'", "''", "'0x'", "'０'", "'0.4'", "'1e-9'", "'18446744073709551616'", "NULL"] {
        change(&format!("UPDATE Tables SET state = {state} WHERE id = 900"));
        let text = said(&read(&address).await.expect_err(state));
        assert!(text.contains("row 900") && text.contains("`state`: expected 0 or 1"), "{state}: {text}");
    }
    change(
        "DELETE FROM Tables WHERE id = 900; ALTER TABLE TableFiles MODIFY row_count BIGINT UNSIGNED;
        UPDATE TableFiles SET row_count = 18446744073709551610;",
    );
    let files = read(&address).await.unwrap().files;
    assert!(!files.is_empty() && files.iter().all(|file| file.row_count.is_none()));
    change(
        "UPDATE TableFiles SET row_count = 0;
        ALTER TABLE TableFiles MODIFY row_count BIGINT, MODIFY id BIGINT UNSIGNED;
        UPDATE TableFiles SET row_count = -9223372036854775808;",
    );
    let files = read(&address).await.unwrap().files;
    assert!(files.iter().all(|file| file.row_count == Some(i64::MIN)));
    change("UPDATE TableFiles SET id = 18446744073709551615 ORDER BY id DESC LIMIT 1");
    let text = said(&read(&address).await.unwrap_err());
    assert!(text.contains("column id"), "{text}");
    server.administer("utf8mb4", &format!("DROP DATABASE {database}"));
}

#[tokio::test]
async fn an_examination_tells_of_other_connections_of_fields_and_of_what_cannot_be() {
    let server = mariadb();
    let database = "milvus_test_examined";
    server.copy(database);
    let mysql = MySql::parse(&server.dsn(&server.user, database, "")).unwrap();
    let metadata = Metadata { source: MetaSource::MySql(mysql.clone()), wal: None };
    let whole = metadata.examine().await;
    assert_eq!((whole.problems, whole.fields), (vec![], vec![]), "the table `Fields` is missing");
    assert_eq!(metadata.server_signs().await, ServerSigns::default());
    server.administer(
        "utf8mb4",
        &format!(
            "USE {database}; CREATE TABLE Fields LIKE milvus.Fields;
            INSERT INTO Fields VALUES ('späte', 'price', 11, '{{}}');
            UPDATE Tables SET metric_type = 9 WHERE table_id = 'float_l2';"
        ),
    );
    let other = mysql.reader().await.unwrap();
    let found = metadata.examine().await;
    let signs = metadata.server_signs().await;
    let sign = signs.sign.unwrap();
    assert!(!signs.is_running && sign.contains("other connection"), "{sign}");
    let fields: Vec<_> =
        found.fields.iter().map(|row| (row.collection_id.as_str(), row.field_type)).collect();
    assert_eq!(fields, [("späte", Some(11))]);
    assert_eq!(found.problems.len(), 1);
    let problem = &found.problems[0];
    assert_eq!((problem.place, problem.collection.as_deref()), (Place::Collection, Some("float_l2")));
    assert_eq!(problem.message, said(&metadata.inventory().await.unwrap_err()));
    assert!(problem.remedy.contains("in a copy of the database"), "{}", problem.remedy);
    assert_eq!(found.inventory.collections.len() + 1, whole.inventory.collections.len());
    other.close().await;
    server.administer("utf8mb4", &format!("ALTER TABLE {database}.Fields DROP COLUMN field_name"));
    let found = metadata.examine().await;
    let subjects: Vec<_> = found.problems.iter().map(|problem| problem.subject.as_str()).collect();
    assert!(
        matches!(subjects[..], [row, "table `Fields`"] if row.contains("column `metric_type`")),
        "{subjects:?}"
    );
    server.administer("utf8mb4", &format!("DROP DATABASE {database}"));
    let gone = metadata.examine().await;
    assert_eq!((gone.problems.len(), gone.problems[0].place), (1, Place::Metadata));
    assert!(gone.problems[0].remedy.contains("`meta_uri`"), "{}", gone.problems[0].remedy);
}

#[tokio::test]
async fn a_server_that_never_speaks_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
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
