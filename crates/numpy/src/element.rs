// SPDX-License-Identifier: Apache-2.0
//! The types that arrays are made of, and what they are in a table.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use npyz::{Endianness, TimeUnits, TypeChar, TypeStr};

use crate::error::Fault;

/// The type of one value, with the order of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Element {
    pub(crate) kind: Kind,
    pub(crate) is_big_endian: bool,
}

/// The type of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float16,
    Float32,
    Float64,
    /// So many bytes, zeros at the end left out.
    Bytes(usize),
    /// So many code points of four bytes, zeros at the end left out.
    Text(usize),
    /// Days since 1970.
    Date,
    Timestamp(TimeUnit),
    Duration(TimeUnit),
}

impl Element {
    /// Understands NumPy's notation, such as `<f4`.
    pub(crate) fn parse(descr: &str) -> Result<Self, Fault> {
        let quoted = || format!("`{descr}`");
        let parsed: TypeStr = descr.parse().map_err(|_| unknown(descr))?;
        let size = usize::try_from(parsed.size_field())
            .map_err(|_| Fault::damaged("a dtype of a size that memory can hold", quoted()))?;
        let kind = match (parsed.type_char(), size) {
            (TypeChar::Bool, 1) => Kind::Bool,
            (TypeChar::Int, 1) => Kind::Int8,
            (TypeChar::Int, 2) => Kind::Int16,
            (TypeChar::Int, 4) => Kind::Int32,
            (TypeChar::Int, 8) => Kind::Int64,
            (TypeChar::Uint, 1) => Kind::UInt8,
            (TypeChar::Uint, 2) => Kind::UInt16,
            (TypeChar::Uint, 4) => Kind::UInt32,
            (TypeChar::Uint, 8) => Kind::UInt64,
            (TypeChar::Float, 2) => Kind::Float16,
            (TypeChar::Float, 4) => Kind::Float32,
            (TypeChar::Float, 8) => Kind::Float64,
            (TypeChar::ByteStr, size) => Kind::Bytes(size),
            (TypeChar::UnicodeStr, size) => Kind::Text(size),
            (TypeChar::DateTime, 8) if parsed.time_units() == Some(TimeUnits::Day) => Kind::Date,
            (TypeChar::DateTime, 8) => Kind::Timestamp(time_unit(&parsed)?),
            (TypeChar::TimeDelta, 8) => Kind::Duration(time_unit(&parsed)?),
            (other, _) => return Err(refused(other, descr)),
        };
        Ok(Self { kind, is_big_endian: parsed.endianness() == Endianness::Big })
    }

    /// The bytes of one value, if memory can hold so many.
    pub(crate) fn bytes(self) -> Option<usize> {
        match self.kind {
            Kind::Bytes(size) => Some(size),
            Kind::Text(size) => size.checked_mul(4),
            _ => Some(self.swapped_bytes()),
        }
    }

    /// The bytes whose order is that of the type.
    pub(crate) fn swapped_bytes(self) -> usize {
        match self.kind {
            Kind::Bool | Kind::Int8 | Kind::UInt8 | Kind::Bytes(_) => 1,
            Kind::Int16 | Kind::UInt16 | Kind::Float16 => 2,
            Kind::Int32 | Kind::UInt32 | Kind::Float32 | Kind::Text(_) => 4,
            Kind::Int64 | Kind::UInt64 | Kind::Float64 => 8,
            Kind::Date | Kind::Timestamp(_) | Kind::Duration(_) => 8,
        }
    }

    /// The type in a table.
    pub(crate) fn data_type(self) -> DataType {
        match self.kind {
            Kind::Bool => DataType::Boolean,
            Kind::Int8 => DataType::Int8,
            Kind::Int16 => DataType::Int16,
            Kind::Int32 => DataType::Int32,
            Kind::Int64 => DataType::Int64,
            Kind::UInt8 => DataType::UInt8,
            Kind::UInt16 => DataType::UInt16,
            Kind::UInt32 => DataType::UInt32,
            Kind::UInt64 => DataType::UInt64,
            Kind::Float16 => DataType::Float16,
            Kind::Float32 => DataType::Float32,
            Kind::Float64 => DataType::Float64,
            Kind::Bytes(_) => DataType::Binary,
            Kind::Text(_) => DataType::Utf8,
            Kind::Date => DataType::Date32,
            Kind::Timestamp(unit) => DataType::Timestamp(unit, None),
            Kind::Duration(unit) => DataType::Duration(unit),
        }
    }

    /// Whether a value can be NumPy's `NaT`, which is a null.
    pub(crate) fn has_nulls(self) -> bool {
        matches!(self.kind, Kind::Date | Kind::Timestamp(_) | Kind::Duration(_))
    }
}

fn time_unit(parsed: &TypeStr) -> Result<TimeUnit, Fault> {
    match parsed.time_units() {
        Some(TimeUnits::Second) => Ok(TimeUnit::Second),
        Some(TimeUnits::Millisecond) => Ok(TimeUnit::Millisecond),
        Some(TimeUnits::Microsecond) => Ok(TimeUnit::Microsecond),
        Some(TimeUnits::Nanosecond) => Ok(TimeUnit::Nanosecond),
        _ => Err(refused(parsed.type_char(), &parsed.to_string())),
    }
}

/// The fault of a notation that is not understood.
fn unknown(descr: &str) -> Fault {
    match descr.get(1..2).and_then(|letter| letter.chars().next()).and_then(TypeChar::from_char) {
        // The time of no unit, and of several at once, has no type elsewhere.
        Some(letter @ (TypeChar::DateTime | TypeChar::TimeDelta)) => refused(letter, descr),
        _ => Fault::damaged("a dtype of NumPy, such as `<f4`", format!("`{descr}`")),
    }
}

/// The fault of a type that no column has.
fn refused(letter: TypeChar, descr: &str) -> Fault {
    let (what, remedy) = match letter {
        TypeChar::Complex => ("complex numbers", "save `a.real` and `a.imag` as arrays of their own"),
        TypeChar::Float => ("floating-point numbers of more than 64 bits", "save `a.astype('<f8')`"),
        TypeChar::Object => {
            ("pickled Python objects", "save it as an array of numbers or strings: `np.array(a.tolist())`")
        }
        TypeChar::RawData => ("raw bytes without a type", "save `a.view('u1').reshape(len(a), -1)`"),
        TypeChar::DateTime => ("times of a unit that SQL does not have", "save `a.astype('<M8[us]')`"),
        TypeChar::TimeDelta => ("durations of a unit that SQL does not have", "save `a.astype('<m8[us]')`"),
        _ => ("a type that SQL does not have", "save it as an array of numbers or strings"),
    };
    Fault::refused(format!("{what} (`{descr}`)"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations_have_a_type_an_order_and_a_size() {
        for (descr, kind, is_big_endian, bytes) in [
            ("|b1", Kind::Bool, false, 1),
            ("|i1", Kind::Int8, false, 1),
            ("<i8", Kind::Int64, false, 8),
            (">u2", Kind::UInt16, true, 2),
            ("<f2", Kind::Float16, false, 2),
            (">f8", Kind::Float64, true, 8),
            ("|S7", Kind::Bytes(7), false, 7),
            (">U3", Kind::Text(3), true, 12),
            ("<M8[D]", Kind::Date, false, 8),
            ("<M8[ns]", Kind::Timestamp(TimeUnit::Nanosecond), false, 8),
            (">m8[s]", Kind::Duration(TimeUnit::Second), true, 8),
        ] {
            let element = Element::parse(descr).unwrap();
            assert_eq!(element, Element { kind, is_big_endian }, "{descr}");
            assert_eq!(element.bytes(), Some(bytes), "{descr}");
        }
    }

    #[test]
    fn types_without_a_column_are_refused_by_name_with_a_remedy() {
        for (descr, name, advice) in [
            ("<c16", "complex", "a.real"),
            ("<f16", "more than 64 bits", "<f8"),
            ("|O", "pickled", "tolist"),
            ("|V8", "raw bytes", "view"),
            ("<M8[Y]", "times", "M8[us]"),
            ("<M8", "times", "M8[us]"),
            ("<M8[25s]", "times", "M8[us]"),
            ("<m8[D]", "durations", "m8[us]"),
        ] {
            match Element::parse(descr) {
                Err(Fault::Refused { what, remedy }) => {
                    assert!(what.contains(name) && what.contains(descr), "{descr}: {what}");
                    assert!(remedy.contains(advice), "{descr}: {remedy}");
                }
                other => panic!("{descr}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_notation_is_damage() {
        for descr in
            ["", "<", "é", "<é", "f4", "<f3", "|f4", "<i", "<i4 ", "<S", "|S99999999999999999999", "<O8"]
        {
            let parsed = Element::parse(descr);
            assert!(matches!(parsed, Err(Fault::Damaged { .. })), "{descr}: {parsed:?}");
        }
        // The number of code points is one, that of bytes is none.
        assert_eq!(Element::parse("<U18446744073709551615").unwrap().bytes(), None);
    }
}
