// SPDX-License-Identifier: Apache-2.0

use std::fmt;

use arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait};
use arrow::datatypes::{DataType, Date32Type, Schema, TimeUnit};
use bytes::Bytes;

use crate::column::{shared, unpacked};
use crate::npy::{HEADER_LEN, header_of};
use crate::{Error, Result};

/// A column of a query, and the array that it becomes.
#[derive(Clone, Debug)]
pub(super) struct CopyColumn {
    pub(super) name: String,
    item: Item,
    shape: Shape,
}

/// One value of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    /// NumPy's notation, such as `<f4`.
    descr: &'static str,
    bytes: u64,
    memory: Memory,
}

/// How values lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    /// As they do in the file.
    Same,
    Bits,
    /// Days of 32 bits, which NumPy has in 64.
    Days,
}

/// What a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Scalar,
    /// So many values.
    Fixed(u64),
    /// As many values as the first row has.
    List,
}

/// What is wrong with the rows of a batch.
enum Fault {
    Null(usize),
    Length { row: usize, expected: u64, found: usize },
    Type,
}

impl CopyColumn {
    /// Decides what each column of a query becomes.
    pub(super) fn of_schema(schema: &Schema) -> Result<Vec<Self>> {
        let (mut columns, mut unknown) = (Vec::new(), Vec::new());
        for field in schema.fields() {
            match array_of(field.data_type()) {
                Some((item, shape)) => columns.push(Self { name: field.name().clone(), item, shape }),
                None => unknown.push(format!("`{}` ({})", field.name(), field.data_type())),
            }
        }
        match unknown.is_empty() {
            true => Ok(columns),
            false => Err(Error::CopyColumns { columns: unknown.join(", ") }),
        }
    }

    /// Returns the bytes of a row, if the type tells.
    pub(super) fn row_bytes(&self) -> Option<u64> {
        match self.shape {
            Shape::Scalar => Some(self.item.bytes),
            Shape::Fixed(width) => self.item.bytes.checked_mul(width),
            Shape::List => None,
        }
    }

    /// Returns the bytes of a batch that begins at a row of the query. Copies
    /// booleans and days only.
    ///
    /// The width of a list's rows is learned from the first of them.
    pub(super) fn bytes(&self, array: &ArrayRef, first_row: u64, width: &mut Option<u64>) -> Result<Bytes> {
        self.values(array, width).map_err(|fault| self.error(&fault, first_row))
    }

    /// Returns the header of the file.
    pub(super) fn header(&self, rows: u64, width: Option<u64>) -> Result<[u8; HEADER_LEN]> {
        let width = match self.shape {
            Shape::Scalar => None,
            Shape::Fixed(width) => Some(width),
            Shape::List => Some(width.unwrap_or(0)),
        };
        header_of(self.item.descr, self.item.bytes, rows, width)
    }

    fn values(&self, array: &ArrayRef, width: &mut Option<u64>) -> Result<Bytes, Fault> {
        if array_of(array.data_type()) != Some((self.item, self.shape)) {
            return Err(Fault::Type);
        }
        if let Some(row) = first_null(array) {
            return Err(Fault::Null(row));
        }
        let values = match array.data_type() {
            DataType::FixedSizeBinary(_) => {
                let rows = array.as_fixed_size_binary_opt().ok_or(Fault::Type)?;
                return Ok(shared(rows.values().clone()));
            }
            DataType::FixedSizeList(_, width) => {
                let width = usize::try_from(*width).map_err(|_| Fault::Type)?;
                let list = array.as_fixed_size_list_opt().ok_or(Fault::Type)?;
                let len = list.len().checked_mul(width).filter(|&len| len <= list.values().len());
                return self.items(&list.values().slice(0, len.ok_or(Fault::Type)?), width);
            }
            DataType::List(_) => list_values(array.as_list_opt::<i32>().ok_or(Fault::Type)?, width)?,
            DataType::LargeList(_) => list_values(array.as_list_opt::<i64>().ok_or(Fault::Type)?, width)?,
            _ => return self.items(array, 1),
        };
        self.items(&values, values.len().checked_div(array.len()).unwrap_or(1))
    }

    /// Returns the bytes of values that stand in rows of a width.
    fn items(&self, values: &ArrayRef, width: usize) -> Result<Bytes, Fault> {
        if let Some(value) = first_null(values) {
            return Err(Fault::Null(value / width.max(1)));
        }
        match self.item.memory {
            Memory::Bits => values.as_boolean_opt().map(unpacked),
            Memory::Days => values.as_primitive_opt::<Date32Type>().map(|days| {
                days.values().iter().flat_map(|&day| i64::from(day).to_le_bytes()).collect::<Vec<_>>().into()
            }),
            Memory::Same => memory_of(values, self.item.bytes),
        }
        .ok_or(Fault::Type)
    }

    fn error(&self, fault: &Fault, first_row: u64) -> Error {
        let column = self.name.clone();
        let row = |row: usize| first_row.saturating_add(u64::try_from(row).unwrap_or(u64::MAX));
        match *fault {
            Fault::Null(at) => Error::CopyNull { column, row: row(at) },
            Fault::Length { row: at, expected, found } => {
                Error::CopyLength { column, row: row(at), expected, found }
            }
            Fault::Type => {
                Error::CopyUnsupported { reason: format!("column `{column}` is not of the type in the plan") }
            }
        }
    }
}

impl fmt::Display for CopyColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shape {
            Shape::Scalar => write!(f, "{} (N,)", self.item.descr),
            Shape::Fixed(width) => write!(f, "{} (N, {width})", self.item.descr),
            Shape::List => write!(f, "{} (N, ?)", self.item.descr),
        }
    }
}

fn first_null(array: &dyn Array) -> Option<usize> {
    if array.null_count() == 0 {
        return None;
    }
    (0..array.len()).find(|&row| array.is_null(row))
}

/// Returns the values of all rows, which must be as many in each.
fn list_values<O: OffsetSizeTrait>(
    list: &GenericListArray<O>,
    width: &mut Option<u64>,
) -> Result<ArrayRef, Fault> {
    let offsets = list.value_offsets();
    let mut start = offsets.first().map_or(0, |offset| offset.as_usize());
    let begin = start;
    for (row, end) in offsets.iter().skip(1).map(|offset| offset.as_usize()).enumerate() {
        let found = end - start;
        let expected = *width.get_or_insert(u64::try_from(found).unwrap_or(u64::MAX));
        if u64::try_from(found) != Ok(expected) {
            return Err(Fault::Length { row, expected, found });
        }
        start = end;
    }
    Ok(list.values().slice(begin, start - begin))
}

/// Returns the memory of values of a fixed length.
fn memory_of(values: &ArrayRef, item_bytes: u64) -> Option<Bytes> {
    let item_bytes = usize::try_from(item_bytes).ok()?;
    let data = values.to_data();
    let (start, len) = (data.offset().checked_mul(item_bytes)?, data.len().checked_mul(item_bytes)?);
    let buffer = data.buffers().first().filter(|buffer| start.saturating_add(len) <= buffer.len())?;
    Some(shared(buffer.slice_with_length(start, len)))
}

/// Returns what a row of a column becomes, if NumPy has it.
fn array_of(data_type: &DataType) -> Option<(Item, Shape)> {
    let width = |width: i32| u64::try_from(width).ok().filter(|&width| width > 0).map(Shape::Fixed);
    Some(match data_type {
        DataType::FixedSizeBinary(bytes) => (item(&DataType::UInt8)?, width(*bytes)?),
        DataType::FixedSizeList(values, len) => (item(values.data_type())?, width(*len)?),
        DataType::List(values) | DataType::LargeList(values) => (item(values.data_type())?, Shape::List),
        scalar => (item(scalar)?, Shape::Scalar),
    })
}

fn item(data_type: &DataType) -> Option<Item> {
    let (descr, bytes, memory) = match data_type {
        DataType::Boolean => ("|b1", 1, Memory::Bits),
        DataType::Int8 => ("|i1", 1, Memory::Same),
        DataType::Int16 => ("<i2", 2, Memory::Same),
        DataType::Int32 => ("<i4", 4, Memory::Same),
        DataType::Int64 => ("<i8", 8, Memory::Same),
        DataType::UInt8 => ("|u1", 1, Memory::Same),
        DataType::UInt16 => ("<u2", 2, Memory::Same),
        DataType::UInt32 => ("<u4", 4, Memory::Same),
        DataType::UInt64 => ("<u8", 8, Memory::Same),
        DataType::Float16 => ("<f2", 2, Memory::Same),
        DataType::Float32 => ("<f4", 4, Memory::Same),
        DataType::Float64 => ("<f8", 8, Memory::Same),
        DataType::Date32 => ("<M8[D]", 8, Memory::Days),
        DataType::Date64 => ("<M8[ms]", 8, Memory::Same),
        // NumPy's times have no zone: they are UTC, as Arrow's values are.
        DataType::Timestamp(TimeUnit::Second, _) => ("<M8[s]", 8, Memory::Same),
        DataType::Timestamp(TimeUnit::Millisecond, _) => ("<M8[ms]", 8, Memory::Same),
        DataType::Timestamp(TimeUnit::Microsecond, _) => ("<M8[us]", 8, Memory::Same),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => ("<M8[ns]", 8, Memory::Same),
        DataType::Duration(TimeUnit::Second) => ("<m8[s]", 8, Memory::Same),
        DataType::Duration(TimeUnit::Millisecond) => ("<m8[ms]", 8, Memory::Same),
        DataType::Duration(TimeUnit::Microsecond) => ("<m8[us]", 8, Memory::Same),
        DataType::Duration(TimeUnit::Nanosecond) => ("<m8[ns]", 8, Memory::Same),
        _ => return None,
    };
    Some(Item { descr, bytes, memory })
}

#[cfg(test)]
mod tests;
