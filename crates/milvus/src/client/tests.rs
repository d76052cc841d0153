// SPDX-License-Identifier: Apache-2.0

use std::net::TcpListener;
use std::time::Instant;

use super::*;
use crate::options::Credentials;
use crate::proto::common;
use crate::secret::Secret;

fn options(uri: String) -> ConnectOptions {
    ConnectOptions { uri, connect_timeout: Duration::from_secs(1), ..ConnectOptions::default() }
}

fn session(credentials: Credentials, database: Option<&str>) -> Result<Session> {
    let options = ConnectOptions {
        credentials,
        database: database.map(ToOwned::to_owned),
        ..ConnectOptions::default()
    };
    Session::new("milvus:19530".to_owned(), &options, options.retry)
}

fn root() -> Credentials {
    Credentials::UserPassword { user: "root".to_owned(), password: Secret::new("hush".to_owned()) }
}

fn call() -> Call {
    Call::read("Query", "collection `films`".to_owned())
}

#[tokio::test]
async fn a_closed_port_is_reported_at_once_with_its_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = Client::connect(&options(address.clone())).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let started = Instant::now();
    let error = Client::connect(&options(address.clone())).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(
        error.to_string(),
        format!(
            "no answer from Milvus at `{address}` within 1 s: check the address, and that the server runs"
        )
    );
}

#[tokio::test]
async fn a_server_that_speaks_another_protocol_is_told_apart_or_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::io::Write::write_all(&mut &stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        }
    });
    let error = Client::connect(&options(address.clone())).await.unwrap_err();
    assert!(matches!(error, Error::NotMilvus { .. } | Error::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[test]
fn requests_carry_credentials_database_and_deadline() {
    let request = session(root(), Some("films")).unwrap().request(&call(), ());
    let metadata = request.metadata();
    assert_eq!(metadata.get("authorization").unwrap(), "cm9vdDpodXNo");
    assert_eq!(metadata.get("dbname").unwrap(), "films");
    assert!(metadata.get("grpc-timeout").is_some());
    assert!(!format!("{request:?}").contains("cm9vdDpodXNo"));
}

#[test]
fn requests_about_the_default_database_do_not_name_it() {
    for database in [None, Some(""), Some("default")] {
        let request = session(Credentials::None, database).unwrap().request(&call(), ());
        assert!(request.metadata().get("dbname").is_none());
        assert!(request.metadata().get("authorization").is_none());
    }
}

#[test]
fn a_database_that_cannot_be_sent_is_refused() {
    let error = session(Credentials::None, Some("films\n")).unwrap_err();
    assert!(matches!(error, Error::InvalidDatabase { .. }), "{error}");
}

#[test]
fn refusals_of_old_and_new_servers_are_errors() {
    let status = |code, error_code| common::Status {
        code,
        error_code,
        reason: "no such thing".to_owned(),
        retriable: false,
    };
    assert!(accept(&call(), status(0, 0)).is_ok());
    for (status, code) in [(status(100, 0), 100), (status(0, 25), 25), (status(700, 25), 700)] {
        let (_, error) = accept(&call(), status).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Milvus refused Query of collection `films` with code {code}: no such thing")
        );
    }
    assert!(accept(&call(), pb::BoolResponse { status: None, value: true }).is_err());
}

#[test]
fn a_failed_call_says_whether_credentials_are_missing_or_wrong() {
    let denied = || Status::unauthenticated("auth check failure");
    let missing = session(Credentials::None, None).unwrap().failed(&call(), denied());
    assert!(matches!(missing, Error::CredentialsMissing { .. }), "{missing:?}");
    let wrong = session(root(), None).unwrap().failed(&call(), denied());
    assert!(matches!(wrong, Error::Authentication { .. }), "{wrong:?}");
    assert!(!format!("{wrong:?}").contains("hush"));
}

#[test]
fn both_clocks_tell_the_same_when_time_is_up() {
    let session = session(Credentials::None, None).unwrap();
    for status in [Status::deadline_exceeded("late"), Status::cancelled("Timeout expired")] {
        let error = session.failed(&call(), status);
        assert_eq!(
            error.to_string(),
            "Milvus at `milvus:19530` did not answer Query of collection `films` within 30 s"
        );
    }
    assert!(matches!(session.failed(&call(), Status::cancelled("closed")), Error::Rpc { .. }));
}

fn unconnected() -> Client {
    Client {
        service: MilvusServiceClient::new(Endpoint::from_static("http://127.0.0.1:1").connect_lazy()),
        session: Arc::new(session(Credentials::None, None).unwrap()),
        version: Arc::new(ServerVersion::parse("v2.3.5")),
    }
}

#[tokio::test]
async fn what_the_server_is_too_old_for_is_not_asked() {
    let error = unconnected().require(2, 4, "do this", "2.4").unwrap_err();
    assert_eq!(
        error.to_string(),
        "Milvus at `milvus:19530` has version `v2.3.5`, which cannot do this: use 2.4 or newer"
    );
    assert!(unconnected().require(2, 3, "do this", "2.3").is_ok());
}
