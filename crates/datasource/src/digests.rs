// SPDX-License-Identifier: Apache-2.0
//! Digests of vectors, by which rows are compared without their vectors.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray};
use datafusion::arrow::datatypes::{DataType, Float32Type};
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Signature, SimpleScalarUDF, Volatility};
use m2m_segment::digest::digest;

/// Bytes of a digest.
pub(crate) const DIGEST_BYTES: i32 = 16;

/// A function of a vector of any layout, which answers the digest of its bytes.
pub(crate) fn vector_digest() -> ScalarUDF {
    let of_vectors = |arguments: &[ColumnarValue]| {
        let [vectors] = arguments else {
            return Err(DataFusionError::Internal("a digest is of one vector".into()));
        };
        let vectors = vectors.to_array(1)?;
        let digests = digests(&vectors).ok_or_else(|| {
            DataFusionError::Internal(format!("there is no digest of {}", vectors.data_type()))
        })?;
        Ok(ColumnarValue::Array(Arc::new(digests?)))
    };
    let (from, to) = (Signature::any(1, Volatility::Immutable), DataType::FixedSizeBinary(DIGEST_BYTES));
    SimpleScalarUDF::new_with_signature("vector_digest", from, to, Arc::new(of_vectors)).into()
}

fn digests(vectors: &ArrayRef) -> Option<DFResult<FixedSizeBinaryArray>> {
    let digests: Vec<[u8; 16]> = if let Some(bytes) = vectors.as_fixed_size_binary_opt() {
        (0..bytes.len()).map(|row| digest(bytes.value(row))).collect()
    } else {
        let list = vectors.as_fixed_size_list_opt()?;
        let values = list.values().as_primitive_opt::<Float32Type>()?;
        let bytes = values.values().inner().as_slice();
        let width = usize::try_from(list.value_length()).ok()?.checked_mul(size_of::<f32>())?;
        let start = usize::try_from(list.value_offset(0)).ok()?.checked_mul(size_of::<f32>())?;
        let bytes = bytes.get(start..start.checked_add(width.checked_mul(list.len())?)?)?;
        bytes.chunks_exact(width.max(1)).map(digest).collect()
    };
    // Of no digests, the width would not be known.
    let digests =
        FixedSizeBinaryArray::try_from_sparse_iter_with_size(digests.into_iter().map(Some), DIGEST_BYTES);
    Some(digests.map_err(DataFusionError::from))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{FixedSizeListArray, Float32Array};
    use datafusion::arrow::datatypes::Field;

    use super::*;

    fn of(vectors: &ArrayRef) -> Vec<[u8; 16]> {
        let digests = digests(vectors).unwrap().unwrap();
        digests.iter().map(|digest| digest.unwrap().try_into().unwrap()).collect()
    }

    fn floats() -> ArrayRef {
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let values = Float32Array::from(vec![1.0, 2.0, 3.0, 4.0, 1.0, 2.0]);
        Arc::new(FixedSizeListArray::new(item, 2, Arc::new(values), None))
    }

    #[test]
    fn a_digest_is_that_of_the_bytes_of_a_vector() {
        let bytes: Vec<Vec<u8>> = [[1.0_f32, 2.0], [3.0, 4.0], [1.0, 2.0]]
            .map(|vector| vector.iter().flat_map(|value| value.to_le_bytes()).collect())
            .to_vec();
        let expected: Vec<_> = bytes.iter().map(|bytes| digest(bytes)).collect();
        assert_eq!(of(&floats()), expected);
        let binary: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter(bytes.into_iter()).unwrap());
        assert_eq!(of(&binary), expected);
    }

    #[test]
    fn parts_of_an_array_and_none_of_it_have_digests() {
        let all = of(&floats());
        assert_eq!(of(&floats().slice(1, 2)), all.get(1..).unwrap());
        assert!(of(&floats().slice(3, 0)).is_empty());
    }

    #[test]
    fn what_is_no_vector_has_no_digest() {
        assert!(digests(&(Arc::new(Float32Array::from(vec![1.0])) as ArrayRef)).is_none());
    }
}
