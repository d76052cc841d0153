// SPDX-License-Identifier: Apache-2.0

use m2m_milvus::{Field, FieldInfo, FieldType};

use super::super::testing::wanted;
use super::*;

fn index(metric: Option<&str>) -> IndexInfo {
    IndexInfo { index_type: "FLAT".into(), metric: metric.map(Into::into), params: BTreeMap::new() }
}

#[test]
fn the_metric_is_that_of_the_index() {
    assert_eq!(metric_difference("L2", Some(&index(Some("L2")))), None);
    assert_eq!(metric_difference("L2", Some(&index(Some("l2")))), None);
    let other = metric_difference("L2", Some(&index(Some("IP"))));
    assert_eq!(other.as_deref(), Some("its metric is IP, expected L2"));
    for unknown in [Some(index(None)), None] {
        assert_eq!(metric_difference("L2", unknown.as_ref()), None);
    }
}

#[test]
fn partitions_of_both_sides_are_counted_once() {
    let existing = ["_default", "new", "old"].map(String::from);
    assert_eq!(partition_difference(&wanted(), &existing, 3), None);
    let mut more = wanted();
    more.partitions.push("newer".into());
    assert_eq!(partition_difference(&more, &existing, 4), None);
    let words = partition_difference(&more, &existing, 3).unwrap();
    assert_eq!(words, "it has 3 partitions and would get 4, the server allows 3");
    let of_key = Wanted { partitions: Vec::new(), ..wanted() };
    assert_eq!(partition_difference(&of_key, &existing, 1), None);
}

#[test]
fn the_vector_is_found_even_when_fields_differ() {
    let info = |fields| CollectionInfo { fields, ..CollectionInfo::default() };
    let field = |name: &str, field_type| FieldInfo {
        name: name.into(),
        field_type: Some(field_type),
        ..FieldInfo::default()
    };
    let found = info(vec![field("embedding", FieldType::FloatVector(3)), field("x", FieldType::Bool)]);
    assert!(compare(&wanted().fields, &found).is_err());
    assert_eq!(vector_name(&wanted(), None, &found), Some("embedding"));
    let names = ["pk".to_owned(), "embedding".to_owned()];
    assert_eq!(vector_name(&wanted(), Some(&names), &found), Some("embedding"));
    assert_eq!(vector_name(&wanted(), None, &info(Vec::new())), None);
    assert_eq!(
        vector_name(&Wanted { fields: vec![Field::primary("id")], ..wanted() }, Some(&names), &found),
        None
    );
}

#[test]
fn all_differences_stand_in_one_error() {
    let error =
        different(&wanted(), &["it has no primary key".into(), "its metric is IP".into()]).to_string();
    assert!(
        error.contains("`films`") && error.ends_with("it has no primary key; its metric is IP"),
        "{error}"
    );
    assert!(no_differences(&wanted(), &[]).is_ok());
}
