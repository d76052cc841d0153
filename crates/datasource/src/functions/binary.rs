// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use m2m_segment::distance::BinaryDistance;

use super::documentation;
use super::operand::{Operand, binary_type, check_count, check_dimensions};

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Hamming,
    Jaccard,
    Tanimoto,
}

/// A distance of binary vectors.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct BinaryFunction {
    kind: Kind,
    signature: Signature,
}

impl BinaryFunction {
    /// Every function of this kind.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        [Kind::Hamming, Kind::Jaccard, Kind::Tanimoto]
            .into_iter()
            .map(|kind| Self { kind, signature: Signature::user_defined(Volatility::Immutable) })
    }

    fn distance(&self) -> BinaryDistance {
        match self.kind {
            Kind::Hamming => BinaryDistance::Hamming,
            Kind::Jaccard => BinaryDistance::Jaccard,
            Kind::Tanimoto => BinaryDistance::Tanimoto,
        }
    }

    fn distances(&self, one: &Operand, other: &Operand, rows: usize) -> Result<Float64Array> {
        let distance = self.distance();
        // All three are symmetric: the column is the one and the literal the other.
        let (column, literal) = if one.literal_bytes().is_some() { (other, one) } else { (one, other) };
        if let (Some((block, width)), Some(literal)) = (column.byte_block(rows), literal.literal_bytes()) {
            check_dimensions(self.name(), "bits", width * 8, literal.len() * 8)?;
            let mut distances = Vec::with_capacity(rows);
            distance.of_each(block, literal, &mut distances);
            return Ok(Float64Array::from(distances));
        }
        let of_row = |row| match (one.bytes(row), other.bytes(row)) {
            (Some(one), Some(other)) => {
                check_dimensions(self.name(), "bits", one.len() * 8, other.len() * 8)?;
                Ok(Some(distance.of(one, other)))
            }
            _ => Ok(None),
        };
        (0..rows).map(of_row).collect()
    }
}

impl ScalarUDFImpl for BinaryFunction {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Hamming => "hamming_distance",
            Kind::Jaccard => "jaccard_distance",
            Kind::Tanimoto => "tanimoto_distance",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn documentation(&self) -> Option<&Documentation> {
        documentation::of(self.name())
    }

    fn coerce_types(&self, found: &[DataType]) -> Result<Vec<DataType>> {
        check_count(self.name(), 2, found.len())?;
        let found = found.iter().enumerate();
        found.map(|(at, found)| binary_type(self.name(), at + 1, found)).collect()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        if let [DataType::FixedSizeBinary(one), DataType::FixedSizeBinary(other)] = arguments {
            let bits = |width: &i32| usize::try_from(*width).unwrap_or(0) * 8;
            check_dimensions(self.name(), "bits", bits(one), bits(other))?;
        }
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [one, other] = &args.args[..] else {
            return Err(DataFusionError::Internal(format!("`{}` lost an argument", self.name())));
        };
        let is_scalar = [one, other].iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_scalar { 1 } else { args.number_rows };
        let (one, other) = (Operand::new(self.name(), 1, one)?, Operand::new(self.name(), 2, other)?);
        let distances: ArrayRef = Arc::new(self.distances(&one, &other, rows)?);
        if is_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&distances, 0)?));
        }
        Ok(ColumnarValue::Array(distances))
    }
}
