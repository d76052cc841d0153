// SPDX-License-Identifier: Apache-2.0
//! Installations whose segments are in a bucket, or whose metadata is in MySQL.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::{Audit, Old, Places, found_in, installations, text};
use crate::remote;
use crate::support::command::{m2m, run, run_command};
use crate::support::services;

/// Every finding of `audit` but those of folders without a file, which no bucket has.
fn without_empty_folders(audit: &Audit) -> Places {
    let mut places = audit.places();
    for row in audit.rows("leftover_directories") {
        // Its file of ids would have a header.
        if row["bytes"] == 0 {
            let values = ["collection", "partition_tag", "segment_id", "table_id"];
            let place = values.map(|name| row[name].as_str().unwrap()).join(" ");
            assert!(places.remove(&("leftover_directories".into(), place)));
        }
    }
    places
}

#[tokio::test]
async fn segments_in_a_bucket() {
    let prefix = remote::upload().await;
    let args =
        ["audit", "--format", "json", "--wal", &text(&installations::install("install-1.1.1").join("wal"))];
    let mut command = m2m(&args);
    command.envs(remote::of_first(&prefix));
    let shown = run_command(&args, command).ends_with(0);
    services::assert_no_secret(&shown);
    let audit = Audit::of(&shown);
    let install = text(&installations::install("install-1.1.1"));
    let local = Audit::of(&run(&["audit", "--install", &install, "--format", "json"]));
    assert_eq!(audit.places(), without_empty_folders(&local));
    assert_eq!(audit.report["totals"], local.report["totals"]);
    let tables = audit.report["source"]["tables"][0].as_str().unwrap();
    assert!(tables.starts_with("s3://") && tables.contains(&prefix), "{tables}");
}

#[test]
fn metadata_in_mysql() {
    let server = services::mariadb();
    let install = installations::install("install-1.1.1");
    let dsn = server.dsn(&server.user, "milvus_1_1_1", "");
    let (tables, wal) = (text(&install.join("db/tables")), text(&install.join("wal")));
    let args = ["audit", "--format", "json", "--meta", &dsn, "--tables", &tables, "--wal", &wal];
    let run = run_command(&args, m2m(&args)).ends_with(0);
    assert!(!run.stdout.contains(&server.password) && !run.stderr.contains(&server.password));
    let audit = Audit::of(&run);
    let mut places = audit.places();
    // Other tests may look at the same database, and a connection can be the server's.
    places.remove(&("server_not_stopped".into(), String::new()));
    assert_eq!(places, found_in("install-1.1.1"));
    assert!(audit.report["source"]["metadata"].as_str().unwrap().contains("milvus_1_1_1"));
}

/// A bucket with an installation of which some bytes cannot be read: those behind the
/// header of one file. A disk cannot be made to fail like that; a server can.
pub(super) struct SickBucket<'a> {
    old: &'a Old,
    endpoint: String,
    /// The end of the key of the file.
    sick: Arc<Mutex<Option<String>>>,
}

impl<'a> SickBucket<'a> {
    /// Serves the `tables` of an installation.
    pub(super) fn of(old: &'a Old) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let sick = Arc::new(Mutex::new(None));
        let (served, known) = (old.tables(), Arc::clone(&sick));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (served, known) = (served.clone(), Arc::clone(&known));
                thread::spawn(move || {
                    let mut client = client;
                    while let Some(head) = head(&mut client) {
                        let answer = answer(&served, &head, known.lock().unwrap().as_deref());
                        if client.write_all(&answer).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { old, endpoint, sick }
    }

    pub(super) fn fails_to_read(&self, key: &str) {
        *self.sick.lock().unwrap() = Some(key.into());
    }

    pub(super) fn is_repaired(&self) {
        *self.sick.lock().unwrap() = None;
    }

    #[track_caller]
    pub(super) fn audit(&self) -> Audit {
        let args = ["audit", "--format", "json", "--wal", &text(&self.old.root.join("wal"))];
        let mut command = m2m(&args);
        command.envs([
            ("M2M_SOURCE_MODE", "remote".to_owned()),
            ("M2M_SOURCE_REMOTE_TABLES_DIR", "tables".into()),
            ("M2M_SOURCE_REMOTE_ENDPOINT", self.endpoint.clone()),
            ("M2M_SOURCE_REMOTE_BUCKET", "bucket".into()),
            ("M2M_SOURCE_REMOTE_AK", "somebody".into()),
            ("M2M_SOURCE_REMOTE_SK", "something".into()),
            ("M2M_META_SQLITE_FILE", text(&self.old.meta())),
        ]);
        Audit::of(&run_command(&args, command))
    }
}

/// What stands before the body of a request; none when there is no other request.
fn head(client: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match client.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8(head).unwrap())
}

/// Answers `HEAD`, `GET` of a range of a file, and `GET` of a list of files.
fn answer(served: &std::path::Path, head: &str, sick: Option<&str>) -> Vec<u8> {
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if query.contains("list-type=2") {
        let listed = list(served);
        return response("200 OK", "", listed.as_bytes(), true);
    }
    let key = path.trim_start_matches("/bucket/tables/");
    let Ok(bytes) = fs::read(served.join(key)) else { return response("404 Not Found", "", b"", true) };
    let range = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("range").then(|| value.trim().trim_start_matches("bytes=").to_owned())
    });
    let (from, to) = range.as_deref().and_then(|range| range.split_once('-')).unwrap_or(("0", ""));
    let number = |text: &str, other: usize| text.parse::<usize>().unwrap_or(other).min(other);
    let (from, to) = (number(from, bytes.len()), number(to, bytes.len().saturating_sub(1)) + 1);
    if to > 8 && method == "GET" && sick.is_some_and(|sick| path.ends_with(sick)) {
        return response("403 Forbidden", "", b"<Error><Code>AccessDenied</Code></Error>", true);
    }
    let fields = format!(
        "ETag: \"1\"\r\nLast-Modified: Wed, 01 Jan 2020 00:00:00 GMT\r\nContent-Range: bytes {from}-{}/{}\r\n",
        to.saturating_sub(1),
        bytes.len()
    );
    match (method, range) {
        ("HEAD", _) => response("200 OK", &fields, &bytes, false),
        (_, None) => response("200 OK", &fields, &bytes, true),
        _ => response("206 Partial Content", &fields, bytes.get(from..to).unwrap_or_default(), true),
    }
}

fn response(status: &str, fields: &str, body: &[u8], is_sent: bool) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{fields}\r\n", body.len());
    let mut response = head.into_bytes();
    if is_sent {
        response.extend(body);
    }
    response
}

fn list(served: &std::path::Path) -> String {
    let of_file = |path: std::path::PathBuf| {
        let key = path.strip_prefix(served).unwrap().display().to_string();
        let size = path.metadata().unwrap().len();
        format!(
            "<Contents><Key>tables/{key}</Key><Size>{size}</Size><ETag>1</ETag>\
             <LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents>"
        )
    };
    let files: String = super::walk(served).into_iter().map(of_file).collect();
    format!("<ListBucketResult><IsTruncated>false</IsTruncated>{files}</ListBucketResult>")
}
