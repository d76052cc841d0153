// SPDX-License-Identifier: Apache-2.0
//! An array as a column of a table.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, FixedSizeBinaryArray, FixedSizeListArray};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::error::Result as DFResult;
use object_store::{ObjectMeta, ObjectStore};

use crate::decode::decode;
use crate::element::{Element, Kind};
use crate::error::Error;
use crate::header::Header;
use crate::read::KnownFile;

/// An array, what it is called, and where it is. Nothing here is more than data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The file, or the archive that the array is in.
    pub(crate) meta: ObjectMeta,
    /// What the file is called in messages.
    pub(crate) file: String,
    /// The place in the archive.
    pub(crate) entry: Option<Entry>,
    pub(crate) header: Header,
    pub(crate) values: Values,
}

/// What is made of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// A number, or a list of them.
    Items,
    /// One value of all bytes.
    Binary,
    /// Its number: nothing is read.
    RowNumber,
}

/// The place of an array in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) index: usize,
    pub(crate) name: String,
}

impl Entry {
    /// What the array is called in messages.
    pub(crate) fn place(&self, archive: &str) -> String {
        format!("{archive}: {}", self.name)
    }
}

impl Column {
    /// A column of row numbers beside another one.
    pub(crate) fn of_row_numbers(name: String, other: &Self) -> Self {
        let element = Element { kind: Kind::Int64, is_big_endian: false };
        let header =
            Header { element, axes: Vec::new(), row_bytes: size_of::<i64>(), ..other.header.clone() };
        Self { name, header, values: Values::RowNumber, ..other.clone() }
    }

    /// Whether its values stand in a file.
    pub(crate) fn is_stored(&self) -> bool {
        self.values != Values::RowNumber
    }

    /// What the array is called in messages.
    pub(crate) fn place(&self) -> String {
        self.entry.as_ref().map_or_else(|| self.file.clone(), |entry| entry.place(&self.file))
    }

    /// The file in its store.
    pub(crate) fn file(&self, store: &Arc<dyn ObjectStore>) -> KnownFile {
        KnownFile { store: Arc::clone(store), meta: self.meta.clone(), place: self.file.clone() }
    }

    /// The bytes of the array's file, without archive and compression.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.header.data_start + self.header.rows * self.row_bytes()
    }

    pub(crate) fn row_bytes(&self) -> u64 {
        self.header.row_bytes as u64
    }

    fn field(&self) -> Field {
        let element = self.header.element;
        if self.values == Values::Binary {
            return Field::new(&self.name, DataType::FixedSizeBinary(size(self.header.row_bytes)), false);
        }
        let of_axes = self.header.axes.iter().rev().fold(element.data_type(), |values, &axis| {
            DataType::FixedSizeList(item(values, element.has_nulls()), size(axis))
        });
        Field::new(&self.name, of_axes, element.has_nulls() && self.header.axes.is_empty())
    }

    /// Turns the bytes of whole rows into an array; `first` is the number of the first row.
    pub(crate) fn decode(&self, bytes: &Bytes, first: u64) -> DFResult<ArrayRef> {
        if self.values == Values::Binary {
            let buffer = Buffer::from(bytes.clone());
            return Ok(Arc::new(FixedSizeBinaryArray::try_new(size(self.header.row_bytes), buffer, None)?));
        }
        let element = self.header.element;
        let mut array = decode(element, bytes).map_err(|bad| Error::Value {
            file: self.place(),
            row: first + (bad.index / self.header.row_values().max(1)) as u64,
            expected: bad.expected,
            found: bad.found,
        })?;
        for &axis in self.header.axes.iter().rev() {
            let values = item(array.data_type().clone(), element.has_nulls());
            array = Arc::new(FixedSizeListArray::try_new(values, size(axis), array, None)?);
        }
        Ok(array)
    }
}

/// The bytes of a column of row numbers.
pub(crate) fn row_numbers(rows: &Range<u64>) -> Bytes {
    rows.clone().flat_map(u64::to_le_bytes).collect()
}

/// The columns of a table.
pub(crate) fn schema(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>()))
}

/// Whether an array's rows can be binary values.
pub(crate) fn can_be_binary(header: &Header) -> bool {
    header.element.kind == Kind::UInt8 && header.axes.len() == 1
}

/// The field of one component; only values can be null.
fn item(values: DataType, has_nulls: bool) -> FieldRef {
    let is_nullable = has_nulls && !values.is_nested();
    Arc::new(Field::new("item", values, is_nullable))
}

/// The length of a list. A row has at most 16 MiB, and as many values.
fn size(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
