// SPDX-License-Identifier: Apache-2.0
//! Columns of a database's table, and what their values become.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Float32Builder, Float64Builder, Int8Builder, Int16Builder,
    Int32Builder, Int64Builder, StringBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

/// The largest integer up to which a float can be every integer.
const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
/// Characters of a value that messages show.
const SHOWN: usize = 40;

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The type as the database calls it.
    pub(crate) declared: String,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
}

/// What a column becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Text,
    Bytes,
}

/// A value as a database gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Int(i64),
    Unsigned(u64),
    Float32(f32),
    Float(f64),
    /// A text whose encoding has not been looked at.
    Text(&'a [u8]),
    Bytes(&'a [u8]),
}

/// A value that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) expected: &'static str,
    pub(crate) found: String,
}

impl Column {
    /// The name and the declared type, for messages.
    pub(crate) fn in_words(&self) -> String {
        format!("`{}` {}", self.name, self.declared).trim_end().to_owned()
    }
}

/// The columns as a table shows them.
pub(crate) fn schema(columns: &[Column]) -> SchemaRef {
    let field = |column: &Column| Field::new(&column.name, column.kind.data_type(), column.nullable);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

impl Kind {
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int8 => DataType::Int8,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Bytes => DataType::Binary,
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Boolean => "0 or 1",
            Self::Int8 => "an integer of 8 bits",
            Self::Int16 => "an integer of 16 bits",
            Self::Int32 => "an integer of 32 bits",
            Self::Int64 => "an integer of 64 bits",
            Self::Float32 => "a float of 32 bits",
            Self::Float64 => "a float, or an integer that it can be",
            Self::Text => "a text in UTF-8",
            Self::Bytes => "bytes",
        }
    }

    pub(crate) fn values(self, nullable: bool) -> Values {
        let builder = match self {
            Self::Boolean => Builder::Boolean(BooleanBuilder::new()),
            Self::Int8 => Builder::Int8(Int8Builder::new()),
            Self::Int16 => Builder::Int16(Int16Builder::new()),
            Self::Int32 => Builder::Int32(Int32Builder::new()),
            Self::Int64 => Builder::Int64(Int64Builder::new()),
            Self::Float32 => Builder::Float32(Float32Builder::new()),
            Self::Float64 => Builder::Float64(Float64Builder::new()),
            Self::Text => Builder::Text(StringBuilder::new()),
            Self::Bytes => Builder::Bytes(BinaryBuilder::new()),
        };
        Values { kind: self, nullable, builder }
    }
}

/// The values of a column, one after the other.
#[derive(Debug)]
pub(crate) struct Values {
    kind: Kind,
    nullable: bool,
    builder: Builder,
}

#[derive(Debug)]
enum Builder {
    Boolean(BooleanBuilder),
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
}

impl Values {
    /// Adds a value, and says how many bytes it has beyond those that all have.
    pub(crate) fn push(&mut self, cell: Cell<'_>) -> Result<usize, Misfit> {
        if cell == Cell::Null {
            return if self.nullable {
                self.builder.push_null();
                Ok(0)
            } else {
                Err(Misfit { expected: "a value that is not NULL", found: cell.in_words() })
            };
        }
        let before = self.builder.bytes();
        self.builder
            .push(cell)
            .ok_or_else(|| Misfit { expected: self.kind.expected(), found: cell.in_words() })?;
        Ok(self.builder.bytes().saturating_sub(before))
    }

    pub(crate) fn finish(&mut self) -> ArrayRef {
        match &mut self.builder {
            Builder::Boolean(values) => Arc::new(values.finish()),
            Builder::Int8(values) => Arc::new(values.finish()),
            Builder::Int16(values) => Arc::new(values.finish()),
            Builder::Int32(values) => Arc::new(values.finish()),
            Builder::Int64(values) => Arc::new(values.finish()),
            Builder::Float32(values) => Arc::new(values.finish()),
            Builder::Float64(values) => Arc::new(values.finish()),
            Builder::Text(values) => Arc::new(values.finish()),
            Builder::Bytes(values) => Arc::new(values.finish()),
        }
    }
}

impl Builder {
    /// Bytes of texts and blobs.
    fn bytes(&self) -> usize {
        match self {
            Self::Text(values) => values.values_slice().len(),
            Self::Bytes(values) => values.values_slice().len(),
            _ => 0,
        }
    }

    fn push_null(&mut self) {
        match self {
            Self::Boolean(values) => values.append_null(),
            Self::Int8(values) => values.append_null(),
            Self::Int16(values) => values.append_null(),
            Self::Int32(values) => values.append_null(),
            Self::Int64(values) => values.append_null(),
            Self::Float32(values) => values.append_null(),
            Self::Float64(values) => values.append_null(),
            Self::Text(values) => values.append_null(),
            Self::Bytes(values) => values.append_null(),
        }
    }

    /// Adds a value if it fits.
    fn push(&mut self, cell: Cell<'_>) -> Option<()> {
        match self {
            Self::Boolean(values) => values.append_value(cell.boolean()?),
            Self::Int8(values) => values.append_value(cell.int()?.try_into().ok()?),
            Self::Int16(values) => values.append_value(cell.int()?.try_into().ok()?),
            Self::Int32(values) => values.append_value(cell.int()?.try_into().ok()?),
            Self::Int64(values) => values.append_value(cell.int()?),
            Self::Float32(values) => match cell {
                Cell::Float32(value) => values.append_value(value),
                _ => return None,
            },
            Self::Float64(values) => values.append_value(cell.float()?),
            Self::Text(values) => match cell {
                Cell::Text(text) => values.append_value(str::from_utf8(text).ok()?),
                Cell::Int(value) => values.append_value(value.to_string()),
                Cell::Float(value) => values.append_value(format!("{value:?}")),
                _ => return None,
            },
            Self::Bytes(values) => match cell {
                Cell::Bytes(bytes) => values.append_value(bytes),
                _ => return None,
            },
        }
        Some(())
    }
}

impl Cell<'_> {
    fn boolean(self) -> Option<bool> {
        match self {
            Self::Int(0) | Self::Unsigned(0) => Some(false),
            Self::Int(1) | Self::Unsigned(1) => Some(true),
            _ => None,
        }
    }

    fn int(self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(value),
            Self::Unsigned(value) => i64::try_from(value).ok(),
            _ => None,
        }
    }

    fn float(self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(value),
            // It is small enough to be a float exactly.
            Self::Int(value) if value.unsigned_abs() <= EXACT => Some(value as f64),
            _ => None,
        }
    }

    fn in_words(self) -> String {
        match self {
            Self::Null => "NULL".into(),
            Self::Int(value) => value.to_string(),
            Self::Unsigned(value) => value.to_string(),
            Self::Float32(value) => value.to_string(),
            Self::Float(value) => format!("{value:?}"),
            Self::Text(text) => match str::from_utf8(text) {
                Ok(text) if text.chars().count() <= SHOWN => format!("the text `{text}`"),
                Ok(text) => format!("the text `{}…`", text.chars().take(SHOWN).collect::<String>()),
                Err(_) => format!("a text of {} bytes that are not UTF-8", text.len()),
            },
            Self::Bytes(bytes) => format!("a blob of {} bytes", bytes.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Float64Type, Int8Type};

    use super::*;

    #[test]
    fn what_does_not_fit_is_said_and_not_changed() {
        for (kind, cell, expected) in [
            (Kind::Boolean, Cell::Int(2), "expected 0 or 1, found 2"),
            (Kind::Boolean, Cell::Text(b"true"), "expected 0 or 1, found the text `true`"),
            (Kind::Int8, Cell::Int(128), "expected an integer of 8 bits, found 128"),
            (Kind::Int64, Cell::Unsigned(1 << 63), "found 9223372036854775808"),
            (Kind::Int64, Cell::Float(1.0), "expected an integer of 64 bits, found 1"),
            (Kind::Float64, Cell::Int((1 << 53) + 1), "found 9007199254740993"),
            (Kind::Float64, Cell::Text(b""), "found the text ``"),
            (Kind::Text, Cell::Text(b"a\xff"), "a text of 2 bytes that are not UTF-8"),
            (Kind::Text, Cell::Bytes(b"abc"), "found a blob of 3 bytes"),
            (Kind::Bytes, Cell::Text(b"abc"), "expected bytes, found the text `abc`"),
            (Kind::Int64, Cell::Null, "expected a value that is not NULL, found NULL"),
        ] {
            let mut values = kind.values(false);
            let misfit = values.push(cell).unwrap_err();
            let said = format!("expected {}, found {}", misfit.expected, misfit.found);
            assert!(said.contains(expected), "{said}");
            assert_eq!(values.finish().len(), 0);
        }
    }

    #[test]
    fn what_fits_stays_what_it_is() {
        let mut values = Kind::Int8.values(true);
        for cell in [Cell::Int(-128), Cell::Null, Cell::Unsigned(127)] {
            assert_eq!(values.push(cell), Ok(0));
        }
        let array = values.finish();
        assert_eq!(
            array.as_primitive::<Int8Type>().iter().collect::<Vec<_>>(),
            [Some(-128), None, Some(127)]
        );
        let mut values = Kind::Float64.values(false);
        for cell in [Cell::Int(-(1 << 53)), Cell::Float(f64::NAN), Cell::Float(0.1)] {
            assert_eq!(values.push(cell), Ok(0));
        }
        let array = values.finish();
        let floats = array.as_primitive::<Float64Type>().values().to_vec();
        assert!(floats[0] == -9_007_199_254_740_992.0 && floats[1].is_nan() && floats[2] == 0.1);
        let mut values = Kind::Text.values(true);
        assert_eq!(values.push(Cell::Text("é".as_bytes())), Ok(2));
        assert_eq!(values.push(Cell::Int(-7)), Ok(2));
        assert_eq!(values.push(Cell::Float(0.1)), Ok(3));
        assert_eq!(values.push(Cell::Null), Ok(0));
        let array = values.finish();
        let texts: Vec<_> = array.as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some("é"), Some("-7"), Some("0.1"), None]);
    }

    #[test]
    fn long_texts_are_cut_in_messages() {
        let long = "ä".repeat(100);
        let misfit = Kind::Int64.values(true).push(Cell::Text(long.as_bytes())).unwrap_err();
        assert_eq!(misfit.found, format!("the text `{}…`", "ä".repeat(40)));
    }
}
