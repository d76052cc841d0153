// SPDX-License-Identifier: Apache-2.0
//! What was stopped goes on with the same command: what was complete is left as it is,
//! what was not is done, and no row is imported twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::support::command::{Run, run};
use crate::support::install::Install;
use crate::support::place::Place;

/// Two collections; `films` has two segments in `_default` and one in `p`.
fn write(root: &Path) {
    let vectors = |ids: &[i64]| -> Vec<f32> { ids.iter().flat_map(|&id| [id as f32, 0.5]).collect() };
    let rows = |from: i64, to: i64| (from..to).collect::<Vec<i64>>();
    let mut install = Install::new(root);
    let (a, b) = (rows(0, 300), rows(300, 500));
    install.collection("films", 2).segment("7", &a, &vectors(&a), &[1, 2]);
    install.segment("8", &b, &vectors(&b), &[]);
    let c = rows(1000, 1040);
    install.collection("songs", 2).segment("9", &c, &vectors(&c), &[0]).finish();
}

/// A folder with an installation, and one for its dump.
struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("old"));
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn dump(&self, out: &str, more: &[&str]) -> Run {
        let (old, out) = (self.path("old"), self.path(out));
        let args = ["dump", "--install", old.to_str().unwrap(), "--out", out.to_str().unwrap()];
        run(&[&args[..], more].concat())
    }
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Every file below a folder, with its content.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                    found.insert(name, fs::read(&path).unwrap());
                }
            }
        }
    }
    found
}

/// The import files, which must be the same however often a dump was stopped.
fn import_files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let is_import_file = |name: &str| name.ends_with(".npy") || name.ends_with(".parquet");
    files(folder).into_iter().filter(|(name, _)| is_import_file(name)).collect()
}

fn written_at(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

/// Makes a complete dump into one that was killed: without the file sets of a collection, and
/// with what a killed process leaves.
fn kill(out: &Path, collection: &str) {
    let mut manifest = json_of(&out.join("manifest.json"));
    let entries = manifest["collections"].as_array_mut().unwrap();
    let entry = entries.iter_mut().find(|entry| entry["name"] == collection).unwrap();
    entry["rows"] = 0.into();
    for partition in entry["partitions"].as_array_mut().unwrap() {
        (partition["rows"], partition["sets"], partition["unfinished"]) = (0.into(), json!([]), true.into());
    }
    fs::write(out.join("unfinished.json"), manifest.to_string()).unwrap();
    fs::remove_file(out.join("manifest.json")).unwrap();
    fs::remove_dir_all(out.join(collection)).unwrap();
    let half = out.join(collection).join("_default/7");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("vector.npy#1"), "half of it").unwrap();
    fs::write(half.join("id.npy"), "another's").unwrap();
}

#[test]
fn a_complete_dump_is_not_written_again() {
    let folder = Folder::new();
    folder.dump("out", &[]).ends_with(0);
    let file = folder.path("out/films/_default/7/vector.npy");
    let (before, at) = (files(&folder.path("out")), written_at(&file));
    folder.dump("out", &[]).ends_with(0).says(&["holds this dump already", "dumped 537 rows"]);
    assert_eq!(files(&folder.path("out")), before);
    assert_eq!(written_at(&file), at);
    folder.dump("out", &["--overwrite"]).ends_with(0);
    assert_ne!(written_at(&file), at);
}

#[test]
fn a_dump_that_was_killed_goes_on_and_leaves_nothing_behind() {
    for more in [&[][..], &["--where", "id % 3 < 2"], &["--to-format", "parquet"]] {
        let folder = Folder::new();
        folder.dump("whole", more).ends_with(0);
        folder.dump("out", more).ends_with(0);
        let songs = fs::read_dir(folder.path("out/songs/_default")).unwrap().next().unwrap().unwrap().path();
        let at = written_at(&songs);
        kill(&folder.path("out"), "films");
        folder.dump("out", more).ends_with(0);
        let mut expected = import_files(&folder.path("whole"));
        let found = import_files(&folder.path("out"));
        if !found.contains_key("films/_default/7/vector.npy") {
            // Sets that are cut by rows have other names, and this is one of another run's.
            expected.insert("films/_default/7/id.npy".into(), b"another's".to_vec());
        }
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{more:?}");
        assert_eq!(found, expected, "{more:?}");
        assert_eq!(written_at(&songs), at, "what was complete was written again");
        assert!(
            !files(&folder.path("out")).keys().any(|name| name.contains('#') || name == "unfinished.json")
        );
        let collections = |out| json_of(&folder.path(out).join("manifest.json"))["collections"].clone();
        assert_eq!(collections("out"), collections("whole"), "{more:?}");
    }
}

#[test]
fn a_file_that_was_lost_is_written_again() {
    let folder = Folder::new();
    folder.dump("out", &[]).ends_with(0);
    let before = import_files(&folder.path("out"));
    fs::remove_file(folder.path("out/songs/_default/9/id.npy")).unwrap();
    folder.dump("out", &[]).ends_with(0).says(&["songs/_default/9", "written again"]);
    assert_eq!(import_files(&folder.path("out")), before);
}

#[test]
fn another_plan_or_another_source_is_told_and_nothing_is_done() {
    for is_complete in [true, false] {
        let folder = Folder::new();
        folder.dump("out", &[]).ends_with(0);
        if !is_complete {
            kill(&folder.path("out"), "films");
        }
        let before = files(&folder.path("out"));
        let word = if is_complete { "a complete dump" } else { "an unfinished dump" };
        for (more, said) in [
            (&["--where", "id > 3"][..], "had the condition none, and now has `id > 3`"),
            (&["--to-format", "parquet"], "`format`"),
            (&["--file-size", "3"], "`fileSize`"),
            (&["--col", "films"], "it has collections `films`, `songs`, and this is of `films`"),
        ] {
            folder.dump("out", more).ends_with(1).says(&[word, said, "--overwrite"]);
        }
        // Another row is deleted in the source.
        let old = folder.path("old");
        let deleted = files(&old).into_keys().find(|name| name.ends_with("7/deleted_docs")).unwrap();
        let deleted = old.join(deleted);
        let mut bytes = fs::read(&deleted).unwrap();
        let at = bytes.len() - 4;
        bytes[at..].copy_from_slice(&5_u32.to_le_bytes());
        fs::write(&deleted, bytes).unwrap();
        folder.dump("out", &[]).ends_with(1).says(&[
            word,
            "collection `films` has changed in the source since",
            "--overwrite",
        ]);
        assert_eq!(files(&folder.path("out")), before, "something was changed");
        folder.dump("out", &["--overwrite"]).ends_with(0);
        folder.dump("fresh", &[]).ends_with(0);
        assert_eq!(import_files(&folder.path("out")), import_files(&folder.path("fresh")));
    }
}

#[test]
fn a_dump_that_was_killed_before_its_last_note_needs_no_more_than_that() {
    let folder = Folder::new();
    folder.dump("out", &[]).ends_with(0);
    let before = import_files(&folder.path("out"));
    let mut manifest = json_of(&folder.path("out/manifest.json"));
    manifest["collections"][0]["partitions"][0]["unfinished"] = true.into();
    fs::write(folder.path("out/unfinished.json"), manifest.to_string()).unwrap();
    fs::remove_file(folder.path("out/manifest.json")).unwrap();
    folder.dump("out", &[]).ends_with(0).says(&["dumped 537 rows"]);
    assert_eq!(import_files(&folder.path("out")), before);
}

#[test]
fn a_query_over_another_view_or_another_file_is_another_one() {
    let folder = Folder::new();
    let titles = folder.path("titles.csv");
    let query = |what: &str| {
        let (table, file) =
            ("CREATE EXTERNAL TABLE t (id BIGINT, title VARCHAR) STORED AS CSV", titles.display());
        format!(
            "{table} LOCATION '{file}' OPTIONS ('format.has_header' 'false'); CREATE VIEW w AS SELECT * FROM films \
             WHERE {what}; SELECT w.id, w.vector, t.title FROM w JOIN t ON t.id = w.id"
        )
    };
    fs::write(&titles, "3,three\n5,five\n").unwrap();
    let dump = |what: &str| folder.dump("out", &["--as", "both", "--query", &query(what)]);
    dump("true").ends_with(0);
    dump("true").ends_with(0).says(&["holds this dump already"]);
    dump("films.id < 4").ends_with(1).says(&["collection `both` has changed in the source since"]);
    fs::write(&titles, "3,other\n5,five\n").unwrap();
    dump("true").ends_with(1).says(&["collection `both` has changed in the source since"]);
}

#[test]
fn a_manifest_in_the_making_is_no_dump() {
    let folder = Folder::new();
    folder.dump("out", &[]).ends_with(0);
    kill(&folder.path("out"), "films");
    let (out, nowhere) = (folder.path("out"), "--milvus=127.0.0.1:9");
    let seen = format!("m2m.serverPath={}", out.display());
    run(&["load", "--out", out.to_str().unwrap(), "--set", &seen, nowhere])
        .ends_with(1)
        .says(&["holds no complete dump", "m2m dump"]);
    fs::write(out.join("unfinished.json"), "{").unwrap();
    folder.dump("out", &[]).ends_with(1).says(&["cannot decode", "unfinished.json"]);
}

/// The place of an installation on a server that sees the files of this machine.
fn place(name: &str) -> Place {
    let place = Place::on_disk(name);
    write(&place.path("old"));
    place
}

fn ledger(place: &Place) -> PathBuf {
    Path::new(&place.out).join("ledger.json")
}

/// Has the ledger say of every import job what a run that was killed at some point had written.
fn forget(place: &Place, change: impl Fn(&str, &mut Value)) {
    let mut book = json_of(&ledger(place));
    for entry in book["collections"].as_array_mut().unwrap() {
        entry["is_ended"] = false.into();
        for (set, job) in entry["jobs"].as_object_mut().unwrap() {
            change(set, job);
        }
    }
    fs::write(ledger(place), book.to_string()).unwrap();
}

/// Fails unless Milvus has every row once.
#[track_caller]
fn holds_all(place: &Place) {
    place.run("verify", &["--full"]).ends_with(0).says(&["verified 2 collections"]);
    assert_eq!(place.ids("films", "id >= 0").len(), 498);
    assert_eq!(place.ids("songs", "id >= 0").len(), 39);
}

#[test]
fn an_import_that_ran_although_nobody_heard_of_it_is_not_asked_for_again() {
    let place = place("m2m_unheard");
    place.run("migrate", &[]).ends_with(0);
    // Killed between the question and its answer, and between the answer and its end.
    forget(&place, |set, job| match set {
        "songs/_default/9" => {
            (job["state"], job["task"]) = ("starting".into(), Value::Null);
        }
        _ => job["state"] = "started".into(),
    });
    let again = place.run("load", &[]).ends_with(0);
    assert!(
        again.stderr.contains("songs: an earlier run began to load it, and knew 0 of its 1"),
        "{}",
        again.stderr
    );
    holds_all(&place);
    // It has come to its end: nothing is left to do.
    place.run("load", &[]).ends_with(0).says(&["films", "nothing is imported again"]);
    holds_all(&place);
}

#[test]
fn what_came_to_its_end_is_not_done_again() {
    let place = place("m2m_at_its_end");
    place.run("migrate", &[]).ends_with(0);
    for command in ["migrate", "load"] {
        place.run(command, &[]).ends_with(0).says(&["films: an earlier run loaded it", "imported again"]);
        holds_all(&place);
    }
    // A dump is not begun anew for a collection that is there.
    let before = files(Path::new(&place.out));
    place.run("migrate", &["--overwrite"]).ends_with(1).says(&["`films` exists in Milvus already"]);
    assert_eq!(files(Path::new(&place.out)), before);
    // What has changed since is told, and left as it is.
    place.change(&json!([{"insert": "songs", "columns": [[77_777], [[1.0, 2.0]]]}, {"flush": "songs"}]));
    place.run("migrate", &[]).ends_with(1).says(&["`songs`", "40"]);
    assert_eq!(place.ids("songs", "id >= 0").len(), 40);
    place.change(&json!([{"drop": "songs"}]));
    place.run("migrate", &[]).ends_with(0);
    holds_all(&place);
}

#[test]
fn a_dump_of_which_nothing_is_complete_keeps_nobody_from_another() {
    let folder = Folder::new();
    let refused = ["--query", "SELECT id, vector, 1e300 * id AS h FROM films", "--as", "x"];
    let whole = ["--set", "m2m.collections.x.fields.h.type=int64"];
    folder.dump("out", &[&refused[..], &whole].concat()).ends_with(1);
    folder.dump("out", &["--col", "songs"]).ends_with(0);
    assert_eq!(import_files(&folder.path("out")).len(), 2);
}

#[test]
fn an_import_that_was_never_asked_for_is_made_up_for() {
    let place = place("m2m_unasked");
    place.run("dump", &[]).ends_with(0);
    let manifest = Path::new(&place.out).join("manifest.json");
    let whole = fs::read(&manifest).unwrap();
    let mut without = json_of(&manifest);
    let songs = &mut without["collections"][1];
    (songs["rows"], songs["partitions"][0]["rows"], songs["partitions"][0]["sets"]) =
        (0.into(), 0.into(), json!([]));
    fs::write(&manifest, without.to_string()).unwrap();
    place.run("load", &[]).ends_with(0);
    fs::write(&manifest, whole).unwrap();
    // Killed between the note in the ledger and the question: the server has no such job.
    forget(&place, |_, _| {});
    let mut book = json_of(&ledger(&place));
    let entries = book["collections"].as_array_mut().unwrap();
    let songs = entries.iter_mut().find(|entry| entry["name"] == "songs").unwrap();
    let manifest = json_of(&manifest);
    let files = manifest["collections"][1]["partitions"][0]["sets"][0]["files"].as_array().unwrap();
    let content: Vec<_> =
        files.iter().map(|file| format!("{:08x}", file["crc32c"].as_u64().unwrap())).collect();
    songs["jobs"]["songs/_default/9"] = json!({
        "state": "starting", "rows": 39, "content": content.join(" "), "begun_at": now() - 60
    });
    fs::write(ledger(&place), book.to_string()).unwrap();
    place.run("load", &[]).ends_with(0);
    holds_all(&place);
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn what_an_earlier_dump_left_half_way_is_made_anew() {
    let place = place("m2m_left_over");
    place.run("migrate", &[]).ends_with(0);
    forget(&place, |_, _| {});
    // Another plan: the dump is begun anew, and the collections of the one before are of no use.
    let part = ["--where", "id % 2 = 0", "--overwrite"];
    place.run("migrate", &part).ends_with(0).says(&["films", "is dropped, and created anew"]);
    place.run("verify", &["--full", "--where", "id % 2 = 0"]).ends_with(0);
    assert_eq!(place.ids("films", "id >= 0").len(), 249);
}

#[test]
fn rows_of_somebody_else_are_never_dropped_with_what_was_left_half_way() {
    let place = place("m2m_not_ours");
    place.run("migrate", &[]).ends_with(0);
    forget(&place, |_, _| {});
    place.change(&json!([{"insert": "songs", "columns": [[77_777], [[1.0, 2.0]]]}, {"flush": "songs"}]));
    place.run("migrate", &["--where", "id % 2 = 0", "--overwrite"]).ends_with(1).says(&["songs"]);
    assert!(place.ids("songs", "id >= 0").contains(&77_777));
}

#[test]
fn a_job_that_nobody_knows_is_not_guessed_at() {
    let place = place("m2m_unknown");
    place.run("migrate", &[]).ends_with(0);
    // The server does not know the number: the collection is made anew, because its rows can
    // be nothing but its own.
    let unknown = |_: &str, job: &mut Value| (job["state"], job["task"]) = ("started".into(), 7.into());
    forget(&place, unknown);
    place.run("load", &[]).ends_with(0).says(&["cannot be told: it is dropped, and created anew"]);
    holds_all(&place);
    // With a row of somebody else it is left as it is.
    forget(&place, unknown);
    place.change(&json!([{"insert": "songs", "columns": [[77_777], [[1.0, 2.0]]]}]));
    place.run("load", &["--col", "songs"]).ends_with(1).says(&[
        "songs",
        "somebody else",
        "--if-exists replace",
    ]);
    assert!(place.ids("songs", "id >= 0").contains(&77_777));
    // That is the way out.
    place.run("load", &["--col", "songs"]).ends_with(1).says(&["already"]);
    place.run("load", &["--col", "songs", "--if-exists", "replace"]).ends_with(0);
    // Nothing of that has ended the other load, which is taken up as before.
    place.run("load", &["--col", "films"]).ends_with(0).says(&["films: an earlier run began to load it"]);
    holds_all(&place);
}

#[test]
fn rows_that_are_appended_are_not_appended_again_when_nobody_knows() {
    let place = place("m2m_append_unknown");
    place.run("migrate", &["--col", "songs", "--where", "id < 1020"]).ends_with(0);
    let (rest, append) =
        (["--where", "id >= 1020", "--overwrite"], ["--if-exists", "append", "--col", "songs"]);
    place.run("migrate", &[&rest[..], &append].concat()).ends_with(0);
    forget(&place, |_, job| (job["state"], job["task"]) = ("started".into(), 7.into()));
    place.run("load", &append).ends_with(1).says(&["nobody knows whether the import job", "songs"]);
    assert_eq!(place.ids("songs", "id >= 0").len(), 39);
    place.run("verify", &["--col", "songs", "--full"]).ends_with(0);
}

#[test]
fn files_that_were_written_anew_are_not_taken_for_those_that_were_imported() {
    let place = place("m2m_other_files");
    place.run("migrate", &[]).ends_with(0);
    forget(&place, |_, job| job["content"] = "of other files".into());
    place.run("load", &[]).ends_with(0).says(&["it is dropped, and created anew"]);
    holds_all(&place);
}

#[test]
fn two_at_once_do_not_load_one_dump() {
    let place = place("m2m_two");
    place.run("dump", &[]).ends_with(0);
    let args = place.args(&place.path("old"), "load", &[]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut one = place.target.m2m(&args).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !ledger(&place).exists() {
        assert!(began.elapsed() < Duration::from_secs(20), "no ledger appeared");
        std::thread::sleep(Duration::from_millis(10));
    }
    let two = place.run("load", &[]).ends_with(1).says(&["at work on the dump"]);
    assert!(two.stderr.contains(&format!("process {}", one.id())), "{}", two.stderr);
    assert!(one.wait().unwrap().success());
    holds_all(&place);
}

#[test]
fn a_load_without_its_ledger_asks_for_nothing() {
    let place = place("m2m_no_ledger");
    place.run("dump", &[]).ends_with(0);
    fs::create_dir(ledger(&place)).unwrap();
    place.run("load", &[]).ends_with(1).says(&["ledger.json"]);
    assert_eq!(place.list(), Value::Null, "something was created");
    fs::remove_dir(ledger(&place)).unwrap();
    fs::write(ledger(&place), "{\"version\": 9}").unwrap();
    place.run("load", &[]).ends_with(1).says(&["has version 9"]);
}

#[test]
fn files_that_changed_are_not_imported_when_they_are_read_again() {
    let place = place("m2m_changed_file");
    place.run("dump", &[]).ends_with(0);
    let file = Path::new(&place.out).join("films/_default/7/vector.npy");
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, bytes).unwrap();
    place.run("load", &["--verify-files"]).ends_with(1).says(&["films/_default/7/vector.npy", "CRC-32C"]);
}
