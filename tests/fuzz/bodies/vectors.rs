// SPDX-License-Identifier: Apache-2.0
//! Values of vectors: NaN and infinity, norms and distances.

use m2m_segment::distance;
use m2m_segment::finite::first_non_finite;

/// The first value that is none is found, and no distance is out of its range.
pub(crate) fn run(data: &[u8]) {
    let values: Vec<f32> =
        data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    let first = values.iter().position(|value| !value.is_finite());
    assert_eq!(first_non_finite(data), first);
    let (one, other) = values.split_at(values.len() / 2);
    let other = &other[..one.len()];
    assert_eq!(distance::is_finite(&values), first.is_none());
    if first.is_none() {
        assert!(distance::l2(one, other) >= 0.0 && distance::l2_norm(one) >= 0.0);
        assert!(distance::l2(one, one) == 0.0);
        let mut normalized = Vec::new();
        distance::normalize(one, &mut normalized);
        assert_eq!(normalized.len(), one.len());
    }
    let (one, other) = data.split_at(data.len() / 2);
    let other = &other[..one.len()];
    assert!(distance::hamming(one, other) <= one.len() as u64 * 8);
    assert!((0.0..=1.0).contains(&distance::jaccard(one, other)));
    assert!(distance::tanimoto(one, other) >= 0.0);
}
