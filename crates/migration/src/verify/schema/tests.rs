// SPDX-License-Identifier: Apache-2.0

use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema};

use super::*;
use crate::fields::derive;
use crate::settings::CollectionSettings;

fn index(metric: Option<&str>) -> IndexInfo {
    IndexInfo {
        index_type: "FLAT".into(),
        metric: metric.map(ToOwned::to_owned),
        params: std::collections::BTreeMap::new(),
    }
}

/// Ids, vectors of 16 bits, and a text.
fn planned() -> Vec<PlannedField> {
    let columns = [
        ("id", DataType::Int64),
        ("vector", DataType::FixedSizeBinary(2)),
        ("title", DataType::Utf8),
        ("year", DataType::Int32),
    ];
    let columns = columns.map(|(name, data_type)| ArrowField::new(name, data_type, false));
    derive("films", &Schema::new(columns.to_vec()), &CollectionSettings::default()).unwrap().fields
}

fn field(name: &str, field_type: FieldType) -> FieldInfo {
    let shown = field_type.to_string();
    let type_name = shown.split('(').next().unwrap().to_owned();
    FieldInfo { name: name.into(), field_type: Some(field_type), type_name, ..FieldInfo::default() }
}

fn id(name: &str) -> FieldInfo {
    FieldInfo { is_primary: true, ..field(name, FieldType::Int64) }
}

const VECTOR: FieldType = FieldType::BinaryVector(16);
const TITLE: FieldType = FieldType::VarChar { max_length: 7 };

/// Fields, notes and differences.
fn compared(fields: &[FieldInfo]) -> (Fields, Vec<String>, Vec<String>) {
    let info = CollectionInfo { fields: fields.to_vec(), ..CollectionInfo::default() };
    let mut found = CollectionVerification::default();
    let fields = fields_of(&planned(), &info, &mut found);
    (fields, found.notes, found.differences)
}

#[test]
fn another_metric_is_a_difference_and_one_that_is_not_told_is_not() {
    let difference = metric_difference("JACCARD", &index(Some("HAMMING"))).unwrap();
    assert_eq!(difference, "the metric is HAMMING in Milvus, expected JACCARD");
    assert_eq!(metric_difference("COSINE", &index(Some("cosine"))), None);
    assert_eq!(metric_difference("L2", &index(None)), None);
}

#[test]
fn key_and_vector_are_found_by_what_they_are() {
    let all = [field("year", FieldType::Int64), field("v", VECTOR), id("pk"), field("title", TITLE)];
    let (fields, notes, differences) = compared(&all);
    assert_eq!((notes, differences), (Vec::new(), Vec::new()));
    assert_eq!((fields.id.as_deref(), fields.vector.as_deref()), (Some("pk"), Some("v")));
    let pairs: Vec<_> =
        fields.others.iter().map(|(column, name, _)| (column.as_str(), name.as_str())).collect();
    assert_eq!(pairs, [("vector", "v"), ("title", "title"), ("year", "year")]);
    // Of several the one of its type, or of its name.
    let more = [&all[..], &[field("w", FieldType::FloatVector(16))]].concat();
    assert_eq!(compared(&more).0.vector.as_deref(), Some("v"));
    let more = [&all[..], &[field("vector", VECTOR)]].concat();
    assert_eq!(compared(&more).0.vector.as_deref(), Some("vector"));
}

#[test]
fn what_only_milvus_has_is_said_and_no_difference() {
    let other = FieldInfo { type_name: "Array".into(), ..FieldInfo::default() };
    let other = FieldInfo { name: "genres".into(), ..other };
    let fields =
        [id("id"), field("vector", VECTOR), field("title", TITLE), field("year", FieldType::Int32), other];
    let (_, notes, differences) = compared(&fields);
    assert_eq!(
        notes,
        ["Milvus has fields that the source has not, which were not compared: `genres` (Array)"]
    );
    assert_eq!(differences, Vec::<String>::new());
    let info = CollectionInfo { is_dynamic: true, fields: fields[..4].to_vec(), ..CollectionInfo::default() };
    let mut found = CollectionVerification::default();
    fields_of(&planned(), &info, &mut found);
    assert!(found.notes[0].contains("it is dynamic") && found.notes.len() == 1, "{:?}", found.notes);
}

#[test]
fn what_cannot_hold_the_values_of_the_source_is_a_difference() {
    let good =
        || vec![id("id"), field("vector", VECTOR), field("title", TITLE), field("year", FieldType::Int32)];
    let with = |at: usize, field: FieldInfo| {
        let mut fields = good();
        fields[at] = field;
        compared(&fields)
    };
    let (fields, _, differences) = with(0, FieldInfo { auto_id: true, ..id("id") });
    assert_eq!(
        differences,
        ["in Milvus its primary key `id` is made by the server and holds no ids of the source"]
    );
    assert_eq!((fields.id, fields.others.len()), (None, 3));
    let (fields, _, differences) = with(0, FieldInfo { is_primary: true, ..field("id", TITLE) });
    assert_eq!(differences, ["in Milvus its primary key `id` is of type VarChar(7), expected Int64"]);
    assert_eq!(fields.id, None);
    let (fields, _, differences) = with(1, field("vector", FieldType::BinaryVector(24)));
    assert_eq!(
        differences,
        ["in Milvus its field `vector` is of type BinaryVector(24), expected BinaryVector(16)"]
    );
    assert_eq!((fields.vector, fields.others.len()), (None, 2));
    let (_, _, differences) = with(2, field("title", FieldType::Json));
    assert!(differences[0].contains("is of type JSON, expected VarChar"), "{differences:?}");
    let (_, notes, differences) = with(2, field("name", TITLE));
    assert!(differences[0].contains("it has no field `title`") && notes[0].contains("`name`"), "{notes:?}");
    let two = [&good()[..1], &[field("v", VECTOR), field("w", VECTOR)]].concat();
    let (_, _, differences) = compared(&two);
    assert_eq!(
        differences[0],
        "in Milvus several vectors are of type BinaryVector(16) (`v`, `w`), none of them `vector`"
    );
    let (_, _, differences) = compared(&[]);
    assert_eq!(differences.len(), 4);
    assert_eq!(differences[0], "in Milvus it has no primary key");
}
