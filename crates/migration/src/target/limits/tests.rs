// SPDX-License-Identifier: Apache-2.0

use m2m_milvus::VectorType;

use super::super::testing::{version, wanted};
use super::*;

const VERSIONS: [&str; 5] = ["v2.2.16", "v2.3.0", "v2.3.5-lite", "v2.4.1", "v3.0.0"];

fn said(wanted: &Wanted, text: &str) -> Vec<String> {
    exceeded(wanted, &version(text)).iter().map(ToString::to_string).collect()
}

/// Says that each version takes the collection or refuses it with these words.
fn refused(wanted: &Wanted, refusing: &[&str], words: &str) {
    for text in VERSIONS {
        let reasons = said(wanted, text);
        match refusing.contains(&text) {
            false => assert!(reasons.is_empty(), "{text}: {reasons:?}"),
            true => {
                assert_eq!(reasons.len(), 1, "{text}: {reasons:?}");
                assert!(reasons[0].contains(words), "{text}: {reasons:?}");
            }
        }
    }
}

fn with_field(field: Field) -> Wanted {
    let mut wanted = wanted();
    wanted.fields.push(field);
    wanted
}

fn with_vector(vector: VectorType) -> Wanted {
    let mut wanted = wanted();
    wanted.fields[1] = Field::new("vector", vector);
    wanted
}

fn with_partitions(partitions: usize) -> Wanted {
    Wanted { partitions: (1..partitions).map(|number| format!("p{number}")).collect(), ..wanted() }
}

#[test]
fn an_ordinary_collection_fits_everywhere() {
    refused(&wanted(), &[], "");
}

#[test]
fn partitions_are_counted_with_the_default_one() {
    refused(&with_partitions(1024), &[], "");
    refused(&with_partitions(1025), &["v2.4.1", "v3.0.0"], "1025 partitions, the server allows 1024");
    refused(&with_partitions(4096), &["v2.4.1", "v3.0.0"], "m2m.partitions: key");
    refused(&with_partitions(4097), &VERSIONS, "4097 partitions");
    let mut named = with_partitions(1024);
    named.partitions.insert(0, "_default".into());
    refused(&named, &[], "");
}

#[test]
fn dimensions_have_an_end_and_from_2_4_on_a_beginning() {
    refused(
        &with_vector(VectorType::Float(1)),
        &["v2.4.1", "v3.0.0"],
        "dimension 1 in `vector`, the server allows 2 to 32768",
    );
    refused(&with_vector(VectorType::Float(32_768)), &[], "");
    refused(&with_vector(VectorType::Float(32_769)), &VERSIONS, "dimension 32769");
    refused(&with_vector(VectorType::Float(0)), &VERSIONS, "dimension 0");
    let old = ["v2.2.16", "v2.3.0", "v2.3.5-lite"];
    refused(&with_vector(VectorType::Binary(32_768)), &[], "");
    refused(&with_vector(VectorType::Binary(262_144)), &old, "multiples of 8 up to 32768");
    refused(&with_vector(VectorType::Binary(12)), &VERSIONS, "multiples of 8");
    refused(&with_vector(VectorType::Binary(0)), &VERSIONS, "multiples of 8");
}

#[test]
fn a_dimension_that_another_version_takes_is_told_so() {
    let remedy = |vector, text| {
        let limit = exceeded(&with_vector(vector), &version(text)).remove(0);
        limit.remedy.unwrap()
    };
    assert!(remedy(VectorType::Binary(40_000), "v2.3.5").contains("2.4 or newer"));
    assert!(remedy(VectorType::Binary(262_152), "v2.3.5").contains("no Milvus 2.x"));
    assert!(remedy(VectorType::Binary(262_152), "v2.5.0").contains("no Milvus 2.x"));
    assert!(remedy(VectorType::Binary(12), "v2.3.5").contains("no Milvus 2.x"));
    assert!(remedy(VectorType::Float(1), "v2.4.1").contains("Milvus 2.3"));
    assert!(remedy(VectorType::Float(40_000), "v2.4.1").contains("no Milvus 2.x"));
}

#[test]
fn texts_have_a_length() {
    let text = |max_length| with_field(Field::new("title", FieldType::VarChar { max_length }));
    refused(&text(1), &[], "");
    refused(&text(65_535), &[], "");
    refused(&text(65_536), &VERSIONS, "65536 bytes in `title`, the server allows 1 to 65535");
    refused(&text(0), &VERSIONS, "1 to 65535");
}

#[test]
fn what_came_later_is_refused_before() {
    refused(&Wanted { is_parquet: true, ..wanted() }, &["v2.2.16", "v2.3.0"], "--to-format npy");
    let nullable = Field { nullable: true, ..Field::new("year", FieldType::Int16) };
    refused(&with_field(nullable), &["v2.2.16", "v2.3.0", "v2.3.5-lite", "v2.4.1"], "missing values");
    refused(&with_field(Field::new("more", FieldType::Json)), &[], "");
    let reasons = said(&with_field(Field::new("more", FieldType::Json)), "v2.2.8");
    assert!(reasons.len() == 1 && reasons[0].contains("`more` is JSON"), "{reasons:?}");
}

#[test]
fn a_partition_key_is_one_number_or_text_in_place_of_partitions() {
    let key = |field_type| Field { is_partition_key: true, ..Field::new("tag", field_type) };
    let of = |field_type| Wanted { partitions: Vec::new(), ..with_field(key(field_type)) };
    refused(&of(FieldType::VarChar { max_length: 64 }), &[], "");
    refused(&of(FieldType::Int64), &[], "");
    let mut missing = of(FieldType::Int64);
    missing.fields[2].nullable = true;
    refused(&missing, &VERSIONS, "`tag` has missing values");
    refused(&of(FieldType::Bool), &VERSIONS, "`tag` is of type Bool, expected Int64 or VarChar");
    refused(&with_field(key(FieldType::Int64)), &VERSIONS, "2 partitions and 1 partition keys");
    let mut two = of(FieldType::Int64);
    two.fields.push(Field { name: "other".into(), ..key(FieldType::Int64) });
    refused(&two, &VERSIONS, "2 partition keys");
    let reasons = said(&of(FieldType::Int64), "v2.2.8");
    assert!(reasons.len() == 1 && reasons[0].contains("m2m.partitions: keep"), "{reasons:?}");
}

#[test]
fn one_primary_key_and_one_vector_are_wanted() {
    let mut none = wanted();
    none.fields.truncate(1);
    refused(&none, &VERSIONS, "0 vectors");
    let two = with_field(Field::new("other", VectorType::Binary(8)));
    refused(&two, &VERSIONS, "2 vectors");
    let mut text = wanted();
    text.fields[0].field_type = FieldType::VarChar { max_length: 8 };
    refused(&text, &VERSIONS, "expected one of type Int64");
    refused(&with_field(Field::primary("other")), &VERSIONS, "2 primary keys");
}

#[test]
fn names_are_those_that_the_server_takes() {
    refused(&Wanted { name: "new films".into(), ..wanted() }, &VERSIONS, "`new films`");
    refused(&with_field(Field::new("RowID", FieldType::Int8)), &VERSIONS, "`RowID`");
    refused(&with_field(Field::new("vector", FieldType::Int8)), &VERSIONS, "two fields are called `vector`");
    refused(&Wanted { partitions: vec!["a b".into()], ..wanted() }, &VERSIONS, "partition `a b`");
    refused(&Wanted { partitions: vec!["2019".into()], ..wanted() }, &[], "");
}

#[test]
fn a_collection_has_64_fields() {
    let mut many = wanted();
    many.fields.extend((2..64).map(|number| Field::new(format!("f{number}"), FieldType::Int8)));
    refused(&many, &[], "");
    many.fields.push(Field::new("last", FieldType::Int8));
    refused(&many, &VERSIONS, "65 fields, the server allows 64");
}

#[test]
fn every_reason_is_named() {
    let mut wrong = with_vector(VectorType::Float(1));
    wrong.name = "1".into();
    wrong.is_parquet = true;
    wrong.partitions = with_partitions(5000).partitions;
    wrong.fields.push(Field { nullable: true, ..Field::new("x y", FieldType::VarChar { max_length: 0 }) });
    let reasons = said(&wrong, "v2.3.0").join("; ");
    for word in ["`1`", "`x y`", "5000 partitions", "0 bytes", "missing values", "Parquet"] {
        assert!(reasons.contains(word), "{word}: {reasons}");
    }
    assert!(!reasons.contains("dimension"), "{reasons}");
}

#[test]
fn files_that_would_be_too_long_are_told_before_they_are_written() {
    const GIB: u64 = 1 << 30;
    let sized = |file: u64, set: u64| Wanted { file_bytes: file, set_bytes: set, ..wanted() };
    refused(&sized(16 * GIB, 16 * GIB), &[], "");
    refused(
        &sized(15 * GIB, 16 * GIB + 1),
        &["v2.4.1", "v3.0.0"],
        "a set of import files would have about 17179869185",
    );
    refused(&sized(16 * GIB + 1, 17 * GIB), &VERSIONS, "--file-size");
}
