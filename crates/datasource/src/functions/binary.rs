// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use datafusion::scalar::ScalarValue;
use m2m_segment::distance;

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

    fn distance(&self, one: &[u8], other: &[u8]) -> Result<f64> {
        check_dimensions(self.name(), "bits", one.len() * 8, other.len() * 8)?;
        Ok(match self.kind {
            Kind::Hamming => distance::hamming(one, other) as f64,
            Kind::Jaccard => distance::jaccard(one, other),
            Kind::Tanimoto => distance::tanimoto(one, other),
        })
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
        let of_row = |row| match (one.bytes(row), other.bytes(row)) {
            (Some(one), Some(other)) => self.distance(one, other).map(Some),
            _ => Ok(None),
        };
        let distances: ArrayRef = Arc::new((0..rows).map(of_row).collect::<Result<Float64Array>>()?);
        if is_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&distances, 0)?));
        }
        Ok(ColumnarValue::Array(distances))
    }
}
