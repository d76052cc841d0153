// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Schema};
use m2m_segment::finite::first_non_finite;

use super::finished::Finished;
use super::options::{FieldKind, ImportField, ImportFormat, StreamWriteOptions};
use super::rows::RowColumns;
use super::text;
use crate::column::{bytes_of, first_null};
use crate::{Error, Result};

/// What all sets have in common.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) options: StreamWriteOptions,
    pub(super) columns: Vec<Column>,
    pub(super) rows: RowColumns,
    pub(super) finished: Finished,
}

/// An input column and the field that it becomes.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its place in the input.
    index: usize,
    pub(super) field: ImportField,
}

/// Why a row cannot be written.
pub(super) enum Fault {
    Null,
    Value { expected: String, found: String },
    Json(serde_json::Error),
}

impl Job {
    /// Finds the columns to write in the input.
    pub(super) fn of_options(options: StreamWriteOptions, schema: &Schema) -> Result<Self> {
        options.check()?;
        let column = |field: &ImportField| {
            let index = options.index_of(schema, &field.column)?;
            let found = schema.field(index).data_type();
            match fits(field.kind, found) {
                true => Ok(Column { index, field: field.clone() }),
                false => Err(another_type(&options, field, found)),
            }
        };
        let columns = options.fields.iter().map(column).collect::<Result<_>>()?;
        let rows = RowColumns::of_options(&options, schema)?;
        let finished = Finished::of_options(&options)?;
        Ok(Self { options, columns, rows, finished })
    }

    /// Returns the columns of a batch, all of whose values may be written, in the
    /// types that their fields are made of.
    pub(super) fn checked(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        self.columns.iter().map(|column| self.checked_column(column, batch)).collect()
    }

    fn checked_column(&self, column: &Column, batch: &RecordBatch) -> Result<ArrayRef> {
        let (field, array) = (&column.field, batch.column(column.index));
        if !fits(field.kind, array.data_type()) {
            return Err(another_type(&self.options, field, array.data_type()));
        }
        let array = match field.kind {
            FieldKind::Text { .. } | FieldKind::Json { .. } => {
                cast(array, &DataType::Utf8).map_err(|source| self.unprepared(source))?
            }
            _ => Arc::clone(array),
        };
        match self.first_fault(field, &array) {
            None => Ok(array),
            Some((row, fault)) => Err(self.invalid_value(field, batch, row, fault)),
        }
    }

    pub(super) fn unprepared(&self, source: arrow::error::ArrowError) -> Error {
        Error::Prepare { collection: self.options.collection.clone(), source }
    }

    fn first_fault(&self, field: &ImportField, array: &ArrayRef) -> Option<(usize, Fault)> {
        if !field.nullable
            && let Some(row) = first_null(array)
        {
            return Some((row, Fault::Null));
        }
        match field.kind {
            FieldKind::Float | FieldKind::Double | FieldKind::FloatVector(_) => {
                if self.options.check_finite {
                    first_infinite(field.kind, array)
                } else {
                    None
                }
            }
            FieldKind::Text { max_chars, max_bytes } => {
                let max_chars = (self.options.format == ImportFormat::Npy).then_some(max_chars);
                text::first_fault(array.as_string_opt()?, max_chars, Some(max_bytes), false)
            }
            FieldKind::Json { max_chars } => {
                text::first_fault(array.as_string_opt()?, Some(max_chars), None, true)
            }
            _ => None,
        }
    }

    fn invalid_value(&self, field: &ImportField, batch: &RecordBatch, row: usize, fault: Fault) -> Error {
        let (collection, column) = (self.options.collection.clone(), field.column.clone());
        let row = self.rows.name(batch, row);
        let (expected, found) = match fault {
            Fault::Json(source) => return Error::InvalidJson { collection, column, row, source },
            Fault::Null => ("a value in every row".to_owned(), "null".to_owned()),
            Fault::Value { expected, found } => (expected, found),
        };
        Error::InvalidValue { collection, column, expected, found, row }
    }
}

/// Returns the first row with NaN or infinity, both of which Milvus 2.x refuses in
/// every kind of field, or stores without a word.
fn first_infinite(kind: FieldKind, array: &ArrayRef) -> Option<(usize, Fault)> {
    let fault = |found| Fault::Value { expected: "a finite number".to_owned(), found };
    match kind {
        FieldKind::FloatVector(_) => {
            let (dtype, width) = kind.npy_type()?;
            let bytes = bytes_of(array, dtype, width)?;
            let at = first_non_finite(&bytes)?;
            let width = usize::try_from(width?).ok()?.max(1);
            let value = bytes.chunks_exact(size_of::<f32>()).nth(at).and_then(|value| value.try_into().ok());
            let value = value.map_or(f32::NAN, f32::from_le_bytes);
            Some((at / width, fault(format!("{value} as component {}", at % width))))
        }
        FieldKind::Float => {
            let mut values = array.as_primitive_opt::<Float32Type>()?.iter().enumerate();
            values.find_map(|(row, value)| {
                value.filter(|value| !value.is_finite()).map(|value| (row, fault(value.to_string())))
            })
        }
        _ => {
            let mut values = array.as_primitive_opt::<Float64Type>()?.iter().enumerate();
            values.find_map(|(row, value)| {
                value.filter(|value| !value.is_finite()).map(|value| (row, fault(value.to_string())))
            })
        }
    }
}

/// Returns whether a field can be made of a column as it is.
fn fits(kind: FieldKind, found: &DataType) -> bool {
    match kind {
        FieldKind::Text { .. } | FieldKind::Json { .. } => is_text(found),
        _ => data_type(kind).is_some_and(|expected| match (&expected, found) {
            // Whether values could be null does not matter: the values are looked at.
            (DataType::FixedSizeList(expected, width), DataType::FixedSizeList(item, found)) => {
                width == found && expected.data_type() == item.data_type()
            }
            (expected, found) => expected == found,
        }),
    }
}

/// Returns the type of columns that a field is made of.
fn data_type(kind: FieldKind) -> Option<DataType> {
    Some(match kind {
        FieldKind::Bool => DataType::Boolean,
        FieldKind::Int8 => DataType::Int8,
        FieldKind::Int16 => DataType::Int16,
        FieldKind::Int32 => DataType::Int32,
        FieldKind::Int64 => DataType::Int64,
        FieldKind::Float => DataType::Float32,
        FieldKind::Double => DataType::Float64,
        FieldKind::Text { .. } | FieldKind::Json { .. } => DataType::Utf8,
        FieldKind::FloatVector(dimension) => {
            DataType::new_fixed_size_list(DataType::Float32, i32::try_from(dimension).ok()?, false)
        }
        FieldKind::BinaryVector(bits) => DataType::FixedSizeBinary(i32::try_from(bits / 8).ok()?),
    })
}

pub(super) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        _ => false,
    }
}

fn another_type(options: &StreamWriteOptions, field: &ImportField, found: &DataType) -> Error {
    let expected = match field.kind {
        FieldKind::Text { .. } | FieldKind::Json { .. } => "text".to_owned(),
        kind => data_type(kind).map_or("a shorter vector".to_owned(), |expected| expected.to_string()),
    };
    Error::ColumnOfAnotherType {
        collection: options.collection.clone(),
        column: field.column.clone(),
        field: field.field.clone(),
        kind: field.kind.to_string(),
        expected,
        found: found.to_string(),
    }
}
