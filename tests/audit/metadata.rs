// SPDX-License-Identifier: Apache-2.0
//! Metadata that cannot be read, or says what is not so.

use std::fs;

use serde_json::{Value, json};

use super::{Old, change, copy, fixtures, found_quickly_in, recover};

const WHOLE: &str = "compacted_l2";
const ALONE: [&str; 2] = ["--col", WHOLE];
/// A segment of it, with 29 rows.
const SMALL: &str = "1620000150349689000";

#[track_caller]
fn dumps_all(old: &Old) {
    assert_eq!(old.dump(&ALONE).ids(WHOLE), fixtures::ids("install-1.1.1", WHOLE));
}

pub(super) fn metadata_unreadable() {
    let (mut old, before) = (Old::fixture("install-1.1.1").quick(), found_quickly_in("install-1.1.1"));
    let meta = old.meta();
    let whole = fs::read(&meta).unwrap();
    let damages: [(&[u8], &str); 3] =
        [(b"no database at all", "meta.sqlite"), (b"", "meta.sqlite"), (&whole[..8192], "meta.sqlite")];
    for (damaged, word) in damages {
        fs::write(&meta, damaged).unwrap();
        let audit = old.audit(&[]);
        let mut found = audit.places();
        found.retain(|(_, place)| !place.contains("not_run"));
        assert_eq!(found, [("metadata_unreadable".to_owned(), String::new())].into());
        let row = audit.only("metadata_unreadable");
        assert!(row["subject"].as_str().unwrap().contains(word), "{row:?}");
        assert!(!row["message"].as_str().unwrap().is_empty());
        audit.verdict("not_ready");
        assert_eq!(audit.report["collections"], json!([]));
        let advice = row["remedy"].as_str().unwrap();
        assert!(advice.contains("backup") || advice.contains("name the metadata"), "{advice}");
    }
    fs::write(&meta, &whole).unwrap();
    old.finds_newly(&before, &[]);
    // Without a backup.
    fs::write(&meta, b"no database at all").unwrap();
    let audit = old.audit(&[]);
    audit.advises("metadata_unreadable", &["`m2m recover --tables DIR`", "`meta.json`", "`--meta`"]);
    let tables = old.tables();
    let (recovered, _) = recover(&old);
    old.named(&recovered, &[&tables], None);
    let audit = old.audit(&ALONE);
    assert!(audit.rows("metadata_unreadable").is_empty());
    let ids = old.dump(&ALONE).ids(WHOLE);
    // Segments that were merged are as good as others when there is no metadata.
    let expected = fixtures::ids("install-1.1.1", WHOLE);
    assert!(expected.iter().all(|id| ids.contains(id)), "rows are missing");

    // An installation of 0.11 is told as such.
    let of_0_11 = Old::fixture("install-1.1.1").quick();
    fs::remove_file(of_0_11.meta()).unwrap();
    of_0_11.change(
        "CREATE TABLE Collection(id INTEGER); CREATE TABLE SegmentFile(id INTEGER); \
         CREATE TABLE CollectionCommit(id INTEGER);",
    );
    let audit = of_0_11.audit(&[]);
    assert!(audit.message("metadata_unreadable").contains("0.11"));
    audit.advises("metadata_unreadable", &["0.11"]);
    // So is a page of the database that is garbage.
    let old = Old::fixture("install-1.1.1").quick();
    let mut torn = whole;
    torn[4096..8192].fill(0x5a);
    fs::write(old.meta(), torn).unwrap();
    assert!(!old.audit(&[]).rows("metadata_unreadable").is_empty());
}

pub(super) fn collection_unreadable() {
    let (mut old, before) = (Old::fixture("install-1.1.1").quick(), found_quickly_in("install-1.1.1"));
    let wrong = [
        ("metric_type = 9", "metric_type = 1", "metric_type"),
        ("dimension = 'many'", "dimension = 16", "dimension"),
    ];
    for (value, right, column) in wrong {
        old.change(&format!("UPDATE Tables SET {value} WHERE table_id = '{WHOLE}'"));
        let new = [("collection_unreadable", WHOLE)];
        // What the server would remove cannot be told of it.
        let replaced = ["1620000141476378000", "1620000142991580000", "1620000147480296000"]
            .map(|segment| format!("{WHOLE} _default {segment} {WHOLE}"));
        let mut gone = vec![("estimate", WHOLE)];
        gone.extend(replaced.iter().map(|place| ("leftover_directories", place.as_str())));
        let audit = old.finds_instead(&before, &new, &gone);
        let row = audit.only("collection_unreadable");
        let said = format!("{} {}", row["subject"], row["message"]);
        assert!(said.contains(column), "{said}");
        audit.advises(
            "collection_unreadable",
            &["in a copy of the metadata", "name the copy with `--meta`", "`state`"],
        );
        audit.verdict("not_ready");
        // Other commands want all of the metadata, whatever they are asked for.
        old.dump_fails(&["--col", "float_l2"], &[column]);
        // The remedy of the check itself.
        let general = audit.check("collection_unreadable")["remedy"].as_str().unwrap().to_owned();
        assert!(general.contains("name the copy with `--meta`") && !general.contains("--col"), "{general}");
        old.change(&format!("UPDATE Tables SET {right} WHERE table_id = '{WHOLE}'"));
    }
    old.change(&format!("UPDATE Tables SET metric_type = 9 WHERE table_id = '{WHOLE}'"));
    let (damaged, tables, wal) = (old.meta(), old.tables(), old.root.join("wal"));
    let corrected = old.beside("corrected.sqlite");
    copy(&damaged, &corrected);
    old.named(&corrected, &[&tables], Some(&wal));
    change(&corrected, &format!("UPDATE Tables SET metric_type = 1 WHERE table_id = '{WHOLE}'"));
    old.finds_newly(&before, &[]);
    dumps_all(&old);
    // Or the collection counts as dropped.
    change(&corrected, &format!("UPDATE Tables SET state = 1, metric_type = 9 WHERE table_id = '{WHOLE}'"));
    let audit = old.audit(&[]);
    assert!(audit.rows("collection_unreadable").is_empty());
    assert_eq!(old.dump(&["--col", "float_l2"]).ids("float_l2"), fixtures::ids("install-1.1.1", "float_l2"));
}

pub(super) fn foreign_rows() {
    let (old, before) = (Old::fixture("install-1.1.1").quick(), found_quickly_in("install-1.1.1"));
    let columns = "segment_id, engine_type, file_id, file_type, file_size, row_count, updated_time, \
                   created_on, date, flush_lsn";
    old.change(&format!(
        "INSERT INTO TableFiles (table_id, {columns}) SELECT 'nobody', {columns} FROM TableFiles WHERE table_id = '{WHOLE}'"
    ));
    let audit = old.finds_newly(&before, &[("foreign_rows", "nobody")]);
    assert_eq!(audit.only("foreign_rows")["rows"], 5);
    let message = audit.message("foreign_rows");
    assert!(message.starts_with("5 rows") && message.contains("`nobody`"), "{message}");
    audit.advises("foreign_rows", &["Nothing has to be done", "not migrated"]);
    dumps_all(&old);
}

pub(super) fn ownerless_partitions() {
    let (mut old, before) = (Old::fixture("install-1.1.1").quick(), found_quickly_in("install-1.1.1"));
    // Of 398 rows.
    old.change("UPDATE Tables SET owner_table = 'never' WHERE partition_tag = 'p2019'");
    let table = "1620000033330064000";
    let folders = ["1620000034858568000", "1620000034952413000"].map(|segment| format!("{segment} {table}"));
    let partition = format!("p2019 {table}");
    let new = [
        ("ownerless_partitions", partition.as_str()),
        ("leftover_directories", &folders[0]),
        ("leftover_directories", &folders[1]),
    ];
    let audit = old.finds_newly(&before, &new);
    let row = audit.only("ownerless_partitions");
    assert_eq!((&row["owner_table"], &row["rows"]), (&json!("never"), &json!(398)));
    let message = audit.message("ownerless_partitions");
    assert!(message.starts_with("partition `p2019`") && message.contains("belongs to `never`"), "{message}");
    audit.advises("ownerless_partitions", &["correct `owner_table` in a copy", "`--meta`"]);
    let col = ["--col", "ip_parts"];
    let all = fixtures::ids("install-1.1.1", "ip_parts");
    assert_eq!(old.dump(&col).ids("ip_parts").len(), all.len() - 398);
    let (damaged, tables, wal) = (old.meta(), old.tables(), old.root.join("wal"));
    let corrected = old.beside("corrected.sqlite");
    copy(&damaged, &corrected);
    change(&corrected, "UPDATE Tables SET owner_table = 'ip_parts' WHERE partition_tag = 'p2019'");
    old.named(&corrected, &[&tables], Some(&wal));
    old.finds_newly(&before, &[]);
    assert_eq!(old.dump(&col).ids("ip_parts"), all);
}

pub(super) fn no_collections() {
    // All rows of this metadata stand in the file beside it.
    let name = "install-1.1.1-unflushed";
    let (old, before) = (Old::fixture(name).quick(), found_quickly_in(name));
    let (log, index) = (old.root.join("db/meta.sqlite-wal"), old.root.join("db/meta.sqlite-shm"));
    let aside = old.beside("aside");
    fs::rename(&log, &aside).unwrap();
    fs::remove_file(index).unwrap();
    let audit = old.audit(&[]);
    assert_eq!(audit.message("no_collections"), "the metadata has no live collection");
    audit.advises("no_collections", &["`meta.sqlite-wal`", "`m2m recover --tables DIR --out NEW`"]);
    audit.verdict("not_ready");
    assert_eq!(audit.report["collections"], json!([]));
    fs::rename(&aside, &log).unwrap();
    old.finds_newly(&before, &[]);
    // Everything is dropped.
    let old = Old::fixture("install-1.1.1").quick();
    old.change("UPDATE Tables SET state = 1");
    let audit = old.audit(&[]);
    audit.only("no_collections");
    let states: Vec<_> =
        audit.rows("leftover_directories").into_iter().map(|row| row["state"].clone()).collect();
    assert!(states.len() > 40 && states.iter().all(|state| state == "dropped"), "{states:?}");
}

pub(super) fn hybrid_collections() {
    let (old, before) = (Old::fixture("install-1.1.1").quick(), found_quickly_in("install-1.1.1"));
    old.change(&format!(
        "INSERT INTO Fields VALUES ('{WHOLE}', 'price', 11, '{{}}'), ('gone', 'x', 5, '{{}}')"
    ));
    fs::write(old.file(WHOLE, SMALL, "price.ra"), [0; 8 + 29 * 8]).unwrap();
    let audit = old.finds_newly(&before, &[("hybrid_collections", &format!("{WHOLE} price"))]);
    let row = audit.only("hybrid_collections");
    assert_eq!((&row["field_name"], &row["field_type"]), (&json!("price"), &json!(11)));
    audit.advises("hybrid_collections", &["join them", "`--query`", "`--allow hybrid_collections`"]);
    audit.verdict("not_ready");
    let allowed = old.audit(&["--allow", "hybrid_collections"]);
    allowed.verdict("ready_with_warnings");
    assert_eq!(allowed.check("hybrid_collections")["is_allowed"], true);
    dumps_all(&old);
    // A `meta.json` says nothing of attributes.
    let small = Old::made(|install| {
        install.collection("c", 2).segment("7", &[1], &[1.0, 2.0], &[]).segment("8", &[2], &[1.0, 2.0], &[]);
    });
    fs::write(small.file("c", "7", "price.ra"), [0; 16]).unwrap();
    let audit = small.audit(&[]);
    assert_eq!(audit.only("hybrid_collections")["collection"], "c");
    assert!(audit.message("hybrid_collections").ends_with("in 1 segment"));
    // Attributes as the old server would have been asked for them.
    let ids = fixtures::ids("install-1.1.1", WHOLE);
    let prices = old.beside("prices.csv");
    let lines: String = ids.iter().map(|id| format!("{id},{}\n", id * 2)).collect();
    fs::write(&prices, format!("id,price\n{lines}")).unwrap();
    let query = format!(
        "CREATE EXTERNAL TABLE a STORED AS CSV LOCATION '{}'; \
         SELECT c.id, c.vector, a.price FROM {WHOLE} c JOIN a ON c.id = a.id",
        prices.display()
    );
    let dump = old.dump(&["--query", &query, "--as", "priced"]);
    assert_eq!(dump.ids("priced"), ids);
    let fields = dump.manifest()["collections"][0]["fields"].clone();
    assert!(fields.as_array().unwrap().iter().any(|field| field["name"] == "price"), "{fields}");
}

pub(super) fn index_only_segments() {
    let (old, before) = (Old::fixture("install-1.1.1").quick(), found_quickly_in("install-1.1.1"));
    let segment = "1620000101912028000";
    old.change(&format!("DELETE FROM TableFiles WHERE segment_id = '{segment}' AND file_type = 7"));
    let place = format!("indexed_l2 _default {segment}");
    let audit = old.finds_newly(&before, &[("index_only_segments", &place)]);
    audit.advises("index_only_segments", &["a condition over `segment_id`"]);
    audit.verdict("ready_with_warnings");
    let all = fixtures::ids("install-1.1.1", "indexed_l2");
    let col = ["--col", "indexed_l2"];
    assert_eq!(old.dump(&col).ids("indexed_l2"), all, "the raw file is read");
    let condition = format!("segment_id <> '{segment}'");
    let rest = old.dump(&[&col[..], &["--where", &condition]].concat()).ids("indexed_l2");
    let counted = old.ask(&format!("SELECT count(*) AS n FROM indexed_l2 WHERE segment_id = '{segment}'"));
    assert_eq!(counted[0]["n"], 194);
    assert_eq!(rest.len(), all.len() - 194);
}

pub(super) fn row_count_differs() {
    let (old, before) = (Old::fixture("install-1.1.1").quick(), found_quickly_in("install-1.1.1"));
    let place = format!("{WHOLE} _default {SMALL}");
    let of = |old: &Old, value: &str| -> Value {
        old.change(&format!("UPDATE TableFiles SET row_count = {value} WHERE segment_id = '{SMALL}'"));
        let audit = old.finds_newly(&before, &[("row_count_differs", &place)]);
        audit.advises("row_count_differs", &["Nothing has to be done", "the files are right"]);
        audit.verdict("ready_with_warnings");
        let rows = audit.rows("row_count_differs");
        Value::from(rows.into_iter().find(|row| row["segment_id"] == SMALL).unwrap())
    };
    let row = of(&old, "31");
    assert_eq!((&row["live"], &row["metadata_rows"]), (&json!(29), &json!(31)));
    assert_eq!(row["message"], "the files hold 29 live rows, the metadata says 31");
    // What a server writes that has subtracted more deletes than there were rows.
    let row = of(&old, "18446744073709551615.0");
    assert_eq!(row["metadata_rows"], Value::Null);
    assert!(row["message"].as_str().unwrap().contains("no usable count"), "{row}");
    dumps_all(&old);
}
