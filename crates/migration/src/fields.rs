// SPDX-License-Identifier: Apache-2.0
//! From the columns of a query to the fields of a collection in Milvus 2.x.

use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema};
use m2m_datasource::{ID, PARTITION_TAG, SEGMENT_ID, SEGMENT_OFFSET, VECTOR};
use m2m_milvus::{Field, FieldType, mapping};
use m2m_sink::FieldKind;
use m2m_sink::manifest::FieldEntry;

use crate::error::{Error, Result};
use crate::settings::{CollectionSettings, FieldSettings, Partitions};

/// The longest text that a `VarChar` can hold, in bytes.
const MAX_TEXT_BYTES: u32 = 65_535;
/// The longest JSON value, in bytes.
const MAX_JSON_BYTES: u32 = 65_536;
/// The shortest length that is given to a `VarChar` whose texts were measured.
const MIN_TEXT_BYTES: u32 = 16;

/// A column, and the field that it becomes.
#[derive(Clone, Debug)]
pub struct PlannedField {
    /// The column of the source.
    pub column: String,
    /// The field in Milvus 2.x.
    pub field: Field,
    /// The type that the column is cast to before it is written.
    pub(crate) data_type: DataType,
    /// Characters of the longest text, where there are texts.
    pub(crate) max_chars: usize,
    /// Bytes of a text in an import file, about.
    text_bytes: u64,
    /// Whether a user chose its type.
    pub(crate) is_type_given: bool,
    /// Whether a user fixed the length of its texts.
    is_length_given: bool,
}

/// The longest text of a column, and how many values it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    pub(crate) values: u64,
    pub(crate) nulls: u64,
    /// Of the longest text.
    pub(crate) bytes: u64,
    pub(crate) chars: u64,
    /// Of all texts.
    pub(crate) all_bytes: u64,
    /// Values that the chosen type would change.
    pub(crate) changed: u64,
}

/// What becomes of the columns of some rows.
#[derive(Clone, Debug)]
pub(crate) struct Derived {
    pub(crate) fields: Vec<PlannedField>,
    /// Whether there is a column with partition tags.
    pub(crate) has_tags: bool,
}

impl PlannedField {
    /// Whether its texts must be measured.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.field.field_type, FieldType::VarChar { .. } | FieldType::Json)
    }

    /// Takes over how long its texts are, and whether some are missing.
    pub(crate) fn measure(&mut self, name: &str, measured: Measured, is_parquet: bool) -> Result<()> {
        if measured.nulls > 0 {
            if self.field.is_primary {
                return Err(Error::NullIds { name: name.into(), rows: measured.nulls });
            }
            if !is_parquet {
                let column = self.column.clone();
                return Err(Error::NullValues { name: name.into(), column, nulls: measured.nulls });
            }
            self.field.nullable = true;
        }
        if measured.changed > 0 {
            return Err(Error::ChangedValues {
                name: name.into(),
                column: self.column.clone(),
                rows: measured.changed,
                field_type: self.field.field_type.to_string(),
            });
        }
        self.max_chars = usize::try_from(measured.chars).unwrap_or(usize::MAX).max(1);
        // NumPy has 4 bytes for each character that the longest text has.
        self.text_bytes = match is_parquet {
            true => 4 + measured.all_bytes.div_ceil(measured.values.max(1)),
            false => measured.chars.max(1).saturating_mul(4),
        };
        let most = match self.field.field_type {
            FieldType::VarChar { max_length } if self.is_length_given => max_length,
            FieldType::VarChar { .. } => MAX_TEXT_BYTES,
            FieldType::Json => MAX_JSON_BYTES,
            _ => return Ok(()),
        };
        if measured.bytes > u64::from(most) {
            return Err(Error::LongText {
                name: name.into(),
                column: self.column.clone(),
                found: measured.bytes,
                expected: most,
            });
        }
        if let FieldType::VarChar { max_length } = &mut self.field.field_type
            && !self.is_length_given
        {
            let bytes = u32::try_from(measured.bytes).unwrap_or(most);
            *max_length = bytes.next_power_of_two().clamp(MIN_TEXT_BYTES, MAX_TEXT_BYTES);
        }
        Ok(())
    }

    /// What the sink writes.
    pub(crate) fn kind(&self) -> FieldKind {
        let max_chars = self.max_chars;
        match self.field.field_type {
            FieldType::Bool => FieldKind::Bool,
            FieldType::Int8 => FieldKind::Int8,
            FieldType::Int16 => FieldKind::Int16,
            FieldType::Int32 => FieldKind::Int32,
            FieldType::Int64 => FieldKind::Int64,
            FieldType::Float => FieldKind::Float,
            FieldType::Double => FieldKind::Double,
            FieldType::VarChar { max_length } => {
                FieldKind::Text { max_chars, max_bytes: usize::try_from(max_length).unwrap_or(usize::MAX) }
            }
            FieldType::Json => FieldKind::Json { max_chars },
            FieldType::FloatVector(dimension) => FieldKind::FloatVector(dimension),
            FieldType::BinaryVector(dimension) => FieldKind::BinaryVector(dimension),
        }
    }

    /// Bytes of a row in an import file, about.
    pub(crate) fn row_bytes(&self) -> u64 {
        match self.field.field_type {
            FieldType::Bool | FieldType::Int8 => 1,
            FieldType::Int16 => 2,
            FieldType::Int32 | FieldType::Float => 4,
            FieldType::Int64 | FieldType::Double => 8,
            FieldType::VarChar { .. } | FieldType::Json => self.text_bytes,
            FieldType::FloatVector(dimension) => 4 * u64::from(dimension),
            FieldType::BinaryVector(dimension) => u64::from(dimension / 8),
        }
    }

    /// What the manifest says of it.
    pub(crate) fn entry(&self) -> FieldEntry {
        let (max_length, dimension) = match self.field.field_type {
            FieldType::VarChar { max_length } => (Some(max_length), None),
            FieldType::FloatVector(dimension) | FieldType::BinaryVector(dimension) => (None, Some(dimension)),
            _ => (None, None),
        };
        let shown = self.field.field_type.to_string();
        FieldEntry {
            name: self.field.name.clone(),
            // The number behind the word has a place of its own.
            field_type: shown.split('(').next().unwrap_or_default().into(),
            primary: self.field.is_primary,
            partition_key: self.field.is_partition_key,
            nullable: self.field.nullable,
            max_length,
            dimension,
        }
    }
}

/// Decides what becomes of each column of some rows.
pub(crate) fn derive(name: &str, schema: &Schema, settings: &CollectionSettings) -> Result<Derived> {
    let choices = &settings.choices;
    check_columns(name, schema, settings)?;
    let is_key = choices.partitions == Partitions::Key;
    let has = |column: &str| schema.column_with_name(column).is_some();
    if is_key && !has(PARTITION_TAG) {
        return Err(Error::NoTags { name: name.into() });
    }
    let mut fields = vec![id_field(name, schema, settings)?, vector_field(name, schema, settings)?];
    for column in schema.fields() {
        match column.name().as_str() {
            ID | VECTOR | SEGMENT_ID | SEGMENT_OFFSET => {}
            PARTITION_TAG if is_key => {
                let mut key = scalar(name, column, settings.fields.get(PARTITION_TAG))?;
                key.field.name.clone_from(&choices.partition_field);
                key.field.is_partition_key = true;
                fields.push(key);
            }
            PARTITION_TAG => {}
            other => fields.push(scalar(name, column, settings.fields.get(other))?),
        }
    }
    check_names(name, &fields)?;
    Ok(Derived { fields, has_tags: has(PARTITION_TAG) })
}

fn id_field(name: &str, schema: &Schema, settings: &CollectionSettings) -> Result<PlannedField> {
    let column = column(name, schema, ID)?;
    if !column.data_type().is_integer() {
        return Err(unfit(name, column, "expected whole numbers: Milvus' ids are Int64"));
    }
    let given = name_given(name, column, settings)?;
    let field = given.unwrap_or(&settings.choices.id_field);
    let mut planned = planned(ID, field, FieldType::Int64, DataType::Int64);
    planned.field.is_primary = true;
    Ok(planned)
}

fn vector_field(name: &str, schema: &Schema, settings: &CollectionSettings) -> Result<PlannedField> {
    let column = column(name, schema, VECTOR)?;
    let field_type = match column.data_type() {
        DataType::FixedSizeList(item, dimension) if item.data_type() == &DataType::Float32 => {
            u32::try_from(*dimension).ok().map(FieldType::FloatVector)
        }
        DataType::FixedSizeBinary(bytes) => {
            u32::try_from(*bytes).ok().and_then(|bytes| bytes.checked_mul(8)).map(FieldType::BinaryVector)
        }
        _ => None,
    };
    let field_type = field_type.ok_or_else(|| {
        unfit(
            name,
            column,
            "expected vectors of 32-bit floats or of bits, all of one length: `arrow_cast(vector, 'FixedSizeList(128, Float32)')`",
        )
    })?;
    let given = name_given(name, column, settings)?;
    let field = given.unwrap_or(&settings.choices.vector_field);
    Ok(planned(VECTOR, field, field_type, column.data_type().clone()))
}

/// The name that settings give to the field of ids or vectors, which have types of their own.
fn name_given<'a>(
    name: &str,
    column: &ArrowField,
    settings: &'a CollectionSettings,
) -> Result<Option<&'a String>> {
    let Some(given) = settings.fields.get(column.name()) else { return Ok(None) };
    if given.field_type.is_some() || given.max_length.is_some() {
        return Err(unfit(name, column, "its field has a type of its own: leave `type` and `maxLength` out"));
    }
    Ok(given.name.as_ref())
}

fn planned(column: &str, field: &str, field_type: FieldType, data_type: DataType) -> PlannedField {
    let field =
        Field { name: field.into(), field_type, is_primary: false, is_partition_key: false, nullable: false };
    PlannedField {
        column: column.into(),
        field,
        data_type,
        max_chars: 1,
        text_bytes: 4,
        is_type_given: false,
        is_length_given: false,
    }
}

fn scalar(name: &str, column: &ArrowField, given: Option<&FieldSettings>) -> Result<PlannedField> {
    let wanted = given.and_then(|given| given.field_type.as_deref());
    let (field_type, data_type) = match wanted {
        Some(word) => {
            of_word(word).ok_or_else(|| unfit(name, column, "its type in the settings is unknown"))?
        }
        None => of_arrow(column.data_type()).map_err(|remedy| unfit(name, column, remedy))?,
    };
    let field = given.and_then(|given| given.name.as_deref()).unwrap_or(column.name());
    let mut planned = planned(column.name(), field, field_type, data_type);
    planned.is_type_given = wanted.is_some();
    match (&mut planned.field.field_type, given.and_then(|given| given.max_length)) {
        (_, None) => {}
        (FieldType::VarChar { max_length }, Some(given)) => {
            *max_length = given;
            planned.is_length_given = true;
        }
        (_, Some(_)) => {
            return Err(unfit(
                name,
                column,
                "`maxLength` is for texts: leave it out, or make the type `varchar`",
            ));
        }
    }
    Ok(planned)
}

/// The type of a scalar by Arrow's, and what its values are cast to.
fn of_arrow(data_type: &DataType) -> Result<(FieldType, DataType), &'static str> {
    Ok(match data_type {
        DataType::Boolean => (FieldType::Bool, DataType::Boolean),
        DataType::Int8 => (FieldType::Int8, DataType::Int8),
        DataType::Int16 | DataType::UInt8 => (FieldType::Int16, DataType::Int16),
        DataType::Int32 | DataType::UInt16 => (FieldType::Int32, DataType::Int32),
        DataType::Int64 | DataType::UInt32 => (FieldType::Int64, DataType::Int64),
        DataType::Float32 | DataType::Float16 => (FieldType::Float, DataType::Float32),
        DataType::Float64 => (FieldType::Double, DataType::Float64),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => text(),
        DataType::Dictionary(_, values) => return of_arrow(values),
        DataType::UInt64 => {
            return Err("Milvus has no unsigned 64-bit numbers: `CAST(… AS BIGINT)` if they fit");
        }
        DataType::Null => return Err("it is NULL in every row: leave it out"),
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => {
            return Err("Milvus has no decimals: `CAST(… AS DOUBLE)` or `CAST(… AS VARCHAR)`");
        }
        other if other.is_temporal() => {
            return Err(
                "Milvus has no dates and times: `CAST(… AS VARCHAR)`, or `to_unixtime(…)` for seconds",
            );
        }
        DataType::FixedSizeList(..) | DataType::FixedSizeBinary(_) => {
            return Err("a collection has one vector here: leave it out");
        }
        _ => {
            return Err(
                "Milvus has no such type: leave it out, or make it text that is JSON, and its type `json`",
            );
        }
    })
}

fn text() -> (FieldType, DataType) {
    (FieldType::VarChar { max_length: MAX_TEXT_BYTES }, DataType::Utf8)
}

/// The type that settings name.
fn of_word(word: &str) -> Option<(FieldType, DataType)> {
    Some(match word {
        "bool" => (FieldType::Bool, DataType::Boolean),
        "int8" => (FieldType::Int8, DataType::Int8),
        "int16" => (FieldType::Int16, DataType::Int16),
        "int32" => (FieldType::Int32, DataType::Int32),
        "int64" => (FieldType::Int64, DataType::Int64),
        "float" => (FieldType::Float, DataType::Float32),
        "double" => (FieldType::Double, DataType::Float64),
        "varchar" => text(),
        "json" => (FieldType::Json, DataType::Utf8),
        _ => return None,
    })
}

/// A name that stands for two columns, or settings of none, are mistakes.
fn check_columns(name: &str, schema: &Schema, settings: &CollectionSettings) -> Result<()> {
    let mut known = std::collections::HashSet::new();
    if let Some(twice) = schema.fields().iter().find(|field| !known.insert(field.name())) {
        return Err(Error::ColumnTwice { name: name.into(), column: twice.name().clone() });
    }
    match settings.fields.keys().find(|column| schema.column_with_name(column).is_none()) {
        Some(column) => {
            Err(Error::NoColumn { name: name.into(), column: column.clone(), found: columns(schema) })
        }
        None => Ok(()),
    }
}

fn check_names(name: &str, fields: &[PlannedField]) -> Result<()> {
    let mut known = std::collections::HashSet::new();
    for planned in fields {
        mapping::check_field_name(&planned.field.name)?;
        if !known.insert(&planned.field.name) {
            return Err(Error::FieldTwice { name: name.into(), field: planned.field.name.clone() });
        }
    }
    Ok(())
}

fn column<'a>(name: &str, schema: &'a Schema, column: &str) -> Result<&'a ArrowField> {
    let found = schema.column_with_name(column).map(|(_, field)| field);
    found.ok_or_else(|| Error::NoColumn { name: name.into(), column: column.into(), found: columns(schema) })
}

fn columns(schema: &Schema) -> String {
    let names = schema.fields().iter().map(|field| format!("`{}`", field.name()));
    names.collect::<Vec<_>>().join(", ")
}

fn unfit(name: &str, column: &ArrowField, remedy: &'static str) -> Error {
    let found = column.data_type().to_string();
    Error::ColumnType { name: name.into(), column: column.name().clone(), found, remedy }
}

#[cfg(test)]
mod tests;
