// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, UInt8Array};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::options::{FieldKind, ImportField};
use crate::column::floats_of;

/// A row group is full with the row that reaches this.
pub(super) const GROUP_BYTES: u64 = 8 << 20;

/// Rows that become a row group of a Parquet file.
///
/// Where it ends depends on its rows alone, so that the same rows give the same
/// file, whatever batches they come in.
#[derive(Debug)]
pub(super) struct Group {
    fields: Vec<ImportField>,
    schema: SchemaRef,
    /// Columns of pieces of batches.
    pieces: Vec<Vec<ArrayRef>>,
    bytes: u64,
}

impl Group {
    pub(super) fn new(fields: Vec<ImportField>) -> Self {
        let schema = Arc::new(Schema::new(fields.iter().map(parquet_field).collect::<Vec<_>>()));
        Self { fields, schema, pieces: Vec::new(), bytes: 0 }
    }

    /// The columns of the file.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Takes rows of a batch, from one on, until the group is full; returns where
    /// the next group begins.
    pub(super) fn fill(&mut self, columns: &[ArrayRef], from: usize) -> usize {
        let rows = columns.first().map_or(0, |column| column.len());
        let missing = GROUP_BYTES.saturating_sub(self.bytes);
        let bytes_to = |to: usize| self.bytes_of(columns, from, to);
        let to = if bytes_to(rows) <= missing { rows } else { first_reaching(from..rows, missing, bytes_to) };
        if from < to {
            self.bytes = self.bytes.saturating_add(bytes_to(to));
            self.pieces.push(columns.iter().map(|column| column.slice(from, to - from)).collect());
        }
        to
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= GROUP_BYTES
    }

    /// Returns the rows of the group in the types that they are written in, and
    /// begins the next; none when it has no rows.
    pub(super) fn take(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let pieces = std::mem::take(&mut self.pieces);
        self.bytes = 0;
        if pieces.is_empty() {
            return Ok(None);
        }
        let column = |(at, field): (usize, &ImportField)| {
            let pieces: Vec<_> = pieces.iter().filter_map(|piece| piece.get(at)).collect();
            joined(field.kind, &pieces)
        };
        let columns = self.fields.iter().enumerate().map(column).collect::<Result<_, _>>()?;
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map(Some)
    }

    /// The bytes of rows in the file, before compression.
    fn bytes_of(&self, columns: &[ArrayRef], from: usize, to: usize) -> u64 {
        let rows = u64::try_from(to.saturating_sub(from)).unwrap_or(u64::MAX);
        let of_column = |(field, column): (&ImportField, &ArrayRef)| {
            let texts = column.as_string_opt::<i32>().map(|texts| texts.value_offsets());
            let offset = |row: usize| texts.and_then(|offsets| offsets.get(row)).copied().unwrap_or(0);
            let text = u64::try_from(offset(to).saturating_sub(offset(from))).unwrap_or(0);
            rows.saturating_mul(field.kind.parquet_bytes()).saturating_add(text)
        };
        self.fields.iter().zip(columns).map(of_column).fold(0, u64::saturating_add)
    }
}

/// Returns the end behind the first row with which a sum reaches a limit.
fn first_reaching(rows: std::ops::Range<usize>, limit: u64, sum_to: impl Fn(usize) -> u64) -> usize {
    let (mut low, mut high) = (rows.start, rows.end);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if sum_to(middle) < limit {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// A column as Milvus 2.x reads it: vectors are lists, which have no null.
fn parquet_field(field: &ImportField) -> Field {
    let data_type = match field.kind {
        FieldKind::Bool => DataType::Boolean,
        FieldKind::Int8 => DataType::Int8,
        FieldKind::Int16 => DataType::Int16,
        FieldKind::Int32 => DataType::Int32,
        FieldKind::Int64 => DataType::Int64,
        FieldKind::Float => DataType::Float32,
        FieldKind::Double => DataType::Float64,
        FieldKind::Text { .. } | FieldKind::Json { .. } => DataType::Utf8,
        FieldKind::FloatVector(_) => DataType::List(element(DataType::Float32)),
        FieldKind::BinaryVector(_) => DataType::List(element(DataType::UInt8)),
    };
    Field::new(&field.field, data_type, field.nullable)
}

fn element(data_type: DataType) -> FieldRef {
    Arc::new(Field::new("element", data_type, false))
}

/// Joins pieces of a column. Of one piece, nothing is copied.
fn joined(kind: FieldKind, pieces: &[&ArrayRef]) -> Result<ArrayRef, ArrowError> {
    let width = match kind {
        FieldKind::FloatVector(dimension) => dimension,
        FieldKind::BinaryVector(bits) => bits / 8,
        _ => {
            let pieces: Vec<_> = pieces.iter().map(|piece| piece.as_ref()).collect();
            return concat(&pieces);
        }
    };
    let values: Option<Vec<ArrayRef>> = pieces.iter().map(|piece| values_of(piece)).collect();
    let values = values.ok_or_else(|| ArrowError::InvalidArgumentError(format!("expected {kind}")))?;
    let values = concat(&values.iter().map(AsRef::as_ref).collect::<Vec<_>>())?;
    let width = usize::try_from(width).unwrap_or(usize::MAX);
    let rows = values.len().checked_div(width).unwrap_or(0);
    if i32::try_from(values.len()).is_err() {
        return Err(ArrowError::OffsetOverflowError(values.len()));
    }
    let offsets = OffsetBuffer::from_repeated_length(width, rows);
    let list = ListArray::try_new(element(values.data_type().clone()), offsets, values, None)?;
    Ok(Arc::new(list))
}

/// Returns the values of vectors without their borders.
fn values_of(vectors: &ArrayRef) -> Option<ArrayRef> {
    if let Some(floats) = vectors.as_fixed_size_list_opt() {
        return Some(Arc::new(floats_of(floats)?));
    }
    let bytes = vectors.as_fixed_size_binary_opt()?;
    let len = bytes.len().checked_mul(usize::try_from(bytes.value_length()).ok()?)?;
    let values = bytes.values().clone();
    let values = (values.len() >= len).then(|| ScalarBuffer::new(values, 0, len))?;
    Some(Arc::new(UInt8Array::new(values, None)))
}
