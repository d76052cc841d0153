// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float32Builder, Float64Array, Int64Array,
    ListBuilder,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use m2m_segment::distance::{self, FloatDistance};

use super::documentation;
use super::operand::{Operand, binary_type, check_count, check_dimensions, float_type};

const BITS: i64 = 8;

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    L2Distance,
    InnerProduct,
    CosineDistance,
    L2Norm,
    L2Normalize,
    VectorDims,
    IsFinite,
    FirstNonFinite,
}

/// A function of float vectors.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct FloatFunction {
    kind: Kind,
    signature: Signature,
}

impl FloatFunction {
    /// Every function of this kind.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        [
            Kind::L2Distance,
            Kind::InnerProduct,
            Kind::CosineDistance,
            Kind::L2Norm,
            Kind::L2Normalize,
            Kind::VectorDims,
            Kind::IsFinite,
            Kind::FirstNonFinite,
        ]
        .into_iter()
        .map(|kind| Self { kind, signature: Signature::user_defined(Volatility::Immutable) })
    }

    fn arguments(&self) -> usize {
        match self.kind {
            Kind::L2Distance | Kind::InnerProduct | Kind::CosineDistance => 2,
            Kind::L2Norm | Kind::L2Normalize | Kind::VectorDims | Kind::IsFinite | Kind::FirstNonFinite => 1,
        }
    }

    /// The distance of two vectors; nothing for a function of one.
    fn distance(&self) -> Option<FloatDistance> {
        match self.kind {
            Kind::L2Distance => Some(FloatDistance::L2),
            Kind::InnerProduct => Some(FloatDistance::InnerProduct),
            Kind::CosineDistance => Some(FloatDistance::Cosine),
            _ => None,
        }
    }
}

impl ScalarUDFImpl for FloatFunction {
    fn name(&self) -> &str {
        match self.kind {
            Kind::L2Distance => "l2_distance",
            Kind::InnerProduct => "inner_product",
            Kind::CosineDistance => "cosine_distance",
            Kind::L2Norm => "l2_norm",
            Kind::L2Normalize => "l2_normalize",
            Kind::VectorDims => "vector_dims",
            Kind::IsFinite => "is_finite",
            Kind::FirstNonFinite => "first_non_finite",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn documentation(&self) -> Option<&Documentation> {
        documentation::of(self.name())
    }

    fn coerce_types(&self, found: &[DataType]) -> Result<Vec<DataType>> {
        check_count(self.name(), self.arguments(), found.len())?;
        let of = |(at, found): (usize, &DataType)| match self.kind {
            // Both kinds of vectors have dimensions.
            Kind::VectorDims => {
                binary_type(self.name(), at + 1, found).or_else(|_| float_type(self.name(), at + 1, found))
            }
            _ => float_type(self.name(), at + 1, found),
        };
        found.iter().enumerate().map(of).collect()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        if let [DataType::FixedSizeList(_, one), DataType::FixedSizeList(_, other)] = arguments {
            let width = |width: &i32| usize::try_from(*width).unwrap_or(0);
            check_dimensions(self.name(), "components", width(one), width(other))?;
        }
        Ok(match self.kind {
            Kind::VectorDims | Kind::FirstNonFinite => DataType::Int64,
            Kind::IsFinite => DataType::Boolean,
            Kind::L2Normalize => match arguments {
                [DataType::FixedSizeList(_, width)] => DataType::FixedSizeList(item(), *width),
                _ => DataType::List(item()),
            },
            _ => DataType::Float64,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_scalar { 1 } else { args.number_rows };
        let operands = args.args.iter().enumerate();
        let operands = operands.map(|(at, arg)| Operand::new(self.name(), at + 1, arg));
        let operands = operands.collect::<Result<Vec<_>>>()?;
        let array = match (&operands[..], self.distance()) {
            ([one, other], Some(distance)) => self.distances(one, other, rows, distance)?,
            ([one], None) => self.of_one(one, rows, &args.return_field)?,
            _ => return Err(DataFusionError::Internal(format!("`{}` lost an argument", self.name()))),
        };
        if is_scalar {
            return Ok(ColumnarValue::Scalar(datafusion::scalar::ScalarValue::try_from_array(&array, 0)?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

impl FloatFunction {
    fn distances(
        &self,
        one: &Operand,
        other: &Operand,
        rows: usize,
        distance: FloatDistance,
    ) -> Result<ArrayRef> {
        // All three are symmetric: the column is the one and the literal the other.
        let (column, literal) = if one.literal_floats().is_some() { (other, one) } else { (one, other) };
        if let (Some((block, dimension)), Some(literal)) =
            (column.float_block(rows), literal.literal_floats())
        {
            check_dimensions(self.name(), "components", dimension, literal.len())?;
            let mut distances = Vec::with_capacity(rows);
            distance.of_each(block, literal, &mut distances);
            return Ok(Arc::new(Float64Array::from(distances)));
        }
        let of_row = |row| match (one.floats(row), other.floats(row)) {
            (Some(one), Some(other)) => {
                check_dimensions(self.name(), "components", one.len(), other.len())?;
                Ok(Some(distance.of(one, other)))
            }
            _ => Ok(None),
        };
        Ok(Arc::new((0..rows).map(of_row).collect::<Result<Float64Array>>()?))
    }

    fn of_one(&self, vectors: &Operand, rows: usize, field: &FieldRef) -> Result<ArrayRef> {
        let floats = |row| vectors.floats(row);
        Ok(match self.kind {
            Kind::L2Norm => match vectors.float_block(rows) {
                Some((block, dimension)) => {
                    let mut norms = Vec::with_capacity(rows);
                    distance::l2_norms(block, dimension, &mut norms);
                    Arc::new(Float64Array::from(norms))
                }
                None => {
                    let norms = (0..rows).map(|row| floats(row).map(distance::l2_norm));
                    Arc::new(norms.collect::<Float64Array>())
                }
            },
            Kind::IsFinite => {
                let is_finite = |row| floats(row).map(distance::is_finite);
                Arc::new((0..rows).map(is_finite).collect::<BooleanArray>())
            }
            Kind::FirstNonFinite => {
                let first = |row| floats(row).and_then(first_non_finite);
                Arc::new((0..rows).map(first).collect::<Int64Array>())
            }
            Kind::VectorDims => {
                let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
                let dims = |row| {
                    let bits = || vectors.bytes(row).map(|bytes| count(bytes.len()) * BITS);
                    floats(row).map(|vector| count(vector.len())).or_else(bits)
                };
                Arc::new((0..rows).map(dims).collect::<Int64Array>())
            }
            _ => match field.data_type() {
                DataType::FixedSizeList(_, width) => normalized(vectors, rows, *width)?,
                _ => normalized_lists(vectors, rows),
            },
        })
    }
}

/// The place of the first component that is NaN or infinite.
fn first_non_finite(vector: &[f32]) -> Option<i64> {
    if distance::is_finite(vector) {
        return None;
    }
    let first = vector.iter().position(|component| !component.is_finite());
    first.and_then(|place| i64::try_from(place).ok())
}

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Float32, true))
}

fn normalized(vectors: &Operand, rows: usize, width: i32) -> Result<ArrayRef> {
    let length = usize::try_from(width).unwrap_or(0);
    let mut values = Vec::with_capacity(rows * length);
    let mut valid = Vec::with_capacity(rows);
    for row in 0..rows {
        valid.push(vectors.floats(row).is_some());
        match vectors.floats(row) {
            Some(vector) => distance::normalize(vector, &mut values),
            None => values.resize(values.len() + length, 0.0),
        }
    }
    let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
    let values = Arc::new(Float32Array::from(values));
    Ok(Arc::new(FixedSizeListArray::try_new(item(), width, values, nulls)?))
}

fn normalized_lists(vectors: &Operand, rows: usize) -> ArrayRef {
    let mut lists = ListBuilder::new(Float32Builder::new());
    let mut normalized = Vec::new();
    for row in 0..rows {
        let vector = vectors.floats(row);
        if let Some(vector) = vector {
            normalized.clear();
            distance::normalize(vector, &mut normalized);
            lists.values().append_slice(&normalized);
        }
        lists.append(vector.is_some());
    }
    Arc::new(lists.finish())
}
