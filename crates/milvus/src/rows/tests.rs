// SPDX-License-Identifier: Apache-2.0

use prost::Message;

use super::*;
use crate::proto::schema as pb;

fn field(name: &str, field: Field) -> FieldData {
    FieldData { field_name: name.to_owned(), field: Some(field), ..FieldData::default() }
}

fn scalar(name: &str, data: scalar_field::Data) -> FieldData {
    field(name, Field::Scalars(ScalarField { data: Some(data), ..ScalarField::default() }))
}

fn longs(name: &str, values: &[i64]) -> FieldData {
    scalar(name, scalar_field::Data::LongData(pb::LongArray { data: values.to_vec() }))
}

fn ids(ids: &[i64]) -> FieldData {
    longs("id", ids)
}

fn texts(values: &[&str]) -> FieldData {
    let data = values.iter().map(|value| (*value).to_owned()).collect();
    scalar("title", scalar_field::Data::StringData(pb::StringArray { data }))
}

fn floats(dim: i64, values: &[f32]) -> FieldData {
    let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let data = Some(vector_field::Data::FloatVector(pb::PackedFloats { data }));
    field("vector", Field::Vectors(VectorField { dim, data, ..VectorField::default() }))
}

fn bits(dim: i64, bytes: &[u8]) -> FieldData {
    let data = Some(vector_field::Data::BinaryVector(bytes.to_vec()));
    field("vector", Field::Vectors(VectorField { dim, data, ..VectorField::default() }))
}

/// The same field with marks of its missing values, as 2.5 says it.
fn marked(field: FieldData, valid: &[bool]) -> FieldData {
    FieldData { valid_data: valid.to_vec(), ..field }
}

/// The same with the marks where newer servers say them.
fn marked_inside(mut field: FieldData, valid: &[bool]) -> FieldData {
    match &mut field.field {
        Some(Field::Scalars(scalars)) => scalars.valid_data = valid.to_vec(),
        Some(Field::Vectors(vectors)) => vectors.valid_data = valid.to_vec(),
        None => panic!("a field without values"),
    }
    field
}

fn call() -> Call {
    Call::read("Query", "collection `films`".to_owned())
}

fn read(rows: &mut Rows, fields: &[&str], answer: Vec<FieldData>) -> Result<usize> {
    rows.append(&call(), answer, "id", fields)
}

fn one_answer(fields: &[&str], answer: Vec<FieldData>) -> Result<Rows> {
    let mut rows = Rows::default();
    read(&mut rows, fields, answer)?;
    Ok(rows)
}

#[test]
fn floats_come_back_as_their_bytes_in_the_order_of_the_answer() {
    let mut rows = Rows::default();
    let mut add = |answer| read(&mut rows, &["vector"], answer).unwrap();
    assert_eq!(add(vec![floats(2, &[1.0, -0.0, f32::MIN_POSITIVE, 2.5]), ids(&[9, -3])]), 8);
    assert_eq!(add(vec![ids(&[]), floats(2, &[])]), 0);
    assert_eq!(add(vec![]), 0);
    assert_eq!(add(vec![ids(&[4]), floats(2, &[7.0, 8.0])]), 8);
    let expected = [1.0_f32, -0.0, f32::MIN_POSITIVE, 2.5, 7.0, 8.0];
    let bytes = expected.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(rows.ids, [9, -3, 4]);
    let column =
        Column { name: "vector".to_owned(), values: Values::Vectors { bytes, row_bytes: 8 }, valid: None };
    assert_eq!(rows.columns, [column]);
}

#[test]
fn bits_come_back_as_they_are() {
    let rows = one_answer(&["vector"], vec![ids(&[1, 2]), bits(16, &[1, 2, 3, 4])]).unwrap();
    assert_eq!(rows.columns[0].values, Values::Vectors { bytes: vec![1, 2, 3, 4], row_bytes: 2 });
    assert_eq!(rows.columns[0].values.len(), 2);
}

#[test]
fn scalars_of_every_type_are_columns_in_the_order_that_was_asked_for() {
    let answer = || {
        vec![
            scalar("json", scalar_field::Data::JsonData(pb::JsonArray { data: vec![b"{\"a\":1}".to_vec()] })),
            texts(&["Metropolis"]),
            scalar("double", scalar_field::Data::DoubleData(pb::DoubleArray { data: vec![0.1] })),
            scalar("float", scalar_field::Data::FloatData(pb::FloatArray { data: vec![-0.0] })),
            longs("long", &[i64::MIN]),
            ids(&[7]),
            scalar("int", scalar_field::Data::IntData(pb::IntArray { data: vec![-128] })),
            scalar("truth", scalar_field::Data::BoolData(pb::BoolArray { data: vec![true] })),
        ]
    };
    let names = ["truth", "int", "long", "float", "double", "title", "json"];
    let mut rows = Rows::default();
    assert_eq!(read(&mut rows, &names, answer()).unwrap(), 1 + 4 + 8 + 4 + 8 + 10 + 7);
    assert_eq!(rows.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), names);
    let of = |name: &str| rows.column(name).unwrap().values.clone();
    assert_eq!(of("truth"), Values::Bool(vec![true]));
    assert_eq!(of("int"), Values::Int(vec![-128]));
    assert_eq!(of("long"), Values::Long(vec![i64::MIN]));
    assert_eq!(of("float"), Values::Float(vec![-0.0]));
    assert_eq!(of("double"), Values::Double(vec![0.1]));
    assert_eq!(of("title"), Values::Text(vec!["Metropolis".to_owned()]));
    assert_eq!(of("json"), Values::Json(vec![b"{\"a\":1}".to_vec()]));
    assert!(rows.column("id").is_none() && rows.column("Title").is_none());
    read(&mut rows, &names, answer()).unwrap();
    assert!(rows.columns.iter().all(|column| column.values.len() == 2 && column.valid.is_none()));
}

#[test]
fn missing_values_are_marked_wherever_the_server_says_so() {
    for mark in [marked, marked_inside] {
        let mut rows = Rows::default();
        let mut add = |answer| read(&mut rows, &["title"], answer).unwrap();
        add(vec![ids(&[1, 2]), texts(&["a", "b"])]);
        add(vec![ids(&[3, 4]), mark(texts(&["", "d"]), &[false, true])]);
        add(vec![ids(&[5]), texts(&["e"])]);
        assert_eq!(rows.columns[0].valid.as_deref(), Some(&[true, true, false, true, true][..]));
        assert_eq!(rows.columns[0].values.len(), 5);
    }
    let both = marked(marked_inside(texts(&["a", ""]), &[true, false]), &[true, true]);
    let rows = one_answer(&["title"], vec![ids(&[1, 2]), both]).unwrap();
    assert_eq!(rows.columns[0].valid.as_deref(), Some(&[true, false][..]));
}

/// Marks of missing values stand where the protocol of 2.5 and that of newer
/// servers have them.
#[test]
fn marks_have_their_form_on_the_wire() {
    let text = [0x32, 3, 0x0a, 1, b'a'];
    let beside = [&[0x12, 5][..], b"title", &[0x1a, 5], &text, &[0x3a, 1, 0]].concat();
    let inside = [&[0x12, 5][..], b"title", &[0x1a, 9], &text, &[0x8a, 0x01, 1, 0]].concat();
    let before_marks = beside.len() - 3;
    for wire in [beside, inside] {
        let field = FieldData::decode(wire.as_slice()).unwrap();
        let rows = one_answer(&["title"], vec![ids(&[1]), field]).unwrap();
        assert_eq!(rows.columns[0].values, Values::Text(vec!["a".to_owned()]));
        assert_eq!(rows.columns[0].valid.as_deref(), Some(&[false][..]));
        for cut in 0..wire.len() {
            if let Ok(field) = FieldData::decode(&wire[..cut]) {
                let whole = one_answer(&["title"], vec![ids(&[1]), field]);
                assert!(whole.is_err() || cut == before_marks, "{cut}");
            }
        }
    }
    let vector = [&[0x12, 6][..], b"vector", &[0x22, 8, 8, 8, 0x1a, 1, 7, 0x4a, 1, 0]].concat();
    let field = FieldData::decode(vector.as_slice()).unwrap();
    let rows = one_answer(&["vector"], vec![ids(&[1]), field]).unwrap();
    assert_eq!(rows.columns[0].values, Values::Vectors { bytes: vec![7], row_bytes: 1 });
    assert_eq!(rows.columns[0].valid.as_deref(), Some(&[false][..]));
    let unknown = [&[0x12, 5][..], b"title", &[0x1a, 4, 0x42, 2, 0x0a, 0]].concat();
    let array = FieldData::decode(unknown.as_slice()).unwrap();
    let error = one_answer(&["title"], vec![ids(&[1]), array]).unwrap_err().to_string();
    assert!(error.ends_with("with none of a known type, expected 1 values of field `title`"), "{error}");
}

#[test]
fn marks_of_another_length_are_an_error() {
    for valid in [&[true][..], &[true, true, true]] {
        for mark in [marked, marked_inside] {
            for data in [texts(&["a", "b"]), floats(1, &[1.0, 2.0])] {
                let name = data.field_name.clone();
                let error = one_answer(&[&name], vec![ids(&[1, 2]), mark(data, valid)]).unwrap_err();
                let expected = format!(
                    "with {} marks of missing ones, expected 2 values of field `{name}`",
                    valid.len()
                );
                assert!(error.to_string().ends_with(&expected), "{error}");
            }
        }
    }
}

#[test]
fn an_answer_that_is_not_one_vector_for_each_id_is_an_error() {
    let no_data = field("vector", Field::Vectors(VectorField { dim: 2, ..VectorField::default() }));
    let answers = [
        vec![ids(&[1, 2]), floats(2, &[1.0, 2.0])],
        vec![ids(&[1]), floats(2, &[1.0, 2.0, 3.0])],
        vec![ids(&[1]), floats(2, &[1.0, 2.0, 3.0, 4.0])],
        vec![ids(&[1]), floats(0, &[])],
        vec![ids(&[1]), floats(0, &[1.0])],
        vec![ids(&[1]), floats(-2, &[1.0, 2.0])],
        vec![ids(&[1]), floats(i64::MAX, &[1.0, 2.0])],
        vec![ids(&[1]), bits(16, &[1])],
        vec![ids(&[1]), bits(4, &[1])],
        vec![ids(&[1]), no_data],
        vec![ids(&[1]), field("vector", Field::Scalars(ScalarField::default()))],
        vec![ids(&[1]), FieldData { field_name: "vector".to_owned(), ..FieldData::default() }],
        vec![ids(&[1])],
        vec![ids(&[]), floats(2, &[1.0, 2.0])],
        vec![floats(2, &[1.0, 2.0])],
    ];
    for answer in answers {
        let error = one_answer(&["vector"], answer).unwrap_err();
        assert!(error.to_string().starts_with("Milvus answered Query of collection `films` with"), "{error}");
    }
}

#[test]
fn an_answer_that_is_not_one_scalar_for_each_id_is_an_error() {
    let answers = [
        vec![ids(&[1, 2]), texts(&["a"])],
        vec![ids(&[1]), texts(&["a", "b"])],
        vec![ids(&[1]), texts(&[])],
        vec![ids(&[]), texts(&["a"])],
        vec![ids(&[1]), field("title", Field::Scalars(ScalarField::default()))],
        vec![ids(&[1]), longs("Title", &[1])],
        vec![texts(&["a"])],
    ];
    for answer in answers {
        let error = one_answer(&["title"], answer).unwrap_err();
        assert!(error.to_string().starts_with("Milvus answered Query of collection `films` with"), "{error}");
    }
}

#[test]
fn ids_are_numbers_and_all_there() {
    let text_ids = FieldData { field_name: "id".to_owned(), ..texts(&["1"]) };
    for bad in
        [text_ids, marked(ids(&[1]), &[false]), FieldData { field_name: "id".to_owned(), ..bits(8, &[1]) }]
    {
        let error = one_answer(&["title"], vec![bad, texts(&["a"])]).unwrap_err();
        assert!(error.to_string().ends_with("expected numbers in field `id`"), "{error}");
    }
    let all_there = vec![marked(ids(&[1]), &[true]), texts(&["a"])];
    assert_eq!(one_answer(&["title"], all_there).unwrap().ids, [1]);
}

#[test]
fn a_field_may_not_change_its_type_or_length_between_answers() {
    let rows = one_answer(&["vector"], vec![ids(&[1]), floats(1, &[1.0])]).unwrap();
    for other in [floats(2, &[1.0, 2.0]), FieldData { field_name: "vector".to_owned(), ..texts(&["a"]) }] {
        let error = read(&mut rows.clone(), &["vector"], vec![ids(&[2]), other]).unwrap_err();
        assert!(error.to_string().ends_with("expected field `vector` of one type and length"), "{error}");
    }
}

#[test]
fn rows_without_other_fields_are_their_ids() {
    let rows = one_answer(&[], vec![ids(&[3, 1])]).unwrap();
    assert_eq!(rows, Rows { ids: vec![3, 1], columns: Vec::new() });
}

#[test]
fn no_rows_have_no_columns() {
    let untyped = field("title", Field::Scalars(ScalarField::default()));
    for answer in [vec![], vec![ids(&[])], vec![ids(&[]), untyped], vec![ids(&[]), texts(&[])]] {
        assert_eq!(one_answer(&["title"], answer).unwrap(), Rows::default());
    }
}

#[test]
fn the_longest_text_measures_a_row() {
    let mut rows = Rows::default();
    let longest = read(&mut rows, &["title"], vec![ids(&[1, 2, 3]), texts(&["a", "abcd", ""])]);
    assert_eq!(longest.unwrap(), 4);
}

/// A server sends an array of floats.
#[test]
fn floats_on_the_wire_are_the_bytes_of_vectors() {
    use prost::Message;

    let sent = pb::FloatArray { data: vec![1.5, -0.0, f32::MAX, f32::MIN_POSITIVE / 2.0] };
    let read = pb::PackedFloats::decode(sent.encode_to_vec().as_slice()).unwrap();
    let bytes: Vec<u8> = sent.data.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(read.data, bytes);
}
