// SPDX-License-Identifier: Apache-2.0
//! Files that are missing, damaged, elsewhere or too many.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::elsewhere::SickBucket;
use super::{
    Audit, Old, Places, copy, edit, edit_bytes, fixtures, found_in, found_quickly_in, installations, recover,
    text,
};

/// A collection of the installation in which nothing is wrong, and its two segments, of
/// 29 and 378 rows, none of them deleted.
const WHOLE: &str = "compacted_l2";
const SMALL: &str = "1620000150349689000";
const LARGE: &str = "1620000152282227000";
/// Where the first of them is.
const OF_SMALL: &str = "compacted_l2 _default 1620000150349689000";
const ALONE: [&str; 2] = ["--col", WHOLE];

/// The installation before it is damaged, and what is found in it.
fn before() -> (Old, Places) {
    (Old::fixture("install-1.1.1"), found_in("install-1.1.1"))
}

/// Likewise, where the damage is none of ids or vectors.
fn quickly_before() -> (Old, Places) {
    (Old::fixture("install-1.1.1").quick(), found_quickly_in("install-1.1.1"))
}

/// Fails unless a dump has the rows that the generator gave the collection.
#[track_caller]
fn dumps_all(old: &Old) {
    assert_eq!(old.dump(&ALONE).ids(WHOLE), fixtures::ids("install-1.1.1", WHOLE));
}

/// Brings back the folder of the segment from elsewhere.
fn restore(old: &Old) {
    let from = installations::install("install-1.1.1").join("db/tables").join(WHOLE).join(SMALL);
    let to = old.segment(WHOLE, SMALL);
    fs::remove_dir_all(&to).unwrap();
    copy(&from, &to);
}

/// The remedy of nearly all, tried.
#[track_caller]
fn restoring_helps(old: &Old, before: &Places) {
    old.dump_fails(&ALONE, &[SMALL]);
    restore(old);
    old.finds_newly(before, &[]);
    dumps_all(old);
}

/// The other remedy, all collections but one, tried.
#[track_caller]
fn leaving_out_helps(old: &Old, id: &str) {
    let others: Vec<String> = installations::truth("install-1.1.1")
        .collections
        .into_iter()
        .map(|collection| collection.collection)
        .filter(|name| name != WHOLE)
        .collect();
    let others = others.join(",");
    let dump = old.dump(&["--col", &others]);
    assert_eq!(dump.ids("float_l2"), fixtures::ids("install-1.1.1", "float_l2"));
    assert!(old.audit(&["--col", &others]).rows(id).is_empty());
}

fn said(audit: &Audit, id: &str, words: &[&str]) {
    let message = audit.message(id);
    for word in words {
        assert!(message.contains(word), "`{word}` is missing in `{message}`");
    }
}

pub(super) fn missing_files() {
    let (mut old, before) = before();
    for (name, what) in [(format!("{SMALL}.rv"), "vectors"), (format!("{SMALL}.uid"), "ids")] {
        fs::remove_file(old.file(WHOLE, SMALL, &name)).unwrap();
        let audit = old.finds_newly(&before, &[("missing_files", OF_SMALL)]);
        said(&audit, "missing_files", &[&name, what, "29 rows"]);
        assert_eq!(audit.only("missing_files")["metadata_rows"], 29);
        audit.advises("missing_files", &["restore it from a backup", "`--tables`", "`--col`"]);
        audit.verdict("not_ready");
        if what == "vectors" {
            leaving_out_helps(&old, "missing_files");
            restore(&old);
        }
    }
    restoring_helps(&old, &before);
    // The folder as a whole is on another path of the old server.
    let second = old.beside("second");
    fs::create_dir_all(second.join(WHOLE)).unwrap();
    fs::rename(old.segment(WHOLE, SMALL), second.join(WHOLE).join(SMALL)).unwrap();
    old.finds_newly(&before, &[("missing_files", OF_SMALL)]);
    let (meta, tables, wal) = (old.meta(), old.tables(), old.root.join("wal"));
    old.named(&meta, &[&tables, &second], Some(&wal));
    let roots = [tables, second].map(|root| text(&root));
    old.finds_newly(&before, &[("secondary_paths", &roots[0]), ("secondary_paths", &roots[1])]);
    dumps_all(&old);
}

pub(super) fn missing_deleted_docs() {
    let (old, before) = quickly_before();
    let file = old.file(WHOLE, SMALL, "deleted_docs");
    fs::remove_file(&file).unwrap();
    let audit = old.finds_newly(&before, &[("missing_deleted_docs", OF_SMALL)]);
    said(&audit, "missing_deleted_docs", &["deleted_docs", "29 stored rows"]);
    audit.advises("missing_deleted_docs", &["8 zero bytes", "`deleted_docs`", "restore"]);
    audit.verdict("not_ready");
    // No row of this segment was deleted.
    fs::write(&file, [0; 8]).unwrap();
    old.finds_newly(&before, &[]);
    dumps_all(&old);
    fs::remove_file(&file).unwrap();
    restoring_helps(&old, &before);
}

pub(super) fn damaged_files() {
    let (old, before) = before();
    let damages: [(&str, fn(&Path)); 4] = [
        (".rv", |file| edit_bytes(file, |bytes| bytes.truncate(1000))),
        (".rv", |file| edit(file, |payload| payload.truncate(28 * 64))),
        (".uid", |file| edit_bytes(file, |bytes| bytes[..6].copy_from_slice(b"Milvus"))),
        ("deleted_docs", |file| edit(file, |payload| payload.extend(29_i32.to_le_bytes()))),
    ];
    for (ending, damage) in damages {
        let name = if ending.starts_with('.') { format!("{SMALL}{ending}") } else { ending.into() };
        damage(&old.file(WHOLE, SMALL, &name));
        let audit = old.finds_newly(&before, &[("damaged_files", OF_SMALL)]);
        said(&audit, "damaged_files", &[&name]);
        audit.advises("damaged_files", &["Copy the segment's folder again", "`--col`"]);
        audit.verdict("not_ready");
        if ending != "deleted_docs" {
            restore(&old);
        }
    }
    leaving_out_helps(&old, "damaged_files");
    restoring_helps(&old, &before);
}

pub(super) fn unreadable_files() {
    let (mut old, before) = before();
    let name = format!("{SMALL}.uid");
    let file = old.file(WHOLE, SMALL, &name);
    // A link to itself cannot be opened by anybody, not even by root.
    fs::remove_file(&file).unwrap();
    symlink(&file, &file).unwrap();
    let audit = old.audit(&[]);
    audit.finds_only(&before, "unreadable_files", OF_SMALL);
    said(&audit, "unreadable_files", &[&name]);
    audit.advises("unreadable_files", &["may read the folder", "in two `tables` folders"]);
    audit.verdict("not_ready");
    old.dump_fails(&ALONE, &[SMALL]);
    fs::remove_file(&file).unwrap();
    copy(
        &installations::install("install-1.1.1").join("db/tables").join(WHOLE).join(SMALL).join(&name),
        &file,
    );
    old.finds_newly(&before, &[]);
    // In two folders, of which nobody knows which is the right one.
    let second = old.beside("second");
    fs::create_dir_all(second.join(WHOLE)).unwrap();
    copy(&old.segment(WHOLE, SMALL), &second.join(WHOLE).join(SMALL));
    let (meta, tables, wal) = (old.meta(), old.tables(), old.root.join("wal"));
    old.named(&meta, &[&tables, &second], Some(&wal));
    let roots = [tables, second].map(|root| text(&root));
    let paths = [("secondary_paths", roots[0].as_str()), ("secondary_paths", roots[1].as_str())];
    let audit = old.finds_newly(&before, &[&[("unreadable_files", OF_SMALL)][..], &paths].concat());
    said(&audit, "unreadable_files", &[SMALL, &roots[0], &roots[1]]);
    old.dump_fails(&ALONE, &[SMALL]);
    fs::remove_dir_all(old.beside("second").join(WHOLE).join(SMALL)).unwrap();
    old.finds_newly(&before, &[]);
    dumps_all(&old);
}

pub(super) fn unreadable_data() {
    let (old, before) = before();
    let bucket = SickBucket::of(&old);
    let (before, of_disk) = (bucket.audit().places(), before);
    // A bucket has no empty folder.
    assert!(before.is_subset(&of_disk), "{:?}", &before - &of_disk);
    bucket.fails_to_read(&format!("{WHOLE}/{SMALL}/{SMALL}.rv"));
    let audit = bucket.audit();
    audit.finds_only(&before, "unreadable_data", OF_SMALL);
    said(&audit, "unreadable_data", &[SMALL, ".rv"]);
    audit.advises("unreadable_data", &["the store failed", "Copy the segment's folder again"]);
    audit.verdict("not_ready");
    bucket.is_repaired();
    assert_eq!(bucket.audit().places(), before);
}

pub(super) fn deleted_docs_tail() {
    let (old, before) = quickly_before();
    edit_bytes(&old.file(WHOLE, SMALL, "deleted_docs"), |bytes| bytes.extend([7; 8]));
    let audit = old.finds_newly(&before, &[("deleted_docs_tail", OF_SMALL)]);
    let messages: Vec<_> =
        audit.rows("deleted_docs_tail").into_iter().map(|row| row["message"].clone()).collect();
    assert!(messages[0].as_str().unwrap().starts_with("8 bytes"), "{messages:?}");
    audit.advises("deleted_docs_tail", &["Nothing has to be done", "not read"]);
    dumps_all(&old);
}

pub(super) fn bloom_filter_missing() {
    let (old, before) = before();
    fs::remove_file(old.file(WHOLE, SMALL, "bloom_filter")).unwrap();
    let audit = old.finds_newly(&before, &[("bloom_filter_missing", OF_SMALL)]);
    audit.advises("bloom_filter_missing", &["Nothing has to be done"]);
    dumps_all(&old);
}

pub(super) fn bloom_filter_wrong() {
    let (old, before) = before();
    // Ids of another segment, as many of them.
    let ids: Vec<u8> = (7_000_000_i64..7_000_029).flat_map(i64::to_le_bytes).collect();
    edit(&old.file(WHOLE, SMALL, &format!("{SMALL}.uid")), |payload| *payload = ids);
    let audit = old.finds_newly(&before, &[("bloom_filter_wrong", OF_SMALL)]);
    let found = audit.only("bloom_filter_wrong");
    let missing = found["missing_ids"].as_u64().unwrap();
    // A filter takes one strange id of a hundred for one of its own.
    assert!((25..=29).contains(&missing), "{found:?}");
    assert!(
        found["message"].as_str().unwrap().starts_with(&format!("{missing} ids are not in")),
        "{found:?}"
    );
    audit.advises("bloom_filter_wrong", &["ids is of another segment", "restore the folder from a backup"]);
    audit.verdict("ready_with_warnings");
    restore(&old);
    old.finds_newly(&before, &[]);
    // One live id, and the filter itself.
    edit(&old.file(WHOLE, SMALL, &format!("{SMALL}.uid")), |payload| {
        payload[..8].copy_from_slice(&7_000_000_i64.to_le_bytes());
    });
    said(
        &old.finds_newly(&before, &[("bloom_filter_wrong", OF_SMALL)]),
        "bloom_filter_wrong",
        &["1 id is not"],
    );
    edit_bytes(&old.file(WHOLE, SMALL, "bloom_filter"), |bytes| bytes.truncate(50));
    let audit = old.finds_newly(&before, &[("bloom_filter_wrong", OF_SMALL)]);
    said(&audit, "bloom_filter_wrong", &["cannot be told", "bloom_filter"]);
    audit.advises("bloom_filter_wrong", &["cannot be read is no loss", "does not need it"]);
    let ids = old.dump(&ALONE).ids(WHOLE);
    assert!(ids.contains(&7_000_000) && ids.len() == 407, "nothing is left out");
}

pub(super) fn temporary_files() {
    let (old, before) = quickly_before();
    fs::write(old.file(WHOLE, SMALL, "temp_bloom"), []).unwrap();
    fs::write(old.file(WHOLE, SMALL, "temp_del"), [0; 100]).unwrap();
    let audit = old.finds_newly(&before, &[("temporary_files", OF_SMALL)]);
    let messages: Vec<_> =
        audit.rows("temporary_files").into_iter().map(|row| row["message"].clone()).collect();
    assert!(
        messages.iter().any(|message| message == "2 temporary files are left of a crash"),
        "{messages:?}"
    );
    audit.advises("temporary_files", &["Nothing has to be done"]);
    dumps_all(&old);
}

pub(super) fn leftover_directories() {
    let (old, before) = quickly_before();
    old.change(&format!("UPDATE TableFiles SET file_type = 4 WHERE segment_id = '{SMALL}'"));
    let place = format!("{OF_SMALL} {WHOLE}");
    let audit = old.finds_newly(&before, &[("leftover_directories", &place)]);
    let row = of_segment(&audit, "leftover_directories", SMALL);
    assert_eq!((&row["state"], &row["rows"], &row["bytes"]), (&"replaced".into(), &29.into(), &2340.into()));
    audit.advises("leftover_directories", &["Nothing has to be done"]);
    assert_eq!(old.dump(&ALONE).ids(WHOLE), stored_ids(&old, LARGE));
    old.change(&format!("UPDATE TableFiles SET file_type = 5 WHERE segment_id = '{SMALL}'"));
    let row = of_segment(&old.audit(&[]), "leftover_directories", SMALL);
    assert_eq!(row["state"], "unfinished");
    old.change(&format!("UPDATE Tables SET state = 1 WHERE table_id = '{WHOLE}'"));
    let row = of_segment(&old.audit(&[]), "leftover_directories", SMALL);
    assert_eq!((&row["state"], &row["collection"]), (&"dropped".into(), &serde_json::Value::Null));
}

fn of_segment(audit: &Audit, id: &str, segment: &str) -> serde_json::Map<String, serde_json::Value> {
    audit.rows(id).into_iter().find(|row| row["segment_id"] == segment).unwrap()
}

pub(super) fn unknown_directories() {
    let (old, before) = quickly_before();
    old.change(&format!("DELETE FROM TableFiles WHERE segment_id = '{SMALL}'"));
    let place = format!("{OF_SMALL} {WHOLE}");
    let audit = old.finds_newly(&before, &[("unknown_directories", &place)]);
    let row = of_segment(&audit, "unknown_directories", SMALL);
    assert_eq!((&row["state"], &row["rows"], &row["bytes"]), (&"unknown".into(), &29.into(), &2340.into()));
    assert!(row["message"].as_str().unwrap().contains("29 rows"), "{row:?}");
    audit.advises("unknown_directories", &["`m2m recover --tables DIR --out NEW`", "not migrated"]);
    audit.verdict("ready_with_warnings");
    assert_eq!(old.dump(&ALONE).ids(WHOLE), stored_ids(&old, LARGE));
    // Of a collection that the metadata does not know at all.
    fs::create_dir_all(old.segment("nobody", "5")).unwrap();
    let row = of_segment(&old.audit(&[]), "unknown_directories", "5");
    assert_eq!((&row["state"], &row["rows"]), (&"ghost".into(), &serde_json::Value::Null));
    let (_, said) = recover(&old);
    let is_shown = said.stdout.contains(WHOLE) && said.stdout.contains("407");
    assert!(is_shown, "{}", said.observation(&[]));
}

/// The ids of a segment in which no row is deleted, as they stand in its file.
fn stored_ids(old: &Old, segment: &str) -> Vec<i64> {
    let bytes = fs::read(old.file(WHOLE, segment, &format!("{segment}.uid"))).unwrap();
    let ids = bytes[8..].chunks_exact(8).map(|id| i64::from_le_bytes(id.try_into().unwrap()));
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids
}

pub(super) fn secondary_paths() {
    let (mut old, before) = quickly_before();
    let second = old.beside("second");
    fs::create_dir(&second).unwrap();
    let (meta, tables, wal) = (old.meta(), old.tables(), old.root.join("wal"));
    fs::rename(tables.join(WHOLE), second.join(WHOLE)).unwrap();
    old.named(&meta, &[&tables, &second], Some(&wal));
    let roots = [tables, second].map(|root| text(&root));
    let audit = old.finds_newly(&before, &[("secondary_paths", &roots[0]), ("secondary_paths", &roots[1])]);
    let rows = audit.rows("secondary_paths");
    let of_second = rows.iter().find(|row| row["root"] == roots[1].as_str()).unwrap();
    assert_eq!(of_second["segments"], 2);
    assert!(of_second["message"].as_str().unwrap().starts_with("2 live segments"), "{of_second:?}");
    audit.advises("secondary_paths", &["Name every path", "`--tables`"]);
    dumps_all(&old);
}
