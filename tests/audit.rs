// SPDX-License-Identifier: Apache-2.0
//! `m2m audit`: it finds what is wrong, nothing else, and what it advises works.

mod cases;
mod command;
mod data;
mod elsewhere;
mod files;
mod fixtures;
mod log;
mod metadata;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::support::command::{Run, run};
use crate::support::fixtures as installations;
use crate::support::install::Install;

/// Columns that say where something was found.
const PLACE: [&str; 6] = ["collection", "partition_tag", "segment_id", "table_id", "root", "field_name"];

/// Where a check found something: its id, and the place.
type Places = BTreeSet<(String, String)>;

/// An audit.
struct Audit {
    code: i32,
    report: Value,
}

impl Audit {
    #[track_caller]
    fn of(run: &Run) -> Self {
        assert!(run.code == 0 || run.code == 3, "{}", run.observation(&[]));
        Self { code: run.code, report: serde_json::from_str(&run.stdout).unwrap() }
    }

    fn checks(&self) -> &[Value] {
        self.report["checks"].as_array().unwrap()
    }

    #[track_caller]
    fn check(&self, id: &str) -> &Value {
        self.checks().iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no check `{id}`"))
    }

    /// What a check found, each row by the names of its columns.
    #[track_caller]
    fn rows(&self, id: &str) -> Vec<Map<String, Value>> {
        let check = self.check(id);
        let columns: Vec<&str> =
            check["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let rows: Vec<_> = check["rows"].as_array().unwrap().iter().map(|row| named(&columns, row)).collect();
        assert_eq!(check["findings"].as_u64().unwrap().min(100), rows.len() as u64, "{id}");
        let outcome = if rows.is_empty() { "passed" } else { "found" };
        assert_eq!(check["outcome"], outcome, "{id}: {}", check["problem"]);
        rows
    }

    /// The only finding of a check.
    #[track_caller]
    fn only(&self, id: &str) -> Map<String, Value> {
        let mut rows = self.rows(id);
        assert_eq!(rows.len(), 1, "{id}: {rows:?}");
        rows.remove(0)
    }

    /// The message of the only finding of a check.
    #[track_caller]
    fn message(&self, id: &str) -> String {
        self.only(id)["message"].as_str().unwrap().to_owned()
    }

    /// All places where something was found. A check that cannot be run, or was not, counts
    /// as a place of its own.
    #[track_caller]
    fn places(&self) -> Places {
        let mut places = Places::new();
        for check in self.checks() {
            let id = check["id"].as_str().unwrap();
            if check["outcome"] == "failed" || check["outcome"] == "not_run" {
                places.insert((id.into(), format!("{}: {}", check["outcome"], check["problem"])));
                continue;
            }
            for row in self.rows(id) {
                let values = PLACE.iter().filter_map(|name| row.get(*name)).filter_map(Value::as_str);
                let place = values.collect::<Vec<_>>().join(" ");
                assert!(places.insert((id.into(), place.clone())), "{id} found `{place}` twice");
            }
        }
        places
    }

    /// Fails unless this is the only finding that was not there before. Checks that read data
    /// may have failed: what they do not see, they cannot know.
    #[track_caller]
    fn finds_only(&self, before: &Places, id: &str, place: &str) {
        for check in self.checks().iter().filter(|check| check["outcome"] == "failed") {
            let sql = check["sql"].as_str().unwrap();
            assert!(sql.contains("measure.") && !sql.contains("measure.directories"), "{check}");
        }
        let is_failed = |id: &str| self.check(id)["outcome"] == "failed";
        let found: Places = self.places().into_iter().filter(|(id, _)| !is_failed(id)).collect();
        let known: Places = before.iter().filter(|(id, _)| !is_failed(id)).cloned().collect();
        assert_eq!(&found - &known, [(id.to_owned(), place.to_owned())].into());
        assert_eq!(&known - &found, Places::new());
    }

    /// Fails unless the text of a check or of its first finding advises all of this.
    #[track_caller]
    fn advises(&self, id: &str, words: &[&str]) {
        let own = self.rows(id).first().and_then(|row| row.get("remedy")?.as_str().map(str::to_owned));
        let remedy = own.unwrap_or_else(|| self.check(id)["remedy"].as_str().unwrap().into());
        for word in words {
            assert!(remedy.contains(word), "`{word}` is missing in the remedy of {id}: {remedy}");
        }
    }

    #[track_caller]
    fn verdict(&self, verdict: &str) {
        let found: Vec<_> = self.places().into_iter().collect();
        assert_eq!(self.report["verdict"], verdict, "{found:?}");
        assert_eq!(self.code, if verdict == "not_ready" { 3 } else { 0 });
    }
}

fn named(columns: &[&str], row: &Value) -> Map<String, Value> {
    let values = row.as_array().unwrap();
    assert_eq!(columns.len(), values.len());
    columns.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// What is found in a fixture that nobody has damaged.
fn found_in(name: &'static str) -> Places {
    found_with(name, &[])
}

/// Likewise, without reading ids and vectors.
fn found_quickly_in(name: &'static str) -> Places {
    found_with(name, &["--quick"])
}

fn found_with(name: &'static str, more: &'static [&'static str]) -> Places {
    type Known = BTreeMap<(&'static str, &'static [&'static str]), Places>;
    static KNOWN: Mutex<Known> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let audit = || {
        let install = text(&installations::install(name));
        Audit::of(&run(&[&["audit", "--install", &install, "--format", "json"], more].concat())).places()
    };
    known.entry((name, more)).or_insert_with(audit).clone()
}

/// An installation that a test may damage.
struct Old {
    folder: TempDir,
    root: PathBuf,
    /// Arguments that name it.
    source: Vec<String>,
    /// Arguments of every audit of it.
    how: &'static [&'static str],
}

impl Old {
    /// A copy of a fixture. Times stay what they were: a log that was written just now has
    /// a server that writes it.
    fn fixture(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("old");
        let status =
            Command::new("cp").arg("-a").arg(installations::install(name)).arg(&root).status().unwrap();
        assert!(status.success());
        let source = vec!["--install".into(), text(&root)];
        Self { folder, root, source, how: &[] }
    }

    /// A small installation with a `meta.json`.
    fn made(build: impl FnOnce(&mut Install)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("old");
        let mut install = Install::new(&root);
        build(&mut install);
        install.finish();
        let source = vec!["--install".into(), text(&root)];
        Self { folder, root, source, how: &[] }
    }

    /// Has audits not read ids and vectors, where nothing is wrong with them.
    fn quick(self) -> Self {
        Self { how: &["--quick"], ..self }
    }

    /// A path beside the installation.
    fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Names the parts of the installation one by one from now on.
    fn named(&mut self, meta: &Path, tables: &[&Path], wal: Option<&Path>) {
        self.source = vec!["--meta".into(), text(meta)];
        let tables = tables.iter().map(|path| ("--tables", *path));
        for (name, path) in tables.chain(wal.map(|path| ("--wal", path))) {
            self.source.extend([name.into(), text(path)]);
        }
    }

    fn run(&self, command: &str, more: &[&str]) -> Run {
        let mut args = vec![command];
        args.extend(self.source.iter().map(String::as_str));
        args.extend(more);
        run(&args)
    }

    #[track_caller]
    fn audit(&self, more: &[&str]) -> Audit {
        Audit::of(&self.run("audit", &[&["--format", "json"], self.how, more].concat()))
    }

    /// What is found now, and was not before.
    #[track_caller]
    fn finds_newly(&self, before: &Places, expected: &[(&str, &str)]) -> Audit {
        self.finds_instead(before, expected, &[])
    }

    /// What is found now and was not before, and what was before and is not now.
    #[track_caller]
    fn finds_instead(&self, before: &Places, new: &[(&str, &str)], gone: &[(&str, &str)]) -> Audit {
        self.finds_with(&[], before, new, gone)
    }

    /// Likewise, with more arguments.
    #[track_caller]
    fn finds_with(
        &self,
        more: &[&str],
        before: &Places,
        new: &[(&str, &str)],
        gone: &[(&str, &str)],
    ) -> Audit {
        let audit = self.audit(more);
        let now = audit.places();
        let places = |all: &[(&str, &str)]| -> Places {
            all.iter().map(|(id, place)| ((*id).to_owned(), (*place).to_owned())).collect()
        };
        assert_eq!(&now - before, places(new), "new findings");
        assert_eq!(before - &now, places(gone), "findings that are gone");
        audit
    }

    /// Dumps, and returns what was written.
    #[track_caller]
    fn dump(&self, more: &[&str]) -> Dump {
        let out = tempfile::tempdir_in(self.folder.path()).unwrap().keep().join("out");
        self.run("dump", &[&["--out", &text(&out)], more].concat()).ends_with(0);
        Dump { out }
    }

    /// Dumps, which must fail with all of these words.
    #[track_caller]
    fn dump_fails(&self, more: &[&str], words: &[&str]) {
        let out = tempfile::tempdir_in(self.folder.path()).unwrap();
        self.run("dump", &[&["--out", &text(&out.path().join("out"))], more].concat())
            .ends_with(1)
            .says(words);
    }

    /// The answer to a query, as JSON.
    #[track_caller]
    fn ask(&self, query: &str) -> Value {
        let run = self.run("sql", &["--format", "json", query]).ends_with(0);
        serde_json::from_str(&run.stdout).unwrap()
    }

    /// Changes the metadata as Python's SQLite does it, and not m2m.
    #[track_caller]
    fn change(&self, sql: &str) {
        change(&self.meta(), sql);
    }

    fn meta(&self) -> PathBuf {
        self.root.join("db/meta.sqlite")
    }

    /// A file of a segment.
    fn file(&self, table: &str, segment: &str, name: &str) -> PathBuf {
        self.segment(table, segment).join(name)
    }

    fn segment(&self, table: &str, segment: &str) -> PathBuf {
        self.tables().join(table).join(segment)
    }

    fn tables(&self) -> PathBuf {
        let of_server = self.root.join("db/tables");
        if of_server.exists() { of_server } else { self.root.join("tables") }
    }
}

/// What a dump wrote.
struct Dump {
    out: PathBuf,
}

impl Dump {
    /// The ids of a collection in ascending order, read from the files of ids.
    fn ids(&self, collection: &str) -> Vec<i64> {
        let mut ids = Vec::new();
        for file in walk(&self.out.join(collection)) {
            if file.file_name().is_some_and(|name| name == "id.npy") {
                ids.extend(numbers(&fs::read(&file).unwrap()));
            }
        }
        ids.sort_unstable();
        ids
    }

    fn manifest(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.out.join("manifest.json")).unwrap()).unwrap()
    }
}

/// The numbers of a file of NumPy with a header of version 1.
fn numbers(file: &[u8]) -> Vec<i64> {
    assert_eq!(&file[..8], b"\x93NUMPY\x01\0");
    let header = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    assert!(String::from_utf8_lossy(&file[10..header]).contains("'<i8'"));
    file[header..].chunks_exact(8).map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap())).collect()
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Changes the payload of a file, and has its header say how long it is.
fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut payload = fs::read(path).unwrap().split_off(8);
    change(&mut payload);
    let header = (payload.len() as u64).to_le_bytes();
    fs::write(path, [&header[..], &payload].concat()).unwrap();
}

/// Changes the bytes of a file.
fn edit_bytes(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[track_caller]
fn change(meta: &Path, sql: &str) {
    let script =
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.executescript(sys.argv[2]); db.close()";
    let output = Command::new("python3").args(["-c", script]).arg(meta).arg(sql).output().unwrap();
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes a `meta.json` of the files alone, and returns it with what was said.
#[track_caller]
fn recover(old: &Old) -> (PathBuf, Run) {
    let (tables, out) = (text(&old.tables()), old.beside("recovered"));
    let place = text(&out);
    let mut args = vec!["recover", "--tables", &tables, "--out", &place];
    let float =
        ["compacted_l2", "dropped_coll", "float_l2", "ghost", "indexed_ip_hnsw", "indexed_l2", "ip_parts"];
    let float = float.map(|name| format!("{name}=L2"));
    let metrics = float.iter().map(String::as_str).chain(["HAMMING"]);
    args.extend(metrics.flat_map(|metric| ["--metric", metric]));
    let run = run(&args);
    assert!(out.join("meta.json").is_file(), "{}", run.observation(&[]));
    (out.join("meta.json"), run)
}

/// Copies a folder, which must not be there, or a file.
#[track_caller]
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg("-T").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}
