// SPDX-License-Identifier: Apache-2.0
//! `m2m verify`: all rows, searches, and collections that somebody else made or
//! changed, on real servers and with pymilvus.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use m2m_migration::Verification;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::support::command::Run;
use crate::support::fixtures;
use crate::support::install::Install;
use crate::support::place::Place;

/// Set to anything, the tests write what they would compare.
const COMPLETE: &str = "M2M_SCHEMA_COMPLETE";

/// Rows of `c` in `_default`, and in partition `p`: more than one question is about.
const IN_DEFAULT: i64 = 5000;
const IN_P: i64 = 500;

/// Two floats that tell the id.
fn vector(id: i64) -> [f32; 2] {
    [id as f32, 0.5]
}

fn vectors(ids: &[i64]) -> Vec<f32> {
    ids.iter().flat_map(|id| vector(*id)).collect()
}

/// Collection `c` with ids from 0 in `_default` and from 10000 in `p`.
fn write(place: &Place) {
    let (ids, of_p): (Vec<i64>, Vec<i64>) = ((0..IN_DEFAULT).collect(), (10_000..10_000 + IN_P).collect());
    let mut install = Install::new(&place.path("old"));
    install.collection("c", 2).segment("7", &ids, &vectors(&ids), &[]);
    install.partition("p").segment("8", &of_p, &vectors(&of_p), &[]).finish();
}

/// The report of a verification, and how it ended.
fn report(place: &Place, code: i32, more: &[&str]) -> (Value, Run) {
    let run = place.run("verify", &[&["--json"], more].concat()).ends_with(code);
    (serde_json::from_str(&run.stdout).unwrap(), run)
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("`{name}` is {}", value[name]))
}

/// All rows of a fixture, with what Milvus cannot show counted apart; and its searches.
fn all_rows_of(place: &Place, install: &str) {
    let root = fixtures::install(install);
    place.run_on(&root, "migrate", &["--full"]).ends_with(0).says(&["all counts are equal"]);
    let args = ["--full", "--json", "--search", "20"];
    let run = place.run_on(&root, "verify", &args).ends_with(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((report["mode"].as_str(), report["is_equal"].as_bool()), (Some("full"), Some(true)));
    assert_eq!(report["sample_rows"], Value::Null);
    let truth = fixtures::truth(install);
    let collections = report["collections"].as_array().unwrap();
    assert_eq!(collections.len(), truth.collections.len());
    let mut searched = 0;
    for truth in &truth.collections {
        let name = &truth.collection;
        let found = collections.iter().find(|found| found["collection"] == name.as_str()).unwrap();
        let compared = number(found, "compared_rows");
        let not_shown = number(found, "unseen_rows") + number(found, "unqueryable_rows");
        assert_eq!(compared + not_shown, truth.live_rows, "{name}: {found:#}");
        assert!(truth.live_rows == 0 || compared > 0, "{name}");
        for truth in &truth.partitions {
            let of_tag = |partition: &&Value| partition["tag"] == truth.tag.as_str();
            let partition = found["partitions"].as_array().unwrap().iter().find(of_tag).unwrap();
            assert_eq!(number(partition, "target_rows"), truth.live_rows, "{name}");
        }
        if let Some(search) = found["search"].as_object() {
            searched += 1;
            let recall = search["recall"].as_f64().unwrap();
            let least = if number(found, "hidden_rows") == 0 { 0.9 } else { 0.5 };
            assert!(recall >= least && recall <= 1.0, "{name}: {search:?}");
            assert_eq!(search["foreign"], 0, "{name}");
        } else {
            let said = found["notes"].to_string();
            assert!(said.contains("no search was compared"), "{name}: {said}");
        }
    }
    assert!(searched > 3, "{searched} collections were searched");
}

#[test]
fn all_rows_and_searches_of_1_1_1_are_compared_on_2_3() {
    all_rows_of(&Place::on_2_3("full"), "install-1.1.1");
}

#[test]
fn all_rows_and_searches_of_1_0_0_are_compared_on_2_2() {
    all_rows_of(&Place::on_2_2("full"), "install-1.0.0");
}

#[test]
fn one_row_of_thousands_that_is_not_as_it_was_is_found_and_named() {
    let place = Place::on_2_3("changed");
    write(&place);
    place.run("migrate", &["--full"]).ends_with(0).says(&["all 5,500 rows compared bit for bit"]);
    let full = |code| place.run("verify", &["--full"]).ends_with(code);
    let step = |step: Value| place.change(&json!([step]));
    let put = |partition: &str, id: i64, vector: [f32; 2]| {
        step(json!({"insert": "c", "partition": partition, "columns": [[id], [vector]]}));
    };
    let take = |partition: &str, id: i64| step(json!({"delete": "c", "partition": partition, "ids": [id]}));

    // Another vector, by its last bit.
    take("_default", 4321);
    put("_default", 4321, [f32::from_bits(4321_f32.to_bits() + 1), 0.5]);
    let run = full(3).says(&["id 4321 has another vector in partition `_default`"]);
    assert!(!run.stderr.contains("Milvus counts"), "{}", run.stderr);
    let (found, _) = report(&place, 3, &["--full"]);
    assert_eq!(
        (number(&found["totals"], "different_rows"), number(&found["totals"], "compared_rows")),
        (1, 5500)
    );
    // A few rows of all do not show it.
    report(&place, 0, &["--sample", "8"]);

    // A row too few.
    take("_default", 4321);
    full(3).says(&[
        "Milvus counts 5499 rows, the source has 5500",
        "id 4321 is missing in partition `_default`",
    ]);

    // A row in another partition: no row too many or too few in all.
    put("p", 4321, vector(4321));
    let run = full(3).says(&[
        "Milvus counts 4999 rows in partition `_default`",
        "Milvus counts 501 rows in partition `p`",
        "id 4321 is missing in partition `_default`",
    ]);
    assert!(!run.stderr.contains("5500 rows, the"), "{}", run.stderr);

    // As it was, and a row too many.
    take("p", 4321);
    put("_default", 4321, vector(4321));
    full(0);
    put("p", 99_999, [0.0, 0.0]);
    let run = full(3).says(&["Milvus counts 5501 rows, the source has 5500", "501 rows in partition `p`"]);
    assert!(!run.stderr.contains("id "), "{}", run.stderr);
}

#[test]
fn many_rows_that_differ_are_counted_and_a_few_are_named() {
    let place = Place::on_2_2("many");
    write(&place);
    place.run("migrate", &[]).ends_with(0);
    let ids: Vec<i64> = (0..IN_DEFAULT).collect();
    let others: Vec<f32> = ids.iter().flat_map(|id| [*id as f32, 0.25]).collect();
    let mut install = Install::new(&place.path("old"));
    install.collection("c", 2).segment("7", &ids, &others, &[]);
    install.partition("p").segment("8", &[10_000], &vectors(&[10_000]), &[]).finish();
    let (found, run) = report(&place, 3, &["--full"]);
    assert_eq!(number(&found["collections"][0], "different_rows"), 5000);
    run.says(&["id 0 has another vector", "id 4 has another vector", "4995 more rows differ"]);
}

#[test]
fn of_rows_that_share_an_id_milvus_must_show_one_of_the_source() {
    let place = Place::on_2_3("shared");
    let ids: Vec<i64> = (0..3000).chain([7, 7, 8]).collect();
    let mut all = vectors(&ids);
    all.truncate(6000);
    all.extend([70.0, 0.5, 71.0, 0.5, 8.0, 0.5]);
    let mut install = Install::new(&place.path("old"));
    install.collection("c", 2).segment("7", &ids, &all, &[]).finish();
    place.run("migrate", &["--full"]).ends_with(0).says(&["2 ids in more than one row"]);
    let (found, _) = report(&place, 0, &["--full"]);
    let found = &found["collections"][0];
    // Of the three rows of id 7 one is shown; those of id 8 are the same.
    assert_eq!((number(found, "unseen_rows"), number(found, "compared_rows")), (2, 3001));
    let change = [
        json!({"delete": "c", "ids": [7]}),
        json!({"insert": "c", "columns": [[7, 7, 7], [[72.0, 0.5], [72.0, 0.5], [72.0, 0.5]]]}),
    ];
    place.change(&Value::from(change.to_vec()));
    let (found, run) = report(&place, 3, &["--full"]);
    assert_eq!(number(&found["collections"][0], "different_rows"), 1);
    run.says(&["id 7 has another vector"]);
}

#[test]
fn rows_of_conditions_queries_and_partition_keys_are_all_compared() {
    let place = Place::on_2_3("chosen");
    write(&place);
    let half = ["--where", "id % 2 = 0", "--full"];
    place.run("migrate", &half).ends_with(0).says(&["all 2,750 rows compared bit for bit"]);
    place
        .run("verify", &["--full"])
        .ends_with(3)
        .says(&["id 1 is missing in partition `_default`", "2745 more rows differ"]);
    let query = "SELECT id, vector, partition_tag, concat('title ', id) AS title FROM c WHERE id >= 4000";
    let query = ["--query", query, "--as", "q", "--full", "--overwrite"];
    let (migrated, compared) = (place.run("migrate", &query), "all 1,500 rows compared bit for bit");
    migrated.ends_with(0).says(&[compared, "compared are id, vector, title"]);
    place.change(&json!([
        {"delete": "q", "partition": "p", "ids": [10_007]},
        {"insert": "q", "partition": "p", "columns": [[10_007], [vector(10_007)], ["another"]]},
    ]));
    let run = place.run("verify", &query[..5]).ends_with(3);
    run.says(&["id 10007 has `another` as `title`, expected `title 10007`, in partition `p` of Milvus"]);
    let keyed =
        ["--set", "m2m.collections.c.name=keyed", "--set", "m2m.partitions=key", "--full", "--overwrite"];
    place.run("migrate", &keyed).ends_with(0).says(&["all 5,500 rows compared bit for bit"]);
}

/// A collection that somebody else made, with fields of these and all that goes with them.
fn made_by_others(place: &Place, name: &str, fields: &Value, columns: &Value, more: &Value) {
    let mut create = json!({"create": name, "fields": fields});
    create.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let index = json!({"index": name, "index_type": "FLAT", "metric_type": "L2"});
    place.change(&json!([create, {"insert": name, "columns": columns}, index, {"load": name}]));
}

/// All rows of `c`, as columns.
fn rows() -> (Vec<i64>, Vec<[f32; 2]>) {
    let ids: Vec<i64> = (0..IN_DEFAULT).chain(10_000..10_000 + IN_P).collect();
    let vectors = ids.iter().map(|id| vector(*id)).collect();
    (ids, vectors)
}

fn key(name: &str) -> Value {
    json!({"name": name, "type": "INT64", "primary": true})
}

fn embedding() -> Value {
    json!({"name": "embedding", "type": "FLOAT_VECTOR", "dim": 2})
}

#[test]
fn a_collection_with_other_names_fields_and_partitions_is_compared() {
    let place = Place::on_2_3("foreign");
    write(&place);
    let (ids, mut vectors) = rows();
    let titles: Vec<String> = ids.iter().map(|id| format!("title {id}")).collect();
    let title = json!({"name": "title", "type": "VARCHAR", "max_length": 64});
    let fields = json!([title, embedding(), key("pk")]);
    made_by_others(&place, "films", &fields, &json!([titles, vectors, ids]), &json!({"dynamic": true}));
    let named = ["--set", "m2m.collections.c.name=films"];
    let full = [&["--full"], &named[..]].concat();
    let said = [
        "note: c: Milvus has none of the source's partitions (`p`): rows were counted and looked for in the whole",
        "note: c: Milvus has fields that the source has not, which were not compared: `title` (VarChar(64))",
        "it is dynamic",
        "all 5,500 rows compared bit for bit",
    ];
    let (found, run) = report(&place, 0, &full);
    run.says(&said);
    let found = &found["collections"][0];
    assert_eq!((found["layout"].as_str(), found["target_name"].as_str()), (Some("whole"), Some("films")));
    assert_eq!(found["fields"], json!(["pk", "embedding"]));
    assert_eq!(found["partitions"][1]["target_rows"], Value::Null);

    // What differs is found all the same.
    vectors[5200][1] = 0.25;
    let change = json!([
        {"delete": "films", "ids": [ids[5200], 3]},
        {"insert": "films", "columns": [[titles[5200]], [vectors[5200]], [ids[5200]]]},
    ]);
    place.change(&change);
    place.run("verify", &full).ends_with(3).says(&[
        "Milvus counts 5499 rows, the source has 5500",
        "id 10200 has another vector in Milvus",
        "id 3 is missing in Milvus",
    ]);
    // Of another name there is none.
    place.run("verify", &[]).ends_with(3).says(&["collection `c` does not exist", "no row was compared"]);
}

#[test]
fn a_partition_key_of_others_and_another_metric_are_told() {
    let place = Place::on_2_3("key");
    write(&place);
    let (ids, vectors) = rows();
    let tags: Vec<String> = ids.iter().map(|id| format!("user {}", id % 7)).collect();
    let user = json!({"name": "user", "type": "VARCHAR", "max_length": 64, "partition_key": true});
    let fields = json!([key("id"), user, embedding()]);
    made_by_others(&place, "c", &fields, &json!([ids, tags, vectors]), &json!({}));
    let (found, run) = report(&place, 0, &["--full"]);
    run.says(&["Milvus chooses a row's partition by field `user`", "all 5,500 rows compared bit for bit"]);
    assert_eq!(found["collections"][0]["layout"].as_str(), Some("whole"));
    place.change(&json!([{"drop_index": "c"}, {"index": "c", "index_type": "FLAT", "metric_type": "IP"}]));
    place
        .run("verify", &[])
        .ends_with(3)
        .says(&["the metric is IP in Milvus, expected L2", "is loaded to be compared"]);
}

#[test]
fn rows_that_cannot_be_asked_for_are_counted_and_never_called_compared() {
    let place = Place::on_2_3("counted");
    write(&place);
    let (_, vectors) = rows();
    let mut made = key("id");
    made["auto_id"] = json!(true);
    made_by_others(&place, "made", &json!([made, embedding()]), &json!([vectors]), &json!({}));
    let named = ["--full", "--set", "m2m.collections.c.name=made"];
    let (found, run) = report(&place, 3, &named);
    run.says(&[
        "its primary key `id` is made by the server and holds no ids of the source",
        "no row was compared: Milvus cannot be asked for them by their ids",
    ]);
    assert_eq!(number(&found["collections"][0], "target_rows"), 5500);
    assert_eq!(number(&found["totals"], "compared_rows"), 0);

    // A vector of another length, and the ids as texts.
    let texts: Vec<String> = (0..3).map(|id| id.to_string()).collect();
    let vectors = [[0.0_f32; 3]; 3];
    let longer = json!({"name": "v", "type": "FLOAT_VECTOR", "dim": 3});
    let fields = json!([{"name": "id", "type": "VARCHAR", "max_length": 9, "primary": true}, longer]);
    made_by_others(&place, "texts", &fields, &json!([texts, vectors]), &json!({}));
    let named = ["--search", "2", "--set", "m2m.collections.c.name=texts"];
    place.run("verify", &named).ends_with(3).says(&[
        "its primary key `id` is of type VarChar(9), expected Int64",
        "its field `v` is of type FloatVector(3), expected FloatVector(2)",
        "Milvus counts 3 rows, the source has 5500",
        "no search was compared: the collection in Milvus has no such vector",
    ]);
}

#[test]
fn equal_counts_alone_are_not_called_equal_rows() {
    let place = Place::on_2_3("nothing");
    let mut install = Install::new(&place.path("old"));
    install.collection("empty", 2);
    install.collection("two", 2).segment("7", &[1, 2], &[0.0; 4], &[]).finish();
    place.run("migrate", &[]).ends_with(0);
    let run = place.run("verify", &["--col", "empty", "--full", "--search", "3"]).ends_with(0);
    run.says(&[
        "note: empty: no row was compared: the source has none",
        "note: empty: no search was compared: the source has no row",
        "all counts are equal, and no row was compared",
    ]);
    let run = place.run("verify", &["--col", "two", "--sample", "0"]).ends_with(0);
    run.says(&["a sample of none was asked for", "and no row was compared"]);
    // What has no index cannot be loaded, and so not be asked.
    place.change(&json!([{"drop_index": "two"}]));
    let run = place.run("verify", &["--col", "two", "--full", "--search", "3"]).ends_with(3);
    run.says(&["differs: two: it has no index in Milvus", "1 of 1 collections differ"]);
    place
        .run("verify", &["--col", "two"])
        .ends_with(0)
        .says(&["note: two: it has no index in Milvus", "no row was compared"]);
}

/// Rows without an order that an index could make use of.
fn scattered(rows: usize, dimension: usize) -> Vec<f32> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f32::from(u16::try_from(state >> 48).unwrap()) / 65_536.0
    };
    (0..rows * dimension).map(|_| next()).collect()
}

#[test]
fn recall_tells_a_thorough_search_from_a_hasty_one() {
    let place = Place::on_2_3("recall");
    let ids: Vec<i64> = (0..12_000).collect();
    let values = scattered(ids.len(), 16);
    let mut install = Install::new(&place.path("old"));
    install.collection("lists", 16).index(2, r#"{"nlist": 64}"#).segment("7", &ids, &values, &[]);
    install.collection("plain", 16).index(1, "{}").segment("8", &ids, &values, &[]).finish();
    place.run("migrate", &["--search", "20", "--min-recall", "0.5"]).ends_with(0).says(&["recall@10"]);
    let search = |name: &str, code: i32, more: &[&str]| {
        let args = [&["--col", name, "--search", "50"][..], more].concat();
        let (found, run) = report(&place, code, &args);
        let found = found["collections"][0].clone();
        let search = &found["search"];
        assert_eq!(
            (number(search, "queries"), number(search, "neighbours")),
            (50, 50 * number(search, "top_k"))
        );
        (search["recall"].as_f64().unwrap(), search.clone(), run)
    };
    let (plain, found, _) = search("plain", 0, &["--min-recall", "1"]);
    assert_eq!((plain, found["params"].clone(), found["index"].as_str()), (1.0, json!({}), Some("FLAT")));
    let (thorough, ..) = search("lists", 0, &["--search-param", "nprobe=64", "--min-recall", "1"]);
    assert_eq!(thorough, 1.0);
    let (hasty, found, run) = search("lists", 3, &["--search-param", "nprobe=1", "--min-recall", "0.9"]);
    assert!(hasty > 0.05 && hasty < 0.8, "{hasty}");
    assert_eq!((&found["params"], found["index"].as_str()), (&json!({"nprobe": 1}), Some("IVF_FLAT")));
    assert!(found["worst_recall"].as_f64().unwrap() <= hasty);
    run.says(&["of the nearest 10 rows, expected at least 0.9", "IVF_FLAT, nprobe 1"]);
    // Without a least it is told, and no difference.
    let (usual, found, _) = search("lists", 0, &["--top-k", "3"]);
    assert!(usual > hasty, "{usual}");
    assert_eq!((&found["params"], number(&found, "top_k")), (&json!({"nprobe": 16}), 3));
}

#[test]
fn what_was_loaded_to_be_compared_is_released_when_interrupted() {
    let place = Place::on_2_3("interrupted");
    write(&place);
    place.run("migrate", &[]).ends_with(0);
    place.change(&json!([{"release": "c"}]));
    let install = place.path("old");
    let args =
        ["verify", "--install", install.to_str().unwrap(), "--milvus-database", &place.database, "--full"];
    let mut child = place.target.m2m(&args).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("it is loaded to be compared")));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said:?}");
    let fields = json!([key("id"), {"name": "vector", "type": "FLOAT_VECTOR", "dim": 2}]);
    let index = json!({"metric_type": "L2"});
    place
        .holds(&json!({"collection": "c", "fields": fields, "index": index, "loaded": false, "count": 5500}));
}

/// The schema of a report as the code has it.
fn schema() -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Verification>();
    schema.insert("$id".into(), "urn:m2m:verification:1".into());
    schema.insert("title".into(), "Report of m2m verify".into());
    schema.insert("description".into(), "What `m2m verify --json` writes.".into());
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

#[test]
fn the_schema_is_that_of_the_report() {
    let file = fixtures::project().join("sql/verify/report.schema.json");
    if std::env::var_os(COMPLETE).is_some() {
        std::fs::write(&file, schema()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(
        written == schema(),
        "{} is of another report: set {COMPLETE}=1 and run this test again",
        file.display()
    );
}

/// Fails unless a value has all that its schema requires, and nothing beside.
#[track_caller]
fn fits(schema: &Value, part: &Value, value: &Value) {
    let part = match part["$ref"].as_str() {
        Some(name) => &schema["$defs"][name.strip_prefix("#/$defs/").unwrap()],
        None => part,
    };
    let known = part["properties"].as_object();
    match value {
        Value::Object(fields) if part["additionalProperties"].is_object() => {
            fields.values().for_each(|field| fits(schema, &part["additionalProperties"], field));
        }
        Value::Object(fields) => {
            let known = known.unwrap_or_else(|| panic!("{part} is no object, and {value} is"));
            for name in part["required"].as_array().unwrap() {
                assert!(fields.contains_key(name.as_str().unwrap()), "{name} is missing in {value}");
            }
            for (name, field) in fields {
                let part = known.get(name).unwrap_or_else(|| panic!("nobody knows `{name}`"));
                let one =
                    part["anyOf"].as_array().and_then(|parts| parts.first()).filter(|_| !field.is_null());
                fits(schema, one.unwrap_or(part), field);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fits(schema, &part["items"], item)),
        Value::Null => assert!(part.to_string().contains("null"), "{part}"),
        other => {
            let words = part["enum"].as_array().is_some_and(|words| words.contains(other));
            let of_choice = part["oneOf"].to_string().contains(&other.to_string());
            let types = part["type"].to_string();
            let typed = match other {
                Value::Bool(_) => types.contains("boolean"),
                Value::String(_) => types.contains("string"),
                _ => types.contains("integer") || types.contains("number"),
            };
            assert!(words || of_choice || (typed && part["enum"].is_null()), "{other} does not fit {part}");
        }
    }
}

#[test]
fn a_report_is_as_its_schema_says() {
    let place = Place::on_2_3("schema");
    write(&place);
    place.run("migrate", &[]).ends_with(0);
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let everything = ["--search", "3", "--min-recall", "0.1", "--where", "id < 100"];
    for (code, more) in [(0, &["--full"][..]), (3, &everything)] {
        let (found, _) = report(&place, code, more);
        fits(&schema, &schema, &found);
        assert_eq!(found["format"], 1);
        assert!(found["seconds"].as_f64().unwrap() > 0.0);
    }
}
