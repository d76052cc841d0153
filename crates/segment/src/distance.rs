// SPDX-License-Identifier: Apache-2.0
//! Distances between two vectors, and norms of one.
//!
//! Components are widened to `f64` before anything is computed, so that the
//! result is right to the last digits of a float whatever the components are.
//! Sums run in independent lanes, which the compiler turns into vector
//! instructions. Slices of different lengths are compared up to the shorter
//! one's end: their lengths are the caller's to check.

/// Sums that run beside each other.
const LANES: usize = 8;

/// Returns the Euclidean distance.
///
/// ```
/// assert_eq!(m2m_segment::distance::l2(&[0.0, 0.0], &[3.0, 4.0]), 5.0);
/// ```
#[must_use]
pub fn l2(one: &[f32], other: &[f32]) -> f64 {
    sum(one, other, |a, b| (a - b) * (a - b)).sqrt()
}

/// Returns the inner product.
#[must_use]
pub fn inner_product(one: &[f32], other: &[f32]) -> f64 {
    sum(one, other, |a, b| a * b)
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

fn sum(one: &[f32], other: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (one, one_rest) = one.as_chunks::<LANES>();
    let (other, other_rest) = other.as_chunks::<LANES>();
    for (a, b) in one.iter().zip(other) {
        for ((lane, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += term(f64::from(a), f64::from(b));
        }
    }
    let rest = one_rest.iter().zip(other_rest).map(|(&a, &b)| term(f64::from(a), f64::from(b)));
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
