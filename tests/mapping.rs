// SPDX-License-Identifier: Apache-2.0
//! Everything that a 1.x collection can be, migrated to a real Milvus 2.3.5 and a
//! real 2.2.16, and read back by pymilvus: schema, metric, index, partitions, rows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::hex::{hex, hex_of_floats};
use crate::support::install::Install;
use crate::support::place::Place;

const DIMENSION: usize = 12;
const VECTOR_BYTES: usize = 8;

/// Numbers of metrics in Milvus 1.x.
const L2: u32 = 1;
const IP: u32 = 2;
const HAMMING: u32 = 3;
const JACCARD: u32 = 4;
const TANIMOTO: u32 = 5;
const SUBSTRUCTURE: u32 = 6;
const SUPERSTRUCTURE: u32 = 7;

/// Fewer rows than these are never indexed, whatever the index.
const INDEXED: i64 = 1200;
const FEW: i64 = 30;

/// Type, metric and parameters of an index in Milvus 2.x.
type Index = (&'static str, &'static str, &'static str);

/// A collection of 1.x, and what becomes of its metric and its index.
struct Case {
    name: &'static str,
    metric: u32,
    /// Number and parameters of the index in Milvus 1.x.
    index: (u32, &'static str),
    rows: i64,
    on_2_3: Index,
    on_2_2: Index,
}

const fn case(
    name: &'static str,
    metric: u32,
    index: (u32, &'static str),
    rows: i64,
    on_2_3: Index,
    on_2_2: Index,
) -> Case {
    Case { name, metric, index, rows, on_2_3, on_2_2 }
}

/// A case that both servers take alike.
const fn same(
    name: &'static str,
    metric: u32,
    index: (u32, &'static str),
    rows: i64,
    becomes: Index,
) -> Case {
    case(name, metric, index, rows, becomes, becomes)
}

const GRAPH: &str = r#"{"M": 16, "efConstruction": 200}"#;
const LISTS: &str = r#"{"nlist": 8}"#;
const CASES: [Case; 22] = [
    same("l2_flat", L2, (1, "{}"), FEW, ("FLAT", "L2", "{}")),
    same("ip_flat", IP, (1, ""), FEW, ("FLAT", "IP", "{}")),
    same("ivf_flat", L2, (2, LISTS), INDEXED, ("IVF_FLAT", "L2", LISTS)),
    same("ivf_wide", L2, (2, r#"{"nlist": 99999}"#), FEW, ("IVF_FLAT", "L2", r#"{"nlist": 65536}"#)),
    same("ivf_sq8", IP, (3, LISTS), INDEXED, ("IVF_SQ8", "IP", LISTS)),
    same("ivf_sq8h", L2, (5, LISTS), FEW, ("IVF_SQ8", "L2", LISTS)),
    same("ivf_pq", L2, (6, r#"{"m": 4, "nlist": 8}"#), INDEXED, ("IVF_PQ", "L2", r#"{"m": 4, "nlist": 8}"#)),
    same("ivf_pq_odd", L2, (6, r#"{"m": 5, "nlist": 8}"#), FEW, ("IVF_SQ8", "L2", LISTS)),
    same("hnsw", IP, (11, GRAPH), INDEXED, ("HNSW", "IP", GRAPH)),
    case(
        "hnsw_wide",
        L2,
        (11, r#"{"M": 1, "efConstruction": 5000}"#),
        INDEXED,
        ("HNSW", "L2", r#"{"M": 2, "efConstruction": 5000}"#),
        ("HNSW", "L2", r#"{"M": 4, "efConstruction": 512}"#),
    ),
    same("rnsg", L2, (4, r#"{"out_degree": 30}"#), FEW, ("HNSW", "L2", GRAPH)),
    case(
        "annoy",
        IP,
        (12, r#"{"n_trees": 10}"#),
        INDEXED,
        ("HNSW", "IP", GRAPH),
        ("ANNOY", "IP", r#"{"n_trees": 10}"#),
    ),
    same("auto_float", IP, (11, GRAPH), INDEXED, ("AUTOINDEX", "IP", "null")),
    same("none", L2, (2, LISTS), FEW, ("", "", "")),
    same("hamming", HAMMING, (9, "{}"), FEW, ("BIN_FLAT", "HAMMING", "{}")),
    same("jaccard", JACCARD, (10, LISTS), INDEXED, ("BIN_IVF_FLAT", "JACCARD", LISTS)),
    case("tanimoto", TANIMOTO, (9, "{}"), FEW, ("BIN_FLAT", "JACCARD", "{}"), ("BIN_FLAT", "TANIMOTO", "{}")),
    case(
        "tanimoto_ivf",
        TANIMOTO,
        (10, LISTS),
        INDEXED,
        ("BIN_IVF_FLAT", "JACCARD", LISTS),
        ("BIN_IVF_FLAT", "TANIMOTO", LISTS),
    ),
    same("substructure", SUBSTRUCTURE, (10, LISTS), FEW, ("BIN_FLAT", "SUBSTRUCTURE", "{}")),
    same("superstructure", SUPERSTRUCTURE, (1, "{}"), FEW, ("BIN_FLAT", "SUPERSTRUCTURE", "{}")),
    same("auto_few_bits", JACCARD, (10, LISTS), FEW, ("BIN_FLAT", "JACCARD", "{}")),
    same("auto_many_bits", HAMMING, (9, "{}"), 100_000, ("BIN_IVF_FLAT", "HAMMING", r#"{"nlist": 1264}"#)),
];

/// A vector that tells its id, among others by a negative zero and a subnormal number.
fn floats(id: i64) -> Vec<f32> {
    let odd = [-0.0, 1e-45, 1e15, id as f32];
    let plain =
        |at: usize| ((id.wrapping_mul(31).wrapping_add(at as i64 * 17)).rem_euclid(255) - 127) as f32 / 16.0;
    (0..DIMENSION).map(|at| if id % 50 == 7 && at < 4 { odd[at] } else { plain(at) }).collect()
}

/// A vector of length 1.
fn unit(id: i64) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSION];
    let at = id.rem_euclid(DIMENSION as i64 - 1) as usize;
    (vector[at], vector[at + 1]) = if id % 2 == 0 { (0.6, -0.8) } else { (-1.0, 0.0) };
    vector
}

fn bits(id: i64) -> Vec<u8> {
    (id.wrapping_mul(0x5851_F42D_4C95_7F2D) ^ id).to_le_bytes().to_vec()
}

/// A row as `milvus_rows.py` wants it.
fn row(partition: &str, id: i64, vector: &[f32]) -> Value {
    json!({"partition": partition, "id": id, "vector": hex_of_floats(vector)})
}

fn float_rows(partition: &str, ids: impl IntoIterator<Item = i64>) -> Vec<Value> {
    ids.into_iter().map(|id| row(partition, id, &floats(id))).collect()
}

fn fields(vector: &str, dimension: usize) -> Value {
    json!([
        {"name": "id", "type": "INT64", "primary": true},
        {"name": "vector", "type": vector, "dim": dimension},
    ])
}

fn float_fields() -> Value {
    fields("FLOAT_VECTOR", DIMENSION)
}

fn flat(metric: &str) -> Value {
    json!({"index_type": "FLAT", "metric_type": metric, "params": {}})
}

impl Case {
    fn is_binary(&self) -> bool {
        self.metric >= HAMMING
    }

    fn write(&self, install: &mut Install) {
        let ids: Vec<i64> = (0..self.rows).collect();
        let dimension = if self.is_binary() { 8 * VECTOR_BYTES } else { DIMENSION };
        install.collection(self.name, dimension as u32).metric(self.metric).index(self.index.0, self.index.1);
        if self.is_binary() {
            install.binary_segment("7", &ids, &ids.iter().flat_map(|&id| bits(id)).collect::<Vec<u8>>());
        } else {
            install.segment("7", &ids, &ids.iter().flat_map(|&id| floats(id)).collect::<Vec<f32>>(), &[]);
        }
    }

    fn expected(&self, index: &Index) -> Value {
        let shown: Vec<i64> = (0..self.rows).step_by((self.rows / INDEXED).max(1) as usize).collect();
        let (fields, rows) = if self.is_binary() {
            let row = |&id: &i64| json!({"partition": "_default", "id": id, "vector": hex(&bits(id))});
            (fields("BINARY_VECTOR", 8 * VECTOR_BYTES), shown.iter().map(row).collect())
        } else {
            (float_fields(), float_rows("_default", shown))
        };
        let loaded = !index.0.is_empty();
        json!({
            "collection": self.name,
            "fields": fields,
            "index": described(index),
            "loaded": loaded,
            "count": {"_default": self.rows},
            "rows": if loaded { rows } else { Vec::new() },
        })
    }
}

fn described((index_type, metric, params): &Index) -> Value {
    if index_type.is_empty() {
        return Value::Null;
    }
    let params: Value = serde_json::from_str(params).unwrap();
    json!({"index_type": index_type, "metric_type": metric, "params": params})
}

/// What is said of the cases whose names say that the index is chosen, or that there is none.
fn choices() -> Value {
    let of = |case: &Case| {
        let choice = if case.name.starts_with("auto") { "auto" } else { case.name };
        ["auto", "none"].contains(&choice).then(|| (case.name.to_owned(), json!({"index": choice})))
    };
    let collections: BTreeMap<String, Value> = CASES.iter().filter_map(of).collect();
    json!({"m2m": {"collections": collections}})
}

fn write_cases(place: &Place) {
    let mut install = Install::new(&place.path("old"));
    for case in &CASES {
        case.write(&mut install);
    }
    install.finish();
}

#[test]
fn metrics_and_indexes_are_those_of_the_table_on_2_3() {
    let place = Place::on_2_3("map_indexes");
    write_cases(&place);
    let run = place.run("migrate", &["-c", &place.settings(&choices())]).ends_with(0);
    run.says(&[
        "IVF_SQ8H becomes IVF_SQ8",
        "m 5 becomes IVF_SQ8",
        "nlist 65536",
        "M 2, the nearest to 1",
        "RNSG becomes HNSW",
        "ANNOY becomes HNSW",
        "TANIMOTO becomes JACCARD",
        "BIN_IVF_FLAT becomes BIN_FLAT, the only one for metric SUBSTRUCTURE",
        "AUTOINDEX is chosen",
        "no index is built",
    ]);
    let expected: Vec<Value> = CASES.iter().map(|case| case.expected(&case.on_2_3)).collect();
    place.holds(&json!(expected));
}

#[test]
fn metrics_and_indexes_are_those_of_the_table_on_2_2() {
    let place = Place::on_2_2("map_indexes");
    write_cases(&place);
    let run = place.run("migrate", &["-c", &place.settings(&choices())]).ends_with(0);
    run.says(&["M 4, the nearest to 1", "efConstruction 512, the nearest to 5000"]);
    let expected: Vec<Value> = CASES.iter().map(|case| case.expected(&case.on_2_2)).collect();
    place.holds(&json!(expected));
}

/// A collection with index FLAT, as `milvus_rows.py` wants it.
fn collection(name: &str, metric: &str, count: &Value, rows: &[Value]) -> Value {
    json!({
        "collection": name, "fields": float_fields(), "index": flat(metric), "loaded": true,
        "count": count, "rows": rows,
    })
}

/// Tags that 1.x allows, what becomes of them, and the ids of their rows.
const TAGS: [(&str, &str, std::ops::Range<i64>); 9] = [
    ("_default", "_default", 0..10),
    ("p", "p", 10..20),
    (" p", "p_07c55807", 20..25),
    ("2020-Q1", "2020_Q1_2cbf8c75", 25..30),
    ("2020 Q1", "2020_Q1_146f1175", 30..35),
    ("2020_Q1", "2020_Q1", 35..40),
    ("日本", "partition_121d7e35", 40..60),
    ("empty", "empty", 60..60),
    ("empty one", "empty_one_91e05009", 60..60),
];

fn write_partitions(install: &mut Install, name: &str) {
    install.collection(name, DIMENSION as u32);
    for (number, (tag, _, ids)) in TAGS.into_iter().enumerate() {
        if number > 0 {
            install.partition(tag);
        }
        if !ids.is_empty() {
            write_floats(install, &number.to_string(), ids, &[]);
        }
    }
}

fn write_floats(install: &mut Install, segment: &str, ids: impl IntoIterator<Item = i64>, deleted: &[i32]) {
    let ids: Vec<i64> = ids.into_iter().collect();
    let vectors: Vec<f32> = ids.iter().flat_map(|&id| floats(id)).collect();
    install.segment(segment, &ids, &vectors, deleted);
}

/// Copies of rows: the vector of copy 1 of id 5 is that of id 1005.
fn copies() -> [(&'static str, i64, i64); 7] {
    let (one, other) = ("_default", "p");
    [(one, 1, 0), (one, 2, 0), (one, 3, 0), (one, 1, 1), (other, 3, 1), (other, 2, 1), (other, 9, 0)]
}

fn write_copies(install: &mut Install, name: &str) {
    install.collection(name, DIMENSION as u32);
    for partition in ["_default", "p"] {
        let rows = || copies().into_iter().filter(|(of, ..)| *of == partition);
        let ids: Vec<i64> = rows().map(|(_, id, _)| id).collect();
        let vectors: Vec<f32> = rows().flat_map(|(_, id, copy)| floats(id + 1000 * copy)).collect();
        if partition != "_default" {
            install.partition(partition);
        }
        install.segment(&format!("7{partition}"), &ids, &vectors, &[]);
    }
}

fn expected_copies(name: &str, chosen: fn(i64, i64) -> bool, count: &Value) -> Value {
    let of = |(partition, id, copy): (&str, i64, i64)| {
        chosen(id, copy).then(|| row(partition, id, &floats(id + 1000 * copy)))
    };
    collection(name, "L2", count, &copies().into_iter().filter_map(of).collect::<Vec<_>>())
}

const EXTREME: [i64; 6] = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX];

/// An installation of everything that rows can be.
fn write_rows(place: &Place) {
    let mut install = Install::new(&place.path("old"));
    write_partitions(&mut install, "parts");
    write_partitions(&mut install, "keyed");
    install.collection("deleted", DIMENSION as u32);
    write_floats(&mut install, "7", 0..50, &[7, 0, 49, 7]);
    write_floats(&mut install, "8", 50..52, &[0, 1]);
    for name in ["copies_kept", "copies_first", "copies_last"] {
        write_copies(&mut install, name);
    }
    let mut vectors: Vec<f32> = (0..20).flat_map(floats).collect();
    vectors[3 * DIMENSION + 5] = f32::NAN;
    vectors[4 * DIMENSION] = f32::NEG_INFINITY;
    install.collection("invalid", DIMENSION as u32).segment("7", &(0..20).collect::<Vec<_>>(), &vectors, &[]);
    install.collection("extreme", DIMENSION as u32);
    write_floats(&mut install, "7", EXTREME, &[]);
    install.collection("renamed", DIMENSION as u32);
    write_floats(&mut install, "7", 0..5, &[]);
    install.finish();
}

fn settings_of_rows() -> Value {
    json!({"m2m": {"collections": {
        "keyed": {"partitions": "key", "partitionField": "tag"},
        "copies_first": {"duplicates": "first"},
        "copies_last": {"duplicates": "last"},
        "invalid": {"invalidVectors": "skip"},
        "renamed": {"name": "films", "idField": "pk", "vectorField": "embedding"},
    }}})
}

fn expected_rows() -> Vec<Value> {
    let parts: Vec<Value> = TAGS.into_iter().flat_map(|(_, name, ids)| float_rows(name, ids)).collect();
    let counts: BTreeMap<&str, i64> =
        TAGS.into_iter().map(|(_, name, ids)| (name, ids.end - ids.start)).collect();
    let tagged = |(tag, _, ids): (&str, &str, std::ops::Range<i64>)| {
        ids.map(|id| json!({"id": id, "vector": hex_of_floats(&floats(id)), "tag": tag})).collect::<Vec<_>>()
    };
    let keyed: Vec<Value> = TAGS.into_iter().flat_map(tagged).collect();
    let mut key_fields = float_fields();
    let key = json!({"name": "tag", "type": "VARCHAR", "max_length": 16, "partition_key": true});
    key_fields.as_array_mut().unwrap().push(key);
    let live = (0..50).filter(|id| ![0, 7, 49].contains(id));
    let valid = (0..20).filter(|id| ![3, 4].contains(id));
    let count = |rows: usize| json!({"_default": rows});
    let films: Vec<Value> = (0..5)
        .map(|id| json!({"partition": "_default", "pk": id, "embedding": hex_of_floats(&floats(id))}))
        .collect();
    vec![
        collection("parts", "L2", &json!(counts), &parts),
        json!({
            "collection": "keyed", "fields": key_fields, "index": flat("L2"), "loaded": true,
            "count": 60, "rows": keyed,
        }),
        collection("deleted", "L2", &count(47), &float_rows("_default", live)),
        expected_copies("copies_kept", |_, _| true, &json!({"_default": 4, "p": 3})),
        expected_copies("copies_first", |_, copy| copy == 0, &json!({"_default": 3, "p": 1})),
        expected_copies("copies_last", |id, copy| copy == 1 || id == 9, &json!({"_default": 1, "p": 3})),
        collection("invalid", "L2", &count(18), &float_rows("_default", valid)),
        collection("extreme", "L2", &count(6), &float_rows("_default", EXTREME)),
        json!({
            "collection": "films",
            "fields": [
                {"name": "pk", "type": "INT64", "primary": true},
                {"name": "embedding", "type": "FLOAT_VECTOR", "dim": DIMENSION},
            ],
            "index": flat("L2"), "loaded": true, "count": {"_default": 5}, "rows": films,
        }),
    ]
}

fn rows_arrive(place: &Place) {
    write_rows(place);
    let run = place.run("migrate", &["-c", &place.settings(&settings_of_rows())]).ends_with(0);
    run.says(&[
        "partition `2020 Q1` becomes `2020_Q1_146f1175`",
        "partition ` p` becomes",
        "2 rows with NaN or infinity",
        "the collection becomes `films`",
    ]);
    place.holds(&json!(expected_rows()));
    // Nothing else was made, not even in passing.
    let held = place.list();
    assert_eq!(held.as_object().unwrap().len(), expected_rows().len());
    assert_eq!(held["parts"]["partitions"].as_object().unwrap().len(), TAGS.len());
    for (tag, _, ids) in TAGS {
        assert_eq!(place.ids("keyed", &format!("tag == '{tag}'")), Vec::from_iter(ids), "{tag}");
    }
}

#[test]
fn partitions_deletes_copies_and_odd_rows_arrive_on_2_3() {
    rows_arrive(&Place::on_2_3("map_rows"));
}

#[test]
fn partitions_deletes_copies_and_odd_rows_arrive_on_2_2() {
    rows_arrive(&Place::on_2_2("map_rows"));
}

fn write_products(place: &Place) {
    let mut install = Install::new(&place.path("old"));
    let ids: Vec<i64> = (0..FEW).collect();
    let units: Vec<f32> = ids.iter().flat_map(|&id| unit(id)).collect();
    install.collection("units", DIMENSION as u32).metric(IP).segment("7", &ids, &units, &[]);
    install.collection("others", DIMENSION as u32).metric(IP).index(11, GRAPH);
    write_floats(&mut install, "7", 0..FEW, &[]);
    install.collection("distances", DIMENSION as u32);
    write_floats(&mut install, "7", 0..FEW, &[]);
    install.finish();
}

#[test]
fn products_become_cosines_where_that_is_wanted_and_stay_in_milvus_unloaded() {
    let place = Place::on_2_3("map_cosine");
    write_products(&place);
    let if_normalised = ["--set", "m2m.ipToCosine=ifNormalised"];
    let run = place.run("migrate", &if_normalised).ends_with(1);
    run.says(&["`others`", "m2m.ipToCosine"]);
    assert_eq!(place.list(), Value::Null);

    let settings = place.settings(&json!({"m2m": {
        "ipToCosine": "ifNormalised", "loadAfter": false,
        "collections": {"others": {"ipToCosine": "always"}},
    }}));
    let run = place.run("migrate", &["-c", &settings]).ends_with(0);
    run.says(&["units: all 30 vectors have length 1", "metric IP becomes COSINE", "verified"]);
    let in_memory = |mut expected: Value, loaded: bool| {
        expected["loaded"] = json!(loaded);
        if !loaded {
            expected["rows"] = json!([]);
        }
        expected
    };
    let units: Vec<Value> = (0..FEW).map(|id| row("_default", id, &unit(id))).collect();
    let count = json!({"_default": FEW});
    let rows = float_rows("_default", 0..FEW);
    let mut others = collection("others", "COSINE", &count, &rows);
    others["index"] = described(&("HNSW", "COSINE", GRAPH));
    let expected =
        [collection("units", "COSINE", &count, &units), others, collection("distances", "L2", &count, &rows)];
    place.holds(&json!(expected.clone().map(|one| in_memory(one, false))));
    place
        .run(
            "migrate",
            &["-c", &settings, "--if-exists", "replace", "--overwrite", "--set", "m2m.loadAfter=true"],
        )
        .ends_with(0);
    place.holds(&json!(expected.map(|one| in_memory(one, true))));
}

#[test]
fn cosines_are_refused_by_2_2_before_anything_is_written() {
    let place = Place::on_2_2("map_cosine");
    write_products(&place);
    let run = place.run("migrate", &["--set", "m2m.ipToCosine=always"]).ends_with(1);
    run.says(&["`COSINE`", "v2.2.16", "use Milvus 2.3 or newer, or keep IP"]);
    assert_eq!(place.list(), Value::Null);
    assert!(!std::path::Path::new(&place.out).exists());
}
