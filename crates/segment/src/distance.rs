// SPDX-License-Identifier: Apache-2.0
//! Distances between two vectors, and norms of one.
//!
//! Components are widened to `f64` before anything is computed, so that the
//! result is right to the last digits of a float whatever the components are.
//! Sums run in independent lanes, which the compiler turns into the vector
//! instructions that the machine has. The order of additions is always the
//! same, and so is the result on every machine. Slices of different lengths are compared up to the shorter
//! one's end: their lengths are the caller's to check.

use pulp::Arch;

/// Sums that run beside each other.
const LANES: usize = 16;

/// Returns the Euclidean distance.
///
/// ```
/// assert_eq!(m2m_segment::distance::l2(&[0.0, 0.0], &[3.0, 4.0]), 5.0);
/// ```
#[must_use]
pub fn l2(one: &[f32], other: &[f32]) -> f64 {
    sum(one, other, squared_difference).sqrt()
}

/// Returns the inner product.
#[must_use]
pub fn inner_product(one: &[f32], other: &[f32]) -> f64 {
    sum(one, other, product)
}

/// Returns one less the cosine of the angle between the vectors, from 0 for one
/// direction to 2 for opposite ones; NaN when a vector is all zeros.
#[must_use]
pub fn cosine(one: &[f32], other: &[f32]) -> f64 {
    1.0 - inner_product(one, other) / (l2_norm(one) * l2_norm(other))
}

/// Returns the length of a vector.
#[must_use]
pub fn l2_norm(vector: &[f32]) -> f64 {
    inner_product(vector, vector).sqrt()
}

/// Returns whether no component is NaN or infinite.
#[must_use]
pub fn is_finite(vector: &[f32]) -> bool {
    // All of a block is looked at before a decision: a loop without a way out is
    // one for vector instructions.
    let of_block =
        |block: &[f32]| block.iter().fold(true, |so_far, component| so_far & component.is_finite());
    vector.chunks(16 * LANES).all(of_block)
}

/// Appends the vector made as long as 1. What has no direction, zeros or
/// lengths that are not finite, stays as it is.
pub fn normalize(vector: &[f32], normalized: &mut Vec<f32>) {
    let norm = l2_norm(vector);
    let divisor = if norm > 0.0 && norm.is_finite() { norm } else { 1.0 };
    #[expect(clippy::cast_possible_truncation, reason = "a share of the norm is rounded to a float")]
    normalized.extend(vector.iter().map(|&component| (f64::from(component) / divisor) as f32));
}

/// A distance of float vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FloatDistance {
    /// [`l2`].
    L2,
    /// [`inner_product`].
    InnerProduct,
    /// [`cosine`].
    Cosine,
}

impl FloatDistance {
    /// Returns the distance of two vectors.
    #[must_use]
    pub fn of(self, one: &[f32], other: &[f32]) -> f64 {
        match self {
            Self::L2 => l2(one, other),
            Self::InnerProduct => inner_product(one, other),
            Self::Cosine => cosine(one, other),
        }
    }

    /// Appends the distances of one vector to each of many that stand one
    /// behind the other in a block.
    pub fn of_each(self, block: &[f32], vector: &[f32], distances: &mut Vec<f64>) {
        let wide: Vec<f64> = vector.iter().copied().map(f64::from).collect();
        match self {
            Self::L2 => sums_of_each(block, &wide, squared_difference, f64::sqrt, distances),
            Self::InnerProduct => sums_of_each(block, &wide, product, |sum| sum, distances),
            Self::Cosine => {
                let norm = l2_norm(vector);
                let first = distances.len();
                sums_of_each(block, &wide, product, |sum| sum, distances);
                let rows = block.chunks_exact(vector.len().max(1));
                for (distance, row) in distances.iter_mut().skip(first).zip(rows) {
                    *distance = 1.0 - *distance / (l2_norm(row) * norm);
                }
            }
        }
    }
}

/// A distance of binary vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryDistance {
    /// [`hamming`].
    Hamming,
    /// [`jaccard`].
    Jaccard,
    /// [`tanimoto`].
    Tanimoto,
}

impl BinaryDistance {
    /// Returns the distance of two vectors.
    #[must_use]
    pub fn of(self, one: &[u8], other: &[u8]) -> f64 {
        match self {
            Self::Hamming => hamming(one, other) as f64,
            Self::Jaccard => jaccard(one, other),
            Self::Tanimoto => tanimoto(one, other),
        }
    }

    /// Appends the distances of one vector to each of many that stand one
    /// behind the other in a block.
    pub fn of_each(self, block: &[u8], vector: &[u8], distances: &mut Vec<f64>) {
        let rows = block.chunks_exact(vector.len().max(1));
        distances.extend(rows.map(|row| self.of(row, vector)));
    }
}

/// Appends the lengths of vectors of `dimension` components that stand one
/// behind the other in a block.
pub fn l2_norms(block: &[f32], dimension: usize, norms: &mut Vec<f64>) {
    norms.extend(block.chunks_exact(dimension.max(1)).map(l2_norm));
}

/// Returns how many bits differ.
#[must_use]
pub fn hamming(one: &[u8], other: &[u8]) -> u64 {
    one.iter().zip(other).map(|(a, b)| u64::from((a ^ b).count_ones())).sum()
}

/// Returns one less the share of the bits set in both among those set in
/// either, and 1 when no bit is set at all (as Milvus has it).
#[must_use]
pub fn jaccard(one: &[u8], other: &[u8]) -> f64 {
    let bits = |of: fn(u8, u8) -> u8| -> u64 {
        one.iter().zip(other).map(|(&a, &b)| u64::from(of(a, b).count_ones())).sum()
    };
    let (both, either) = (bits(|a, b| a & b), bits(|a, b| a | b));
    if either == 0 { 1.0 } else { 1.0 - both as f64 / either as f64 }
}

/// Returns −log₂(1 − Jaccard), the Tanimoto distance of Milvus 1.x
/// (`thirdparty/faiss/utils/BinaryDistance.h`, v1.1.1); infinite when no bit is
/// set in both.
#[must_use]
pub fn tanimoto(one: &[u8], other: &[u8]) -> f64 {
    let similarity = 1.0 - jaccard(one, other);
    // A logarithm of one is zero, and not minus zero.
    -similarity.log2() + 0.0
}

#[inline(always)]
fn product(a: f64, b: f64) -> f64 {
    a * b
}

#[inline(always)]
fn squared_difference(a: f64, b: f64) -> f64 {
    (a - b) * (a - b)
}

fn sum(one: &[f32], other: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    Arch::new().dispatch(
        #[inline(always)]
        || sum_lanes(one, other, f64::from, term),
    )
}

/// Appends what `last` makes of the sum over each row of a block.
fn sums_of_each(
    block: &[f32],
    vector: &[f64],
    term: impl Fn(f64, f64) -> f64,
    last: impl Fn(f64) -> f64,
    sums: &mut Vec<f64>,
) {
    let rows = block.chunks_exact(vector.len().max(1));
    sums.reserve(rows.len());
    Arch::new().dispatch(
        #[inline(always)]
        || {
            // A plain loop stays inside, where `extend` is a call to the outside.
            for row in rows {
                sums.push(last(sum_lanes(row, vector, |wide| wide, &term)));
            }
        },
    );
}

/// The inner loop. It is a part of its callers, since these decide for which
/// instructions it is compiled.
#[inline(always)]
fn sum_lanes<T: Copy>(
    one: &[f32],
    other: &[T],
    widen: impl Fn(T) -> f64,
    term: impl Fn(f64, f64) -> f64,
) -> f64 {
    let mut lanes = [0.0; LANES];
    let (one, one_rest) = one.as_chunks::<LANES>();
    let (other, other_rest) = other.as_chunks::<LANES>();
    for (a, b) in one.iter().zip(other) {
        for ((lane, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += term(f64::from(a), widen(b));
        }
    }
    let rest = one_rest.iter().zip(other_rest).map(|(&a, &b)| term(f64::from(a), widen(b)));
    lanes.iter().sum::<f64>() + rest.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plainly(one: &[f32], other: &[f32], term: fn(f64, f64) -> f64) -> f64 {
        one.iter().zip(other).map(|(&a, &b)| term(f64::from(a), f64::from(b))).sum()
    }

    fn close(found: f64, expected: f64, scale: f64) -> bool {
        found == expected || (found - expected).abs() <= 1e-12 * scale.max(f64::MIN_POSITIVE)
    }

    #[test]
    fn a_block_gives_what_each_of_its_vectors_gives() {
        let block: Vec<f32> = (0..7 * 19u8).map(|number| f32::from(number) - 60.0).collect();
        let vector: Vec<f32> = (0..19u8).map(|number| f32::from(number) * 0.25).collect();
        for distance in [FloatDistance::L2, FloatDistance::InnerProduct, FloatDistance::Cosine] {
            let mut distances = Vec::new();
            distance.of_each(&block, &vector, &mut distances);
            let one_by_one: Vec<f64> = block.chunks(19).map(|row| distance.of(row, &vector)).collect();
            assert_eq!(distances, one_by_one, "{distance:?}");
        }
        let block: Vec<u8> = (0..=251).collect();
        for distance in [BinaryDistance::Hamming, BinaryDistance::Jaccard, BinaryDistance::Tanimoto] {
            let mut distances = Vec::new();
            distance.of_each(&block, &[7, 0, 255, 1], &mut distances);
            let one_by_one: Vec<f64> = block.chunks(4).map(|row| distance.of(row, &[7, 0, 255, 1])).collect();
            assert_eq!(distances, one_by_one, "{distance:?}");
        }
        let mut norms = Vec::new();
        l2_norms(&[3.0, 4.0, 0.0, -2.0], 2, &mut norms);
        assert_eq!(norms, [5.0, 2.0]);
    }

    #[test]
    fn what_is_not_finite_is_found_in_every_place() {
        for length in [1, 7, 128, 300] {
            let vector = vec![f32::MAX; length];
            assert!(is_finite(&vector));
            for at in 0..length {
                for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let mut vector = vector.clone();
                    vector[at] = value;
                    assert!(!is_finite(&vector), "{value} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn a_normalized_vector_is_as_long_as_one_or_has_no_direction() {
        for vector in [vec![3.0f32, 4.0], vec![1e-30, 0.0, 1e-30], vec![3e38, 3e38]] {
            let mut normalized = Vec::new();
            normalize(&vector, &mut normalized);
            assert!((l2_norm(&normalized) - 1.0).abs() < 1e-6, "{normalized:?}");
        }
        for vector in [vec![], vec![0.0, -0.0], vec![f32::INFINITY, 1.0]] {
            let mut normalized = Vec::new();
            normalize(&vector, &mut normalized);
            assert_eq!(normalized, vector);
        }
    }

    proptest! {
        #[test]
        fn distances_are_those_of_plain_sums(
            pairs in prop::collection::vec((-1e18f32..1e18, -1e18f32..1e18), 0..70)
        ) {
            let (one, other): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let squares = plainly(&one, &other, |a, b| (a - b) * (a - b));
            prop_assert!(close(l2(&one, &other), squares.sqrt(), squares.sqrt()));
            let scale = plainly(&one, &other, |a, b| (a * b).abs());
            let product = plainly(&one, &other, |a, b| a * b);
            prop_assert!(close(inner_product(&one, &other), product, scale));
        }

        #[test]
        fn bits_are_counted_one_by_one(
            pairs in prop::collection::vec((any::<u8>(), any::<u8>()), 0..40)
        ) {
            let (one, other): (Vec<u8>, Vec<u8>) = pairs.into_iter().unzip();
            let bit = |bytes: &[u8], at: usize| bytes[at / 8] >> (at % 8) & 1 == 1;
            let count = |of: fn(bool, bool) -> bool| {
                (0..one.len() * 8).filter(|&at| of(bit(&one, at), bit(&other, at))).count()
            };
            prop_assert_eq!(hamming(&one, &other), count(|a, b| a != b) as u64);
            let (both, either) = (count(|a, b| a && b), count(|a, b| a || b));
            let expected = if either == 0 { 1.0 } else { 1.0 - both as f64 / either as f64 };
            prop_assert_eq!(jaccard(&one, &other), expected);
        }
    }

    #[test]
    fn extreme_components_do_not_overflow() {
        let (most, least) = ([f32::MAX; 9], [f32::MIN; 9]);
        let width = 2.0 * f64::from(f32::MAX);
        assert!(close(l2(&most, &least), 3.0 * width, width));
        assert!(l2_norm(&[f32::MIN_POSITIVE / 4.0; 3]) > 0.0, "subnormal components count");
        assert!(l2(&[f32::NAN], &[0.0]).is_nan());
        assert_eq!(l2(&[f32::INFINITY], &[0.0]), f64::INFINITY);
    }

    #[test]
    fn angles_are_measured_from_0_to_2() {
        assert_eq!(cosine(&[2.0, 0.0], &[7.0, 0.0]), 0.0);
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 3.0]), 1.0);
        assert_eq!(cosine(&[1.0, 0.0], &[-3.0, 0.0]), 2.0);
        assert!(cosine(&[0.0, 0.0], &[1.0, 0.0]).is_nan());
    }

    #[test]
    fn tanimoto_is_a_logarithm_of_jaccard() {
        assert_eq!(tanimoto(&[0b1111], &[0b0011]), 1.0);
        assert_eq!(tanimoto(&[0b1111], &[0b1111]).to_bits(), 0.0f64.to_bits());
        assert_eq!(tanimoto(&[0b1100], &[0b0011]), f64::INFINITY);
        assert_eq!(jaccard(&[0], &[0]), 1.0);
    }
}
