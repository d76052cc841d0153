// SPDX-License-Identifier: Apache-2.0
//! What stands only in the write-ahead log, and servers that run or were killed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::{Old, copy, edit_bytes, fixtures, found_quickly_in, installations, text};

const UNFLUSHED: &str = "install-1.1.1-unflushed";
const OF_ROWS: &str = "float_l2 _default";

/// What a server does to the metadata when it is started and stopped cleanly: all of the
/// log is flushed, which ends at the last record, and SQLite has no other file.
fn start_and_stop(old: &Old) {
    let records = fixtures::value(UNFLUSHED)["wal_unflushed"].clone();
    let last =
        records.as_array().unwrap().iter().map(|record| record["lsn"].as_i64().unwrap()).max().unwrap();
    old.change(&format!(
        "UPDATE Environment SET global_lsn = {last}; UPDATE Tables SET flush_lsn = {last} WHERE state = 0;"
    ));
    assert!(!old.root.join("db/meta.sqlite-wal").exists());
}

pub(super) fn unflushed_rows() {
    let old = Old::fixture(UNFLUSHED).quick();
    let audit = old.audit(&[]);
    let row = audit.only("unflushed_rows");
    assert_eq!((&row["inserted_rows"], &row["deleted_rows"]), (&json!(5), &json!(1)));
    assert_eq!((&row["collection"], &row["records"]), (&json!("float_l2"), &json!(2)));
    audit
        .advises("unflushed_rows", &["Start the old server once and stop it cleanly", "`--allow-unflushed`"]);
    audit.verdict("not_ready");
    old.dump_fails(&[], &["5 inserted", "--allow-unflushed"]);
    let ids = old.dump(&["--allow-unflushed", "--col", "float_l2"]).ids("float_l2");
    assert_eq!(ids, fixtures::ids(UNFLUSHED, "float_l2"));
    start_and_stop(&old);
    let gone = [("unflushed_rows", OF_ROWS), ("server_not_stopped", "")];
    old.finds_instead(&audit.places(), &[], &gone).verdict("ready_with_warnings");
    old.dump(&["--col", "float_l2"]);
}

pub(super) fn log_unreadable() {
    let (mut old, before) = (Old::fixture(UNFLUSHED).quick(), found_quickly_in(UNFLUSHED));
    let (log, position) = (old.root.join("wal/4.wal"), old.root.join("wal/mxlog.meta"));
    let (new, gone) = ([("log_unreadable", "")], [("unflushed_rows", OF_ROWS)]);
    // A record that ends elsewhere than it says.
    edit_bytes(&log, |bytes| bytes[0] ^= 0xff);
    let audit = old.finds_instead(&before, &new, &gone);
    assert!(audit.message("log_unreadable").contains("4.wal"), "{}", audit.message("log_unreadable"));
    audit.advises("log_unreadable", &["start the old server once and stop it cleanly"]);
    audit.verdict("not_ready");
    old.dump_fails(&["--col", "ip_parts"], &["4.wal"]);
    // Without the file that says how far it reaches.
    fs::remove_file(&position).unwrap();
    let audit = old.finds_instead(&before, &new, &gone);
    audit.advises("log_unreadable", &["name the right folder with `--wal`"]);
    let whole = old.beside("wal");
    copy(&installations::install(UNFLUSHED).join("wal"), &whole);
    old.source.extend(["--wal".into(), text(&whole)]);
    old.finds_newly(&before, &[]);
    // Nothing of the damaged log is needed when all is flushed.
    let old = Old::fixture(UNFLUSHED).quick();
    let log = old.root.join("wal/4.wal");
    edit_bytes(&log, |bytes| bytes[0] ^= 0xff);
    start_and_stop(&old);
    let gone = [("unflushed_rows", OF_ROWS), ("server_not_stopped", "")];
    old.finds_instead(&before, &[], &gone);
}

pub(super) fn log_missing() {
    let (mut old, before) = (Old::fixture("install-1.1.1").quick(), found_quickly_in("install-1.1.1"));
    let moved = old.beside("moved");
    fs::rename(old.root.join("wal"), &moved).unwrap();
    let audit = old.finds_newly(&before, &[("log_missing", "")]);
    assert_eq!(audit.message("log_missing"), "no write-ahead log was found or named");
    assert_eq!(audit.report["source"]["wal"], json!(null));
    audit.advises("log_missing", &["`--wal`", "stopped cleanly"]);
    old.source.extend(["--wal".into(), text(&moved)]);
    assert_eq!(old.finds_newly(&before, &[]).report["source"]["wal"], text(&moved));
    // A `meta.json` cannot be helped so.
    let mut small = Old::made(|install| {
        install.collection("c", 2).segment("7", &[1], &[1.0, 2.0], &[]);
    });
    assert_eq!(small.audit(&[]).message("log_missing"), "a `meta.json` says nothing of the write-ahead log");
    small.source.extend(["--wal".into(), text(&moved)]);
    small.run("audit", &[]).ends_with(2).says(&["name the server's own metadata"]);
}

/// A program that has the database open and changes it, as a server does.
fn server(old: &Old) -> Child {
    let script = "import sqlite3, sys, time\n\
                  db = sqlite3.connect(sys.argv[1])\n\
                  db.execute(\"UPDATE Tables SET created_on = created_on + 1\")\n\
                  db.commit()\n\
                  print('ready', flush=True)\n\
                  sys.stdin.readline()\n\
                  db.close()";
    let mut server = Command::new("python3")
        .args(["-c", script])
        .arg(old.meta())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    server
}

fn kill(mut server: Child) {
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Has it end by itself.
fn stop(mut server: Child) {
    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());
}

pub(super) fn server_running() {
    let (old, before) = (Old::fixture("install-1.1.1").quick(), found_quickly_in("install-1.1.1"));
    let running = server(&old);
    let audit = old.finds_newly(&before, &[("server_running", "")]);
    let message = audit.message("server_running");
    assert!(message.contains(&format!("process {}", running.id())), "{message}");
    assert!(message.contains("python3") && message.contains("meta.sqlite"), "{message}");
    audit.advises("server_running", &["Stop the old server"]);
    audit.verdict("not_ready");
    stop(running);
    old.finds_newly(&before, &[]);
}

pub(super) fn server_not_stopped() {
    let (old, before) = (Old::fixture("install-1.1.1").quick(), found_quickly_in("install-1.1.1"));
    kill(server(&old));
    let audit = old.finds_newly(&before, &[("server_not_stopped", "")]);
    let message = audit.message("server_not_stopped");
    assert!(message.contains("meta.sqlite-wal") && message.contains("did not stop cleanly"), "{message}");
    audit.advises("server_not_stopped", &["start it once and stop it cleanly"]);
    audit.verdict("ready_with_warnings");
    stop(server(&old));
    old.finds_newly(&before, &[]);
}
