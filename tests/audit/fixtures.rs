// SPDX-License-Identifier: Apache-2.0
//! On each fixture exactly what its generator says, and no false alarm.
//!
//! Rows of segments, deletes, counts, partitions and the log are those of the truth files.
//! What those do not say was worked out from the raw files by a program of its own, with
//! Python's `sqlite3` and `struct` and numpy: the payloads of `.uid`, `.rv` and
//! `deleted_docs` decoded by their length headers, ids and vectors of live rows grouped,
//! folders listed and joined with the rows of `Tables` and `TableFiles`.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Map, Value, json};

use super::{Audit, installations, text};
use crate::support::command::run;

/// The truth of an installation, all of it.
pub(super) fn value(install: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(installations::truth_file(install)).unwrap()).unwrap()
}

/// The ids of the live rows of a collection in ascending order, by its generator.
pub(super) fn ids(install: &str, collection: &str) -> Vec<i64> {
    let truth = value(install);
    let of_partition = |partition: &Value| partition["ids"].as_array().unwrap().clone();
    let mut ids: Vec<i64> =
        collections(&truth).iter().find(|one| one["collection"] == collection).unwrap()["partitions"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(of_partition)
            .map(|id| id.as_i64().unwrap())
            .collect();
    ids.sort_unstable();
    ids
}

fn collections(truth: &Value) -> &Vec<Value> {
    truth["collections"].as_array().unwrap()
}

/// What a check is expected to find: some columns of each row.
type Expected = BTreeMap<&'static str, Vec<Value>>;

/// A segment of the truth, and where it is.
struct Segment<'a> {
    collection: &'a str,
    tag: &'a str,
    truth: &'a Value,
}

impl Segment<'_> {
    fn number(&self, name: &str) -> u64 {
        self.truth[name].as_u64().unwrap()
    }

    /// A finding in it.
    fn finding(&self, more: Value) -> Value {
        let mut finding = json!({
            "collection": self.collection, "partition_tag": self.tag,
            "segment_id": self.truth["segment_id"],
        });
        finding.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        finding
    }
}

fn segments(truth: &Value) -> Vec<Segment<'_>> {
    let mut all = Vec::new();
    for collection in collections(truth) {
        for partition in collection["partitions"].as_array().unwrap() {
            all.extend(partition["segments"].as_array().unwrap().iter().map(|truth| Segment {
                collection: collection["collection"].as_str().unwrap(),
                tag: partition["tag"].as_str().unwrap(),
                truth,
            }));
        }
    }
    all
}

/// What follows from the truth of any installation.
fn of_truth(truth: &Value) -> Expected {
    let mut expected = Expected::new();
    for segment in segments(truth) {
        let (rows, deleted, live) =
            (segment.number("rows"), segment.number("deleted"), segment.number("live"));
        let (entries, counted) = (segment.number("deleted_docs_entries"), segment.number("meta_row_count"));
        assert_eq!(rows - deleted, live);
        let mut found = |id, more| expected.entry(id).or_default().push(segment.finding(more));
        if counted != live {
            found("row_count_differs", json!({"live": live, "metadata_rows": counted}));
        }
        if entries != deleted {
            found("repeated_deletes", json!({"deleted": deleted, "deleted_entries": entries}));
        }
        if rows > 0 && 4 * deleted >= rows {
            found("many_deleted_rows", json!({"rows": rows, "deleted": deleted}));
        }
    }
    for collection in collections(truth) {
        let (name, rows) = (&collection["collection"], collection["live_rows"].as_u64().unwrap());
        if rows == 0 {
            expected.entry("empty_collections").or_default().push(json!({"collection": name}));
        } else {
            let dimension = collection["dimension"].as_u64().unwrap();
            let vector = if collection["vector"] == "float" { 4 * dimension } else { dimension / 8 };
            let finding = json!({"collection": name, "live_rows": rows, "live_bytes": rows * (8 + vector)});
            expected.entry("estimate").or_default().push(finding);
        }
        if collection["metric"] == "TANIMOTO" {
            let finding = json!({"collection": name, "metric": "TANIMOTO", "target_metric": "JACCARD"});
            expected.entry("changed_metrics").or_default().push(finding);
        }
        for partition in collection["partitions"].as_array().unwrap() {
            let tag = partition["tag"].as_str().unwrap();
            let is_legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            if !tag.chars().all(is_legal) || tag.starts_with(|first: char| first.is_ascii_digit()) {
                let finding = json!({"collection": name, "partition_tag": tag});
                expected.entry("renamed_partitions").or_default().push(finding);
            }
        }
    }
    for record in truth["wal_unflushed"].as_array().unwrap() {
        let found = expected.entry("unflushed_rows").or_default();
        if found.is_empty() {
            found.push(json!({"collection": record["collection"], "inserted_rows": 0, "deleted_rows": 0, "records": 0}));
        }
        let kind = if record["type"] == "insert" { "inserted_rows" } else { "deleted_rows" };
        let mut add = |name: &str, more: u64| found[0][name] = json!(found[0][name].as_u64().unwrap() + more);
        add(kind, record["rows"].as_u64().unwrap());
        add("records", 1);
    }
    expected
}

/// Ids of segments of an installation that the truth does not name, or whose peculiarity
/// it names in words.
struct Names {
    /// `float_l2`: has the smallest and the largest id.
    extreme: &'static str,
    /// `float_l2`: has no bloom filter.
    without_filter: &'static str,
    /// Folders that are not live: state, table, segment, files, bytes, rows.
    folders: &'static [(&'static str, &'static str, &'static str, u64, u64, Option<u64>)],
    /// `float_l2`: has bytes behind the counted part of its deletes, and a temporary file.
    tail: Option<&'static str>,
}

/// What the shapes that all three installations have lead to.
fn of_shapes(expected: &mut Expected, names: &Names) {
    let of_l2 =
        |segment: &str| json!({"collection": "float_l2", "partition_tag": "_default", "segment_id": segment});
    let mut found = |id, finding| expected.entry(id).or_default().push(finding);
    found("bloom_filter_missing", of_l2(names.without_filter));
    let mut extreme = of_l2(names.extreme);
    // As text: many programs cannot hold such numbers.
    extreme["min_id"] = json!(i64::MIN.to_string());
    extreme["max_id"] = json!(i64::MAX.to_string());
    found("unqueryable_ids", extreme);
    // 0 twice and 200001 three times; all ids of one partition are those of the other.
    for (name, ids, rows, across, different) in [("float_l2", 2, 5, 0, 2), ("parts_only", 30, 60, 30, 30)] {
        found(
            "repeated_ids",
            json!({"collection": name, "ids": ids, "rows": rows, "across_partitions": across, "different_vectors": different}),
        );
    }
    for tag in ["a-b", "a_b"] {
        found("colliding_partitions", json!({"collection": "ip_parts", "partition_tag": tag}));
    }
    for &(state, table, segment, files, bytes, rows) in names.folders {
        let id =
            if matches!(state, "unknown" | "ghost") { "unknown_directories" } else { "leftover_directories" };
        found(
            id,
            json!({
                "table_id": table, "segment_id": segment, "state": state, "bytes": bytes, "rows": rows,
                "message": message(state, table, files, bytes, rows),
            }),
        );
    }
    if let Some(segment) = names.tail {
        found("temporary_files", of_l2(segment));
        found("deleted_docs_tail", of_l2(segment));
    }
}

/// Fails unless every check found what is expected of it, and nothing else.
#[track_caller]
fn compare(audit: &Audit, mut expected: Expected) {
    for check in audit.checks() {
        let id = check["id"].as_str().unwrap();
        let mut rows = audit.rows(id);
        for finding in expected.remove(id).unwrap_or_default() {
            let at = rows.iter().position(|row| holds(row, &finding));
            let at = at.unwrap_or_else(|| panic!("{id} did not find {finding}, but {rows:#?}"));
            rows.remove(at);
        }
        assert!(rows.is_empty(), "{id} found what is not there: {rows:#?}");
    }
    assert!(expected.is_empty(), "no such check: {expected:?}");
}

fn holds(row: &Map<String, Value>, finding: &Value) -> bool {
    finding.as_object().unwrap().iter().all(|(name, value)| row.get(name) == Some(value))
}

#[track_caller]
fn audit(install: &str) -> Audit {
    let root = text(&installations::install(install));
    let run = run(&["audit", "--install", &root, "--format", "json"]);
    let audit = Audit::of(&run);
    totals(&audit, &value(install));
    audit
}

/// Fails unless the sums are those of the truth.
#[track_caller]
fn totals(audit: &Audit, truth: &Value) {
    let sum = |name: &str| segments(truth).iter().map(|segment| segment.number(name)).sum::<u64>();
    let totals = &audit.report["totals"];
    assert_eq!(
        (&totals["live_rows"], &totals["deleted_rows"]),
        (&json!(sum("live")), &json!(sum("deleted")))
    );
    assert_eq!(totals["collections"], collections(truth).len());
    assert_eq!(totals["segments"], segments(truth).len());
    for collection in collections(truth) {
        let all = audit.report["collections"].as_array().unwrap();
        let found = all.iter().find(|one| one["name"] == collection["collection"]).unwrap();
        for (name, column) in [
            ("metric", "metric"),
            ("dimension", "dimension"),
            ("vector", "vectors"),
            ("live_rows", "live_rows"),
        ] {
            assert_eq!(collection[name], found[column], "{}", found["name"]);
        }
        let partitions = found["partitions"].as_array().unwrap();
        let of_truth = collection["partitions"].as_array().unwrap();
        assert_eq!(partitions.len(), of_truth.len(), "{}", found["name"]);
        for partition in of_truth {
            let one = partitions.iter().find(|one| one["tag"] == partition["tag"]).unwrap();
            assert_eq!(one["live_rows"], partition["live_rows"], "{one}");
            assert_eq!(one["segments"], partition["segments"].as_array().unwrap().len(), "{one}");
        }
    }
}

fn message(state: &str, table: &str, files: u64, bytes: u64, rows: Option<u64>) -> String {
    let why = match state {
        "replaced" => "the segment was merged, compacted or dropped".into(),
        "unfinished" => "the segment was being written".into(),
        "dropped" => format!("collection or partition `{table}` is dropped"),
        "unknown" => "the metadata does not name this segment".into(),
        _ => format!("no collection or partition is called `{table}`"),
    };
    let files = if files == 1 { "1 file".into() } else { format!("{files} files") };
    let rows = rows.filter(|_| matches!(state, "unknown" | "ghost")).map(|rows| format!(", {rows} rows"));
    format!("{why}: {files}, {bytes} bytes{}", rows.unwrap_or_default())
}

#[test]
fn an_installation_of_1_1_1() {
    let mut expected = of_truth(&value("install-1.1.1"));
    of_shapes(
        &mut expected,
        &Names {
            extreme: "1620000011868748000",
            without_filter: "1620000018704430000",
            tail: Some("1620000012962529000"),
            folders: &[
                ("dropped", "1620000057030187000", "1620000057976712000", 4, 868, Some(10)),
                ("dropped", "dropped_coll", "1620000153697401000", 4, 15596, Some(200)),
                ("replaced", "compacted_l2", "1620000141476378000", 4, 15676, Some(200)),
                ("replaced", "compacted_l2", "1620000142991580000", 4, 15604, Some(200)),
                ("replaced", "compacted_l2", "1620000147480296000", 4, 2424, Some(30)),
                ("replaced", "float_l2", "1620000021416860000", 4, 15596, Some(200)),
                ("unfinished", "float_l2", "1620000022289527000", 4, 15596, Some(200)),
                ("unfinished", "float_l2", "1620000025321035000", 0, 0, None),
                ("unknown", "float_l2", "1620000029408268000", 1, 108, None),
                ("ghost", "ghost", "1620000154603488000", 4, 868, Some(10)),
            ],
        },
    );
    let audit = audit("install-1.1.1");
    compare(&audit, expected);
    audit.verdict("ready_with_warnings");
    let orphans = 868 + 15596 + 15676 + 15604 + 2424 + 15596 + 15596 + 108 + 868;
    assert_eq!(audit.report["totals"]["orphan_bytes"], orphans);
    norms(&audit, "float_l2", [5.24979305573888, 6.102937765949484, 6.955308639332132]);
    norms(&audit, "indexed_ip_hnsw", [5.695578189705916, 6.201412305568301, 6.708346071857592]);
    assert_eq!(audit.report["collections"][0]["norms"], Value::Null, "vectors of `bin_hamming` are binary");
}

/// Fails unless the lengths of a collection's vectors are what numpy says.
#[track_caller]
fn norms(audit: &Audit, name: &str, expected: [f64; 3]) {
    let collections = audit.report["collections"].as_array().unwrap();
    let found = collections.iter().find(|one| one["name"] == name).unwrap();
    for (key, expected) in ["min", "mean", "max"].iter().zip(expected) {
        let value = found["norms"][key].as_f64().unwrap();
        assert!((value - expected).abs() < 1e-5, "{name}: {key} is {value}, expected {expected}");
    }
    let bins = found["norms"]["bins"].as_array().unwrap();
    let counted: u64 = bins.iter().map(|bin| bin["count"].as_u64().unwrap()).sum();
    assert_eq!(found["live_rows"], counted, "{name}");
}

#[test]
fn an_installation_of_1_0_0() {
    let mut expected = of_truth(&value("install-1.0.0"));
    of_shapes(
        &mut expected,
        &Names {
            extreme: "1620000011868748000",
            without_filter: "1620000021905725000",
            tail: None,
            folders: &[
                ("dropped", "1620000070324960000", "1620000071661813000", 4, 2757724, Some(10)),
                ("dropped", "dropped_coll", "1620000176304888000", 4, 2771404, Some(200)),
                ("replaced", "compacted_l2", "1620000165892134000", 4, 2771484, Some(200)),
                ("replaced", "compacted_l2", "1620000169570995000", 4, 2771412, Some(200)),
                ("replaced", "compacted_l2", "1620000170076932000", 4, 2759168, Some(30)),
                ("replaced", "float_l2", "1620000022217370000", 4, 2771404, Some(200)),
                ("unfinished", "float_l2", "1620000026304603000", 4, 2771404, Some(200)),
                ("unfinished", "float_l2", "1620000031154028000", 0, 0, None),
                ("unknown", "float_l2", "1620000031959990000", 1, 108, None),
                ("ghost", "ghost", "1620000178355008000", 4, 2757724, Some(10)),
            ],
        },
    );
    let audit = audit("install-1.0.0");
    compare(&audit, expected);
    audit.verdict("ready_with_warnings");
    norms(&audit, "parts_only", [3.653905900946348, 4.316379537778843, 4.9726978974344425]);
}

#[test]
fn an_installation_of_1_1_1_whose_server_was_killed() {
    let mut expected = of_truth(&value("install-1.1.1-unflushed"));
    of_shapes(
        &mut expected,
        &Names {
            extreme: "1620000009101495000",
            without_filter: "1620000017534054000",
            tail: Some("1620000010583333000"),
            folders: &[
                ("dropped", "1620000054260271000", "1620000055211996000", 4, 868, Some(10)),
                ("dropped", "dropped_coll", "1620000151550958000", 4, 3968, Some(50)),
                ("replaced", "float_l2", "1620000017868456000", 4, 3968, Some(50)),
                ("unfinished", "float_l2", "1620000018707930000", 4, 3968, Some(50)),
                ("unfinished", "float_l2", "1620000020548108000", 0, 0, None),
                ("unknown", "float_l2", "1620000021458830000", 1, 108, None),
                ("ghost", "ghost", "1620000152312297000", 4, 868, Some(10)),
            ],
        },
    );
    // Rows of its metadata stand in `meta.sqlite-wal`.
    expected.entry("server_not_stopped").or_default().push(json!({}));
    let audit = audit("install-1.1.1-unflushed");
    compare(&audit, expected);
    audit.verdict("not_ready");
}

#[test]
fn a_segment_of_a_real_server() {
    let mut expected = of_truth(&value("test1w"));
    expected
        .entry("log_missing")
        .or_default()
        .push(json!({"message": "a `meta.json` says nothing of the write-ahead log"}));
    let audit = audit("test1w");
    compare(&audit, expected);
    audit.verdict("ready");
    // 256 components of 1.0.
    norms(&audit, "test1w", [16.0, 16.0, 16.0]);
    assert_eq!(
        audit.report["collections"][0]["segment_rows"],
        json!([{"from": 10000.0, "to": 20000.0, "count": 1}])
    );
    assert_eq!(audit.report["totals"]["orphan_bytes"], 0);
}
