// SPDX-License-Identifier: Apache-2.0
//! Single values of both sides, and whether they are the same.

use std::fmt;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use m2m_milvus::{Column, FieldType, Values};

/// Digits of a number that a 64-bit float and every integer type keep.
const EXACT_DIGITS: usize = 15;
/// Characters of a text that are shown.
const SHOWN_CHARS: usize = 60;

/// A value of the source, or one that Milvus answered.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f32),
    Double(f64),
    Text(&'a str),
    Json(&'a [u8]),
    /// The components as they are stored.
    Vector(&'a [u8]),
}

impl<'a> Value<'a> {
    /// A value of a column that has the type of the field that it was written to.
    pub(super) fn of_source(array: &'a dyn Array, field_type: FieldType, row: usize) -> Option<Self> {
        if row >= array.len() {
            return None;
        }
        if array.is_null(row) {
            return Some(Self::Null);
        }
        Some(match array.data_type() {
            DataType::Boolean => Self::Bool(array.as_boolean_opt()?.value(row)),
            DataType::Int8 => Self::Int(array.as_primitive_opt::<Int8Type>()?.value(row).into()),
            DataType::Int16 => Self::Int(array.as_primitive_opt::<Int16Type>()?.value(row).into()),
            DataType::Int32 => Self::Int(array.as_primitive_opt::<Int32Type>()?.value(row).into()),
            DataType::Int64 => Self::Int(array.as_primitive_opt::<Int64Type>()?.value(row)),
            DataType::Float32 => Self::Float(array.as_primitive_opt::<Float32Type>()?.value(row)),
            DataType::Float64 => Self::Double(array.as_primitive_opt::<Float64Type>()?.value(row)),
            DataType::Utf8 => {
                let text = array.as_string_opt::<i32>()?.value(row);
                if field_type == FieldType::Json { Self::Json(text.as_bytes()) } else { Self::Text(text) }
            }
            DataType::FixedSizeList(..) => {
                let list = array.as_fixed_size_list_opt()?;
                let values = list.values().as_primitive_opt::<Float32Type>()?.values();
                let length = usize::try_from(list.value_length()).ok()?.checked_mul(size_of::<f32>())?;
                let start = row.checked_mul(length)?;
                // Little-endian, as segments are read and as a server sends them.
                Self::Vector(values.inner().as_slice().get(start..start.checked_add(length)?)?)
            }
            DataType::FixedSizeBinary(_) => Self::Vector(array.as_fixed_size_binary_opt()?.value(row)),
            _ => return None,
        })
    }

    /// A value of an answer.
    pub(super) fn of_answer(column: &'a Column, row: usize) -> Option<Self> {
        if column.valid.as_ref().is_some_and(|valid| valid.get(row) == Some(&false)) {
            return Some(Self::Null);
        }
        Some(match &column.values {
            Values::Bool(values) => Self::Bool(*values.get(row)?),
            Values::Int(values) => Self::Int((*values.get(row)?).into()),
            Values::Long(values) => Self::Int(*values.get(row)?),
            Values::Float(values) => Self::Float(*values.get(row)?),
            Values::Double(values) => Self::Double(*values.get(row)?),
            Values::Text(values) => Self::Text(values.get(row)?),
            Values::Json(values) => Self::Json(values.get(row)?),
            Values::Vectors { bytes, row_bytes } => {
                Self::Vector(bytes.chunks_exact((*row_bytes).max(1)).nth(row)?)
            }
        })
    }

    /// Whether both are the same, to the bit; JSON is the same when it says the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Int(one), Self::Int(other)) => one == other,
            (Self::Float(one), Self::Float(other)) => one.to_bits() == other.to_bits(),
            (Self::Double(one), Self::Double(other)) => one.to_bits() == other.to_bits(),
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Json(one), Self::Json(other)) => one == other || is_same_json(one, other),
            (Self::Vector(one), Self::Vector(other)) => one == other,
            _ => false,
        }
    }
}

/// Whether two texts say the same, whatever spaces and the order of keys. The parser keeps
/// about 16 digits of a number; those of longer ones are compared as they are written.
fn is_same_json(one: &[u8], other: &[u8]) -> bool {
    let parse = serde_json::from_slice::<serde_json::Value>;
    let is_same = matches!((parse(one), parse(other)), (Ok(one), Ok(other)) if one == other);
    is_same && long_numbers(one) == long_numbers(other)
}

/// The numbers outside of texts whose digits the parser does not keep, sorted.
fn long_numbers(json: &[u8]) -> Vec<&[u8]> {
    let mut numbers: Vec<&[u8]> = outside_of_texts(json)
        .flat_map(|part| part.split(|byte| !b"+-.eE0123456789".contains(byte)))
        .filter(|number| number.iter().filter(|byte| byte.is_ascii_digit()).count() > EXACT_DIGITS)
        .collect();
    numbers.sort_unstable();
    numbers
}

/// What stands before, between and behind the texts of a JSON value.
fn outside_of_texts(json: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut parts = Vec::new();
    let (mut start, mut in_text, mut escaped) = (0, false, false);
    for (at, byte) in json.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => {
                if !in_text {
                    parts.extend(json.get(start..at));
                }
                (start, in_text) = (at + 1, !in_text);
            }
            _ => {}
        }
    }
    parts.extend(json.get(start..).filter(|_| !in_text));
    parts.into_iter()
}

/// The value, short enough for a message.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) if value.is_nan() => write!(f, "NaN ({:#x})", value.to_bits()),
            Self::Double(value) if value.is_nan() => write!(f, "NaN ({:#x})", value.to_bits()),
            // Its digits tell it from every other number.
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::Text(text) => write!(f, "`{}`", shortened(text)),
            Self::Json(json) => write!(f, "`{}`", shortened(&String::from_utf8_lossy(json))),
            Self::Vector(bytes) => write!(f, "a vector of {} bytes", bytes.len()),
        }
    }
}

/// The beginning of a text, on one line.
fn shortened(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.chars().take(SHOWN_CHARS) {
        match letter {
            letter if letter.is_control() => shown.extend(letter.escape_debug()),
            letter => shown.push(letter),
        }
    }
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
