// SPDX-License-Identifier: Apache-2.0
//! Damaged installations: each ends with exit code 1 and an error that names
//! the file, and leaves nothing behind that looks like a dump.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::command::{Run, run};
use crate::support::fixtures;
use crate::support::install::Install;

/// An installation with one segment `7` of ten rows, dimension 4.
fn sound() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let ids: Vec<i64> = (100..110).collect();
    Install::new(folder.path()).collection("ten", 4).segment("7", &ids, &[0.5; 40], &[2, 4]).finish();
    folder
}

fn file(install: &Path, name: &str) -> PathBuf {
    install.join("tables/ten/7").join(name)
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Dumps the installation, which must fail and say all of `words`.
#[track_caller]
fn dump_fails(install: &Path, words: &[&str]) -> Run {
    let out = tempfile::tempdir().unwrap();
    let args = ["dump", "--install", install.to_str().unwrap(), "--out", out.path().to_str().unwrap()];
    let run = run(&args).ends_with(1).says(words);
    assert!(!out.path().join("manifest.json").exists(), "a failed dump has no manifest");
    let npy =
        walk(out.path()).into_iter().find(|path| path.extension().is_some_and(|ending| ending == "npy"));
    assert_eq!(npy, None, "a failed dump of one segment leaves no import file");
    run
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_sound_installation_is_dumped() {
    let install = sound();
    let out = install.path().join("out");
    run(&["dump", "--install", install.path().to_str().unwrap(), "--out", out.to_str().unwrap()])
        .ends_with(0);
    assert!(out.join("manifest.json").is_file());
}

#[test]
fn truncated_vectors_are_refused() {
    let install = sound();
    edit(&file(install.path(), "7.rv"), |bytes| bytes.truncate(100));
    dump_fails(install.path(), &["7/7.rv", "100", "168"]);
}

#[test]
fn truncated_ids_are_refused() {
    let install = sound();
    edit(&file(install.path(), "7.uid"), |bytes| bytes.truncate(87));
    dump_fails(install.path(), &["7/7.uid", "87", "88"]);
}

#[test]
fn truncated_deleted_docs_are_refused() {
    let install = sound();
    edit(&file(install.path(), "deleted_docs"), |bytes| bytes.truncate(15));
    dump_fails(install.path(), &["7/deleted_docs", "15", "16"]);
}

#[test]
fn files_too_short_for_a_header_are_refused() {
    for name in ["7.rv", "7.uid", "deleted_docs"] {
        for length in [0, 1, 7] {
            let install = sound();
            edit(&file(install.path(), name), |bytes| bytes.truncate(length));
            dump_fails(install.path(), &[&format!("7/{name}")]);
        }
    }
}

#[test]
fn a_length_header_that_lies_is_refused() {
    for name in ["7.rv", "7.uid", "deleted_docs"] {
        for lie in [0_u64, 1, 79, 1 << 40, u64::MAX] {
            let install = sound();
            edit(&file(install.path(), name), |bytes| bytes[..8].copy_from_slice(&lie.to_le_bytes()));
            if name == "deleted_docs" && lie == 0 {
                continue; // no deletes and eight ignored bytes: that is sound
            }
            dump_fails(install.path(), &[&format!("7/{name}")]);
        }
    }
}

#[test]
fn vectors_that_do_not_fit_the_ids_are_refused() {
    let install = sound();
    edit(&file(install.path(), "7.rv"), |bytes| {
        bytes.truncate(8 + 9 * 16);
        bytes[..8].copy_from_slice(&(9_u64 * 16).to_le_bytes());
    });
    dump_fails(install.path(), &["7/7.rv", "144", "160"]);
}

#[test]
fn a_deleted_offset_beyond_the_rows_is_refused() {
    for offset in [10_i32, i32::MAX, -1, i32::MIN] {
        let install = sound();
        edit(&file(install.path(), "deleted_docs"), |bytes| {
            bytes[12..16].copy_from_slice(&offset.to_le_bytes());
        });
        dump_fails(install.path(), &["7/deleted_docs", &offset.to_string(), "10"]);
    }
}

#[test]
fn a_missing_file_is_refused() {
    for name in ["7.rv", "7.uid", "deleted_docs"] {
        let install = sound();
        fs::remove_file(file(install.path(), name)).unwrap();
        dump_fails(install.path(), &[&format!("7/{name}")]);
    }
}

#[test]
fn a_missing_segment_folder_is_refused() {
    let install = sound();
    fs::remove_dir_all(file(install.path(), "")).unwrap();
    dump_fails(install.path(), &["ten/7"]);
}

#[test]
fn counting_does_not_need_the_vectors_that_are_missing() {
    let install = sound();
    fs::remove_file(file(install.path(), "7.rv")).unwrap();
    let path = install.path().to_str().unwrap();
    let counted =
        run(&["sql", "--install", path, "--format", "csv", "SELECT count(*), min(id), max(id) FROM ten"]);
    assert_eq!(counted.ends_with(0).stdout.lines().last(), Some("8,100,109"));
    run(&["sql", "--install", path, "SELECT vector FROM ten"]).ends_with(1).says(&["7/7.rv"]);
}

#[test]
fn nan_and_infinity_stop_a_dump_and_are_named() {
    for (value, word) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let install = sound();
        let at = 8 + 6 * 16 + 2 * 4;
        edit(&file(install.path(), "7.rv"), |bytes| bytes[at..at + 4].copy_from_slice(&value.to_le_bytes()));
        dump_fails(install.path(), &["`ten`", "`7`", "offset 6", "entity 106", word]);
    }
}

#[test]
fn nan_in_a_deleted_row_is_no_obstacle() {
    let install = sound();
    let at = 8 + 2 * 16;
    edit(&file(install.path(), "7.rv"), |bytes| bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes()));
    let out = install.path().join("out");
    run(&["dump", "--install", install.path().to_str().unwrap(), "--out", out.to_str().unwrap()])
        .ends_with(0);
}

#[test]
fn a_garbage_sqlite_file_is_refused() {
    for garbage in
        [&b""[..], b"not a database at all", &[0x53; 5000], b"SQLite format 3\0garbage garbage garbage"]
    {
        let copy = fixtures::copy("install-1.1.1-unflushed");
        let root = copy.path().join("install-1.1.1-unflushed");
        fs::write(root.join("db/meta.sqlite"), garbage).unwrap();
        for left in ["db/meta.sqlite-wal", "db/meta.sqlite-shm"] {
            fs::remove_file(root.join(left)).unwrap();
        }
        run(&["sql", "--install", root.to_str().unwrap(), "SELECT 1"]).ends_with(1).says(&["db/meta.sqlite"]);
    }
}

#[test]
fn an_installation_of_0_11_is_refused_as_such() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("db/tables")).unwrap();
    let sql = "CREATE TABLE Collection(id INTEGER); CREATE TABLE SegmentFile(id INTEGER); \
               CREATE TABLE CollectionCommit(id INTEGER);";
    sqlite(&folder.path().join("db/meta.sqlite"), sql);
    let path = folder.path().to_str().unwrap();
    run(&["sql", "--install", path, "SELECT 1"]).ends_with(1).says(&["meta.sqlite", "0.11"]);
}

#[test]
fn a_segment_file_of_0_11_is_refused_as_such() {
    let install = sound();
    edit(&file(install.path(), "7.uid"), |bytes| bytes[..6].copy_from_slice(b"Milvus"));
    dump_fails(install.path(), &["7/7.uid", "0.11"]);
}

#[test]
fn rows_that_stand_only_in_the_write_ahead_log_stop_a_dump() {
    let install = fixtures::install("install-1.1.1-unflushed");
    dump_fails(&install, &["float_l2", "5 inserted", "1 deleted", "--allow-unflushed"]);
    // The rows of another collection can depend on them.
    let out = tempfile::tempdir().unwrap();
    let (install, out) = (install.to_str().unwrap(), out.path().to_str().unwrap());
    let dump = ["dump", "--install", install, "--out", out, "--col", "ip_parts"];
    let among = ["--where", "id IN (SELECT id FROM float_l2)"];
    run(&[&dump[..], &among].concat()).ends_with(1).says(&["float_l2", "5 inserted"]);
}

#[test]
fn the_source_is_never_written() {
    let copy = fixtures::copy("install-1.1.1");
    let before = state(copy.path());
    let root = copy.path().join("install-1.1.1");
    let out = tempfile::tempdir().unwrap();
    let path = root.to_str().unwrap();
    run(&["sql", "--install", path, "SELECT count(*) FROM float_l2"]).ends_with(0);
    run(&["dump", "--install", path, "--out", out.path().to_str().unwrap()]).ends_with(0);
    run(&["audit", "--install", path]).ends_with(0);
    for place in ["db/meta.sqlite", "db/meta.sqlite-shm", "db/tables/report.html", "wal/report.json"] {
        let place = root.join(place);
        let place = place.to_str().unwrap();
        run(&["audit", "--install", path, "-o", place]).ends_with(2).says(&[place, "never changed"]);
        run(&["sql", "--install", path, "-o", place, "--format", "csv", "SELECT 1"])
            .ends_with(2)
            .says(&["never changed"]);
    }
    assert_eq!(state(copy.path()), before);
}

/// Every file with its size, time of change and content.
fn state(folder: &Path) -> Vec<(PathBuf, std::time::SystemTime, Vec<u8>)> {
    let mut files: Vec<_> = walk(folder)
        .into_iter()
        .map(|path| {
            (path.clone(), fs::metadata(&path).unwrap().modified().unwrap(), fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn sqlite(path: &Path, sql: &str) {
    let status = std::process::Command::new("python3")
        .args(["-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])"])
        .arg(path)
        .arg(sql)
        .status()
        .unwrap();
    assert!(status.success());
}
