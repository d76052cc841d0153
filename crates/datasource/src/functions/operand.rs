// SPDX-License-Identifier: Apache-2.0
//! Arguments of vector functions as slices, row by row.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::buffer::{NullBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Field, Float32Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;

/// The vectors of one argument.
pub(super) enum Operand {
    Float { values: ScalarBuffer<f32>, rows: Rows },
    Binary { bytes: ArrayRef, rows: Rows },
}

/// Which elements belong to which row.
pub(super) struct Rows {
    /// A literal has one row for all.
    is_scalar: bool,
    nulls: Option<NullBuffer>,
    bounds: Bounds,
}

enum Bounds {
    /// The first element, elements of each row, and rows.
    Fixed {
        start: usize,
        width: usize,
        rows: usize,
    },
    Offsets(Vec<usize>),
}

impl Rows {
    /// Where the first row of a column begins and how wide each is, unless rows
    /// are NULL or of lengths of their own.
    fn fixed_column(&self) -> Option<(usize, usize)> {
        let is_whole = !self.is_scalar && self.nulls.as_ref().is_none_or(|nulls| nulls.null_count() == 0);
        match self.bounds {
            Bounds::Fixed { start, width, .. } if is_whole => Some((start, width)),
            _ => None,
        }
    }

    /// The elements of each row that is not NULL.
    fn all(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let count = match (&self.bounds, &self.nulls) {
            _ if self.is_scalar => 1,
            (Bounds::Offsets(offsets), _) => offsets.len().saturating_sub(1),
            (Bounds::Fixed { .. }, Some(nulls)) => nulls.len(),
            (Bounds::Fixed { rows, .. }, None) => *rows,
        };
        (0..count).filter_map(|row| self.range(row)).filter(|row| !row.is_empty())
    }

    /// The elements of a row, or nothing when the row is NULL.
    fn range(&self, row: usize) -> Option<std::ops::Range<usize>> {
        let row = if self.is_scalar { 0 } else { row };
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        match &self.bounds {
            Bounds::Fixed { start, width, .. } => Some(start + row * width..start + (row + 1) * width),
            Bounds::Offsets(offsets) => Some(*offsets.get(row)?..*offsets.get(row + 1)?),
        }
    }
}

impl Operand {
    /// Reads the argument number `at` (from 1) of `function`.
    pub(super) fn new(function: &str, at: usize, value: &ColumnarValue) -> Result<Self> {
        let is_scalar = matches!(value, ColumnarValue::Scalar(_));
        let array = match value {
            ColumnarValue::Array(array) => Arc::clone(array),
            ColumnarValue::Scalar(scalar) => scalar.to_array()?,
        };
        let rows = |bounds| Rows { is_scalar, nulls: array.logical_nulls(), bounds };
        match array.data_type() {
            DataType::FixedSizeList(..) => {
                let list = array.as_fixed_size_list();
                let width = usize::try_from(list.value_length()).unwrap_or(0);
                let start = usize::try_from(list.value_offset(0)).unwrap_or(0);
                Self::float(
                    function,
                    at,
                    list.values(),
                    rows(Bounds::Fixed { start, width, rows: list.len() }),
                )
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let offsets = list.value_offsets().iter().map(|&offset| usize::try_from(offset).unwrap_or(0));
                Self::float(function, at, list.values(), rows(Bounds::Offsets(offsets.collect())))
            }
            DataType::FixedSizeBinary(width) => {
                let width = usize::try_from(*width).unwrap_or(0);
                let bounds = Bounds::Fixed { start: 0, width, rows: array.len() };
                Ok(Self::Binary { rows: rows(bounds), bytes: array })
            }
            DataType::Binary => {
                let offsets = array.as_binary::<i32>().value_offsets();
                let offsets = offsets.iter().map(|&offset| usize::try_from(offset).unwrap_or(0)).collect();
                Ok(Self::Binary { rows: rows(Bounds::Offsets(offsets)), bytes: array })
            }
            other => Err(DataFusionError::Internal(format!("`{function}` was called with {other}"))),
        }
    }

    fn float(function: &str, at: usize, values: &ArrayRef, rows: Rows) -> Result<Self> {
        // What stands behind a NULL row is nobody's.
        if let Some(nulls) = values.logical_nulls().filter(|nulls| nulls.null_count() > 0)
            && rows.all().any(|row| nulls.slice(row.start, row.len()).null_count() > 0)
        {
            return Err(DataFusionError::Execution(format!(
                "`{function}`: a component of the vector in argument {at} is NULL; a vector has numbers alone"
            )));
        }
        let values = values.as_primitive_opt::<Float32Type>().ok_or_else(|| {
            DataFusionError::Internal(format!("`{function}` was called with {}", values.data_type()))
        })?;
        Ok(Self::Float { values: values.values().clone(), rows })
    }

    /// The components of all rows of a column one behind the other, and how many a
    /// row has; nothing for a literal, and where a row is NULL or has its own length.
    pub(super) fn float_block(&self, rows: usize) -> Option<(&[f32], usize)> {
        let Self::Float { values, rows: of } = self else { return None };
        let (start, width) = of.fixed_column()?;
        Some((values.get(start..start + rows * width)?, width)).filter(|_| width > 0)
    }

    /// The components of a literal, unless it is NULL.
    pub(super) fn literal_floats(&self) -> Option<&[f32]> {
        let Self::Float { rows, .. } = self else { return None };
        rows.is_scalar.then(|| self.floats(0)).flatten()
    }

    /// The bytes of all rows of a column, as [`Operand::float_block`] has them.
    pub(super) fn byte_block(&self, rows: usize) -> Option<(&[u8], usize)> {
        let Self::Binary { bytes, rows: of } = self else { return None };
        let (_, width) = of.fixed_column()?;
        let fixed = bytes.as_fixed_size_binary_opt()?;
        Some((fixed.value_data().get(..rows * width)?, width)).filter(|_| width > 0)
    }

    /// The bytes of a literal, unless it is NULL.
    pub(super) fn literal_bytes(&self) -> Option<&[u8]> {
        let Self::Binary { rows, .. } = self else { return None };
        rows.is_scalar.then(|| self.bytes(0)).flatten()
    }

    /// The components of a row, or nothing when the row is NULL or no float vector.
    pub(super) fn floats(&self, row: usize) -> Option<&[f32]> {
        match self {
            Self::Float { values, rows } => values.get(rows.range(row)?),
            Self::Binary { .. } => None,
        }
    }

    /// The bytes of a row, or nothing when the row is NULL or no binary vector.
    pub(super) fn bytes(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Binary { bytes, rows } => {
                rows.range(row)?;
                let row = if rows.is_scalar { 0 } else { row };
                match bytes.as_fixed_size_binary_opt() {
                    Some(fixed) => Some(fixed.value(row)),
                    None => Some(bytes.as_binary_opt::<i32>()?.value(row)),
                }
            }
            Self::Float { .. } => None,
        }
    }
}

/// The type that an argument of a float function is taken as.
pub(super) fn float_type(function: &str, at: usize, found: &DataType) -> Result<DataType> {
    let floats = || DataType::List(Arc::new(Field::new_list_field(DataType::Float32, true)));
    match found {
        DataType::FixedSizeList(item, _) if item.data_type() == &DataType::Float32 => Ok(found.clone()),
        DataType::FixedSizeList(item, _) | DataType::List(item) | DataType::LargeList(item)
            if item.data_type().is_numeric() || item.data_type().is_null() =>
        {
            Ok(floats())
        }
        DataType::Null => Ok(floats()),
        other => Err(DataFusionError::Plan(format!(
            "`{function}`: argument {at} is {other}, expected a float vector such as `vector` or `[0.1, 0.2]`"
        ))),
    }
}

/// The type that an argument of a binary function is taken as.
pub(super) fn binary_type(function: &str, at: usize, found: &DataType) -> Result<DataType> {
    match found {
        DataType::FixedSizeBinary(_) => Ok(found.clone()),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::Null => {
            Ok(DataType::Binary)
        }
        other => Err(DataFusionError::Plan(format!(
            "`{function}`: argument {at} is {other}, expected a binary vector such as `vector` or `X'00ff'`"
        ))),
    }
}

/// Refuses a call with another number of arguments.
pub(super) fn check_count(function: &str, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let noun = if expected == 1 { "argument" } else { "arguments" };
    Err(DataFusionError::Plan(format!("`{function}` takes {expected} {noun}, found {found}")))
}

/// Refuses two vectors of different dimensions.
pub(super) fn check_dimensions(function: &str, unit: &str, one: usize, other: usize) -> Result<()> {
    if one == other {
        return Ok(());
    }
    Err(DataFusionError::Execution(format!(
        "`{function}`: the first vector has {one} {unit}, the second {other}; both must have the same number"
    )))
}
