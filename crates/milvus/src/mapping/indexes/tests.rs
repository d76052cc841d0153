// SPDX-License-Identifier: Apache-2.0

use super::*;

const FLOAT: VectorType = VectorType::Float(128);
const BINARY: VectorType = VectorType::Binary(512);

fn map(source: &str, params: &str, metric: &str, vector: VectorType) -> Result<Mapped<IndexSpec>> {
    index(source, params, metric, vector, &ServerVersion::parse("v2.3.5"))
}

/// The index as one line, and the note.
fn float(source: &str, params: &str) -> (String, Option<String>) {
    line(map(source, params, "L2", FLOAT).unwrap())
}

fn float_on(version: &str, source: &str, params: &str) -> (String, Option<String>) {
    line(index(source, params, "L2", FLOAT, &ServerVersion::parse(version)).unwrap())
}

fn auto(metric: &str, vector: VectorType, rows: Option<u64>, version: &str) -> (String, Option<String>) {
    line(auto_index(metric, vector, rows, &ServerVersion::parse(version)))
}

fn binary(source: &str, params: &str, metric: &str) -> (String, Option<String>) {
    line(map(source, params, metric, BINARY).unwrap())
}

fn line(mapped: Mapped<IndexSpec>) -> (String, Option<String>) {
    let IndexSpec { index_type, metric, params } = mapped.value;
    let params = params.iter().map(|(name, value)| format!(" {name}={value}")).collect::<String>();
    (format!("{index_type} {metric}{params}"), mapped.note)
}

fn same(line: &str) -> (String, Option<String>) {
    (line.to_owned(), None)
}

fn noted(line: &str, note: &str) -> (String, Option<String>) {
    (line.to_owned(), Some(note.to_owned()))
}

#[test]
fn flat_stays() {
    assert_eq!(float("FLAT", "{}"), same("FLAT L2"));
    assert_eq!(float("FLAT", ""), same("FLAT L2"));
    assert_eq!(float("FLAT", r#"{"nlist": 16384}"#), same("FLAT L2"));
}

#[test]
fn ivf_flat_and_ivf_sq8_stay() {
    assert_eq!(float("IVF_FLAT", r#"{"nlist":1024}"#), same("IVF_FLAT L2 nlist=1024"));
    assert_eq!(float("IVF_SQ8", r#"{"nlist":"16384","extra":true}"#), same("IVF_SQ8 L2 nlist=16384"));
}

#[test]
fn ivf_sq8h_becomes_ivf_sq8() {
    assert_eq!(
        float("IVF_SQ8H", r#"{"nlist":64}"#),
        noted("IVF_SQ8 L2 nlist=64", "index IVF_SQ8H becomes IVF_SQ8, the same without a graphics card")
    );
}

#[test]
fn nlist_is_brought_into_its_range() {
    let (line, note) = float("IVF_FLAT", r#"{"nlist":999999}"#);
    assert_eq!(line, "IVF_FLAT L2 nlist=65536");
    assert_eq!(note.unwrap(), "index IVF_FLAT gets nlist 65536, the nearest to 999999 that is allowed");
    assert_eq!(float("IVF_FLAT", r#"{"nlist":0}"#).0, "IVF_FLAT L2 nlist=1");
    assert_eq!(float("IVF_FLAT", r#"{"nlist":1}"#), same("IVF_FLAT L2 nlist=1"));
    assert_eq!(float("IVF_FLAT", r#"{"nlist":65536}"#), same("IVF_FLAT L2 nlist=65536"));
}

#[test]
fn a_missing_parameter_gets_a_default_and_a_note() {
    assert_eq!(
        float("IVF_FLAT", "{}"),
        noted("IVF_FLAT L2 nlist=1024", "index IVF_FLAT gets nlist 1024, it had none")
    );
}

#[test]
fn ivf_pq_stays_when_m_divides_the_dimension() {
    assert_eq!(float("IVF_PQ", r#"{"nlist":64,"m":16}"#), same("IVF_PQ L2 m=16 nlist=64"));
}

#[test]
fn ivf_pq_becomes_ivf_sq8_when_m_does_not_divide_the_dimension() {
    for (m, word) in [("12", "with m 12"), ("256", "with m 256"), ("0", "with m 0"), ("-8", "with m -8")] {
        let (line, note) = float("IVF_PQ", &format!(r#"{{"nlist":64,"m":{m}}}"#));
        assert_eq!(line, "IVF_SQ8 L2 nlist=64");
        let note = note.unwrap();
        assert!(
            note.contains(&format!("{word} becomes IVF_SQ8, because m must divide the dimension 128")),
            "{note}"
        );
    }
    assert_eq!(float("IVF_PQ", r#"{"nlist":64}"#).0, "IVF_SQ8 L2 nlist=64");
}

#[test]
fn hnsw_stays_with_parameters_in_their_ranges() {
    assert_eq!(float("HNSW", r#"{"M":16,"efConstruction":500}"#), same("HNSW L2 M=16 efConstruction=500"));
    assert_eq!(float("HNSW", r#"{"M":65,"efConstruction":4}"#), same("HNSW L2 M=65 efConstruction=4"));
    assert_eq!(float("HNSW", r#"{"M":1,"efConstruction":0}"#).0, "HNSW L2 M=2 efConstruction=1");
    let (line, note) = float("HNSW", r#"{"M":2049,"efConstruction":9999999999}"#);
    assert_eq!(line, "HNSW L2 M=2048 efConstruction=999999");
    let note = note.unwrap();
    assert!(note.contains("gets M 2048") && note.contains("gets efConstruction 999999"), "{note}");
    assert_eq!(float("HNSW", "{}").0, "HNSW L2 M=16 efConstruction=200");
}

#[test]
fn hnsw_has_narrower_ranges_on_2_2() {
    let old = |params| float_on("v2.2.16", "HNSW", params);
    assert_eq!(old(r#"{"M":4,"efConstruction":512}"#), same("HNSW L2 M=4 efConstruction=512"));
    assert_eq!(old(r#"{"M":2,"efConstruction":4}"#).0, "HNSW L2 M=4 efConstruction=8");
    let (line, note) = old(r#"{"M":65,"efConstruction":513}"#);
    assert_eq!(line, "HNSW L2 M=64 efConstruction=512");
    let note = note.unwrap();
    assert!(note.contains("gets M 64") && note.contains("gets efConstruction 512"), "{note}");
}

#[test]
fn graphs_and_trees_that_are_gone_become_hnsw() {
    for source in ["RNSG", "NSG", "SPTAG_KDT", "SPTAG_BKT", "SPTAG_KDT_RNT", "SPTAG_BKT_RNT", "ANNOY"] {
        let (line, note) = float(source, r#"{"n_trees":8,"M":1}"#);
        assert_eq!(line, "HNSW L2 M=16 efConstruction=200");
        let note = note.unwrap();
        assert!(note.contains(&format!("becomes HNSW, because Milvus v2.3.5 has no {source}")), "{note}");
    }
    assert_eq!(float_on("v2.2.16", "RNSG", "{}").0, "HNSW L2 M=16 efConstruction=200");
}

#[test]
fn trees_stay_on_2_2() {
    let old = |params| float_on("v2.2.16", "ANNOY", params);
    assert_eq!(old(r#"{"n_trees":1024}"#), same("ANNOY L2 n_trees=1024"));
    assert_eq!(
        old(r#"{"n_trees":1025}"#),
        noted("ANNOY L2 n_trees=1024", "index ANNOY gets n_trees 1024, the nearest to 1025 that is allowed")
    );
    assert_eq!(old(r#"{"n_trees":0}"#).0, "ANNOY L2 n_trees=1");
    assert_eq!(old("{}"), noted("ANNOY L2 n_trees=8", "index ANNOY gets n_trees 8, it had none"));
    assert!(index("ANNOY", r#"{"n_trees":"many"}"#, "L2", FLOAT, &ServerVersion::parse("v2.2.16")).is_err());
}

#[test]
fn an_index_that_is_none_becomes_flat() {
    for source in ["INVALID", "", "unknown (17)", "BIN_FLAT", "BIN_IVF_FLAT"] {
        let (line, note) = float(source, "{}");
        assert_eq!(line, "FLAT L2");
        assert!(note.unwrap().ends_with("becomes FLAT"));
        let (line, note) = binary(source, r#"{"nlist":8}"#, "HAMMING");
        match source {
            "BIN_FLAT" => assert_eq!((line.as_str(), note), ("BIN_FLAT HAMMING", None)),
            "BIN_IVF_FLAT" => assert_eq!((line.as_str(), note), ("BIN_IVF_FLAT HAMMING nlist=8", None)),
            _ => assert!(line == "BIN_FLAT HAMMING" && note.unwrap().ends_with("becomes BIN_FLAT")),
        }
    }
}

#[test]
fn flat_on_bits_becomes_its_binary_kind() {
    assert_eq!(binary("FLAT", "{}", "HAMMING"), same("BIN_FLAT HAMMING"));
    assert_eq!(binary("BIN_FLAT", "{}", "JACCARD"), same("BIN_FLAT JACCARD"));
    assert_eq!(binary("IVF_FLAT", r#"{"nlist":8}"#, "JACCARD"), same("BIN_IVF_FLAT JACCARD nlist=8"));
    assert_eq!(binary("BIN_IVF_FLAT", r#"{"nlist":8}"#, "JACCARD"), same("BIN_IVF_FLAT JACCARD nlist=8"));
    for source in ["HNSW", "IVF_SQ8", "IVF_SQ8H", "IVF_PQ", "RNSG", "ANNOY"] {
        assert_eq!(binary(source, "{}", "HAMMING").0, "BIN_FLAT HAMMING");
    }
}

#[test]
fn structures_allow_the_flat_index_only() {
    for metric in ["SUBSTRUCTURE", "SUPERSTRUCTURE"] {
        assert_eq!(binary("FLAT", "{}", metric), same(&format!("BIN_FLAT {metric}")));
        assert_eq!(
            binary("BIN_IVF_FLAT", r#"{"nlist":8}"#, metric),
            noted(
                &format!("BIN_FLAT {metric}"),
                &format!("index BIN_IVF_FLAT becomes BIN_FLAT, the only one for metric {metric}")
            )
        );
    }
}

#[test]
fn parameters_that_are_no_json_object_are_refused() {
    for params in ["{", "[]", "null", "16384", "\u{0}"] {
        let error = map("IVF_FLAT", params, "L2", FLOAT).unwrap_err();
        assert!(matches!(error, Error::IndexParameters { .. }), "{error}");
    }
}

#[test]
fn a_parameter_that_is_no_whole_number_is_refused() {
    for value in ["1.5", "true", "null", "[]", "\"many\"", "1e400", "99999999999999999999"] {
        let Err(error) = map("IVF_FLAT", &format!(r#"{{"nlist":{value}}}"#), "L2", FLOAT) else {
            panic!("nlist {value} was accepted");
        };
        assert!(matches!(error, Error::IndexParameter { .. } | Error::IndexParameters { .. }), "{error}");
    }
    let error = map("IVF_FLAT", r#"{"nlist":1.5}"#, "L2", FLOAT).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot use `1.5` as parameter `nlist` of index `IVF_FLAT`: expected a whole number"
    );
}

#[test]
fn the_server_chooses_for_floats() {
    for (version, metric) in [("v2.2.16", "IP"), ("v2.3.5-lite", "COSINE"), ("v2.6.0", "L2")] {
        assert_eq!(
            auto(metric, FLOAT, Some(7), version),
            noted(
                &format!("AUTOINDEX {metric}"),
                "index AUTOINDEX is chosen: the server decides how it is built"
            )
        );
    }
    let (line, note) = auto("L2", FLOAT, None, "v2.2.15");
    assert_eq!(line, "HNSW L2 M=16 efConstruction=200");
    assert_eq!(
        note.unwrap(),
        "index HNSW is chosen: Milvus v2.2.15 does not decide by itself, and a graph suits most searches"
    );
}

#[test]
fn bits_are_divided_into_lists_when_there_are_many() {
    let of = |rows| auto("JACCARD", BINARY, Some(rows), "v2.3.5");
    assert_eq!(
        of(99_999),
        noted("BIN_FLAT JACCARD", "index BIN_FLAT is chosen: 99999 rows are compared one by one")
    );
    assert_eq!(of(0).0, "BIN_FLAT JACCARD");
    assert_eq!(
        of(1_000_000),
        noted(
            "BIN_IVF_FLAT JACCARD nlist=4000",
            "index BIN_IVF_FLAT is chosen: 1000000 rows are many to compare one by one, 4000 lists divide them"
        )
    );
    assert_eq!(of(100_000).0, "BIN_IVF_FLAT JACCARD nlist=1264");
    assert_eq!(of(u64::MAX).0, "BIN_IVF_FLAT JACCARD nlist=65536");
    let (line, note) = auto("HAMMING", BINARY, None, "v2.2.16");
    assert_eq!(line, "BIN_IVF_FLAT HAMMING nlist=1024");
    assert!(note.unwrap().contains("it is not known how many rows there will be"));
}

#[test]
fn structures_are_never_divided() {
    for metric in ["SUBSTRUCTURE", "SUPERSTRUCTURE"] {
        for rows in [Some(5_000_000), None] {
            assert_eq!(
                auto(metric, BINARY, rows, "v2.3.5"),
                noted(
                    &format!("BIN_FLAT {metric}"),
                    &format!("index BIN_FLAT is chosen: it is the only one for metric {metric}")
                )
            );
        }
    }
}
