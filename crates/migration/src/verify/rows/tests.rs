// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, FixedSizeBinaryArray, Int64Array, StringArray};
use m2m_milvus::{Column, Values};

use super::*;

fn expected() -> RecordBatch {
    let vectors = FixedSizeBinaryArray::try_from_iter([[1_u8], [2], [3]].iter()).unwrap();
    let columns = [
        ("id", Arc::new(Int64Array::from(vec![10, 20, 30])) as ArrayRef),
        ("vector", Arc::new(vectors)),
        ("title", Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn answer(ids: &[i64], vectors: &[u8], titles: &[Option<&str>]) -> Rows {
    let column = |name: &str, values, valid| Column { name: name.into(), values, valid };
    let bytes = vectors.to_vec();
    let valid = titles.iter().map(Option::is_some).collect();
    let titles = titles.iter().map(|title| title.unwrap_or_default().to_owned()).collect();
    Rows {
        ids: ids.to_vec(),
        columns: vec![
            column("name", Values::Text(titles), Some(valid)),
            column("v", Values::Vectors { bytes, row_bytes: 1 }, None),
        ],
    }
}

fn differences(answer: &Rows) -> Vec<String> {
    let others = [
        ("vector".to_owned(), "v".to_owned(), FieldType::BinaryVector(8)),
        ("title".to_owned(), "name".to_owned(), FieldType::VarChar { max_length: 8 }),
    ];
    let table = Table { id: "pk", others: &others };
    table.differences(&expected(), answer, Some("p")).unwrap().into_iter().map(|one| one.said).collect()
}

#[test]
fn rows_are_compared_in_whatever_order_they_are_answered() {
    let same = answer(&[30, 10, 20], &[3, 1, 2], &[Some("c"), Some("a"), None]);
    assert_eq!(differences(&same), Vec::<String>::new());
}

#[test]
fn each_row_that_differs_is_named_with_what_differs() {
    let other = answer(&[10, 30], &[9, 3], &[Some("a"), None]);
    assert_eq!(
        differences(&other),
        [
            "id 10 has another vector in partition `p` of Milvus",
            "id 20 is missing in partition `p` of Milvus",
            "id 30 has NULL as `name`, expected `c`, in partition `p` of Milvus"
        ]
    );
}

#[test]
fn an_answer_without_a_field_or_a_row_is_no_agreement() {
    let missing: Vec<String> = differences(&Rows::default());
    assert_eq!(missing.len(), 3);
    let mut without = answer(&[10, 20, 30], &[1, 2, 3], &[Some("a"), None, Some("c")]);
    without.columns.remove(0);
    assert_eq!(differences(&without)[0], "id 10 has no `name` in partition `p` of Milvus");
}
