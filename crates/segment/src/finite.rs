// SPDX-License-Identifier: Apache-2.0
//! Finding NaN and infinity, which Milvus 1.x accepted and 2.x refuses.

/// A float is NaN or infinite when all bits of its exponent are set.
const EXPONENT: u32 = 0x7f80_0000;
/// Values that are looked at together; the loop over them has no branch.
const BLOCK: usize = 1024;

/// Returns the index of the first value that is NaN or infinite among
/// little-endian floats. Bytes behind the last whole value are not looked at.
#[must_use]
pub fn first_non_finite(le_f32: &[u8]) -> Option<usize> {
    let (values, _) = le_f32.as_chunks::<4>();
    for (block, chunk) in values.chunks(BLOCK).enumerate() {
        if has_non_finite(chunk) {
            let inside = chunk.iter().position(|bytes| is_non_finite(*bytes))?;
            return block.checked_mul(BLOCK)?.checked_add(inside);
        }
    }
    None
}

/// Folds all values without leaving early, so that the compiler uses vectors.
fn has_non_finite(values: &[[u8; 4]]) -> bool {
    values.iter().fold(false, |found, bytes| found | is_non_finite(*bytes))
}

fn is_non_finite(bytes: [u8; 4]) -> bool {
    u32::from_le_bytes(bytes) & EXPONENT == EXPONENT
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn each_kind_of_non_finite_value_is_found_at_each_place() {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::from_bits(0x7f80_0001)] {
            for at in [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 17, 4 * BLOCK - 1] {
                let mut values = vec![1.0_f32; 4 * BLOCK];
                values[at] = bad;
                assert_eq!(first_non_finite(&bytes(&values)), Some(at));
            }
        }
    }

    #[test]
    fn extreme_finite_values_are_finite() {
        let values = [
            0.0,
            -0.0,
            f32::MIN,
            f32::MAX,
            f32::MIN_POSITIVE,
            f32::from_bits(1),
            f32::from_bits(0x8000_0001),
        ];
        assert_eq!(first_non_finite(&bytes(&values)), None);
        assert_eq!(first_non_finite(&[]), None);
        assert_eq!(first_non_finite(&[0xff; 3]), None);
    }

    proptest! {
        #[test]
        fn the_first_one_is_found(bits in prop::collection::vec(any::<u32>(), 0..3000)) {
            let expected = bits.iter().position(|bits| !f32::from_bits(*bits).is_finite());
            let le: Vec<u8> = bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
            prop_assert_eq!(first_non_finite(&le), expected);
        }

        #[test]
        fn the_first_of_few_among_many_is_found_at_any_address(
            length in 0_usize..5 * BLOCK, bad in prop::collection::vec(0_usize..5 * BLOCK, 0..4),
            shift in 0_usize..4, rest in 0_usize..4,
        ) {
            let mut values = vec![-1.5_f32; length];
            for at in &bad {
                if let Some(value) = values.get_mut(*at) {
                    *value = f32::NAN;
                }
            }
            let expected = bad.into_iter().filter(|at| *at < length).min();
            let le = [vec![0xff; shift], bytes(&values), vec![0xff; rest]].concat();
            prop_assert_eq!(first_non_finite(&le[shift..]), expected);
        }
    }
}
