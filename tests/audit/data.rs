// SPDX-License-Identifier: Apache-2.0
//! Rows that Milvus 2.x takes otherwise than Milvus 1.x did.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::{Audit, Old, Places, edit, fixtures, found_in};
use crate::support::install::Install;

const L2: u32 = 1;
const IP: u32 = 2;
const IDS: [i64; 5] = [1, 2, 3, 4, 5];
/// Vectors of these ids, of two components.
const VECTORS: [f32; 10] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];
/// The segment of these rows.
const SEGMENT: &str = "c _default 7";

fn of(metric: u32, ids: &[i64], vectors: &[f32], deleted: &[i32]) -> Old {
    Old::made(|install| one(install, metric, ids, vectors, deleted))
}

fn one(install: &mut Install, metric: u32, ids: &[i64], vectors: &[f32], deleted: &[i32]) {
    install.collection("c", 2).metric(metric).segment("7", ids, vectors, deleted);
}

/// What is found where nothing is wrong.
fn sound(metric: u32) -> Places {
    static KNOWN: [OnceLock<Places>; 2] = [OnceLock::new(), OnceLock::new()];
    KNOWN[usize::from(metric == IP)].get_or_init(|| found_in_sound(metric)).clone()
}

fn found_in_sound(metric: u32) -> Places {
    let places = of(metric, &IDS, &VECTORS, &[]).audit(&[]).places();
    let ids: Vec<_> = places.iter().map(|(id, place)| (id.as_str(), place.as_str())).collect();
    assert_eq!(ids, [("bloom_filter_missing", SEGMENT), ("estimate", "c"), ("log_missing", "")]);
    places
}

pub(super) fn empty_collections() {
    let old = Old::made(|install| {
        one(install, L2, &IDS, &VECTORS, &[]);
        install.collection("empty", 3);
        // Its rows are all deleted; of a segment without a file nothing is known.
        install.collection("gone", 2).segment("8", &IDS, &VECTORS, &[0, 1, 2, 3, 4]);
        install.collection("lost", 2).segment("9", &IDS, &VECTORS, &[0, 1, 2, 3, 4]);
    });
    std::fs::remove_file(old.file("lost", "9", "9.uid")).unwrap();
    let new = [
        ("empty_collections", "empty"),
        ("empty_collections", "gone"),
        ("bloom_filter_missing", "gone _default 8"),
        ("many_deleted_rows", "gone _default 8"),
        ("row_count_differs", "gone _default 8"),
        ("missing_files", "lost _default 9"),
    ];
    let audit = old.finds_newly(&sound(L2), &new);
    assert_eq!(audit.rows("empty_collections")[1]["segments"], 1);
    audit.advises("empty_collections", &["created empty", "`--col` leaves them out"]);
    let dump = old.dump(&["--col", "c,empty,gone"]);
    let rows: Vec<_> = dump.manifest()["collections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["rows"].clone(), one["partitions"].as_array().unwrap().len()))
        .collect();
    assert_eq!(rows, [(json!(5), 1), (json!(0), 1), (json!(0), 1)]);
    let alone = old.dump(&["--col", "c"]);
    assert_eq!(alone.manifest()["collections"].as_array().unwrap().len(), 1);
    assert_eq!(alone.ids("c"), IDS);
}

pub(super) fn invalid_vectors() {
    for (metric, value) in [(L2, f32::NAN), (IP, f32::INFINITY), (L2, f32::NEG_INFINITY)] {
        let mut vectors = VECTORS;
        vectors[3] = value;
        vectors[4] = f32::NAN;
        // One that is deleted is no obstacle.
        vectors[9] = f32::NAN;
        let old = of(metric, &IDS, &vectors, &[4]);
        let new = [("invalid_vectors", SEGMENT), ("row_count_differs", SEGMENT)];
        let audit = old.finds_newly(&sound(metric), &new);
        assert_eq!(audit.only("invalid_vectors")["rows"], 2);
        assert!(audit.message("invalid_vectors").starts_with("2 rows have"));
        audit.advises("invalid_vectors", &["`--set m2m.invalidVectors=skip`", "inspect.not_finite"]);
        audit.verdict("not_ready");
        old.dump_fails(&[], &["`c`", "entity 2"]);
        let dump = old.dump(&["--set", "m2m.invalidVectors=skip"]);
        assert_eq!(dump.ids("c"), [1, 4]);
        assert_eq!(dump.manifest()["collections"][0]["left_out"]["invalid"], 2);
        let listed = old.ask("SELECT id FROM inspect.not_finite");
        assert_eq!(listed, json!([{"id": 2}, {"id": 3}]));
    }
}

pub(super) fn skipped_vectors() {
    let mut vectors = VECTORS;
    vectors[3] = f32::NAN;
    let old = of(L2, &IDS, &vectors, &[]);
    let choice = ["--set", "m2m.invalidVectors=skip"];
    let audit = old.finds_with(&choice, &sound(L2), &[("skipped_vectors", SEGMENT)], &[]);
    assert_eq!(audit.only("skipped_vectors")["rows"], 1);
    assert!(audit.message("skipped_vectors").starts_with("1 row is left out"));
    audit.advises("skipped_vectors", &["Nothing has to be done", "`<collection>/quarantine.parquet`"]);
    audit.verdict("ready_with_warnings");
    let dump = old.dump(&choice);
    assert_eq!(dump.ids("c"), [1, 3, 4, 5]);
    let left_out = super::text(&dump.out.join("c/quarantine.parquet"));
    let asked = format!("CREATE EXTERNAL TABLE q STORED AS PARQUET LOCATION '{left_out}'; SELECT id FROM q");
    let run = old.run("sql", &["--format", "csv", &asked]).ends_with(0);
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), ["id", "2"]);
}

pub(super) fn zero_vectors() {
    let mut vectors = VECTORS;
    vectors[2..6].copy_from_slice(&[0.0, -0.0, 1e-30, 0.0]);
    let old = of(IP, &IDS, &vectors, &[]);
    let audit = old.finds_newly(&sound(IP), &[("zero_vectors", SEGMENT)]);
    assert_eq!(audit.message("zero_vectors"), "1 row has a vector of zeros");
    audit.advises("zero_vectors", &["`--where \"l2_norm(vector) > 0\"`", "COSINE"]);
    audit.verdict("ready");
    assert_eq!(old.dump(&[]).ids("c"), IDS);
    assert_eq!(old.dump(&["--where", "l2_norm(vector) > 0"]).ids("c"), [1, 3, 4, 5]);
    // It is nothing special among distances.
    of(L2, &IDS, &vectors, &[]).finds_newly(&sound(L2), &[]);
}

pub(super) fn normalised_vectors() {
    let mut vectors = [0.6, 0.8, -0.6, 0.8, 0.0, 1.0, 1.0, 0.0, 0.0, -1.0];
    let old = of(IP, &IDS, &vectors, &[]);
    let audit = old.finds_newly(&sound(IP), &[("normalised_vectors", "c")]);
    assert!(audit.message("normalised_vectors").starts_with("all 5 vectors"));
    audit.advises("normalised_vectors", &["`--set m2m.ipToCosine=ifNormalised`", "COSINE"]);
    audit.verdict("ready");
    assert_eq!(audit.report["collections"][0]["norms"]["unit_share"], 1.0);
    let metric = |dump: super::Dump| dump.manifest()["collections"][0].clone();
    let cosine = old.dump(&["--set", "m2m.ipToCosine=ifNormalised"]);
    assert_eq!(cosine.ids("c"), IDS);
    assert_eq!(metric(cosine)["cosine"], true);
    assert_ne!(metric(old.dump(&[]))["cosine"], true);
    let chosen = old.audit(&["--set", "m2m.ipToCosine=ifNormalised"]);
    assert!(chosen.rows("normalised_vectors").is_empty());
    assert_eq!(chosen.only("changed_metrics")["target_metric"], "COSINE");
    // One vector is longer; or the metric is another.
    of(L2, &IDS, &vectors, &[]).finds_newly(&sound(L2), &[]);
    vectors[0] = 0.7;
    of(IP, &IDS, &vectors, &[]).finds_newly(&sound(IP), &[]);
}

pub(super) fn not_normalised() {
    let old = of(IP, &IDS, &VECTORS, &[]);
    let set = |choice: &str| format!("m2m.ipToCosine={choice}");
    let if_normalised = set("ifNormalised");
    let choice = ["--set", if_normalised.as_str()];
    let new = [("not_normalised", "c"), ("changed_metrics", "c")];
    let audit = old.finds_with(&choice, &sound(IP), &new, &[]);
    let row = audit.only("not_normalised");
    assert_eq!(row["rows"], 5);
    // The shortest is (1, 2), the longest (9, 10).
    let length = |name: &str| row[name].as_f64().unwrap();
    assert!((length("min_norm") - 5_f64.sqrt()).abs() < 1e-6, "{row:?}");
    assert!((length("max_norm") - 181_f64.sqrt()).abs() < 1e-6, "{row:?}");
    audit.advises("not_normalised", &["`--set m2m.ipToCosine=never`", "`always`"]);
    audit.verdict("not_ready");
    old.dump_fails(&choice, &["`c`"]);
    for choice in ["never", "always"] {
        let set = set(choice);
        assert!(old.audit(&["--set", &set]).rows("not_normalised").is_empty(), "{choice}");
        assert_eq!(old.dump(&["--set", &set]).ids("c"), IDS, "{choice}");
    }
}

/// Ids that repeat in a segment, in a partition, and across partitions.
fn repeated() -> Old {
    Old::made(|install| {
        one(install, L2, &[1, 2, 1, 4, 5], &VECTORS, &[]);
        install.segment("8", &[5, 6], &[9.0, 10.0, 0.0, 0.0], &[]);
        install.partition("p").segment("9", &[4, 5, 7], &[0.0; 6], &[2]);
    })
}

/// What else is found in it.
const OF_REPEATED: [(&str, &str); 4] = [
    ("bloom_filter_missing", "c _default 8"),
    ("bloom_filter_missing", "c p 9"),
    ("many_deleted_rows", "c p 9"),
    ("row_count_differs", "c p 9"),
];

/// Fails unless a check counts the repeated ids.
#[track_caller]
fn counts_repeated(audit: &Audit, id: &str) {
    let row = audit.only(id);
    let numbers = ["ids", "rows", "across_partitions", "different_vectors"].map(|name| row[name].clone());
    // 1 twice, 4 twice, 5 three times, of which two have the same vector.
    assert_eq!(numbers, [json!(3), json!(7), json!(2), json!(3)]);
}

pub(super) fn repeated_ids() {
    let old = repeated();
    let audit = old.finds_newly(&sound(L2), &[&OF_REPEATED[..], &[("repeated_ids", "c")]].concat());
    counts_repeated(&audit, "repeated_ids");
    audit.advises("repeated_ids", &["`m2m.duplicates`", "`first`", "`last`", "`fail`", "inspect.duplicates"]);
    audit.verdict("ready_with_warnings");
    assert_eq!(old.dump(&[]).ids("c"), [1, 1, 2, 4, 4, 5, 5, 5, 6]);
    for keep in ["first", "last"] {
        let set = format!("m2m.duplicates={keep}");
        assert_eq!(old.dump(&["--set", &set]).ids("c"), [1, 2, 4, 5, 6], "{keep}");
    }
    let listed = old.ask("SELECT id, rows FROM inspect.duplicates ORDER BY id");
    assert_eq!(listed, json!([{"id": 1, "rows": 2}, {"id": 4, "rows": 2}, {"id": 5, "rows": 3}]));
}

pub(super) fn refused_ids() {
    let old = repeated();
    let choice = ["--set", "m2m.duplicates=fail"];
    let new = [&OF_REPEATED[..], &[("refused_ids", "c")]].concat();
    let audit = old.finds_with(&choice, &sound(L2), &new, &[]);
    counts_repeated(&audit, "refused_ids");
    audit.advises("refused_ids", &["`--set m2m.duplicates=first`", "`last`", "`keep`", "inspect.duplicates"]);
    audit.verdict("not_ready");
    old.dump_fails(&choice, &["`c`"]);
    for choice in ["first", "keep"] {
        let set = format!("m2m.duplicates={choice}");
        old.audit(&["--set", &set]).verdict("ready_with_warnings");
    }
}

pub(super) fn repeated_deletes() {
    let old = of(L2, &IDS, &VECTORS, &[2, 2, 2]);
    let new = [("repeated_deletes", SEGMENT), ("row_count_differs", SEGMENT)];
    let audit = old.finds_newly(&sound(L2), &new);
    let row = audit.only("repeated_deletes");
    assert_eq!((&row["deleted"], &row["deleted_entries"]), (&json!(1), &json!(3)));
    audit.advises("repeated_deletes", &["Nothing has to be done"]);
    audit.verdict("ready_with_warnings");
    assert_eq!(old.dump(&[]).ids("c"), [1, 2, 4, 5]);
}

pub(super) fn many_deleted_rows() {
    let (old, before) = (Old::fixture("install-1.1.1"), found_in("install-1.1.1"));
    let (name, segment) = ("compacted_l2", "1620000150349689000");
    let delete = |rows: u32| {
        let entries = (0..rows).flat_map(u32::to_le_bytes).collect();
        edit(&old.file(name, segment, "deleted_docs"), |payload| *payload = entries);
        old.change(&format!(
            "UPDATE TableFiles SET row_count = {} WHERE segment_id = '{segment}'",
            29 - rows
        ));
    };
    delete(7);
    old.finds_newly(&before, &[]);
    delete(8);
    let place = format!("{name} _default {segment}");
    let audit = old.finds_newly(&before, &[("many_deleted_rows", &place)]);
    let rows = audit.rows("many_deleted_rows");
    let row = Value::from(rows.into_iter().find(|row| row["segment_id"] == segment).unwrap());
    assert_eq!(row["message"], "8 of 29 rows are deleted (27.6 %)");
    audit.advises("many_deleted_rows", &["Nothing has to be done"]);
    let ids = old.dump(&["--col", name]).ids(name);
    assert_eq!(ids.len(), fixtures::ids("install-1.1.1", name).len() - 8);
}

pub(super) fn unqueryable_ids() {
    let ids = [i64::MIN, -1, 0, i64::MAX - 1, i64::MAX];
    let old = of(L2, &ids, &VECTORS, &[]);
    let audit = old.finds_newly(&sound(L2), &[("unqueryable_ids", SEGMENT)]);
    let message = audit.message("unqueryable_ids");
    assert_eq!(message, "ids 9223372036854775807 and -9223372036854775808 are here");
    audit.advises("unqueryable_ids", &["`--query`", "`--where`"]);
    audit.verdict("ready_with_warnings");
    assert_eq!(old.dump(&[]).ids("c"), ids, "all are migrated");
    let inner = "id < 9223372036854775807 AND id > -9223372036854775807";
    assert_eq!(old.dump(&["--where", inner]).ids("c"), ids[1..4]);
    let query = "SELECT CASE WHEN id = 9223372036854775807 THEN 77 WHEN id < -1 THEN -77 ELSE id END AS id, \
                 vector FROM c";
    let renamed = old.dump(&["--query", query, "--as", "renamed"]).ids("renamed");
    assert_eq!(renamed, [-77, -1, 0, 77, i64::MAX - 1]);
    let only = of(L2, &[i64::MIN, 1, 2, 3, 4], &VECTORS, &[]);
    assert_eq!(only.audit(&[]).message("unqueryable_ids"), "id -9223372036854775808 is here");
    // One that is deleted is not migrated.
    let deleted = of(L2, &ids, &VECTORS, &[0, 4]);
    assert!(deleted.audit(&[]).rows("unqueryable_ids").is_empty());
}
