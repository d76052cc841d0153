// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::proto::schema::{FloatArray, LongArray, ScalarField};

fn ids(ids: &[i64]) -> FieldData {
    let data = Some(scalar_field::Data::LongData(LongArray { data: ids.to_vec() }));
    field("id", Field::Scalars(ScalarField { data }))
}

fn floats(dim: i64, values: &[f32]) -> FieldData {
    let data = Some(vector_field::Data::FloatVector(FloatArray { data: values.to_vec() }));
    field("vector", Field::Vectors(VectorField { dim, data }))
}

fn bits(dim: i64, bytes: &[u8]) -> FieldData {
    let data = Some(vector_field::Data::BinaryVector(bytes.to_vec()));
    field("vector", Field::Vectors(VectorField { dim, data }))
}

fn field(name: &str, field: Field) -> FieldData {
    FieldData { field_name: name.to_owned(), field: Some(field), ..FieldData::default() }
}

fn read(rows: &mut Rows, answer: &[FieldData]) -> Result<()> {
    append(&query_call("films", None), rows, answer, "id", "vector")
}

#[test]
fn floats_come_back_as_their_bytes_in_the_order_of_the_answer() {
    let mut rows = Rows::default();
    read(&mut rows, &[floats(2, &[1.0, -0.0, f32::MIN_POSITIVE, 2.5]), ids(&[9, -3])]).unwrap();
    read(&mut rows, &[ids(&[]), floats(2, &[])]).unwrap();
    read(&mut rows, &[]).unwrap();
    read(&mut rows, &[ids(&[4]), floats(2, &[7.0, 8.0])]).unwrap();
    let expected = [1.0_f32, -0.0, f32::MIN_POSITIVE, 2.5, 7.0, 8.0];
    assert_eq!(rows.ids, [9, -3, 4]);
    assert_eq!(rows.row_bytes, 8);
    assert_eq!(rows.vectors, expected.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
}

#[test]
fn bits_come_back_as_they_are() {
    let mut rows = Rows::default();
    read(&mut rows, &[ids(&[1, 2]), bits(16, &[1, 2, 3, 4])]).unwrap();
    assert_eq!(rows, Rows { ids: vec![1, 2], vectors: vec![1, 2, 3, 4], row_bytes: 2 });
}

#[test]
fn an_answer_that_is_not_one_vector_for_each_id_is_an_error() {
    let no_data = field("vector", Field::Vectors(VectorField { dim: 2, data: None }));
    let answers = [
        vec![ids(&[1, 2]), floats(2, &[1.0, 2.0])],
        vec![ids(&[1]), floats(2, &[1.0, 2.0, 3.0])],
        vec![ids(&[1]), floats(0, &[])],
        vec![ids(&[1]), floats(-2, &[1.0, 2.0])],
        vec![ids(&[1]), bits(16, &[1])],
        vec![ids(&[1]), no_data],
        vec![ids(&[1]), field("vector", Field::Scalars(ScalarField::default()))],
        vec![ids(&[1])],
    ];
    for answer in answers {
        let error = read(&mut Rows::default(), &answer).unwrap_err();
        assert!(error.to_string().starts_with("Milvus answered Query of collection `films` with"), "{error}");
    }
}

#[test]
fn rows_may_not_change_their_length_between_answers() {
    let mut rows = Rows::default();
    read(&mut rows, &[ids(&[1]), floats(1, &[1.0])]).unwrap();
    assert!(read(&mut rows, &[ids(&[2]), floats(2, &[1.0, 2.0])]).is_err());
}

#[test]
fn batches_keep_answers_short() {
    assert_eq!(batch_len(0), 128);
    assert_eq!(batch_len(1), 4096);
    assert_eq!(batch_len(512 * 4), 4096);
    assert_eq!(batch_len(32768 * 4), 128);
    assert_eq!(batch_len(usize::MAX), 1);
}

#[test]
fn ids_are_written_as_one_list() {
    assert_eq!(expression("id", &[3]), "id in [3]");
    assert_eq!(expression("id", &[-1, i64::MAX]), "id in [-1,9223372036854775807]");
}
