// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::fields::VectorType;

fn wanted() -> Vec<Field> {
    let title = Field::new("title", FieldType::VarChar { max_length: 64 });
    let tag = Field::new("tag", FieldType::VarChar { max_length: 20 });
    vec![
        Field::primary("id"),
        Field::new("vector", VectorType::Float(128)),
        Field { nullable: true, ..title },
        Field { is_partition_key: true, ..tag },
    ]
}

fn info(field: &Field) -> FieldInfo {
    FieldInfo::of(&field.schema(100))
}

fn target() -> CollectionInfo {
    let fields = wanted().iter().map(info).collect();
    CollectionInfo { name: "films".to_owned(), fields, ..CollectionInfo::default() }
}

fn compared(change: impl Fn(&mut Vec<FieldInfo>)) -> Result<Vec<String>, Vec<String>> {
    let mut target = target();
    change(&mut target.fields);
    compare(&wanted(), &target)
}

#[test]
fn the_same_fields_fit_in_any_order() {
    assert_eq!(compared(|_| {}).unwrap(), ["id", "vector", "title", "tag"]);
    assert_eq!(compared(|fields| fields.reverse()).unwrap(), ["id", "vector", "title", "tag"]);
}

#[test]
fn keys_and_vectors_keep_the_names_that_the_collection_gives_them() {
    let renamed = compared(|fields| {
        fields[0].name = "pk".to_owned();
        fields[1].name = "embedding".to_owned();
    });
    assert_eq!(renamed.unwrap(), ["pk", "embedding", "title", "tag"]);
}

#[test]
fn more_room_and_fields_that_may_be_missing_are_no_difference() {
    let names = compared(|fields| {
        fields[2] =
            info(&Field { nullable: true, ..Field::new("title", FieldType::VarChar { max_length: 65 }) });
        fields.push(info(&Field { nullable: true, ..Field::new("year", FieldType::Int16) }));
        fields.push(FieldInfo { is_computed: true, ..info(&Field::new("bm25", FieldType::Float)) });
    });
    assert_eq!(names.unwrap(), ["id", "vector", "title", "tag"]);
    let mut dynamic = target();
    dynamic.is_dynamic = true;
    assert!(compare(&wanted(), &dynamic).is_ok());
}

#[test]
fn every_difference_is_a_sentence_of_its_own() {
    let found = compared(|fields| {
        fields[0].auto_id = true;
        fields[1] = info(&Field::new("embedding", VectorType::Float(127)));
        fields[2] = info(&Field::new("title", FieldType::VarChar { max_length: 63 }));
        fields[3].is_partition_key = false;
        fields.push(info(&Field { is_partition_key: true, ..Field::new("year", FieldType::Int64) }));
    });
    assert_eq!(
        found.unwrap_err(),
        [
            "its field `id` is filled by the server itself",
            "its field `embedding` is of type FloatVector(127), expected FloatVector(128)",
            "its field `title` is of type VarChar(63), expected VarChar(64)",
            "its field `title` takes no missing values, and rows may have some",
            "its field `tag` is no partition key, expected the partition key",
            "it has field `year` of type Int64, which no row has",
        ]
    );
}

#[test]
fn a_type_must_be_the_same_even_if_a_wider_one_would_hold_it() {
    let types = [
        (FieldType::Int32, FieldType::Int64),
        (FieldType::Float, FieldType::Double),
        (FieldType::Int8, FieldType::Bool),
        (FieldType::VarChar { max_length: 8 }, FieldType::Json),
        (FieldType::Json, FieldType::VarChar { max_length: 65535 }),
    ];
    for (want, have) in types {
        let target =
            CollectionInfo { fields: vec![info(&Field::new("x", have))], ..CollectionInfo::default() };
        let found = compare(&[Field::new("x", want)], &target).unwrap_err();
        assert_eq!(found, [format!("its field `x` is of type {have}, expected {want}")]);
    }
}

#[test]
fn another_kind_of_vector_is_a_difference_of_type() {
    let found = compared(|fields| fields[1] = info(&Field::new("bits", VectorType::Binary(128))));
    assert_eq!(
        found.unwrap_err(),
        ["its field `bits` is of type BinaryVector(128), expected FloatVector(128)"]
    );
}

#[test]
fn a_vector_that_no_1_x_collection_has_is_none() {
    let found = compared(|fields| {
        fields[1].field_type = None;
        fields[1].type_name = "Float16Vector".to_owned();
    });
    assert_eq!(
        found.unwrap_err(),
        ["it has no float or binary vector", "it has field `vector` of type Float16Vector, which no row has"]
    );
}

#[test]
fn of_several_vectors_the_one_of_the_name_is_meant() {
    let second = |name: &str| info(&Field { nullable: true, ..Field::new(name, VectorType::Float(8)) });
    let names = compared(|fields| fields.insert(0, second("thumb")));
    assert_eq!(names.unwrap(), ["id", "vector", "title", "tag"]);
    let found = compared(|fields| {
        fields[1].name = "embedding".to_owned();
        fields.push(second("thumb"));
    });
    assert_eq!(found.unwrap_err()[0], "it has several vectors, none of them called `vector`");
}

#[test]
fn a_scalar_never_goes_into_the_key_or_the_vector() {
    let wanted = [
        Field::primary("id"),
        Field::new("vector", VectorType::Float(8)),
        Field::new("pk", FieldType::Int64),
        Field::new("embedding", FieldType::Json),
    ];
    let fields = [Field::primary("pk"), Field::new("embedding", VectorType::Float(8))];
    let target = CollectionInfo { fields: fields.iter().map(info).collect(), ..CollectionInfo::default() };
    assert_eq!(
        compare(&wanted, &target).unwrap_err(),
        ["it has no field `pk` of type Int64", "it has no field `embedding` of type JSON"]
    );
}

#[test]
fn names_of_fields_are_told_apart_by_case() {
    let found = compared(|fields| fields[2].name = "Title".to_owned());
    assert_eq!(found.unwrap_err(), ["it has no field `title` of type VarChar(64)"]);
}

#[test]
fn a_key_of_another_type_is_a_difference() {
    let found = compared(|fields| {
        fields[0] =
            FieldInfo { is_primary: true, ..info(&Field::new("name", FieldType::VarChar { max_length: 9 })) };
    });
    assert_eq!(found.unwrap_err(), ["its field `name` is of type VarChar(9), expected Int64"]);
}
