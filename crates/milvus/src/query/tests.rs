// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::proto::schema::{BoolArray, LongArray, ScalarField, VectorField};

fn answered(data: Option<scalar_field::Data>) -> FieldData {
    let scalars = ScalarField { data, ..ScalarField::default() };
    FieldData { field: Some(Field::Scalars(scalars)), ..FieldData::default() }
}

#[test]
fn a_count_is_the_one_number_of_the_answer() {
    let numbers =
        |data: &[i64]| answered(Some(scalar_field::Data::LongData(LongArray { data: data.to_vec() })));
    assert_eq!(counted(&[numbers(&[7])]), Some(7));
    assert_eq!(counted(&[answered(None), numbers(&[-1])]), Some(-1));
    let truths = answered(Some(scalar_field::Data::BoolData(BoolArray { data: vec![true] })));
    let vectors = FieldData { field: Some(Field::Vectors(VectorField::default())), ..FieldData::default() };
    for answer in [vec![], vec![numbers(&[])], vec![answered(None)], vec![truths], vec![vectors]] {
        assert_eq!(counted(&answer), None);
    }
}

#[test]
fn batches_keep_answers_short() {
    assert_eq!(batch_len(0), 4096);
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
