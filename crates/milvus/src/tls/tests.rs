// SPDX-License-Identifier: Apache-2.0

use std::io;

use tempfile::TempDir;

use super::*;

/// A block that is PEM by its form, whatever it holds.
fn pem(kind: &str, content: &str) -> String {
    format!("-----BEGIN {kind}-----\n{content}\n-----END {kind}-----\n")
}

fn file(folder: &TempDir, name: &str, content: &str) -> Option<PathBuf> {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    Some(path)
}

async fn error(options: TlsOptions) -> Error {
    options.config(Duration::from_secs(1)).await.unwrap_err()
}

#[test]
fn whatever_is_given_has_a_connection_encrypted() {
    let file = Some(PathBuf::from("a.pem"));
    assert!(!TlsOptions::default().is_set());
    for options in [
        TlsOptions { ca_file: file.clone(), ..TlsOptions::default() },
        TlsOptions { cert_file: file.clone(), ..TlsOptions::default() },
        TlsOptions { key_file: file, ..TlsOptions::default() },
        TlsOptions { server_name: Some("milvus".to_owned()), ..TlsOptions::default() },
    ] {
        assert!(options.is_set(), "{options:?}");
    }
}

#[tokio::test]
async fn public_authorities_and_a_name_need_no_file() {
    let options = TlsOptions { server_name: Some("milvus.example".to_owned()), ..TlsOptions::default() };
    assert!(options.config(Duration::from_secs(1)).await.is_ok());
    let nameless = TlsOptions { server_name: Some("not a name".to_owned()), ..TlsOptions::default() };
    let error = error(nameless).await;
    assert!(matches!(&error, Error::TlsServerName { name } if name == "not a name"), "{error:?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.pem");
    let cert = file(&folder, "cert.pem", &pem("CERTIFICATE", "AAAA"));
    for options in [
        TlsOptions { ca_file: Some(missing.clone()), ..TlsOptions::default() },
        TlsOptions { cert_file: Some(missing.clone()), key_file: cert.clone(), ..TlsOptions::default() },
        TlsOptions { cert_file: cert.clone(), key_file: Some(missing.clone()), ..TlsOptions::default() },
        TlsOptions { ca_file: Some(folder.path().to_owned()), ..TlsOptions::default() },
    ] {
        let error = error(options).await;
        assert!(matches!(error, Error::TlsFileUnreadable { .. }), "{error:?}");
        assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_holds_something_else_is_named_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let cert = pem("CERTIFICATE", "AAAA");
    let key = pem("PRIVATE KEY", "aHVzaA==");
    let cases = [
        ("", &*key, "certificate"),
        ("hush, no PEM at all", &key, "certificate"),
        (&key, &key, "certificate"),
        (&cert, "", "private key"),
        (&cert, "hush, no PEM at all", "private key"),
        (&cert, &cert, "private key"),
    ];
    for (cert, key, expected) in cases {
        let options = TlsOptions {
            cert_file: file(&folder, "cert.pem", cert),
            key_file: file(&folder, "key.pem", key),
            ..TlsOptions::default()
        };
        let wrong =
            if expected == "certificate" { &options.cert_file } else { &options.key_file }.clone().unwrap();
        let error = error(options).await;
        let Error::TlsFileKind { path, what } = &error else { panic!("{error:?}") };
        assert_eq!((path, *what), (&wrong, expected));
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
    for content in ["", "hush", &key] {
        let error =
            error(TlsOptions { ca_file: file(&folder, "ca.pem", content), ..TlsOptions::default() }).await;
        assert!(matches!(error, Error::TlsFileKind { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn damaged_certificates_and_keys_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = pem("CERTIFICATE", "this is not base64!");
    let ca = TlsOptions { ca_file: file(&folder, "ca.pem", &damaged), ..TlsOptions::default() };
    let error_of_ca = error(ca).await;
    assert!(error_of_ca.to_string().contains("ca.pem` as the certificate of"), "{error_of_ca}");
    for (cert, key, named) in [
        (damaged.as_str(), pem("PRIVATE KEY", "AAAA"), "cert.pem` as the certificate of"),
        (&pem("CERTIFICATE", "AAAA"), pem("PRIVATE KEY", "not base64!"), "key.pem` as the key of"),
        (&pem("CERTIFICATE", "AAAA"), pem("PRIVATE KEY", "AAAA"), "key.pem` as the key of"),
        (&pem("CERTIFICATE", "AAAA"), "-----END PRIVATE KEY-----".to_owned(), "key.pem` as the key of"),
    ] {
        let options = TlsOptions {
            cert_file: file(&folder, "cert.pem", cert),
            key_file: file(&folder, "key.pem", &key),
            ..TlsOptions::default()
        };
        let error = error(options).await;
        assert!(matches!(error, Error::TlsFileContent { .. }), "{error:?}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_and_its_key_come_together() {
    let folder = tempfile::tempdir().unwrap();
    let cert =
        TlsOptions { cert_file: file(&folder, "a", &pem("CERTIFICATE", "AAAA")), ..TlsOptions::default() };
    let key =
        TlsOptions { key_file: file(&folder, "b", &pem("PRIVATE KEY", "AAAA")), ..TlsOptions::default() };
    for (options, text) in [
        (cert, "a client certificate for Milvus is given without its key: give both, or none"),
        (key, "a client key for Milvus is given without its certificate: give both, or none"),
    ] {
        assert_eq!(error(options).await.to_string(), text);
    }
}

#[test]
fn what_tls_found_wrong_is_told_from_what_passes() {
    let told = |words: &'static str| Problem::of(&io::Error::other(words));
    for (words, problem) in [
        ("invalid peer certificate: UnknownIssuer", Problem::Authority),
        ("invalid peer certificate: BadSignature", Problem::Authority),
        ("invalid peer certificate: certificate not valid for name \"a\"", Problem::Name),
        ("invalid peer certificate: NotValidForName", Problem::Name),
        ("invalid peer certificate: Expired", Problem::Time),
        ("invalid peer certificate: certificate not valid yet: 3 s", Problem::Time),
        ("received fatal alert: CertificateExpired", Problem::Time),
        ("received fatal alert: CertificateRequired", Problem::Client),
        ("received fatal alert: BadCertificate", Problem::Client),
        ("received fatal alert: HandshakeFailure", Problem::Terms),
        ("received corrupt message of type InvalidContentType", Problem::Plain),
        ("HTTP/2 was not negotiated.", Problem::Terms),
    ] {
        assert_eq!(told(words), Some(problem), "{words}");
    }
    for words in ["connection refused", "broken pipe", "tls handshake eof", "TLS handshake timeout."] {
        assert_eq!(told(words), None, "{words}");
    }
    assert_ne!(Problem::Client.advice(true), Problem::Client.advice(false));
}
