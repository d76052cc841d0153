// SPDX-License-Identifier: Apache-2.0
//! The fields of a collection, as a manifest names them.

use m2m_milvus::{Field, FieldType};
use m2m_sink::manifest::{CollectionEntry, FieldEntry};

use crate::error::{Error, Result};

/// The fields of a collection in a dump.
pub(super) fn of_entry(entry: &CollectionEntry) -> Result<Vec<Field>> {
    entry.fields.iter().map(|field| of_field(&entry.name, field)).collect()
}

fn of_field(collection: &str, entry: &FieldEntry) -> Result<Field> {
    let unknown = || Error::ManifestField {
        collection: collection.into(),
        field: entry.name.clone(),
        field_type: entry.field_type.clone(),
    };
    Ok(Field {
        name: entry.name.clone(),
        field_type: field_type(entry).ok_or_else(unknown)?,
        is_primary: entry.primary,
        is_partition_key: entry.partition_key,
        nullable: entry.nullable,
    })
}

/// The type that a word names, with the number that it needs.
fn field_type(entry: &FieldEntry) -> Option<FieldType> {
    match entry.field_type.as_str() {
        "Bool" => Some(FieldType::Bool),
        "Int8" => Some(FieldType::Int8),
        "Int16" => Some(FieldType::Int16),
        "Int32" => Some(FieldType::Int32),
        "Int64" => Some(FieldType::Int64),
        "Float" => Some(FieldType::Float),
        "Double" => Some(FieldType::Double),
        "VarChar" => entry.max_length.map(|max_length| FieldType::VarChar { max_length }),
        "JSON" => Some(FieldType::Json),
        "FloatVector" => entry.dimension.map(FieldType::FloatVector),
        "BinaryVector" => entry.dimension.map(FieldType::BinaryVector),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(field_type: &str) -> FieldEntry {
        FieldEntry { name: "x".into(), field_type: field_type.into(), ..FieldEntry::default() }
    }

    #[test]
    fn every_type_is_read_as_it_is_shown() {
        let types = [
            FieldType::Bool,
            FieldType::Int8,
            FieldType::Int16,
            FieldType::Int32,
            FieldType::Int64,
            FieldType::Float,
            FieldType::Double,
            FieldType::VarChar { max_length: 64 },
            FieldType::Json,
            FieldType::FloatVector(7),
            FieldType::BinaryVector(512),
        ];
        for field_type in types {
            let shown = field_type.to_string();
            let name = shown.split('(').next().unwrap();
            let max_length = matches!(field_type, FieldType::VarChar { .. }).then_some(64);
            let dimension = field_type.vector().map(|vector| vector.dimension());
            let entry =
                FieldEntry { max_length, dimension, partition_key: true, nullable: true, ..entry(name) };
            let field = of_field("c", &entry).unwrap();
            assert_eq!((field.name.as_str(), field.field_type), ("x", field_type));
            assert!(field.is_partition_key && field.nullable && !field.is_primary);
        }
        assert!(of_field("c", &FieldEntry { primary: true, ..entry("Int64") }).unwrap().is_primary);
    }

    #[test]
    fn a_type_without_its_number_and_one_that_does_not_exist_are_errors() {
        for field_type in
            ["", "int64", "Text", "Array", "VarChar", "FloatVector", "BinaryVector", "VarChar(64)"]
        {
            let error = of_field("films", &entry(field_type)).unwrap_err().to_string();
            assert!(error.contains("`films`") && error.contains("`x`"), "{error}");
            assert!(error.contains(&format!("`{field_type}`")), "{error}");
        }
    }
}
