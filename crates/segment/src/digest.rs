// SPDX-License-Identifier: Apache-2.0
//! Telling vectors apart without keeping them.

use murmur3::murmur3_x64_128;

/// Returns 128 bits that are the same for the same bytes, and for other bytes others
/// but by a chance that never comes: among a thousand million vectors, one in 10²⁰.
///
/// Nobody is kept from making two vectors of the same digest on purpose.
#[must_use]
pub fn digest(mut bytes: &[u8]) -> [u8; 16] {
    // Reading from memory cannot fail.
    murmur3_x64_128(&mut bytes, 0).unwrap_or_default().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn one_other_bit_makes_another_digest() {
        let vector = [0x3f_u8; 512];
        let mut seen = HashSet::from([digest(&vector)]);
        for bit in 0..vector.len() * 8 {
            let mut other = vector;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(digest(&other)), "bit {bit}");
        }
        assert_eq!(digest(&vector), digest(&[0x3f; 512]));
    }

    #[test]
    fn zeros_at_the_end_count() {
        let digests: HashSet<_> = (0..100).map(|length| digest(&vec![0; length])).collect();
        assert_eq!(digests.len(), 100);
    }

    #[test]
    fn the_digest_is_that_of_murmur_hash() {
        // Of the reference implementation (MurmurHash3_x64_128, seed 0).
        assert_eq!(u128::from_le_bytes(digest(b"")), 0);
        let hello = u128::from_le_bytes(digest(b"hello"));
        assert_eq!(hello, 0x5b1e_906a_48ae_1d19_cbd8_a7b3_41bd_9b02);
    }
}
