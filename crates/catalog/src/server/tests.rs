// SPDX-License-Identifier: Apache-2.0

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;

/// Another program that uses a database, until it is told to end.
struct User(Child);

impl User {
    /// Runs statements on a connection that then stays open.
    fn of(path: &Path, statements: &[&str]) -> Self {
        let script = "import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]: connection.execute(statement).fetchall()
print('open', flush=True)
sys.stdin.read()
connection.close()";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .arg(path)
            .args(statements)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "open\n");
        Self(child)
    }

    fn stop_cleanly(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn signs(path: &Path) -> ServerSigns {
    let metadata = Metadata { source: MetaSource::Sqlite(path.into()), wal: None };
    ServerSigns::of(&metadata, 0)
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_server_that_has_the_database_open_is_seen_by_its_locks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("meta.sqlite");
    let wal = ["PRAGMA journal_mode = WAL", "CREATE TABLE t(x)", "SELECT * FROM t"];
    let server = User::of(&path, &wal);
    let before = names(folder.path());
    let found = signs(&path);
    let sign = found.sign.unwrap();
    assert!(found.is_running, "{sign}");
    let who = format!("process {} (`python", server.0.id());
    assert!(sign.starts_with(&who) && sign.contains("holds a lock on `"), "{sign}");
    assert!(
        sign.contains("meta.sqlite-wal` with ") && sign.contains(" bytes: the server runs, or"),
        "{sign}"
    );
    assert_eq!(names(folder.path()), before);
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(signs(&link).is_running, "through a link");
    fs::remove_file(&path).unwrap();
    let index_alone = lock(&path).unwrap();
    assert!(index_alone.contains("meta.sqlite-shm"), "{index_alone}");
    server.kill();
}

#[test]
fn a_server_that_was_killed_leaves_a_sign_and_one_that_stopped_cleanly_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meta.sqlite");
    let statements = ["PRAGMA journal_mode = WAL", "CREATE TABLE t(x)"];
    User::of(&path, &statements).kill();
    let found = signs(&path);
    assert!(!found.is_running);
    assert!(found.sign.unwrap().starts_with("beside the metadata there is `"));
    User::of(&path, &["SELECT * FROM t"]).stop_cleanly();
    assert_eq!(signs(&path), ServerSigns::default());
    User::of(&path, &["SELECT * FROM t"]).kill();
    assert!(names(folder.path()).contains(&"meta.sqlite-wal".to_owned()));
    assert_eq!(signs(&path), ServerSigns::default(), "nothing stands in an empty log");
}

#[test]
fn without_a_log_a_database_is_locked_by_changes_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meta.sqlite");
    let statements = ["CREATE TABLE t(x)", "BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)"];
    let server = User::of(&path, &statements);
    assert!(signs(&path).is_running);
    server.kill();
    let left = signs(&path);
    assert!(!left.is_running && left.sign.unwrap().contains("meta.sqlite-journal` with "));
    fs::write(folder.path().join("meta.sqlite-journal"), []).unwrap();
    assert_eq!(signs(&path), ServerSigns::default(), "an emptied journal says nothing");
}

#[test]
fn a_database_that_is_not_there_shows_no_sign() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(signs(&folder.path().join("meta.sqlite")), ServerSigns::default());
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn other_connections_to_a_database_are_a_sign_that_proves_nothing() {
    let mysql = crate::MySql::parse("reader@tcp(127.0.0.1:1)/milvus").unwrap();
    let metadata = Metadata { source: MetaSource::MySql(mysql), wal: None };
    assert_eq!(ServerSigns::of(&metadata, 0), ServerSigns::default());
    for (connections, text) in [(1, "1 other connection uses"), (4, "4 other connections use")] {
        let found = ServerSigns::of(&metadata, connections);
        assert!(!found.is_running && found.sign.unwrap().starts_with(text));
    }
}
