// SPDX-License-Identifier: Apache-2.0
//! How wide a vector is.

use crate::error::{Error, Result};

/// The largest dimension that Milvus 1.x allows (`utils/ValidationUtil.cpp`, v1.1.1).
pub const MAX_DIMENSION: u32 = 32_768;

/// What a vector is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VectorElement {
    /// 32-bit floats, little-endian: metrics L2 and IP.
    Float32,
    /// Bits, eight to a byte, as the client sent them: all other metrics.
    Bit,
}

/// Element and dimension of the vectors of a collection.
///
/// * The dimension is 1 to 32768; of binary vectors it counts bits and is a
///   multiple of 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VectorLayout {
    element: VectorElement,
    dimension: u32,
}

impl VectorLayout {
    /// Returns the layout, when the dimension is one that a collection can have.
    ///
    /// # Errors
    ///
    /// When the dimension is 0, above 32768, or no multiple of 8 for bits.
    pub fn try_new(element: VectorElement, dimension: u32) -> Result<Self> {
        let bits = element == VectorElement::Bit;
        if dimension == 0 || dimension > MAX_DIMENSION || (bits && !dimension.is_multiple_of(8)) {
            return Err(Error::Dimension { bits, found: dimension });
        }
        Ok(Self { element, dimension })
    }

    /// Returns what a vector is made of.
    #[must_use]
    pub fn element(self) -> VectorElement {
        self.element
    }

    /// Returns the number of components of a vector.
    #[must_use]
    pub fn dimension(self) -> u32 {
        self.dimension
    }

    /// Returns the bytes of one vector: at most 131072.
    #[must_use]
    pub fn row_bytes(self) -> usize {
        let dimension = self.dimension as usize;
        match self.element {
            VectorElement::Float32 => dimension.saturating_mul(4),
            VectorElement::Bit => dimension / 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_vectors_take_four_bytes_a_component_and_binary_ones_an_eighth() {
        assert_eq!(VectorLayout::try_new(VectorElement::Float32, 128).unwrap().row_bytes(), 512);
        assert_eq!(VectorLayout::try_new(VectorElement::Bit, 128).unwrap().row_bytes(), 16);
        assert_eq!(VectorLayout::try_new(VectorElement::Float32, 32_768).unwrap().row_bytes(), 131_072);
    }

    #[test]
    fn impossible_dimensions_are_refused() {
        for dimension in [0, 32_769, u32::MAX] {
            assert!(VectorLayout::try_new(VectorElement::Float32, dimension).is_err(), "{dimension}");
            assert!(VectorLayout::try_new(VectorElement::Bit, dimension).is_err(), "{dimension}");
        }
        let error = VectorLayout::try_new(VectorElement::Bit, 12).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a dimension from 1 to 32768 that is a multiple of 8, found 12"
        );
    }
}
