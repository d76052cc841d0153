// SPDX-License-Identifier: Apache-2.0
//! Vectors as short text, for tables that people read.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Float32Type, Schema};
use datafusion::arrow::error::ArrowError;

/// Components that are shown of a longer vector.
const SHOWN: usize = 3;
/// Bytes that are shown of a longer binary vector.
const SHOWN_BYTES: usize = 6;

/// The batch with its vectors replaced by text such as `[0.1235, -2, 0.5, … ×128]`.
pub(super) fn shorten(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        match shortened(column) {
            Some(text) => {
                fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
                columns.push(text);
            }
            None => {
                fields.push(Arc::clone(field));
                columns.push(Arc::clone(column));
            }
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// The column as text, when it is one of vectors.
fn shortened(column: &ArrayRef) -> Option<ArrayRef> {
    let text: Vec<Option<String>> = match column.data_type() {
        DataType::FixedSizeList(item, _) if item.data_type() == &DataType::Float32 => {
            let list = column.as_fixed_size_list_opt()?;
            let of_row =
                |row| list.value(row).as_primitive_opt::<Float32Type>().map(|values| floats(values.values()));
            (0..list.len()).map(|row| if list.is_valid(row) { of_row(row) } else { None }).collect()
        }
        DataType::FixedSizeBinary(_) => {
            let list = column.as_fixed_size_binary_opt()?;
            (0..list.len()).map(|row| list.is_valid(row).then(|| bits(list.value(row)))).collect()
        }
        _ => return None,
    };
    Some(Arc::new(StringArray::from(text)))
}

fn floats(values: &[f32]) -> String {
    let shown = if values.len() > SHOWN + 1 { SHOWN } else { values.len() };
    let mut parts: Vec<String> = values.iter().take(shown).map(|value| float(*value)).collect();
    if shown < values.len() {
        parts.push(format!("… ×{}", values.len()));
    }
    format!("[{}]", parts.join(", "))
}

/// Four digits are enough to recognise a component.
fn float(value: f32) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e6).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.4}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn bits(bytes: &[u8]) -> String {
    let shown = if bytes.len() > SHOWN_BYTES + 2 { SHOWN_BYTES } else { bytes.len() };
    let hex: String = bytes.iter().take(shown).map(|byte| format!("{byte:02x}")).collect();
    if shown < bytes.len() { format!("{hex}… ×{} bits", bytes.len() * 8) } else { hex }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_vectors_are_whole_and_long_ones_are_cut() {
        assert_eq!(floats(&[]), "[]");
        assert_eq!(floats(&[1.0, -0.5, 0.123_456, 2.0]), "[1, -0.5, 0.1235, 2]");
        assert_eq!(floats(&[0.0; 128]), "[0, 0, 0, … ×128]");
        assert_eq!(floats(&[f32::NAN, f32::INFINITY, 1e30, 1e-30]), "[NaN, inf, 1.000e30, 1.000e-30]");
        assert_eq!(bits(&[0, 255]), "00ff");
        assert_eq!(bits(&[1; 16]), "010101010101… ×128 bits");
    }
}
