// SPDX-License-Identifier: Apache-2.0
//! From the bytes of values to Arrow arrays.
//!
//! Little-endian numbers become arrays as they are; other bytes are converted once.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryBuilder, BooleanArray, Date32Array, PrimitiveArray, StringBuilder,
};
use datafusion::arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::element::{Element, Kind};

// Most files are little-endian, and their bytes become arrays as they are.
#[cfg(target_endian = "big")]
compile_error!("little-endian files are read without conversion");

/// NumPy's mark of a time that is none.
const NOT_A_TIME: i64 = i64::MIN;

/// A value that has no meaning.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadValue {
    /// Its place among the values.
    pub(crate) index: usize,
    pub(crate) expected: &'static str,
    pub(crate) found: String,
}

/// Turns the bytes of whole values into an array.
pub(crate) fn decode(element: Element, bytes: &Bytes) -> Result<ArrayRef, BadValue> {
    let bytes = if element.is_big_endian { swapped(bytes, element.swapped_bytes()) } else { bytes.clone() };
    Ok(match element.kind {
        Kind::Bool => booleans(&bytes)?,
        Kind::Int8 => numbers::<Int8Type>(&bytes),
        Kind::Int16 => numbers::<Int16Type>(&bytes),
        Kind::Int32 => numbers::<Int32Type>(&bytes),
        Kind::Int64 => numbers::<Int64Type>(&bytes),
        Kind::UInt8 => numbers::<UInt8Type>(&bytes),
        Kind::UInt16 => numbers::<UInt16Type>(&bytes),
        Kind::UInt32 => numbers::<UInt32Type>(&bytes),
        Kind::UInt64 => numbers::<UInt64Type>(&bytes),
        Kind::Float16 => numbers::<Float16Type>(&bytes),
        Kind::Float32 => numbers::<Float32Type>(&bytes),
        Kind::Float64 => numbers::<Float64Type>(&bytes),
        Kind::Bytes(size) => byte_strings(&bytes, size),
        Kind::Text(size) => texts(&bytes, size)?,
        Kind::Date => dates(&bytes)?,
        Kind::Timestamp(TimeUnit::Second) => times::<TimestampSecondType>(&bytes),
        Kind::Timestamp(TimeUnit::Millisecond) => times::<TimestampMillisecondType>(&bytes),
        Kind::Timestamp(TimeUnit::Microsecond) => times::<TimestampMicrosecondType>(&bytes),
        Kind::Timestamp(TimeUnit::Nanosecond) => times::<TimestampNanosecondType>(&bytes),
        Kind::Duration(TimeUnit::Second) => times::<DurationSecondType>(&bytes),
        Kind::Duration(TimeUnit::Millisecond) => times::<DurationMillisecondType>(&bytes),
        Kind::Duration(TimeUnit::Microsecond) => times::<DurationMicrosecondType>(&bytes),
        Kind::Duration(TimeUnit::Nanosecond) => times::<DurationNanosecondType>(&bytes),
    })
}

/// The bytes with the order of each `size` of them turned round.
fn swapped(bytes: &Bytes, size: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    for value in bytes.chunks_exact_mut(size.max(1)) {
        value.reverse();
    }
    bytes.into()
}

/// The bytes as values of a type, copied only when a store hands out memory at an odd address.
fn values<T: ArrowPrimitiveType>(bytes: &Bytes) -> ScalarBuffer<T::Native> {
    let buffer = if bytes.as_ptr().addr().is_multiple_of(align_of::<T::Native>()) {
        Buffer::from(bytes.clone())
    } else {
        Buffer::from_slice_ref(bytes.as_ref())
    };
    ScalarBuffer::new(buffer, 0, bytes.len() / size_of::<T::Native>())
}

fn numbers<T: ArrowPrimitiveType>(bytes: &Bytes) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values::<T>(bytes), None))
}

/// Times and durations, where one number is a null.
fn times<T: ArrowPrimitiveType<Native = i64>>(bytes: &Bytes) -> ArrayRef {
    let values = values::<T>(bytes);
    let nulls = nulls(&values);
    Arc::new(PrimitiveArray::<T>::new(values, nulls))
}

fn nulls(values: &[i64]) -> Option<NullBuffer> {
    let is_time = |value: &i64| *value != NOT_A_TIME;
    (!values.iter().all(is_time)).then(|| values.iter().map(is_time).collect())
}

fn dates(bytes: &Bytes) -> Result<ArrayRef, BadValue> {
    let days = values::<Int64Type>(bytes);
    let date = |(index, day): (usize, &i64)| match i32::try_from(*day) {
        _ if *day == NOT_A_TIME => Ok(None),
        Ok(day) => Ok(Some(day)),
        Err(_) => {
            let expected = "a day in the 32 bits that a date has";
            Err(BadValue { index, expected, found: format!("day {day} after 1970-01-01") })
        }
    };
    Ok(Arc::new(days.iter().enumerate().map(date).collect::<Result<Date32Array, _>>()?))
}

fn booleans(bytes: &Bytes) -> Result<ArrayRef, BadValue> {
    if let Some(index) = bytes.iter().position(|&byte| byte > 1) {
        let found = bytes.get(index).map_or(String::new(), |byte| format!("byte {byte:#04x}"));
        return Err(BadValue { index, expected: "a boolean of 0 or 1", found });
    }
    Ok(Arc::new(bytes.iter().map(|&byte| Some(byte == 1)).collect::<BooleanArray>()))
}

fn byte_strings(bytes: &Bytes, size: usize) -> ArrayRef {
    let strings = bytes.chunks_exact(size.max(1));
    let mut array = BinaryBuilder::with_capacity(strings.len(), bytes.len());
    for string in strings {
        let length = string.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        array.append_value(string.get(..length).unwrap_or(string));
    }
    Arc::new(array.finish())
}

fn texts(bytes: &Bytes, size: usize) -> Result<ArrayRef, BadValue> {
    let texts = bytes.chunks_exact(size.max(1).saturating_mul(4));
    let mut array = StringBuilder::with_capacity(texts.len(), bytes.len() / 4);
    let mut text = String::new();
    for (index, points) in texts.enumerate() {
        text.clear();
        for point in points.as_chunks::<4>().0 {
            let point = u32::from_le_bytes(*point);
            let bad = || BadValue {
                index,
                expected: "a string of Unicode characters",
                found: format!("code point {point:#x}"),
            };
            text.push(char::from_u32(point).ok_or_else(bad)?);
        }
        array.append_value(text.trim_end_matches('\0'));
    }
    Ok(Arc::new(array.finish()))
}

#[cfg(test)]
mod tests;
