// SPDX-License-Identifier: Apache-2.0
//! Encrypted connections, to a real Milvus 2.3.5 that wants certificates.

use std::error::Error as _;
use std::path::PathBuf;

use m2m_milvus::{Client, ConnectOptions, Error, TlsOptions};

use crate::support::services::{self, MilvusTls};

fn options(server: &MilvusTls) -> ConnectOptions {
    let tls = TlsOptions {
        ca_file: Some(PathBuf::from(&server.ca)),
        cert_file: Some(PathBuf::from(&server.cert)),
        key_file: Some(PathBuf::from(&server.key)),
        server_name: None,
    };
    ConnectOptions { uri: server.uri.clone(), tls, ..ConnectOptions::default() }
}

async fn refused(options: &ConnectOptions) -> Error {
    let error = Client::connect(options).await.unwrap_err();
    let mut shown = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown += &format!("{cause} {cause:?}");
        source = cause.source();
    }
    assert!(!shown.contains("BEGIN"), "a file was printed: {shown}");
    error
}

/// The same server, with one thing changed.
async fn refused_with(change: impl FnOnce(&mut TlsOptions)) -> String {
    let mut options = options(&services::milvus_tls());
    change(&mut options.tls);
    let error = refused(&options).await;
    assert!(!error.is_transient(), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn certificates_of_both_sides_let_in_with_and_without_a_scheme() {
    let server = services::milvus_tls();
    let with_scheme = options(&server);
    let bare = server.uri.trim_start_matches("https://").to_owned();
    let plain = format!("http://{bare}");
    let mut named = options(&server);
    named.tls.server_name = Some("localhost".to_owned());
    for options in [
        with_scheme,
        ConnectOptions { uri: bare, ..options(&server) },
        ConnectOptions { uri: plain, ..options(&server) },
        named,
    ] {
        let client = Client::connect(&options).await.unwrap();
        assert!(client.version().at_least(2, 3), "{}", client.version());
        assert!(client.describe_collection("none_of_this_name").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn an_authority_that_did_not_sign_the_server_is_not_enough() {
    let advice = "its certificate is not signed by a CA that is known here: give the file of its CA";
    let other = PathBuf::from(services::mariadb().ca);
    let text = refused_with(|tls| tls.ca_file = Some(other)).await;
    assert!(text.ends_with(advice), "{text}");
    let text = refused_with(|tls| tls.ca_file = None).await;
    assert!(text.ends_with(advice), "{text}");
}

#[tokio::test]
async fn a_server_of_another_name_is_refused() {
    let text = refused_with(|tls| tls.server_name = Some("milvus.example".to_owned())).await;
    assert!(text.contains("its certificate is for another name"), "{text}");
}

#[tokio::test]
async fn a_missing_and_a_foreign_certificate_are_told_apart() {
    // The server ends the connection while the client already asks, so that its own words may be lost.
    let missing = refused_with(|tls| (tls.cert_file, tls.key_file) = (None, None)).await;
    assert!(missing.contains("a certificate of the client: give a certificate and its key"), "{missing}");
    let of_server = |name: &str| PathBuf::from(services::mariadb().ca).with_file_name(name);
    let foreign = refused_with(|tls| {
        (tls.cert_file, tls.key_file) = (Some(of_server("server.pem")), Some(of_server("server-key.pem")));
    })
    .await;
    assert!(
        foreign.contains("refused the client's certificate: give one that is signed by the CA"),
        "{foreign}"
    );
}

#[tokio::test]
async fn a_key_of_another_certificate_is_named() {
    let other = PathBuf::from(services::mariadb().ca).with_file_name("server-key.pem");
    let shown = format!("cannot use `{}` as the key of the certificate", other.display());
    let text = refused_with(|tls| tls.key_file = Some(other)).await;
    assert!(text.starts_with(&shown), "{text}");
}

#[tokio::test]
async fn a_side_that_does_not_encrypt_is_told() {
    let plain = ConnectOptions { uri: services::open().milvus, ..options(&services::milvus_tls()) };
    let error = refused(&plain).await.to_string();
    assert!(error.contains("what answers there does not encrypt: use `http://`"), "{error}");
    let uri = services::milvus_tls().uri.replace("https", "http");
    let error = refused(&ConnectOptions { uri, ..ConnectOptions::default() }).await;
    assert!(matches!(error, Error::NotMilvus { .. }), "{error:?}");
    assert!(error.to_string().contains("whether it wants `https://`"), "{error}");
}
