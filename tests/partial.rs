// SPDX-License-Identifier: Apache-2.0
//! Parts of an installation, and more than it: conditions, joins, partitions,
//! rows that are left out. What files hold is read by numpy and pyarrow.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::command::{Run, run};
use crate::support::install::Install;
use crate::support::services;

/// An installation of two partitions: ids 0 to 99 by turns in `_default` and `p 2`.
fn install(folder: &Path) -> String {
    let mut install = Install::new(folder);
    let ids = |rest: i64| (0..100).filter(|id| id % 2 == rest).collect::<Vec<i64>>();
    let vectors = |ids: &[i64]| ids.iter().flat_map(|&id| [id as f32, 0.5]).collect::<Vec<f32>>();
    let (even, odd) = (ids(0), ids(1));
    install
        .collection("c", 2)
        .segment("7", &even, &vectors(&even), &[0])
        .partition("p 2")
        .segment("8", &odd, &vectors(&odd), &[49])
        .finish();
    folder.to_str().unwrap().into()
}

fn dump(install: &str, out: &Path, more: &[&str]) -> Run {
    let args = ["dump", "--install", install, "--out", out.to_str().unwrap()];
    run(&[&args[..], more].concat())
}

fn manifest(out: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(out.join("manifest.json")).unwrap()).unwrap()
}

/// What Python says of the files of a dump: for each partition the rows, sorted by id.
fn rows_of(out: &Path) -> Value {
    let script = r"
import json, sys, numpy as np, pyarrow.parquet as pq
out = sys.argv[1]
manifest = json.load(open(out + '/manifest.json'))
answer = {}
for collection in manifest['collections']:
    for partition in collection['partitions']:
        rows = []
        for s in partition['sets']:
            columns = {}
            for f in s['files']:
                path = out + '/' + f['path']
                if path.endswith('.parquet'):
                    table = pq.read_table(path)
                    columns.update({name: table[name].to_pylist() for name in table.column_names})
                else:
                    columns[f['field']] = np.load(path).tolist()
            names = sorted(columns)
            rows += [dict(zip(names, row)) for row in zip(*(columns[name] for name in names))]
        rows.sort(key=lambda row: row['id'])
        answer[partition['name']] = rows
print(json.dumps(answer))
";
    let output = Command::new(services::python()).args(["-c", script]).arg(out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn ids(rows: &Value, partition: &str) -> Vec<i64> {
    rows[partition].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

#[test]
fn a_condition_chooses_rows_in_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    let install = install(&folder.path().join("old"));
    for format in ["npy", "parquet"] {
        let out = folder.path().join(format);
        let condition = "id % 4 < 2 AND partition_tag <> 'nothing'";
        dump(&install, &out, &["--where", condition, "--to-format", format]).ends_with(0);
        let rows = rows_of(&out);
        let expected = |rest: i64| (0..100).filter(|id| id % 4 == rest).collect::<Vec<i64>>();
        // Row 0 of the first segment and row 99 of the second are deleted.
        assert_eq!(ids(&rows, "_default"), expected(0)[1..], "{format}");
        let name = manifest(&out)["collections"][0]["partitions"][1]["name"].as_str().unwrap().to_owned();
        assert_eq!(ids(&rows, &name), expected(1), "{format}");
        assert!(
            rows["_default"]
                .as_array()
                .unwrap()
                .iter()
                .all(|row| { row["vector"][0].as_f64().unwrap() as i64 == row["id"].as_i64().unwrap() })
        );
        assert_eq!(manifest(&out)["collections"][0]["filter"], condition);
    }
}

#[test]
fn a_condition_that_no_row_meets_leaves_empty_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let install = install(&folder.path().join("old"));
    let out = folder.path().join("out");
    dump(&install, &out, &["--where", "id < 0"]).ends_with(0);
    let manifest = manifest(&out);
    assert_eq!(manifest["collections"][0]["rows"], 0);
    assert_eq!(manifest["collections"][0]["partitions"].as_array().unwrap().len(), 2);
}

/// Attributes of ids 0 to 79, as Parquet written by another program.
fn attributes(file: &Path) {
    let script = r"
import json, sys, pyarrow as pa, pyarrow.parquet as pq
n = 80
pq.write_table(pa.table({
    'id': pa.array(range(n), pa.int64()),
    'title': pa.array([f'Füße {i} 😀' if i else '' for i in range(n)]),
    'price': pa.array([i / 4 for i in range(n)], pa.float64()),
    'stock': pa.array([i % 100 for i in range(n)], pa.uint8()),
    'is_new': pa.array([i % 3 == 0 for i in range(n)]),
    'more': pa.array([json.dumps({'n': i}) for i in range(n)]),
    'hole': pa.array([None if i == 7 else i for i in range(n)], pa.int32()),
}), sys.argv[1])
";
    let output = Command::new(services::python()).args(["-c", script]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

const JOIN: &str = "SELECT c.id, c.vector, c.partition_tag, a.title, a.price, a.stock, a.is_new, a.more \
                    FROM c JOIN a ON c.id = a.id";

fn with_attributes(file: &Path, query: &str) -> String {
    format!("CREATE EXTERNAL TABLE a STORED AS PARQUET LOCATION '{}'; {query}", file.display())
}

#[test]
fn a_join_adds_fields_in_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    let install = install(&folder.path().join("old"));
    let file = folder.path().join("a.parquet");
    attributes(&file);
    let query = with_attributes(&file, JOIN);
    for format in ["npy", "parquet"] {
        let out = folder.path().join(format);
        let json = "m2m.collections.rich.fields.more.type=json";
        dump(&install, &out, &["--query", &query, "--as", "rich", "--to-format", format, "--set", json])
            .ends_with(0);
        let rows = rows_of(&out);
        assert_eq!(ids(&rows, "_default"), (2..80).step_by(2).collect::<Vec<i64>>(), "{format}");
        let row = &rows["_default"][1];
        assert_eq!(row["id"], 4);
        assert_eq!(
            (&row["title"], &row["price"], &row["stock"]),
            (&json!("Füße 4 😀"), &json!(1.0), &json!(4))
        );
        assert_eq!((&row["is_new"], &row["more"]), (&json!(false), &json!("{\"n\": 4}")));
        let fields = manifest(&out)["collections"][0]["fields"].clone();
        let types: Vec<&str> =
            fields.as_array().unwrap().iter().map(|f| f["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["Int64", "FloatVector", "VarChar", "Double", "Int16", "Bool", "JSON"]);
        // 14 bytes, the longest title, need a field of 16.
        assert_eq!(fields[2]["max_length"], 16);
    }
}

#[test]
fn what_does_not_fit_a_field_is_told_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let install = install(&folder.path().join("old"));
    let file = folder.path().join("a.parquet");
    attributes(&file);
    let ends_with = |code: i32, query: &str, more: &[&str], says: &[&str]| {
        let out = folder.path().join("out");
        let query = with_attributes(&file, query);
        let query = ["--query", query.as_str(), "--as", "rich"];
        dump(&install, &out, &[&query[..], more].concat()).ends_with(code).says(says);
        assert!(!out.join("manifest.json").exists());
    };
    let refused = |query: &str, more: &[&str], says: &[&str]| ends_with(1, query, more, says);
    let wrong = |query: &str, more: &[&str], says: &[&str]| ends_with(2, query, more, says);
    let from = "FROM c JOIN a ON c.id = a.id";
    refused(&format!("SELECT c.id, vector, hole {from}"), &[], &["`hole`", "1 NULLs", "coalesce", "parquet"]);
    wrong(
        &format!("SELECT c.id, vector, CAST('2019-01-01' AS DATE) AS t {from}"),
        &[],
        &["`t`", "dates", "CAST"],
    );
    wrong(
        &format!("SELECT c.id, vector, CAST(now() AS VARCHAR) AS t {from}"),
        &[],
        &["not the same each time", "now()"],
    );
    wrong(
        &format!("SELECT c.id, vector, random() AS r {from}"),
        &[],
        &["not the same each time", "random()"],
    );
    wrong(&format!("SELECT c.id, vector {from} LIMIT 3"), &[], &["LIMIT takes any of"]);
    for expression in [
        "row_number() OVER () AS n",
        "row_number() OVER (ORDER BY a.stock) AS n",
        "first_value(a.title) OVER (PARTITION BY a.stock) AS n",
        "lag(c.id) OVER (ORDER BY a.stock) AS n",
        "sum(c.id) OVER (ORDER BY a.stock ROWS 1 PRECEDING) AS n",
        "rank() OVER () AS n",
    ] {
        let query = format!("SELECT c.id, vector, {expression} {from}");
        wrong(&query, &[], &["not the same each time", "any of several rows"]);
    }
    let summary = format!("SELECT c.id, vector, (SELECT approx_median(price) FROM a) AS n {from}");
    wrong(&summary, &[], &["not the same each time", "`approx_median(a.price)` is another value"]);
    wrong(&format!("SELECT c.id, vector {from} ORDER BY a.stock LIMIT 3"), &[], &["LIMIT takes any of"]);
    wrong(&format!("SELECT DISTINCT ON (a.stock) c.id, vector {from}"), &[], &["DISTINCT ON"]);
    wrong(&format!("SELECT vector {from}"), &[], &["no column `id`"]);
    wrong(&format!("SELECT c.id {from}"), &[], &["no column `vector`"]);
    wrong("SELECT id, title AS vector FROM a", &[], &["reads none", "m2m.collections.rich.from"]);
    wrong("SELECT id, vector FROM stored.c", &[], &["deleted rows"]);
    let schema = "SET datafusion.catalog.default_schema = 'stored'";
    wrong(&format!("{schema}; SELECT id, vector FROM c"), &[], &["deleted rows"]);
    refused(&format!("SELECT c.id, vector, title AS \"new title\" {from}"), &[], &["new title"]);
    let short = "m2m.collections.rich.fields.title.maxLength=5";
    refused(&format!("SELECT c.id, vector, title {from}"), &["--set", short], &["14 bytes", "at most 5"]);
    let none = "m2m.collections.rich.fields.titel.maxLength=5";
    wrong(&format!("SELECT c.id, vector, title {from}"), &["--set", none], &["`titel`", "`title`"]);
    let left = "FROM c LEFT JOIN a ON c.id = a.id";
    refused(
        &format!(
            "SELECT c.id, vector, CASE WHEN a.id IS NULL THEN NULL ELSE partition_tag END AS partition_tag {left}"
        ),
        &[],
        &["NULL as `partition_tag`"],
    );
}

#[test]
fn rows_may_be_chosen_by_an_order_that_tells_them_apart() {
    let folder = tempfile::tempdir().unwrap();
    let install = damaged(&folder.path().join("old"));
    let out = folder.path().join("out");
    let query = "SELECT id, vector, partition_tag FROM (SELECT *, row_number() OVER \
                 (PARTITION BY id ORDER BY segment_id, segment_offset) AS n, \
                 rank() OVER (ORDER BY id) AS place FROM c) AS numbered \
                 WHERE n = 1 AND place < 9 AND is_finite(vector)";
    dump(&install, &out, &["--query", query, "--as", "once", "--set", "m2m.duplicates=fail"]).ends_with(0);
    let rows = rows_of(&out);
    assert_eq!(ids(&rows, "_default"), [1, 2]);
    let out = folder.path().join("few");
    let query = "SELECT id, vector FROM c WHERE id = 1 ORDER BY segment_id, segment_offset LIMIT 1";
    dump(&install, &out, &["--query", query, "--as", "few"]).ends_with(0);
    assert_eq!(ids(&rows_of(&out), "_default"), [1]);
}

#[test]
fn what_is_left_out_never_changes_what_a_condition_or_a_join_means() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old");
    let vectors = [f32::NAN, 0.0, 2.0, 0.0, 7.0, 0.0, 8.0, 0.0];
    Install::new(&old).collection("x", 2).segment("7", &[1, 2, 7, 8], &vectors, &[]).finish();
    let install = old.to_str().unwrap();
    let skip = ["--set", "m2m.invalidVectors=skip"];
    let chosen = |name: &str, more: &[&str], expected: &[i64], invalid: u64| {
        let out = folder.path().join(name);
        dump(install, &out, &[&skip[..], more].concat()).ends_with(0);
        assert_eq!(ids(&rows_of(&out), "_default"), expected, "{more:?}");
        assert_eq!(manifest(&out)["collections"][0]["left_out"]["invalid"], invalid, "{more:?}");
    };
    chosen("a", &["--where", "id IN (SELECT id + 1 FROM x) OR id = 1"], &[2, 8], 1);
    chosen("b", &["--where", "id NOT IN (SELECT id + 1 FROM x)"], &[7], 1);
    let join = "SELECT a.id, a.vector FROM x AS a JOIN x AS b ON b.id = a.id - 1";
    chosen("c", &["--query", join, "--as", "z"], &[2, 8], 0);
    chosen("d", &["--query", "SELECT id, vector FROM x", "--as", "z"], &[2, 7, 8], 1);
    let once = ["--set", "m2m.duplicates=first"];
    chosen("e", &[&once[..], &["--where", "id IN (SELECT id + 1 FROM x)"]].concat(), &[2, 8], 0);
}

#[test]
fn a_number_that_is_none_is_not_taken_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let install = install(&folder.path().join("old"));
    let file = folder.path().join("nan.parquet");
    let script = "import sys, pyarrow as pa, pyarrow.parquet as pq\n\
                  pq.write_table(pa.table({'id': [2, 4, 6], 's': [1.0, float('nan'), 1.0]}), sys.argv[1])";
    let output = Command::new(services::python()).args(["-c", script]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let query = with_attributes(&file, "SELECT c.id, vector, s FROM c JOIN a ON c.id = a.id");
    let out = folder.path().join("out");
    dump(&install, &out, &["--query", &query, "--as", "x"]).ends_with(1).says(&["NaN", "entity 4"]);
    // A type that was chosen changes no value either.
    let halves = "SELECT id, vector, id * 1.5 AS h FROM c";
    let whole = "m2m.collections.x.fields.h.type=int64";
    let run = dump(&install, &out, &["--query", halves, "--as", "x", "--set", whole]);
    run.ends_with(1).says(&["49 values of column `h`", "Int64"]);
    dump(
        &install,
        &out,
        &["--query", "SELECT id, vector, id * 2.0 AS h FROM c", "--as", "x", "--set", whole],
    )
    .ends_with(0);
    // A tag need not be text.
    let out = folder.path().join("tags");
    let tagged = "SELECT id, vector, id < 50 AS partition_tag FROM c";
    dump(&install, &out, &["--query", tagged, "--as", "x", "--to-format", "parquet"]).ends_with(0);
    assert_eq!(rows_of(&out)["true"].as_array().unwrap().len(), 49);
}

#[test]
fn a_partition_key_takes_the_place_of_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let install = install(&folder.path().join("old"));
    for format in ["npy", "parquet"] {
        let out = folder.path().join(format);
        let set = ["--set", "m2m.partitions=key", "--set", "m2m.partitionField=tag", "--to-format", format];
        dump(&install, &out, &set).ends_with(0);
        let rows = rows_of(&out);
        assert_eq!(rows[""].as_array().unwrap().len(), 98, "{format}");
        let tag =
            |id: i64| rows[""].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap()["tag"].clone();
        assert_eq!((tag(2), tag(3)), (json!("_default"), json!("p 2")));
        let fields = &manifest(&out)["collections"][0]["fields"];
        assert_eq!((&fields[2]["name"], &fields[2]["partition_key"]), (&json!("tag"), &json!(true)));
    }
}

/// An installation with repeated ids and vectors that Milvus refuses.
fn damaged(folder: &Path) -> String {
    let mut install = Install::new(folder);
    let nan = f32::NAN;
    install
        .collection("c", 2)
        .segment("7", &[1, 2, 3, 1], &[1.0, 0.0, 2.0, 0.0, nan, 0.0, 1.5, 0.0], &[])
        .partition("p")
        .segment("8", &[3, 2, 9], &[3.0, 0.0, 2.5, 0.0, 9.0, f32::INFINITY], &[])
        .finish();
    folder.to_str().unwrap().into()
}

#[test]
fn invalid_vectors_are_put_into_quarantine_when_they_are_to_be_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let install = damaged(&folder.path().join("old"));
    let out = folder.path().join("refused");
    dump(&install, &out, &[]).ends_with(1).says(&["finite numbers only", "m2m.invalidVectors"]);
    let out = folder.path().join("out");
    dump(&install, &out, &["--set", "m2m.invalidVectors=skip"])
        .ends_with(0)
        .says(&["2 rows with NaN or infinity"]);
    let rows = rows_of(&out);
    assert_eq!((ids(&rows, "_default"), ids(&rows, "p")), (vec![1, 1, 2], vec![2, 3]));
    let entry = manifest(&out)["collections"][0].clone();
    assert_eq!(entry["left_out"], json!({"invalid": 2, "repeated": 0}));
    let file = out.join(entry["quarantine"].as_str().unwrap());
    let query = format!(
        "CREATE EXTERNAL TABLE q STORED AS PARQUET LOCATION '{}'; SELECT id, segment_id, segment_offset, reason FROM q ORDER BY id",
        file.display()
    );
    let asked = run(&["sql", "--install", &install, "--format", "csv", &query]).ends_with(0);
    assert_eq!(
        asked.stdout,
        "id,segment_id,segment_offset,reason\n3,7,2,component 0 is NaN\n9,8,2,component 1 is inf\n"
    );
}

#[test]
fn of_repeated_ids_one_row_is_kept_by_the_order_of_partitions_and_rows() {
    let folder = tempfile::tempdir().unwrap();
    let install = damaged(&folder.path().join("old"));
    let skip = ["--set", "m2m.invalidVectors=skip"];
    let of = |choice: &str| {
        let out = folder.path().join(choice);
        let choice = format!("m2m.duplicates={choice}");
        let run = dump(&install, &out, &[&skip[..], &["--set", &choice]].concat());
        (run, out)
    };
    let vectors = |out: &Path, partition: &str| -> Vec<(i64, f64)> {
        let rows = rows_of(out);
        let row = |row: &Value| (row["id"].as_i64().unwrap(), row["vector"][0].as_f64().unwrap());
        rows[partition].as_array().unwrap().iter().map(row).collect()
    };
    let (run, out) = of("first");
    run.ends_with(0);
    // The first row with id 3 is invalid, so that the second is the first one that counts.
    assert_eq!((vectors(&out, "_default"), vectors(&out, "p")), (vec![(1, 1.0), (2, 2.0)], vec![(3, 3.0)]));
    let (run, out) = of("last");
    run.ends_with(0);
    assert_eq!((vectors(&out, "_default"), vectors(&out, "p")), (vec![(1, 1.5)], vec![(2, 2.5), (3, 3.0)]));
    assert_eq!(manifest(&out)["collections"][0]["left_out"], json!({"invalid": 2, "repeated": 2}));
    let (run, out) = of("fail");
    run.ends_with(1).says(&["2 ids", "m2m.duplicates"]);
    assert!(!out.exists());
}

#[test]
fn a_condition_comes_before_the_choice_among_repeated_ids() {
    let folder = tempfile::tempdir().unwrap();
    let install = damaged(&folder.path().join("old"));
    let out = folder.path().join("out");
    let more = ["--set", "m2m.duplicates=first", "--where", "partition_tag = 'p' AND id < 9"];
    dump(&install, &out, &more).ends_with(0);
    assert_eq!(ids(&rows_of(&out), "p"), [2, 3]);
}

#[test]
fn rows_that_a_query_repeats_are_not_taken_for_repeated_ids_of_its_collection() {
    let folder = tempfile::tempdir().unwrap();
    let install = install(&folder.path().join("old"));
    let query =
        "SELECT c.id, c.vector, c.partition_tag FROM c JOIN (VALUES (4), (4), (6)) AS a (id) ON c.id = a.id";
    let query = ["--query", query, "--as", "rich"];
    let of = |choice: &str| {
        let out = folder.path().join(choice);
        let set = format!("m2m.duplicates={choice}");
        (dump(&install, &out, &[&query[..], &["--set", &set]].concat()), out)
    };
    for choice in ["first", "last", "fail"] {
        let (run, out) = of(choice);
        run.ends_with(1).says(&["2 rows of `rich` share 1 ids", "`m2m.duplicates: keep`"]);
        assert!(!out.exists(), "{choice}");
    }
    let (run, out) = of("keep");
    run.ends_with(0);
    assert_eq!(ids(&rows_of(&out), "_default"), [4, 4, 6]);
}

#[test]
fn cosine_takes_the_place_of_inner_products_only_where_that_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut old = Install::new(folder.path().join("old").as_path());
    old.collection("unit", 2).metric(2).segment("7", &[1, 2], &[0.6, 0.8, 1.0, 0.0], &[]);
    old.collection("long", 2).metric(2).segment("8", &[1, 2], &[0.6, 0.8, 3.0, 4.0], &[]).finish();
    let install = folder.path().join("old");
    let install = install.to_str().unwrap();
    let only = ["--set", "m2m.ipToCosine=ifNormalised", "--col"];
    let out = folder.path().join("unit");
    dump(install, &out, &[&only[..], &["unit"]].concat()).ends_with(0).says(&["all 2 vectors have length 1"]);
    assert_eq!(manifest(&out)["collections"][0]["cosine"], true);
    let out = folder.path().join("long");
    dump(install, &out, &[&only[..], &["long"]].concat()).ends_with(1).says(&["1 of 2 vectors", "always"]);
    dump(install, &out, &["--set", "m2m.ipToCosine=always", "--col", "long"]).ends_with(0);
    assert_eq!(manifest(&out)["collections"][0]["cosine"], true);
}

#[test]
fn a_condition_of_the_settings_is_not_passed_over_for_a_query() {
    let folder = tempfile::tempdir().unwrap();
    let install = install(&folder.path().join("old"));
    let said = ["--set", "m2m.collections.few.where=id < 5"];
    let query = ["--query", "SELECT id, vector FROM c", "--as", "few"];
    let out = folder.path().join("out");
    dump(&install, &out, &[&said[..], &query].concat()).ends_with(2).says(&["`few` is a query", "condition"]);
    assert!(!out.exists());
}

#[test]
fn settings_of_single_collections_count_more_than_those_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let install = install(&folder.path().join("old"));
    let out = folder.path().join("out");
    let file = folder.path().join("migration.yaml");
    fs::write(
        &file,
        "m2m:\n  format: parquet\n  collections:\n    c:\n      where: id < 10\n      format: npy\n      name: films\n      idField: pk\n    odd:\n      query: SELECT id, vector FROM c WHERE id % 2 = 1\n",
    )
    .unwrap();
    dump(&install, &out, &["-c", file.to_str().unwrap()]).ends_with(0);
    let manifest = manifest(&out);
    let (films, odd) = (&manifest["collections"][0], &manifest["collections"][1]);
    assert_eq!(
        (&films["name"], &films["target_name"], &films["rows"]),
        (&json!("c"), &json!("films"), &json!(9))
    );
    assert_eq!(films["fields"][0]["name"], "pk");
    assert!(films["partitions"][0]["sets"][0]["files"][0]["path"].as_str().unwrap().ends_with("pk.npy"));
    assert_eq!((&odd["name"], &odd["rows"]), (&json!("odd"), &json!(49)));
    assert!(odd["partitions"][0]["sets"][0]["files"][0]["path"].as_str().unwrap().ends_with(".parquet"));
}
