// SPDX-License-Identifier: Apache-2.0
//! Collections that are in Milvus already, and what is left behind of indexes
//! and memory: on real servers, shown by pymilvus.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::command::{Run, run_command};
use crate::support::fixtures;
use crate::support::install::Install;
use crate::support::services::{self, Target, unique};

/// A database of its own, an installation, and a place for import files.
struct Place {
    target: Target,
    database: String,
    folder: TempDir,
    out: String,
    collections: &'static str,
}

/// Two floats that tell the id and which version of the row it is.
fn vectors(ids: &[i64], version: f32) -> Vec<f32> {
    ids.iter().flat_map(|&id| [id as f32, version]).collect()
}

impl Place {
    fn new(name: &str, collections: &'static str) -> Self {
        let (target, database) = (services::open(), unique(name));
        let out = format!("s3://{}/{database}", target.bucket);
        Self { target, database, folder: tempfile::tempdir().unwrap(), out, collections }
    }

    /// A place on this machine, for a server that imports from it.
    fn on_disk(target: Target, name: &str, collections: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out").to_str().unwrap().to_owned();
        Self { target, database: unique(name), folder, out, collections }
    }

    fn install(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// Writes the installation anew: one collection `c` of these rows.
    fn write(&self, ids: std::ops::Range<i64>, version: f32) {
        let ids: Vec<i64> = ids.collect();
        let mut install = Install::new(self.folder.path());
        install.collection("c", 2).segment("7", &ids, &vectors(&ids, version), &[]).finish();
    }

    fn run(&self, args: &[&str], more: &[&str]) -> Run {
        let seen = format!("m2m.serverPath={}", self.out);
        let ours = ["--out", &self.out, "--set", &seen, "--milvus-database", &self.database];
        let args = [args, &ours, more].concat();
        let run = run_command(&args, self.target.m2m(&args));
        services::assert_no_secret(&run);
        run
    }

    /// Dumps the installation, and loads the dump.
    fn dump_and_load(&self, more: &[&str]) -> Run {
        self.dump(&[]);
        self.load(more)
    }

    fn dump(&self, more: &[&str]) {
        self.dump_of(Path::new(self.install()), more);
    }

    fn dump_of(&self, install: &Path, more: &[&str]) {
        let install = install.to_str().unwrap();
        self.run(&["dump", "--install", install, "--overwrite"], more).ends_with(0);
    }

    fn load(&self, more: &[&str]) -> Run {
        self.run(&["load"], more)
    }

    /// Asks the tool that knows nothing of m2m.
    fn pymilvus(&self, args: &[&str]) -> String {
        let mut command = Command::new(services::python());
        command.arg(fixtures::project().join("tests/tools/milvus_target.py"));
        command.args(["--uri", &self.target.milvus, "--db", &self.database]).args(args);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn create(&self, collection: &Value) {
        self.pymilvus(&["create", &collection.to_string()]);
    }

    fn show(&self, collection: &str, ids: &[i64]) -> Value {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        serde_json::from_str(&self.pymilvus(&["show", collection, &ids.join(",")])).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.pymilvus(&["drop", self.collections]);
        }
    }
}

/// A collection that pymilvus makes, with names of its own.
fn foreign(rows: &[i64], dimension: usize, metric: &str) -> Value {
    let row = |&id: &i64| {
        let mut vector = vec![0.25; dimension];
        vector[0] = id as f32;
        json!({"pk": id, "embedding": vector})
    };
    json!({
        "name": "c",
        "fields": [
            {"name": "pk", "type": "INT64", "primary": true},
            {"name": "embedding", "type": "FLOAT_VECTOR", "dim": dimension},
        ],
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "index": {"index_type": "FLAT", "metric_type": metric, "params": {}},
        "load": true,
    })
}

const APPEND: [&str; 2] = ["--if-exists", "append"];

#[test]
fn an_existing_collection_ends_a_load_and_stays_as_it_was() {
    let place = Place::new("exists_fail", "c");
    place.write(0..100, 1.0);
    place.dump_and_load(&[]).ends_with(0);
    place.write(0..50, 2.0);
    for args in [&[][..], &["--if-exists", "fail"]] {
        place.dump_and_load(args).ends_with(1).says(&["`c` exists in Milvus already", "--if-exists"]);
    }
    let shown = place.show("c", &[7]);
    assert_eq!((&shown["rows"], &shown["loaded"]), (&json!(100), &json!(true)));
    assert_eq!(shown["found"]["7"]["vector"], json!([7.0, 1.0]));
}

#[test]
fn rows_are_appended_once_and_can_be_searched_at_once() {
    let place = Place::new("exists_append", "c");
    place.write(0..100, 1.0);
    place.dump_and_load(&APPEND).ends_with(0);
    place.write(100..150, 2.0);
    place
        .dump_and_load(&APPEND)
        .ends_with(0)
        .says(&["already with 100 rows, 50 are added", "c is queryable"]);
    let shown = place.show("c", &[99, 100, 149, 150]);
    assert_eq!((&shown["rows"], &shown["loaded"]), (&json!(150), &json!(true)));
    assert_eq!(shown["found"]["99"]["vector"], json!([99.0, 1.0]));
    assert_eq!(shown["found"]["149"]["vector"], json!([149.0, 2.0]));
    assert_eq!(shown["found"].as_object().unwrap().len(), 3);

    // Milvus would take the same rows again without a word.
    place.load(&APPEND).ends_with(1).says(&["already has 50 of 50 ids", "100, 101", "nothing is appended"]);
    // One file set that is there is enough, wherever it stands.
    let (old, new) = (Vec::from_iter(100..110), Vec::from_iter(200..210));
    let mut install = Install::new(place.folder.path());
    install.collection("c", 2).segment("8", &new, &vectors(&new, 3.0), &[]);
    install.segment("9", &old, &vectors(&old, 3.0), &[]).finish();
    place.dump(&["--file-size", "1"]);
    place.load(&APPEND).ends_with(1).says(&["already has 10 of 20 ids"]);
    assert_eq!(place.show("c", &[])["rows"], json!(150));
}

#[test]
fn parquet_files_are_appended_once_too() {
    let place = Place::new("exists_parquet", "c");
    place.write(0..100, 1.0);
    place.dump_and_load(&[]).ends_with(0);
    place.write(100..150, 2.0);
    place.dump(&["--to-format", "parquet"]);
    place.load(&APPEND).ends_with(0);
    let shown = place.show("c", &[99, 149]);
    assert_eq!(shown["rows"], json!(150));
    assert_eq!(shown["found"]["149"]["vector"], json!([149.0, 2.0]));
    place.load(&APPEND).ends_with(1).says(&["already has 50 of 50 ids"]);
    assert_eq!(place.show("c", &[])["rows"], json!(150));
}

#[test]
fn what_is_not_in_memory_grows_too_and_is_loaded_when_that_is_wanted() {
    let place = Place::new("exists_released", "c");
    place.write(0..100, 1.0);
    let released = ["--set", "m2m.loadAfter=false"];
    place.dump_and_load(&released).ends_with(0);
    let shown = place.show("c", &[]);
    assert_eq!((&shown["rows"], &shown["loaded"]), (&json!(100), &json!(false)));
    assert_eq!(shown["index"]["index_type"], json!("FLAT"));

    place.write(100..150, 2.0);
    let run = place.dump_and_load(&[&APPEND[..], &released].concat()).ends_with(0);
    run.says(&["not in Milvus' memory: it is loaded to be asked for the rows, and released again"]);
    let shown = place.show("c", &[]);
    assert_eq!((&shown["rows"], &shown["loaded"]), (&json!(150), &json!(false)));
    // The same again is found out, whether it is to stay in memory or not.
    for more in [&released[..], &[]] {
        place.load(&[&APPEND[..], more].concat()).ends_with(1).says(&["already has 50 of 50 ids"]);
        let shown = place.show("c", &[]);
        assert_eq!((&shown["rows"], &shown["loaded"]), (&json!(150), &json!(false)));
    }

    place.write(150..170, 3.0);
    place.dump_and_load(&APPEND).ends_with(0).says(&["c is queryable"]);
    let shown = place.show("c", &[0, 120, 169]);
    assert_eq!((&shown["rows"], &shown["loaded"]), (&json!(170), &json!(true)));
    assert_eq!(shown["found"]["120"]["vector"], json!([120.0, 2.0]));
    assert_eq!(shown["found"].as_object().unwrap().len(), 3);
}

#[test]
fn what_is_skipped_stays_and_the_rest_of_the_dump_is_loaded() {
    let place = Place::new("exists_skip", "c,d");
    place.write(0..100, 1.0);
    place.dump_and_load(&[]).ends_with(0);
    let mut install = Install::new(place.folder.path());
    install.collection("c", 2).segment("7", &[1, 2], &vectors(&[1, 2], 9.0), &[]);
    install.collection("d", 3).segment("8", &[5], &[1.0, 2.0, 3.0], &[]).finish();
    place
        .dump_and_load(&["--if-exists", "skip"])
        .ends_with(0)
        .says(&["c: is in Milvus already and is left alone"]);
    let shown = place.show("c", &[1]);
    assert_eq!((&shown["rows"], &shown["found"]["1"]["vector"]), (&json!(100), &json!([1.0, 1.0])));
    let shown = place.show("d", &[5]);
    assert_eq!((&shown["rows"], &shown["found"]["5"]["vector"]), (&json!(1), &json!([1.0, 2.0, 3.0])));
}

#[test]
fn what_is_replaced_has_the_new_rows_alone_even_with_another_schema() {
    let place = Place::new("exists_replace", "c");
    place.create(&foreign(&[1, 2, 3], 5, "IP"));
    place.write(10..30, 2.0);
    let replace = ["--if-exists", "replace"];
    place.dump_and_load(&replace).ends_with(0).says(&["it is dropped, and created anew"]);
    let shown = place.show("c", &[1, 10, 29]);
    assert_eq!((&shown["rows"], &shown["loaded"]), (&json!(20), &json!(true)));
    assert_eq!(shown["index"]["metric_type"], json!("L2"));
    assert_eq!(
        shown["found"],
        json!({"10": {"id": 10, "vector": [10.0, 2.0]}, "29": {"id": 29, "vector": [29.0, 2.0]}})
    );
    // The same again is the same.
    place.load(&replace).ends_with(0);
    assert_eq!(place.show("c", &[])["rows"], json!(20));
}

#[test]
fn nothing_is_dropped_before_the_files_are_known_to_be_sound() {
    let place = Place::on_disk(services::with_local_storage(), "exists_sound", "c");
    place.write(0..100, 1.0);
    place.dump_and_load(&[]).ends_with(0);
    let file = Path::new(&place.out).join("c/_default/7/vector.npy");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 8]).unwrap();
    let replace = ["--if-exists", "replace"];
    place.load(&replace).ends_with(1).says(&["vector.npy", "expected 928 bytes"]);
    let shown = place.show("c", &[]);
    assert_eq!((&shown["rows"], &shown["loaded"]), (&json!(100), &json!(true)));
    std::fs::write(&file, &bytes).unwrap();
    place.load(&replace).ends_with(0);
    assert_eq!(place.show("c", &[])["rows"], json!(100));
}

#[test]
fn a_server_that_cannot_count_appends_once_too() {
    let place = Place::on_disk(services::of_2_2(), "exists_old", "c");
    place.write(0..100, 1.0);
    place.dump_and_load(&[]).ends_with(0);
    place.write(100..150, 2.0);
    place.dump_and_load(&APPEND).ends_with(0).says(&["already with 100 rows", "c is queryable"]);
    let shown = place.show("c", &[99, 100, 149]);
    assert_eq!((&shown["rows"], &shown["loaded"]), (&json!(150), &json!(true)));
    assert_eq!(shown["found"]["149"]["vector"], json!([149.0, 2.0]));
    assert_eq!(shown["found"].as_object().unwrap().len(), 3);
    place.load(&APPEND).ends_with(1).says(&["already has 50 of 50 ids"]);
    assert_eq!(place.show("c", &[])["rows"], json!(150));
}

#[test]
fn files_must_have_the_names_of_the_fields_that_are_there() {
    let place = Place::new("exists_names", "c");
    place.create(&foreign(&[1, 2], 2, "L2"));
    place.write(10..30, 2.0);
    let run = place.dump_and_load(&APPEND).ends_with(1);
    run.says(&["`id` is `pk` there (`m2m.idField: pk`)", "`embedding` there (`m2m.vectorField: embedding`)"]);
    assert_eq!(place.show("c", &[])["rows"], json!(2));

    place.dump(&["--set", "m2m.idField=pk", "--set", "m2m.vectorField=embedding"]);
    place.load(&APPEND).ends_with(0);
    let shown = place.show("c", &[2, 10]);
    assert_eq!(shown["rows"], json!(22));
    assert_eq!(
        shown["found"],
        json!({
            "2": {"pk": 2, "embedding": [2.0, 0.25]},
            "10": {"pk": 10, "embedding": [10.0, 2.0]},
        })
    );
}

#[test]
fn all_differences_of_a_collection_are_told_and_nothing_is_imported() {
    let place = Place::new("exists_different", "c");
    let mut other = foreign(&[], 3, "IP");
    let extra = json!({"name": "year", "type": "INT64"});
    other["fields"].as_array_mut().unwrap().push(extra);
    place.create(&other);
    place.write(10..30, 2.0);
    let run = place.dump_and_load(&APPEND).ends_with(1);
    run.says(&[
        "cannot take the rows",
        "FloatVector(3), expected FloatVector(2)",
        "`year`",
        "metric is IP, expected L2",
    ]);
    let shown = place.show("c", &[]);
    assert_eq!((&shown["rows"], &shown["fields"][2]["name"]), (&json!(0), &json!("year")));
}

#[test]
fn ids_that_the_server_makes_and_other_partitions_do_not_fit() {
    let place = Place::new("exists_auto", "c");
    let mut other = foreign(&[], 2, "L2");
    other["fields"][0]["auto_id"] = json!(true);
    other["fields"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "tag", "type": "VARCHAR", "max_length": 8, "partition_key": true}));
    place.create(&other);
    place.write(10..30, 2.0);
    let run = place.dump_and_load(&APPEND).ends_with(1);
    run.says(&["`pk` is filled by the server itself", "field `tag`"]);
    assert_eq!(place.show("c", &[])["rows"], json!(0));
}

#[test]
fn partitions_that_are_missing_are_created_and_each_grows_by_its_part() {
    let place = Place::new("exists_parts", "parts_only");
    let row = json!({"id": -5, "vector": vec![0.5; 8]});
    place.create(&json!({
        "name": "parts_only",
        "fields": [
            {"name": "id", "type": "INT64", "primary": true},
            {"name": "vector", "type": "FLOAT_VECTOR", "dim": 8},
        ],
        "partitions": ["x", "other"],
        "rows": [row],
        "index": {"index_type": "FLAT", "metric_type": "L2", "params": {}},
        "load": true,
    }));
    place.dump_of(&fixtures::install("install-1.1.1"), &["--col", "parts_only"]);
    place.load(&APPEND).ends_with(0);
    let shown = place.show("parts_only", &[]);
    assert_eq!(shown["rows"], json!(61));
    assert_eq!(shown["partitions"], json!({"_default": 1, "x": 30, "y": 30, "other": 0}));
}

#[test]
fn indexes_are_kept_chosen_or_left_out() {
    let place = Place::new("indexes", "indexed_ip_hnsw");
    place.dump_of(&fixtures::install("install-1.1.1"), &["--col", "indexed_ip_hnsw"]);
    let load = |index: &str| {
        let index = format!("m2m.index={index}");
        let run = place.load(&["--if-exists", "replace", "--set", &index]).ends_with(0);
        (run, place.show("indexed_ip_hnsw", &[]))
    };
    let (_, kept) = load("keep");
    let params = json!({"M": 16, "efConstruction": 500});
    assert_eq!(kept["index"], json!({"index_type": "HNSW", "metric_type": "IP", "params": params}));
    assert_eq!((&kept["rows"], &kept["loaded"]), (&json!(48), &json!(true)));

    let (_, chosen) = load("auto");
    assert_eq!(chosen["index"]["index_type"], json!("AUTOINDEX"));
    assert_eq!(chosen["index"]["metric_type"], json!("IP"));
    assert_eq!((&chosen["rows"], &chosen["loaded"]), (&json!(48), &json!(true)));

    let (run, none) = load("none");
    run.says(&["no index is built"]);
    assert_eq!((&none["index"], &none["loaded"]), (&Value::Null, &json!(false)));
    assert_eq!(none["rows"], json!(48));
    // Nobody can tell whether rows are in it already.
    place.load(&APPEND).ends_with(1).says(&["has 48 rows and no index", "--if-exists replace"]);
    assert_eq!(place.show("indexed_ip_hnsw", &[])["rows"], json!(48));
}
