// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, FixedSizeBinaryArray, FixedSizeListArray, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, StringArray, StringViewArray,
};

use super::*;

const TEXT: FieldType = FieldType::VarChar { max_length: 64 };

fn column(values: Values) -> Column {
    Column { name: "x".into(), values, valid: None }
}

/// Whether the first value of a column is what Milvus answered.
fn is_same(array: &dyn Array, field_type: FieldType, values: Values) -> bool {
    let answer = column(values);
    let (source, target) =
        (Value::of_source(array, field_type, 0).unwrap(), Value::of_answer(&answer, 0).unwrap());
    assert_eq!(source.is_same(&target), target.is_same(&source));
    source.is_same(&target)
}

fn floats(values: &[f32]) -> FixedSizeListArray {
    use datafusion::arrow::datatypes::Field;

    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let length = i32::try_from(values.len()).unwrap();
    FixedSizeListArray::new(item, length, Arc::new(Float32Array::from(values.to_vec())), None)
}

fn stored(values: &[f32]) -> Values {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Values::Vectors { row_bytes: bytes.len(), bytes }
}

#[test]
fn values_of_every_type_are_compared() {
    let binary = FixedSizeBinaryArray::try_from_iter([[7_u8, 255]].iter()).unwrap();
    let bits = |bytes: [u8; 2]| Values::Vectors { bytes: bytes.into(), row_bytes: 2 };
    let text = |text: &str| Values::Text(vec![text.into()]);
    let json = |text: &str| Values::Json(vec![text.into()]);
    let cases: [(ArrayRef, FieldType, Values, Values); 11] = [
        (
            Arc::new(BooleanArray::from(vec![true])),
            FieldType::Bool,
            Values::Bool(vec![true]),
            Values::Bool(vec![false]),
        ),
        (
            Arc::new(Int8Array::from(vec![-128])),
            FieldType::Int8,
            Values::Int(vec![-128]),
            Values::Int(vec![128]),
        ),
        (
            Arc::new(Int16Array::from(vec![-1])),
            FieldType::Int16,
            Values::Int(vec![-1]),
            Values::Int(vec![65535]),
        ),
        (Arc::new(Int32Array::from(vec![5])), FieldType::Int32, Values::Int(vec![5]), Values::Int(vec![6])),
        (
            Arc::new(Int64Array::from(vec![i64::MAX])),
            FieldType::Int64,
            Values::Long(vec![i64::MAX]),
            Values::Long(vec![i64::MAX - 1]),
        ),
        (
            Arc::new(Float32Array::from(vec![0.1])),
            FieldType::Float,
            Values::Float(vec![0.1]),
            Values::Float(vec![0.100_000_01]),
        ),
        (
            Arc::new(Float64Array::from(vec![0.1])),
            FieldType::Double,
            Values::Double(vec![0.1]),
            Values::Double(vec![f64::from(0.1_f32)]),
        ),
        (Arc::new(StringArray::from(vec!["äé\0"])), TEXT, text("äé\0"), text("äé")),
        (Arc::new(StringArray::from(vec!["[1]"])), FieldType::Json, json("[1]"), json("[1.5]")),
        (
            Arc::new(floats(&[1.0, -2.0])),
            FieldType::FloatVector(2),
            stored(&[1.0, -2.0]),
            stored(&[1.0, 2.0]),
        ),
        (Arc::new(binary), FieldType::BinaryVector(16), bits([7, 255]), bits([7, 254])),
    ];
    for (array, field_type, same, other) in cases {
        assert!(is_same(array.as_ref(), field_type, same), "{field_type}");
        assert!(!is_same(array.as_ref(), field_type, other), "{field_type}");
    }
}

#[test]
fn numbers_are_the_same_to_the_bit() {
    let nan = f64::from_bits(0x7ff8_0000_0000_0001);
    let doubles = [0.0, -0.0, f64::NAN, nan, f64::INFINITY, f64::MIN_POSITIVE / 2.0];
    for (at, one) in doubles.iter().enumerate() {
        for (other_at, other) in doubles.iter().enumerate() {
            let array = Float64Array::from(vec![*one]);
            let same = is_same(&array, FieldType::Double, Values::Double(vec![*other]));
            assert_eq!(same, at == other_at, "{one:?} and {other:?}");
        }
    }
    let float = |one: f32, other: f32| {
        is_same(&Float32Array::from(vec![one]), FieldType::Float, Values::Float(vec![other]))
            && is_same(&floats(&[1.0, one]), FieldType::FloatVector(2), stored(&[1.0, other]))
    };
    assert!(float(-0.0, -0.0) && float(f32::NAN, f32::NAN) && !float(0.0, -0.0));
    let quiet = f32::from_bits(0x7fc0_0001);
    assert!(float(quiet, quiet) && !float(quiet, f32::NAN));
}

#[test]
fn json_is_the_same_when_it_says_the_same() {
    let is_same = |one: &str, other: &str| {
        is_same(&StringArray::from(vec![one]), FieldType::Json, Values::Json(vec![other.into()]))
    };
    assert!(is_same(r#"{"a": 1, "b": [true, null]}"#, r#"{"b":[true,null],"a":1}"#));
    assert!(is_same(r#""ä""#, r#""\u00e4""#));
    for other in [r#"{"a":1}"#, r#"{"a":"1","b":null}"#, r#"{"a":1,"b":null,"c":0}"#, "", "{", "null"] {
        assert!(!is_same(r#"{"a": 1, "b": null}"#, other), "{other}");
    }
    // What is no JSON is still the same text.
    assert!(is_same("{", "{") && !is_same("{", "["));
}

#[test]
fn a_missing_value_is_the_same_as_a_missing_one_only() {
    let array = Int64Array::from(vec![None, Some(0)]);
    let answer = Column { valid: Some(vec![false, true]), ..column(Values::Long(vec![0, 0])) };
    let source = |row| Value::of_source(&array, FieldType::Int64, row).unwrap();
    let target = |row| Value::of_answer(&answer, row).unwrap();
    for (row, other) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        assert_eq!(source(row).is_same(&target(other)), row == other, "{row} and {other}");
    }
}

#[test]
fn values_of_other_types_differ_and_rows_that_are_not_there_have_none() {
    let array = Int64Array::from(vec![1]);
    for values in [Values::Double(vec![1.0]), Values::Text(vec!["1".into()]), Values::Bool(vec![true])] {
        assert!(!is_same(&array, FieldType::Int64, values));
    }
    let answer = column(Values::Vectors { bytes: vec![1, 2, 3], row_bytes: 2 });
    assert!(Value::of_answer(&answer, 0).is_some() && Value::of_answer(&answer, 1).is_none());
    assert!(Value::of_answer(&column(Values::Vectors { bytes: Vec::new(), row_bytes: 0 }), 0).is_none());
    assert!(Value::of_answer(&column(Values::Long(Vec::new())), 0).is_none());
    assert!(Value::of_source(&array, FieldType::Int64, 1).is_none());
    // Everything is cast before: a type that is never written is no value.
    assert!(Value::of_source(&StringViewArray::from(vec!["a"]), TEXT, 0).is_none());
}

#[test]
fn values_are_shown_short_and_apart() {
    let shown = |value: Value<'_>| value.to_string();
    assert_eq!(shown(Value::Text("a\n\"b\"\0")), r#"`a\n"b"\0`"#);
    assert_eq!(shown(Value::Text(&"ä".repeat(99))), format!("`{}…`", "ä".repeat(60)));
    assert_eq!(shown(Value::Double(-0.0)), "-0.0");
    assert_eq!(shown(Value::Float(f32::from_bits(0x7fc0_0001))), "NaN (0x7fc00001)");
    assert_eq!((shown(Value::Null), shown(Value::Int(-5))), ("NULL".into(), "-5".into()));
    assert_eq!(shown(Value::Json(br#"{"a":1}"#)), r#"`{"a":1}`"#);
}

#[test]
fn a_part_of_an_array_begins_at_its_own_first_vector() {
    let item = Arc::new(datafusion::arrow::datatypes::Field::new("item", DataType::Float32, false));
    let values = Arc::new(Float32Array::from(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    let part = FixedSizeListArray::new(item, 2, values, None).slice(1, 2);
    let vector = |row| Value::of_source(&part, FieldType::FloatVector(2), row);
    assert!(is_same(&part, FieldType::FloatVector(2), stored(&[3.0, 4.0])));
    assert!(matches!(vector(1), Some(Value::Vector(bytes)) if bytes[4..] == 6.0_f32.to_le_bytes()));
    assert!(vector(2).is_none());
    let bits = FixedSizeBinaryArray::try_from_iter([[1_u8], [2], [3]].iter()).unwrap().slice(2, 1);
    let bits = Value::of_source(&bits, FieldType::BinaryVector(8), 0);
    assert!(matches!(bits, Some(Value::Vector([3]))));
}

#[test]
fn json_is_the_same_when_it_says_the_same_to_the_last_digit() {
    let same = |one: &str, other: &str| is_same_json(one.as_bytes(), other.as_bytes());
    for (one, other) in [
        (r#"{"a": 1, "b": [2.5, "x"]}"#, r#"{"b":[2.5,"x"],"a":1}"#),
        (r#"{"a": 12345678901234567890123}"#, r#"{ "a":12345678901234567890123 }"#),
        (
            r#"{"a": "1\"12345678901234567890123", "b": 0.1}"#,
            r#"{"b": 0.1, "a": "1\"12345678901234567890123"}"#,
        ),
    ] {
        assert!(same(one, other), "{one} {other}");
    }
    for (one, other) in [
        (r#"{"a": 12345678901234567890123}"#, r#"{"a": 12345678901234567890124}"#),
        (r#"{"a": 0.1}"#, r#"{"a": 0.1000000000000000001}"#),
        (r#"[9007199254740993]"#, r#"[9007199254740992]"#),
        (r#"{"a": 1}"#, r#"{"a": 1.0}"#),
        (r#"{"a": "x"}"#, r#"{"a": "y"}"#),
        ("1", "x"),
    ] {
        assert!(!same(one, other), "{one} {other}");
    }
}
