// SPDX-License-Identifier: Apache-2.0
//! `m2m plan` against a real Milvus: it says what a migration then does, and
//! leaves the server, the bucket and the folder as they were.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::fixtures;
use crate::support::place::Place;
use crate::support::services;

/// Three collections: a part of one, one with another metric, one with another name.
const ROWS: [&str; 6] = [
    "--col",
    "ip_parts,bin_tanimoto,indexed_ip_hnsw",
    "--set",
    "m2m.collections.ip_parts.where=id % 2 = 0",
    "--set",
    "m2m.collections.indexed_ip_hnsw.name=graph",
];

fn run(place: &Place, command: &str, more: &[&str]) -> crate::support::command::Run {
    place.run_on(&fixtures::install("install-1.1.1"), command, &[&ROWS[..], more].concat())
}

fn plan(place: &Place, code: i32, more: &[&str]) -> Value {
    let planned = run(place, "plan", &[&["--format", "json"], more].concat()).ends_with(code);
    serde_json::from_str(&planned.stdout).unwrap()
}

/// All that a bucket or a folder holds below the place: paths, sizes, times.
fn files(place: &Place) -> String {
    let script = r"
import os, sys, pyarrow.fs as fs
out, endpoint = sys.argv[1:]
if out.startswith('s3://'):
    keys = {'access_key': os.environ['S3_ACCESS_KEY'], 'secret_key': os.environ['S3_SECRET_KEY']}
    files = fs.S3FileSystem(endpoint_override=endpoint, region='us-east-1', **keys)
else:
    files = fs.LocalFileSystem()
selector = fs.FileSelector(out.removeprefix('s3://'), recursive=True, allow_not_found=True)
for info in files.get_file_info(selector):
    print(info.path, info.size, info.mtime_ns)
";
    let endpoint = &place.target.s3_endpoint;
    let output =
        Command::new(services::python()).args(["-c", script, &place.out, endpoint]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn collection<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["collections"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

#[test]
fn a_plan_says_what_a_migration_then_does() {
    let place = Place::on_2_3("planned");
    let planned = plan(&place, 0, &[]);
    let text = run(&place, "plan", &[]).ends_with(0).stdout;
    let dry = run(&place, "migrate", &["--dry-run"]).ends_with(0).stdout;
    assert_eq!(text, dry);
    assert_eq!((place.list(), files(&place)), (Value::Null, String::new()), "a plan writes nothing");

    let migrated = run(&place, "migrate", &[]).ends_with(0);
    let jobs = migrated.stderr.lines().filter(|line| line.contains("(job ")).count();
    assert_eq!(number(&planned["jobs"]), jobs, "{}", migrated.stderr);
    let written = files(&place);
    let imported = written.lines().filter(|line| line.contains(".npy ")).count();
    assert_eq!(number(&planned["files"]), imported, "{written}");
    let held = place.list();
    let mut rows = 0;
    for one in planned["collections"].as_array().unwrap() {
        let there = &held[one["target_name"].as_str().unwrap()];
        let partitions = one["partitions"].as_array().unwrap();
        for partition in partitions {
            let name = partition["name"].as_str().unwrap();
            assert_eq!(there["partitions"][name], partition["rows"], "{name} of {}", one["name"]);
            rows += number(&partition["rows"]);
        }
        assert_eq!(there["partitions"].as_object().unwrap().len(), partitions.len());
        let index = &there["index"];
        assert_eq!(index["metric_type"], one["target_metric"], "{}", one["name"]);
        assert_eq!(index["index_type"], one["target_index"]["type"], "{}", one["name"]);
        for (name, value) in one["target_index"]["params"].as_object().unwrap() {
            assert_eq!(index["params"][name].to_string(), value.as_str().unwrap());
        }
        for (field, is) in one["fields"].as_array().unwrap().iter().zip(there["fields"].as_array().unwrap()) {
            assert_eq!(field["name"], is["name"]);
        }
    }
    assert_eq!(held.as_object().unwrap().len(), 3);
    assert_eq!(number(&planned["rows"]), rows);
    assert_eq!(collection(&planned, "bin_tanimoto")["target_metric"], "JACCARD");
    let counts: Vec<String> = ["rows", "jobs", "files"].iter().map(|key| planned[key].to_string()).collect();
    for words in [
        format!("{} rows of 3 collections: {} files", counts[0], counts[2]),
        format!("{} import jobs", counts[1]),
        "indexed_ip_hnsw as graph: is created".into(),
        "TANIMOTO becomes JACCARD".into(),
        "\"2020-Q1 报表/x\" as 2020_Q1_x_71a7f34e".into(),
        "planned for Milvus v2.3.5".into(),
    ] {
        assert!(text.contains(&words), "`{words}` is missing in\n{text}");
    }

    // What is there already ends the next migration, and its plan says so.
    let again = plan(&place, 3, &[]);
    for one in again["collections"].as_array().unwrap() {
        assert!(one["problems"][0].as_str().unwrap().contains("exists in Milvus already"), "{one}");
    }
    let text = run(&place, "plan", &[]).ends_with(3).stdout;
    assert!(text.contains("problem: bin_tanimoto: "), "{text}");
    let actions = [("append", "append"), ("skip", "skip"), ("replace", "replace")];
    for (choice, action) in actions {
        let report = plan(&place, 0, &["--if-exists", choice]);
        assert_eq!(collection(&report, "ip_parts")["action"], action);
        assert_eq!(number(&report["rows"]), if choice == "skip" { 0 } else { rows });
    }
    assert_eq!(place.list(), held, "plans change nothing");
    assert_eq!(files(&place), written);
}

#[test]
fn a_plan_names_the_limits_of_2_2() {
    let place = Place::on_2_2("planned");
    let report = plan(&place, 3, &["--to-format", "parquet", "--set", "m2m.ipToCosine=always"]);
    let problems = |name: &str| collection(&report, name)["problems"].to_string();
    assert!(problems("bin_tanimoto").contains("Parquet"), "{report}");
    assert!(problems("ip_parts").contains("COSINE"), "{report}");
    assert_eq!(collection(&report, "bin_tanimoto")["target_metric"], "TANIMOTO");
    let refused = run(&place, "migrate", &["--to-format", "parquet"]).ends_with(1);
    refused.says(&["Parquet", "v2.2.16"]);
    assert_eq!(plan(&place, 0, &[])["problems"], json!([]));
    assert_eq!(place.list(), Value::Null);
    assert!(!Path::new(&place.out).exists());
}
