// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::TimeUnit;

use super::*;
use crate::settings::Choices;

fn schema(more: &[(&str, DataType)]) -> Schema {
    let item = Arc::new(ArrowField::new("item", DataType::Float32, false));
    let mut fields = vec![
        ArrowField::new(ID, DataType::Int64, false),
        ArrowField::new(VECTOR, DataType::FixedSizeList(item, 4), false),
    ];
    fields.extend(more.iter().map(|(name, data_type)| ArrowField::new(*name, data_type.clone(), true)));
    Schema::new(fields)
}

fn settings(fields: &[(&str, FieldSettings)]) -> CollectionSettings {
    let fields = fields.iter().map(|(name, settings)| ((*name).to_owned(), settings.clone()));
    CollectionSettings { fields: fields.collect::<BTreeMap<_, _>>(), ..CollectionSettings::default() }
}

fn field(more: (&str, DataType), given: FieldSettings) -> Result<PlannedField> {
    let derived = derive("c", &schema(std::slice::from_ref(&more)), &settings(&[(more.0, given)]))?;
    Ok(derived.fields.into_iter().nth(2).unwrap())
}

#[test]
fn every_type_of_a_column_has_its_field_or_a_remedy() {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    for (data_type, expected) in [
        (DataType::Boolean, "Bool"),
        (DataType::Int8, "Int8"),
        (DataType::Int16, "Int16"),
        (DataType::Int32, "Int32"),
        (DataType::Int64, "Int64"),
        (DataType::UInt8, "Int16"),
        (DataType::UInt16, "Int32"),
        (DataType::UInt32, "Int64"),
        (DataType::Float16, "Float"),
        (DataType::Float32, "Float"),
        (DataType::Float64, "Double"),
        (DataType::Utf8, "VarChar(65535)"),
        (DataType::Utf8View, "VarChar(65535)"),
        (dictionary, "VarChar(65535)"),
    ] {
        let planned = field(("x", data_type.clone()), FieldSettings::default()).unwrap();
        assert_eq!(planned.field.field_type.to_string(), expected, "{data_type}");
    }
    for (data_type, remedy) in [
        (DataType::UInt64, "BIGINT"),
        (DataType::Decimal128(10, 2), "DOUBLE"),
        (DataType::Timestamp(TimeUnit::Second, None), "to_unixtime"),
        (DataType::Date32, "VARCHAR"),
        (DataType::Null, "leave it out"),
        (DataType::Binary, "json"),
        (DataType::FixedSizeBinary(2), "one vector"),
    ] {
        let error = field(("x", data_type.clone()), FieldSettings::default()).unwrap_err().to_string();
        assert!(error.contains("`x`") && error.contains(remedy), "{data_type}: {error}");
    }
}

#[test]
fn a_type_in_the_settings_counts_more_than_that_of_the_column() {
    let given = |word: &str| FieldSettings { field_type: Some(word.into()), ..FieldSettings::default() };
    let planned = field(("x", DataType::Int64), given("int8")).unwrap();
    assert_eq!((planned.field.field_type, &planned.data_type), (FieldType::Int8, &DataType::Int8));
    let planned = field(("x", DataType::Utf8), given("json")).unwrap();
    assert_eq!((planned.field.field_type, &planned.data_type), (FieldType::Json, &DataType::Utf8));
    assert!(field(("x", DataType::Utf8), given("array")).is_err());
}

#[test]
fn a_text_gets_room_for_what_was_measured_unless_its_length_is_given() {
    let measured = |bytes| Measured { values: 1, bytes, chars: bytes, ..Measured::default() };
    let text = |length| {
        let given = FieldSettings { max_length: length, ..FieldSettings::default() };
        field(("x", DataType::Utf8), given).unwrap()
    };
    for (bytes, expected) in [(0, 16), (16, 16), (17, 32), (300, 512), (40_000, 65_535), (65_535, 65_535)] {
        let mut planned = text(None);
        planned.measure("c", measured(bytes), false).unwrap();
        assert_eq!(planned.field.field_type, FieldType::VarChar { max_length: expected }, "{bytes}");
        assert!(planned.max_chars > 0, "NumPy has no texts of width 0");
    }
    assert!(text(None).measure("c", measured(65_536), false).is_err());
    let mut given = text(Some(20));
    given.measure("c", measured(20), false).unwrap();
    assert_eq!(given.field.field_type, FieldType::VarChar { max_length: 20 });
    let error = text(Some(20)).measure("c", measured(21), false).unwrap_err().to_string();
    assert_eq!(error, "column `x` of `c` has a text of 21 bytes, expected at most 20");
}

#[test]
fn json_that_milvus_cannot_store_is_told_before_it_is_written() {
    let json = FieldSettings { field_type: Some("json".into()), ..FieldSettings::default() };
    let measured = |bytes| Measured { values: 1, bytes, chars: 9, ..Measured::default() };
    let mut planned = field(("x", DataType::Utf8), json).unwrap();
    planned.measure("c", measured(65_536), false).unwrap();
    assert_eq!((planned.field.field_type, planned.max_chars), (FieldType::Json, 9));
    let error = planned.measure("c", measured(65_537), true).unwrap_err().to_string();
    assert_eq!(error, "column `x` of `c` has a text of 65537 bytes, expected at most 65536");
}

#[test]
fn a_row_is_as_long_as_its_format_makes_it() {
    let measured =
        Measured { values: 10, bytes: 60_000, chars: 30_000, all_bytes: 61_000, ..Measured::default() };
    let mut planned = field(("x", DataType::Utf8), FieldSettings::default()).unwrap();
    planned.measure("c", measured, false).unwrap();
    assert_eq!(planned.row_bytes(), 120_000);
    planned.measure("c", measured, true).unwrap();
    assert_eq!(planned.row_bytes(), 6_104);
}

#[test]
fn missing_values_need_parquet() {
    let measured = Measured { nulls: 3, bytes: 1, chars: 1, ..Measured::default() };
    let mut planned = field(("x", DataType::Int32), FieldSettings::default()).unwrap();
    let error = planned.measure("c", measured, false).unwrap_err().to_string();
    assert!(error.contains("3 NULLs") && error.contains("coalesce"), "{error}");
    planned.measure("c", measured, true).unwrap();
    assert!(planned.field.nullable);
    let mut id = derive("c", &schema(&[]), &settings(&[])).unwrap().fields.remove(0);
    assert!(matches!(id.measure("c", measured, true), Err(Error::NullIds { rows: 3, .. })));
}

#[test]
fn columns_of_the_source_itself_are_no_fields() {
    let more = [
        (SEGMENT_ID, DataType::Utf8View),
        (SEGMENT_OFFSET, DataType::Int64),
        (PARTITION_TAG, DataType::Utf8View),
    ];
    let derived = derive("c", &schema(&more), &settings(&[])).unwrap();
    assert_eq!((derived.fields.len(), derived.has_tags), (2, true));
    let choices =
        Choices { partitions: Partitions::Key, partition_field: "tag".into(), ..Choices::default() };
    let keyed = CollectionSettings { choices, ..CollectionSettings::default() };
    let derived = derive("c", &schema(&more), &keyed).unwrap();
    let key = &derived.fields[2];
    assert_eq!((key.field.name.as_str(), key.field.is_partition_key), ("tag", true));
    assert!(matches!(derive("c", &schema(&[]), &keyed), Err(Error::NoTags { .. })));
}

#[test]
fn names_that_cannot_be_are_refused() {
    let named = |name: &str| FieldSettings { name: Some(name.into()), ..FieldSettings::default() };
    assert!(matches!(field(("x", DataType::Int8), named("id")), Err(Error::FieldTwice { .. })));
    assert!(field(("x", DataType::Int8), named("a b")).is_err());
    assert_eq!(field(("x", DataType::Int8), named("y")).unwrap().field.name, "y");
    let twice = schema(&[("x", DataType::Int8), ("x", DataType::Int8)]);
    assert!(matches!(derive("c", &twice, &settings(&[])), Err(Error::ColumnTwice { .. })));
    let stranger = settings(&[("nope", named("y"))]);
    assert!(matches!(derive("c", &schema(&[]), &stranger), Err(Error::NoColumn { .. })));
}

#[test]
fn settings_that_would_mean_nothing_are_refused() {
    let length = FieldSettings { max_length: Some(8), ..FieldSettings::default() };
    let json = FieldSettings { field_type: Some("json".into()), ..FieldSettings::default() };
    let error = field(("x", DataType::Int32), length.clone()).unwrap_err().to_string();
    assert!(error.contains("column `x` of `c` is Int32: `maxLength` is for texts"), "{error}");
    for (column, given) in [(ID, &length), (ID, &json), (VECTOR, &length), (VECTOR, &json)] {
        let error = derive("c", &schema(&[]), &settings(&[(column, given.clone())])).unwrap_err().to_string();
        assert!(error.contains(&format!("column `{column}`")) && error.contains("leave `type`"), "{error}");
    }
    let named = FieldSettings { name: Some("pk".into()), ..FieldSettings::default() };
    assert_eq!(derive("c", &schema(&[]), &settings(&[(ID, named)])).unwrap().fields[0].field.name, "pk");
}

#[test]
fn ids_are_whole_numbers_and_vectors_have_one_length() {
    let of = |id: DataType, vector: DataType| {
        let schema =
            Schema::new(vec![ArrowField::new(ID, id, false), ArrowField::new(VECTOR, vector, false)]);
        derive("c", &schema, &settings(&[]))
    };
    let list = DataType::new_list(DataType::Float32, false);
    let bits = DataType::FixedSizeBinary(2);
    let derived = of(DataType::Int32, bits.clone()).unwrap();
    assert_eq!(derived.fields[0].data_type, DataType::Int64);
    assert_eq!(derived.fields[1].field.field_type, FieldType::BinaryVector(16));
    assert!(of(DataType::Utf8, bits).unwrap_err().to_string().contains("whole numbers"));
    assert!(of(DataType::Int64, list).unwrap_err().to_string().contains("arrow_cast"));
}
