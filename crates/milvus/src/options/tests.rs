// SPDX-License-Identifier: Apache-2.0

use super::*;

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

#[test]
fn addresses_come_with_and_without_scheme_and_port() {
    for (text, shown, tls) in [
        ("milvus:19530", "milvus:19530", false),
        ("127.0.0.1:80", "127.0.0.1:80", false),
        (" localhost ", "localhost:19530", false),
        ("http://milvus", "milvus:19530", false),
        ("http://milvus:80/", "milvus:80", false),
        ("https://milvus", "milvus:443", true),
        ("https://milvus:19530", "milvus:19530", true),
        ("[::1]:19530", "[::1]:19530", false),
    ] {
        let address = Address::parse(text).unwrap();
        assert_eq!((address.shown.as_str(), address.tls), (shown, tls), "{text}");
        assert_eq!(address.url, format!("{}://{shown}", if tls { "https" } else { "http" }));
    }
}

#[test]
fn what_is_no_address_is_refused() {
    for text in [
        "",
        ":19530",
        "tcp://milvus:19530",
        "milvus:99999",
        "milvus:0",
        "milvus:port",
        "a b:1",
        "http://",
        "milvus[",
        "[::1",
    ] {
        let error = Address::parse(text).unwrap_err();
        assert!(matches!(error, Error::InvalidAddress { .. }), "{text}");
        assert!(error.to_string().contains("expected `host:port`"), "{error}");
    }
    let error = Address::parse("http://milvus:19530/films").unwrap_err();
    assert!(error.to_string().contains("give the database on its own"), "{error}");
}

#[test]
fn a_password_in_the_address_is_refused_and_not_shown() {
    for text in [
        "http://root:hush@milvus:19530",
        "root:hush@milvus:19530",
        "ftp://root:hu@sh@milvus",
        "root:hush://hush@milvus",
        "root:hu?sh@milvus",
    ] {
        let error = Address::parse(text).unwrap_err();
        let options = ConnectOptions { uri: text.to_owned(), ..ConnectOptions::default() };
        let shown = format!("{error} {error:?} {options:?}");
        assert!(shown.contains("***@milvus"), "{shown}");
        assert!(!shown.contains("hu"), "{shown}");
    }
}

#[test]
fn no_output_shows_a_secret() {
    let credentials = [
        Credentials::UserPassword { user: "root".to_owned(), password: secret("hush") },
        Credentials::Token(secret("hush")),
    ];
    for credentials in credentials {
        let value = credentials.authorization().unwrap();
        let shown = format!("{credentials:?} {value:?}");
        assert!(!shown.contains("hush") && !shown.contains(value.to_str().unwrap()), "{shown}");
    }
}

#[test]
fn credentials_are_sent_as_base64_without_a_scheme() {
    let user = Credentials::UserPassword { user: "root".to_owned(), password: secret("Milvus") };
    assert_eq!(user.authorization().unwrap().to_str().unwrap(), "cm9vdDpNaWx2dXM=");
    let token = Credentials::Token(secret("root:Milvus"));
    assert_eq!(token.authorization().unwrap().to_str().unwrap(), "cm9vdDpNaWx2dXM=");
    assert!(Credentials::None.authorization().is_none());
}

#[test]
fn a_token_of_any_characters_can_be_sent() {
    let token = Credentials::Token(secret(&"pä\0\n".repeat(300)));
    assert!(token.authorization().is_some());
}
