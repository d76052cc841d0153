// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::mysql::{Charset, Tls, TlsMode};

fn accepted(text: &str) -> MySql {
    MySql::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    MySql::parse(text).expect_err(text).to_string()
}

fn host(host: &str, port: u16) -> Server {
    Server::Tcp { host: host.into(), port }
}

#[test]
fn go_writes_servers_in_many_ways() {
    for (text, server) in [
        ("u:p@tcp(db.example:3307)/m", host("db.example", 3307)),
        ("u:p@tcp(db.example)/m", host("db.example", 3306)),
        ("u:p@tcp([::1]:3307)/m", host("::1", 3307)),
        ("u:p@tcp([fe80::7])/m", host("fe80::7", 3306)),
        ("u:p@tcp(::1)/m", host("::1", 3306)),
        ("u:p@tcp(:3307)/m", host("127.0.0.1", 3307)),
        ("u:p@tcp(10.0.0.7:)/m", host("10.0.0.7", 3306)),
        ("u:p@tcp()/m", host("127.0.0.1", 3306)),
        ("u:p@tcp/m", host("127.0.0.1", 3306)),
        ("u:p@(h:1)/m", host("h", 1)),
        ("u:p@/m", host("127.0.0.1", 3306)),
        ("/m", host("127.0.0.1", 3306)),
        ("tcp(h)/m", host("h", 3306)),
        ("u:p@unix(/run/my sql/x.sock)/m", Server::Socket("/run/my sql/x.sock".into())),
        ("u:p@unix(/run/(a)/x.sock)/m?loc=US%2FPacific", Server::Socket("/run/(a)/x.sock".into())),
        ("u:p@unix/m", Server::Socket("/tmp/mysql.sock".into())),
        ("u:p@tcp(h)/m?ssl-ca=/etc/ssl/ca.pem", host("h", 3306)),
        ("  u:p@tcp(h)/m\n", host("h", 3306)),
        ("mysql://u:p@tcp(h:1)/m", host("h", 1)),
    ] {
        let found = accepted(text);
        assert_eq!((found.server, found.database.as_str()), (server, "m"), "{text}");
    }
}

#[test]
fn urls_name_servers() {
    for (text, server) in [
        ("mysql://u:p@db.example:3307/m", host("db.example", 3307)),
        ("MariaDB://u:p@db.example/m", host("db.example", 3306)),
        ("mysql://u:p@[::1]:3307/m", host("::1", 3307)),
        ("mysql://u:p@[::1]/m", host("::1", 3306)),
        ("mysql://u:p@/m", host("127.0.0.1", 3306)),
        ("mysql://h/m", host("h", 3306)),
        ("mysql://u:p@h/m?charset=utf8mb4", host("h", 3306)),
        ("mysql://u@h/m?socket=%2Frun%2Fx.sock", Server::Socket("/run/x.sock".into())),
        ("mysql://u@h/m?socket=/run/x.sock", Server::Socket("/run/x.sock".into())),
    ] {
        let found = accepted(text);
        assert_eq!((found.server, found.database.as_str()), (server, "m"), "{text}");
    }
}

#[test]
fn users_and_passwords_hold_anything() {
    for (text, user, password) in [
        ("u:p@ss/w0rd@tcp(h)/m", "u", Some("p@ss/w0rd")),
        ("u:a:b?c=d&e@tcp(h)/m?charset=utf8", "u", Some("a:b?c=d&e")),
        ("u:p%40ss@tcp(h)/m", "u", Some("p%40ss")),
        ("u:p(@)tcp(x)/@tcp(h)/m", "u", Some("p(@)tcp(x)/")),
        ("u:@tcp(h)/m", "u", None),
        ("u@tcp(h)/m", "u", None),
        ("@tcp(h)/m", "", None),
        (":p@tcp(h)/m", "", Some("p")),
        ("mysql://u%3A:p%40s%2Fs@h/m", "u:", Some("p@s/s")),
        ("mysql://u:p@ss/w0rd?@h/m", "u", Some("p@ss/w0rd?")),
        ("mysql://u:100%@h/m", "u", Some("100%")),
        ("mysql://u@h/m", "u", None),
    ] {
        let found = accepted(text);
        assert_eq!((found.user.as_str(), found.password.as_deref()), (user, password), "{text}");
    }
}

#[test]
fn databases_may_be_encoded() {
    assert_eq!(accepted("u:p@tcp(h)/a%2Fb").database, "a/b");
    assert_eq!(accepted("mysql://u:p@h/%E6%8A%A5?x=y").database, "报");
}

fn tls_of(parameters: &str) -> Tls {
    let (dsn, url) = (format!("u:p@tcp(h)/m?{parameters}"), format!("mysql://u:p@h/m?{parameters}"));
    assert_eq!(accepted(&dsn).tls, accepted(&url).tls);
    accepted(&dsn).tls
}

#[test]
fn parameters_say_how_to_encrypt() {
    for (parameters, mode) in [
        ("", TlsMode::Preferred),
        ("charset=utf8mb4&parseTime=True&loc=Local", TlsMode::Preferred),
        ("tls=true", TlsMode::VerifyIdentity),
        ("TLS=TRUE", TlsMode::VerifyIdentity),
        ("tls=skip-verify", TlsMode::Required),
        ("tls=preferred", TlsMode::Preferred),
        ("tls=false", TlsMode::Disabled),
        ("tls=true&tls=1", TlsMode::VerifyIdentity),
        ("ssl-mode=VERIFY_CA", TlsMode::VerifyCa),
        ("sslmode=verify-identity", TlsMode::VerifyIdentity),
        ("ssl_mode=required", TlsMode::Required),
        ("ssl-mode=DISABLED", TlsMode::Disabled),
    ] {
        assert_eq!(tls_of(parameters), Tls { mode, ..Tls::default() }, "{parameters}");
    }
    let ca = Some("/etc/ca.pem".into());
    let trusting = |mode| Tls { mode, ca: ca.clone(), client: None };
    assert_eq!(tls_of("ssl-ca=/etc/ca.pem"), trusting(TlsMode::VerifyIdentity));
    assert_eq!(tls_of("ssl-ca=/etc/ca.pem&ssl-mode=VERIFY_CA"), trusting(TlsMode::VerifyCa));
    let client = Some(("c".into(), "k".into()));
    let alone = Tls { mode: TlsMode::Required, ca: None, client: client.clone() };
    assert_eq!(tls_of("ssl-cert=c&ssl-key=k"), alone);
    let both = Tls { mode: TlsMode::VerifyIdentity, ca: ca.clone(), client };
    assert_eq!(tls_of("ssl-ca=%2Fetc%2Fca.pem&tls=true&ssl-cert=c&ssl-key=k"), both);
}

#[test]
fn parameters_say_how_long_to_wait() {
    for (value, millis) in
        [("30s", 30_000), ("1m30s", 90_000), ("1.5h", 5_400_000), ("250ms", 250), ("2000us", 2)]
    {
        let found = accepted(&format!("u@tcp(h)/m?timeout={value}&readTimeout={value}"));
        assert_eq!((found.timeout, found.read_timeout), (Duration::from_millis(millis), found.timeout));
    }
    assert_eq!(accepted("u@tcp(h)/m?timeout=0&readTimeout=0s"), accepted("u@tcp(h)/m"));
}

#[test]
fn a_known_character_set_is_kept() {
    for (value, charset) in [
        ("latin1", Charset::Latin1),
        ("Latin1,utf8", Charset::Latin1),
        ("gbk,latin1", Charset::Latin1),
        ("utf8mb4,latin1", Charset::Utf8mb4),
        ("utf8", Charset::Utf8mb4),
        ("gbk", Charset::Utf8mb4),
        ("", Charset::Utf8mb4),
    ] {
        assert_eq!(accepted(&format!("u@tcp(h)/m?charset={value}")).charset, charset, "{value}");
    }
}

#[test]
fn what_go_passes_to_the_server_is_ignored() {
    let others = "allowAllFiles=true&allowNativePasswords=false&charset=utf8mb4,utf8&checkConnLiveness=true\
        &clientFoundRows=true&collation=utf8mb4_bin&columnsWithAlias=true&compress=true&connectionAttributes=a:b\
        &interpolateParams=true&loc=US%2FPacific&maxAllowedPacket=0&multiStatements=true&parseTime=True\
        &rejectReadOnly=true&serverPubKey=x&timeTruncate=1s&writeTimeout=1s&sql_mode=ANSI&tx_isolation=%27x%27\
        &wait_timeout=9&lock_wait_timeout=3&time_zone=%27SYSTEM%27&foo";
    assert_eq!(accepted(&format!("u:p@tcp(h)/m?{others}")), accepted("u:p@tcp(h)/m"));
}

#[test]
fn other_texts_are_refused_with_the_reason() {
    for (text, word) in [
        ("", "it is empty"),
        ("milvus", "names no database"),
        ("u:hushed@tcp(h)", "names no database"),
        ("u:hushed@tcp(h)/", "names no database"),
        ("u:hushed@tcp(h)/?tls=true", "names no database"),
        ("mysql://u:hushed@h", "names no database"),
        ("mysql://u:hushed@h/", "names no database"),
        ("mysql://", "names no database"),
        ("u:hushed@tcp(h/m", "before the last `/`"),
        ("u:hushed@tcp(h)x/m", "before the last `/`"),
        ("u:hushed@udp(h)/m", "before the last `/`"),
        ("u:hushed@h:3306/m", "before the last `/`"),
        ("u:hushed@tcp(h:0)/m", "the port"),
        ("u:hushed@tcp(h:65536)/m", "the port"),
        ("u:hushed@tcp(h:hushed)/m", "the port"),
        ("u:hushed@tcp(h:1:2)/m", "the port"),
        ("u:hushed@tcp([::1)/m", "the host"),
        ("u:hushed@tcp([h]:1)/m", "the host"),
        ("u:hushed@tcp([::1]1)/m", "the host"),
        ("u:hushed@tcp(h 1)/m", "the host"),
        ("mysql://u:hushed@h:1,i:2/m", "the port"),
        ("mysql://u:hushed@h,i/m", "the host"),
        ("mysql://u:hu%FFshed@h/m", "UTF-8"),
        ("mysql://u:hushed%0A@h/m", "control"),
        ("u:hu\nshed@tcp(h)/m", "control"),
        ("u:hushed@tcp(h)/m?tls=my-registered-name", "registers by name"),
        ("u:hushed@tcp(h)/m?tls", "registers by name"),
        ("u:hushed@tcp(h)/m?tsl=true", "looks like `tls`"),
        ("u:hushed@tcp(h)/m?tl=true", "looks like `tls`"),
        ("u:hushed@tcp(h)/m?sslmod=required", "looks like `ssl-mode`"),
        ("u:hushed@tcp(h)/m?timeuot=1s", "looks like `timeout`"),
        ("u:hushed@tcp(h)/m?read-timout=1s", "looks like `readTimeout`"),
        ("u:hushed@tcp(h)/m?useSSL=true", "about TLS"),
        ("u:hushed@tcp(h)/m?tlsVerify=true", "about TLS"),
        ("u:hushed@tcp(h)/m?tls=true&ssl-mode=DISABLED", "different things"),
        ("u:hushed@tcp(h)/m?ssl-mode=on", "`ssl-mode` must be"),
        ("u:hushed@tcp(h)/m?ssl-ca=", "must have a path"),
        ("u:hushed@tcp(h)/m?ssl-ca=/ca.pem&tls=skip-verify", "would not be used"),
        ("u:hushed@tcp(h)/m?ssl-cert=/c.pem", "go together"),
        ("u:hushed@tcp(h)/m?ssl-cert=/c&ssl-key=/k&tls=false", "without TLS"),
        ("u:hushed@tcp(h)/m?ssl-cert=/c&ssl-key=/k&tls=preferred", "without TLS"),
        ("u:hushed@tcp(h)/m?timeout=30", "durations"),
        ("u:hushed@tcp(h)/m?timeout=", "durations"),
        ("u:hushed@tcp(h)/m?timeout=-3s", "durations"),
        ("u:hushed@tcp(h)/m?timeout=1.2.3s", "durations"),
        ("u:hushed@tcp(h)/m?readTimeout=3 s", "durations"),
        ("u:hushed@tcp(h)/m?timeout=999999999999999999999h", "durations"),
    ] {
        let error = refused(text);
        assert!(error.contains(word) && !error.contains("hushed"), "{text}: {error}");
    }
}

#[test]
fn addresses_are_told_from_paths() {
    for text in [
        "mysql://h/m",
        " MariaDB://h/m",
        "u:p@tcp(h)/m",
        "u:p@unix(/s)/m",
        "tcp(h)/m",
        "u@(h)/m",
        // Wrong ones, which must not be looked for, and named, as files.
        "u:p@tcp(h/m",
        "u:p://@TCP(h)",
    ] {
        assert!(MySql::is_address(text), "{text}");
    }
    for text in
        ["/var/lib/milvus/db/meta.sqlite", "meta.json", "a/tcp(1)/m", "s3://b/u@x/m.json", "user@host/m"]
    {
        assert!(!MySql::is_address(text), "{text}");
    }
}

#[test]
fn what_is_shown_can_be_parsed_again_but_for_the_password() {
    for (text, shown) in [
        ("u:hushed@tcp(h)/m?tls=true", "mysql://u@h:3306/m"),
        ("u:hushed@tcp([::1]:7)/m", "mysql://u@[::1]:7/m"),
        (":hushed@tcp(h)/m", "mysql://h:3306/m"),
        ("u:hushed@unix(/run/x.sock)/m", "mysql://u@localhost/m?socket=/run/x.sock"),
    ] {
        let found = accepted(text);
        assert_eq!(found.to_string(), shown);
        assert_eq!(format!("{found:?}"), format!("MySql({shown})"));
        assert_eq!(accepted(shown).server, found.server);
    }
}

proptest! {
    #[test]
    fn go_passwords_come_through_and_are_never_shown(
        password in "[ -~é报]{0,8}hushed[ -~é报]{0,8}",
        ending in prop::sample::select(vec!["?tls=true", "?ssl-ca=/a/b.pem", "", "?loc=a%2Fb"]),
    ) {
        let found = MySql::parse(&format!("u:{password}@tcp(h:3306)/m{ending}")).unwrap();
        prop_assert_eq!(found.password.as_deref(), Some(password.as_str()));
        let shown = format!("{found} {found:?}");
        prop_assert!(!shown.contains("hushed"));
    }

    #[test]
    fn refusals_never_repeat_the_password(
        start in prop::sample::select(vec!["", "mysql://", "mariadb://"]),
        password in "[ -~]{0,8}hushed[ -~]{0,8}",
        end in "[@()/:?&=a-z\\[\\]%]{0,12}",
    ) {
        if let Err(error) = MySql::parse(&format!("{start}u:{password}@{end}")) {
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains("hushed"), "{}", shown);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}", tail in "[@()/:?&=a-z\\[\\]%é]{0,30}") {
        drop(MySql::parse(&format!("{text}{tail}")));
        drop(MySql::parse(&format!("mysql://{text}{tail}")));
    }
}
