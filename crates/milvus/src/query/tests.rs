// SPDX-License-Identifier: Apache-2.0

use tonic::Status;

use super::*;
use crate::cause::Cause;
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
fn a_count_is_there_and_not_negative() {
    let call = query_call("films", Some("2019"));
    assert_eq!(row_count(&call, Some(0)).unwrap(), 0);
    assert_eq!(row_count(&call, Some(i64::MAX)).unwrap(), i64::MAX.unsigned_abs());
    for (count, found) in [(None, "none"), (Some(-1), "-1"), (Some(i64::MIN), "-9223372036854775808")] {
        assert_eq!(
            row_count(&call, count).unwrap_err().to_string(),
            format!(
                "Milvus answered Query of partition `2019` of collection `films` with {found}, expected a count"
            )
        );
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
fn only_an_answer_of_the_server_may_say_that_there_were_too_many_rows() {
    let rpc = |code| Error::Rpc {
        address: "milvus:19530".to_owned(),
        call: "Query",
        subject: String::new(),
        source: Cause::new(Status::new(code, "message larger than max")),
    };
    assert!(may_be_too_long(&rpc(Code::ResourceExhausted)) && may_be_too_long(&rpc(Code::OutOfRange)));
    assert!(!may_be_too_long(&rpc(Code::Unavailable)) && !may_be_too_long(&rpc(Code::PermissionDenied)));
    let call = query_call("films", None);
    assert!(!may_be_too_long(&call.unexpected("a count", "none")));
    let (call, subject, reason) = ("Query", String::new(), "exceed the limit size".to_owned());
    assert!(may_be_too_long(&Error::Refused { call, subject, code: 65535, reason, is_passing: false }));
}

#[test]
fn ids_are_written_as_one_list() {
    assert_eq!(expression("id", &[3]), "id in [3]");
    assert_eq!(expression("id", &[-1, i64::MAX]), "id in [-1,9223372036854775807]");
}
