// SPDX-License-Identifier: Apache-2.0

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::*;

/// The flag by which a server offers TLS, and a client asks for it.
const TLS: u32 = 0x800;
/// Protocol 4.1, with plugins for passwords.
const CAPABILITIES: u32 = 0x0008_8200;
/// A handshake that picks TLS 1.1.
const TLS_1_1: &[u8] =
    b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02the server's 32 bytes, at random\x00\xc0\x13\x00";
const REFUSED: &[u8] = b"\xff\x15\x04#28000no";
/// Asks for the password under a public key, and then sends one.
const BY_KEY: &[u8] = b"\xfesha256_password\x0001234567890123456789\x00";

/// A server that says hello and takes notes of what its clients do first:
/// whether they ask for TLS, which it answers with `to_tls` and hangs up, or log
/// in, which it answers with `to_login`.
fn server(offer: u32, to_tls: &'static [u8], to_login: &'static [u8]) -> (String, Receiver<&'static str>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (notes, taken) = mpsc::channel();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            // A client may leave after the greeting.
            serve(client, offer, to_tls, to_login, &notes).ok();
        }
    });
    (address, taken)
}

fn serve(
    mut client: TcpStream,
    offer: u32,
    to_tls: &[u8],
    to_login: &[u8],
    notes: &Sender<&str>,
) -> io::Result<()> {
    client.write_all(&packet(0, &greeting(CAPABILITIES | offer)))?;
    let flags = u32::from_le_bytes(received(&mut client)?[..4].try_into().unwrap());
    if flags & TLS != 0 {
        notes.send("asks for TLS").unwrap();
        assert!(client.read(&mut [0; 4096])? > 0);
        return client.write_all(to_tls);
    }
    notes.send("logs in").unwrap();
    client.write_all(&packet(2, to_login))?;
    if to_login == BY_KEY {
        received(&mut client)?;
        client.write_all(&packet(4, b"\x01key"))?;
    }
    Ok(())
}

fn greeting(capabilities: u32) -> Vec<u8> {
    let [c0, c1, c2, c3] = capabilities.to_le_bytes();
    let parts: [&[u8]; 7] = [
        b"\x0a5.7.1\0\x01\0\0\0saltsalt\0",
        &[c0, c1, 45, 2, 0, c2, c3, 21],
        &[0; 10],
        b"saltsaltsalt",
        b"\0",
        b"mysql_native_password",
        b"\0",
    ];
    parts.concat()
}

fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    [&[u8::try_from(payload.len()).unwrap(), 0, 0, sequence], payload].concat()
}

fn received(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut header = [0; 4];
    client.read_exact(&mut header)?;
    let mut payload = vec![0; usize::from(header[0])];
    client.read_exact(&mut payload)?;
    Ok(payload)
}

/// How connecting fails, and what the server saw.
async fn failed(
    parameters: &str,
    offer: u32,
    to_tls: &'static [u8],
    to_login: &'static [u8],
) -> (String, Vec<&'static str>) {
    let (address, notes) = server(offer, to_tls, to_login);
    let mysql = MySql::parse(&format!("u:hushed@tcp({address})/m?{parameters}")).unwrap();
    let error = connect(&mysql).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hushed"));
    (error.to_string(), notes.try_iter().collect())
}

const ALERTS: [&[u8]; 3] = [&[21, 3, 3, 0, 2, 2, 70], &[21, 3, 1, 0, 2, 2, 40], &[21, 3, 3, 0, 2, 2, 71]];

#[tokio::test]
async fn only_a_server_without_tls_is_spoken_to_without() {
    let refused = "refuses the user or the password";
    for parameters in ["", "tls=preferred"] {
        let (text, seen) = failed(parameters, 0, b"", REFUSED).await;
        assert!(text.contains(refused) && seen.ends_with(&["logs in"]), "{text}, {seen:?}");
        for old in ALERTS.into_iter().chain([TLS_1_1]) {
            let (text, seen) = failed(parameters, TLS, old, REFUSED).await;
            assert!(text.contains(refused), "{text}");
            assert_eq!(seen, ["asks for TLS", "logs in"], "{old:?}");
        }
        // An internal error, an unknown CA, something else than TLS, and nothing.
        for other in
            [&[21, 3, 3, 0, 2, 2, 80][..], &[21, 3, 3, 0, 2, 2, 48], b"HTTP/1.1 400 Bad Request", b""]
        {
            let (text, seen) = failed(parameters, TLS, other, REFUSED).await;
            assert!(text.contains("TLS failed") || text.contains("closed the connection"), "{text}");
            assert!(text.contains("`tls=false`"), "{text}");
            assert_eq!(seen, ["asks for TLS"], "{other:?}");
        }
    }
}

#[tokio::test]
async fn tls_that_was_asked_for_is_never_done_without() {
    for parameters in ["tls=true", "tls=skip-verify", "ssl-mode=VERIFY_CA"] {
        let (text, seen) = failed(parameters, 0, b"", REFUSED).await;
        assert!(text.contains("offers no TLS") && !seen.contains(&"logs in"), "{text}, {seen:?}");
        for old in ALERTS {
            let (text, seen) = failed(parameters, TLS, old, REFUSED).await;
            assert!(text.contains("no TLS from 1.2 on"), "{text}");
            assert_eq!(seen, ["asks for TLS"]);
        }
    }
    let (_, seen) = failed("tls=false", TLS, b"", REFUSED).await;
    assert_eq!(seen, ["logs in"]);
}

#[tokio::test]
async fn a_password_that_needs_tls_is_told_from_a_key_that_is_none() {
    let (text, _) = failed("tls=false", 0, b"", BY_KEY).await;
    assert!(text.contains("this user's password over TLS alone"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let (here, gone) = (folder.path().join("here.pem"), folder.path().join("gone.pem"));
    std::fs::write(&here, "no certificate").unwrap();
    for (certificate, key, word) in [
        (&here, &here, "`ssl-key` names holds no usable key"),
        (&gone, &here, "`ssl-cert` names cannot be read"),
        (&here, &gone, "`ssl-key` names cannot be read"),
    ] {
        let show = |path: &Path| path.display().to_string();
        let parameters = format!("ssl-cert={}&ssl-key={}", show(certificate), show(key));
        let (text, seen) = failed(&parameters, TLS, b"", REFUSED).await;
        assert!(text.contains(word) && !seen.contains(&"logs in"), "{text}");
        let by_socket = MySql::parse(&format!("u@unix(/nonexistent/x.sock)/m?{parameters}")).unwrap();
        let text = connect(&by_socket).await.unwrap_err().to_string();
        assert!(
            text.contains(if word.contains("read") { word } else { "socket cannot be opened" }),
            "{text}"
        );
    }
}

#[test]
fn the_character_set_reaches_the_connection() {
    for (parameters, charset) in [("", "utf8mb4"), ("charset=utf8", "utf8mb4"), ("charset=latin1", "latin1")]
    {
        let mysql = MySql::parse(&format!("u@tcp(h)/m?{parameters}")).unwrap();
        let options = options(&mysql, TlsMode::Disabled);
        assert_eq!(options.get_charset(), charset, "{parameters}");
    }
}
