// SPDX-License-Identifier: Apache-2.0
//! What Milvus 2.x does not have, or has otherwise.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::{Old, Places};
use crate::support::install::Install;
use crate::support::services;

const IDS: [i64; 3] = [1, 2, 3];
const VECTORS: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
const TANIMOTO: u32 = 5;
const ANNOY: u32 = 12;

fn made(build: impl FnOnce(&mut Install)) -> Old {
    Old::made(|install| {
        install.collection("c", 2).segment("7", &IDS, &VECTORS, &[]);
        build(install);
    })
    .quick()
}

/// What is found where nothing is special.
fn plain() -> Places {
    static KNOWN: OnceLock<Places> = OnceLock::new();
    KNOWN.get_or_init(|| made(|_| {}).audit(&[]).places()).clone()
}

pub(super) fn changed_indexes() {
    let old = made(|install| {
        install.index(ANNOY, r#"{"n_trees":8}"#);
    });
    let audit = old.finds_newly(&plain(), &[("changed_indexes", "c")]);
    let row = audit.only("changed_indexes");
    assert_eq!((&row["engine"], &row["target_index"]), (&json!("ANNOY"), &json!("HNSW")));
    assert!(row["message"].as_str().unwrap().contains("ANNOY becomes HNSW"), "{row:?}");
    audit.advises("changed_indexes", &["Nothing has to be done", "m2m.index=auto`", "`none`"]);
    audit.verdict("ready");
    assert_eq!(old.dump(&[]).ids("c"), IDS);
    let of = |choice: &str| {
        let set = format!("m2m.index={choice}");
        let dump = old.dump(&["--set", &set]);
        assert_eq!(dump.ids("c"), IDS);
        old.audit(&["--set", &set])
    };
    let none = of("none").only("changed_indexes");
    assert_eq!(none["target_index"], Value::Null);
    assert!(none["message"].as_str().unwrap().starts_with("no index is built"), "{none:?}");
    let chosen = of("auto").only("changed_indexes");
    assert_ne!(chosen["target_index"], "ANNOY");
    assert!(chosen["message"].as_str().unwrap().contains("AUTOINDEX"), "{chosen:?}");
}

pub(super) fn changed_metrics() {
    let bits = [0b1111_0000, 0b1111_1111, 0b1000_0000];
    let binary = |metric| {
        Old::made(|install| {
            install.collection("c", 8).metric(metric).index(9, "{}").binary_segment("7", &IDS, &bits);
        })
        .quick()
    };
    let before = binary(4).audit(&[]).places();
    let old = binary(TANIMOTO);
    let audit = old.finds_newly(&before, &[("changed_metrics", "c")]);
    let row = audit.only("changed_metrics");
    assert_eq!((&row["metric"], &row["target_metric"]), (&json!("TANIMOTO"), &json!("JACCARD")));
    audit.advises("changed_metrics", &["Compare rankings, not scores"]);
    audit.verdict("ready_with_warnings");
    assert_eq!(old.dump(&[]).ids("c"), IDS);
    // Both metrics put the rows in one order, by other numbers.
    let ranked = |distance: &str| {
        let query = format!("SELECT id, {distance}(vector, X'F0') AS score FROM c ORDER BY score");
        let rows = old.ask(&query);
        let of = |name: &str| -> Vec<Value> {
            rows.as_array().unwrap().iter().map(|row| row[name].clone()).collect()
        };
        (of("id"), of("score"))
    };
    let (jaccard, tanimoto) = (ranked("jaccard_distance"), ranked("tanimoto_distance"));
    assert_eq!(jaccard.0, tanimoto.0);
    assert_eq!(jaccard.0, [1, 2, 3]);
    assert_ne!(jaccard.1, tanimoto.1);
}

/// An installation with partitions of these tags, each with a row.
fn partitioned(tags: &[&str]) -> Old {
    made(|install| {
        for (number, tag) in tags.iter().enumerate() {
            let id = 100 + i64::try_from(number).unwrap();
            install.partition(tag).segment(&id.to_string(), &[id], &[1.0, 0.0], &[]);
        }
    })
}

#[track_caller]
fn finds(old: &Old, expected: &[(&str, &str)]) -> super::Audit {
    let new: Vec<(&str, String)> = expected.iter().map(|(id, tag)| (*id, format!("c {tag}"))).collect();
    let new: Vec<(&str, &str)> = new.iter().map(|(id, place)| (*id, place.as_str())).collect();
    old.finds_newly(&plain(), &new)
}

const KEY: [&str; 2] = ["--set", "m2m.partitions=key"];

/// Fails unless a field keeps the tags.
#[track_caller]
fn keeps_tags(old: &Old, tags: &[&str], ids: &[i64]) {
    let audit = old.audit(&KEY);
    assert!(audit.rows("renamed_partitions").is_empty() && audit.rows("colliding_partitions").is_empty());
    let dump = old.dump(&[&KEY[..], &["--to-format", "parquet"]].concat());
    let manifest = dump.manifest();
    assert_eq!(manifest["collections"][0]["rows"], ids.len());
    let fields = manifest["collections"][0]["fields"].as_array().unwrap();
    assert!(fields.iter().any(|field| field["partition_key"] == true), "{fields:?}");
    let known = old.ask("SELECT DISTINCT partition_tag FROM c WHERE partition_tag <> '_default'");
    assert_eq!(known.as_array().unwrap().len(), tags.len());
}

pub(super) fn renamed_partitions() {
    let tags = ["2020-Q1", "plain_1", "报表"];
    let old = partitioned(&tags);
    let audit = finds(&old, &[("renamed_partitions", "2020-Q1"), ("renamed_partitions", "报表")]);
    let rows = audit.rows("renamed_partitions");
    let name = rows[0]["target_name"].as_str().unwrap();
    assert!(
        rows[0]["message"].as_str().unwrap().contains(&format!("`2020-Q1` becomes `{name}`")),
        "{rows:?}"
    );
    audit.advises("renamed_partitions", &["new names", "`--set m2m.partitions=key`"]);
    audit.verdict("ready_with_warnings");
    // They are the names of the dump.
    let manifest = old.dump(&[]).manifest();
    let partitions = manifest["collections"][0]["partitions"].as_array().unwrap();
    let named = |tag: &Value| {
        partitions.iter().find(|one| one["tag"] == *tag).map(|one| one["name"].clone()).unwrap_or_default()
    };
    for row in &rows {
        assert_eq!(named(&row["partition_tag"]), row["target_name"], "{manifest}");
    }
    keeps_tags(&old, &tags, &[1, 2, 3, 100, 101, 102]);
}

pub(super) fn colliding_partitions() {
    let tags = ["a-b", "a b", "A-b", "c"];
    let old = partitioned(&tags);
    let expected = [
        ("renamed_partitions", "a-b"),
        ("renamed_partitions", "a b"),
        ("renamed_partitions", "A-b"),
        ("colliding_partitions", "a-b"),
        ("colliding_partitions", "a b"),
    ];
    let audit = finds(&old, &expected);
    let rows = audit.rows("colliding_partitions");
    assert_ne!(rows[0]["target_name"], rows[1]["target_name"]);
    assert!(rows[0]["message"].as_str().unwrap().contains("`a b` becomes"), "{rows:?}");
    audit.advises("colliding_partitions", &["the same in every run", "`--set m2m.partitions=key`"]);
    let again = old.audit(&[]).rows("colliding_partitions");
    assert_eq!(again, rows);
    assert_eq!(old.dump(&[]).ids("c"), [1, 2, 3, 100, 101, 102, 103]);
    keeps_tags(&old, &tags, &[1, 2, 3, 100, 101, 102, 103]);
}

pub(super) fn server_limits() {
    // Milvus 2.3 has at most 4096 partitions, `_default` among them.
    let old = made(|install| {
        for number in 0..4096 {
            install.partition(&format!("p{number}"));
        }
    });
    let audit = old.finds_newly(&plain(), &[("server_limits", "c")]);
    assert!(audit.message("server_limits").contains("4097 partitions"), "{}", audit.message("server_limits"));
    audit.advises("server_limits", &["`m2m.partitions: key`"]);
    audit.verdict("not_ready");
    assert!(old.audit(&KEY).rows("server_limits").is_empty());
    assert_eq!(
        old.dump(&[&KEY[..], &["--to-format", "parquet"]].concat()).manifest()["collections"][0]["rows"],
        3
    );
    // Files that Milvus reads from 2.3.4 on.
    let old = made(|_| {});
    let on = |target: &services::Target, format: &str| {
        let set = format!("m2m.format={format}");
        old.audit(&["--set", &set, "--milvus", &target.milvus])
    };
    let audit = on(&services::of_2_2(), "parquet");
    assert!(audit.message("server_limits").contains("no Parquet"), "{}", audit.message("server_limits"));
    audit.advises("server_limits", &["`--to-format npy`"]);
    audit.verdict("not_ready");
    assert_eq!(audit.report["target"]["is_assumed"], false);
    assert!(on(&services::of_2_2(), "npy").rows("server_limits").is_empty());
    // Another version of Milvus, or no such collection.
    assert!(on(&services::open(), "parquet").rows("server_limits").is_empty());
    let set = ["--set", "m2m.collections.c.format=parquet", "--milvus", &services::of_2_2().milvus];
    let old = made(|install| {
        install.collection("d", 2).segment("8", &IDS, &VECTORS, &[]);
    });
    let audit = old.audit(&set);
    assert_eq!(audit.only("server_limits")["collection"], "c");
    assert!(audit.check("server_limits")["remedy"].as_str().unwrap().contains("`--col`"));
    assert!(old.audit(&[&set[..], &["--col", "d"]].concat()).rows("server_limits").is_empty());
    assert_eq!(old.dump(&["--col", "d"]).ids("d"), IDS);
}

pub(super) fn filtered_collections() {
    let old = made(|_| {});
    let choice = ["--set", "m2m.collections.c.where=id < 3"];
    let audit = old.finds_with(&choice, &plain(), &[("filtered_collections", "c")], &[]);
    let row = audit.only("filtered_collections");
    assert_eq!(row["filter"], "id < 3");
    assert!(row["message"].as_str().unwrap().contains("`id < 3`"), "{row:?}");
    audit.advises("filtered_collections", &["`m2m plan` says which rows"]);
    audit.verdict("ready");
    let plan = old.run("plan", &[&choice[..], &["--format", "json"]].concat()).ends_with(0);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let planned = &plan["collections"][0];
    assert_eq!((&planned["filter"], &planned["rows"]), (&json!("id < 3"), &json!(2)));
    assert_eq!(old.dump(&choice).ids("c"), [1, 2]);
}

pub(super) fn estimate() {
    let old = made(|install| {
        install.collection("more", 4).segment("8", &[7, 8], &[0.5; 8], &[1]);
    });
    let new = [
        ("estimate", "more"),
        ("many_deleted_rows", "more _default 8"),
        ("row_count_differs", "more _default 8"),
    ];
    let audit = old.finds_newly(&plain(), &new);
    let rows = audit.rows("estimate");
    let of = |row: usize, name: &str| rows[row][name].clone();
    // An id and the vector take 16 bytes in one collection, 24 in the other.
    assert_eq!((of(0, "live_rows"), of(0, "live_bytes")), (json!(3), json!(48)));
    assert_eq!((of(1, "live_rows"), of(1, "live_bytes")), (json!(1), json!(24)));
    assert!(rows[0]["message"].as_str().unwrap().starts_with("3 rows, "), "{rows:?}");
    audit.advises("estimate", &["`m2m plan` says more"]);
    audit.verdict("ready_with_warnings");
    let files = old.dump(&[]).manifest();
    let files: usize = files["collections"][0]["partitions"][0]["sets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| set["files"].as_array().unwrap().len())
        .sum();
    assert_eq!(of(0, "import_files"), files);
    let plan = old.run("plan", &["--format", "json"]).ends_with(0);
    assert!(plan.stdout.contains("\"more\""), "{}", plan.observation(&[]));
}
