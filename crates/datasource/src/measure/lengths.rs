// SPDX-License-Identifier: Apache-2.0
//! How long vectors are.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Buckets of lengths whose ends are one the double of the other.
const AN_OCTAVE: i32 = 16;
/// The number of the first bucket. No vector but zero is shorter than the smallest
/// float, of 2⁻¹⁴⁹.
const FIRST: i32 = -149 * AN_OCTAVE;
/// The number behind the last bucket. No vector of 32768 of the largest float is as
/// long as 2¹³⁶.
const END: i32 = 136 * AN_OCTAVE;
/// Lengths that differ from 1 by no more count as 1.
const UNIT: f64 = 0.001;

/// Where buckets begin, and where the last one ends. Unit vectors, which are a little
/// longer or shorter than 1, are all in the middle of one.
static BOUNDS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let bound = |number| ((f64::from(number) - 0.5) / f64::from(AN_OCTAVE)).exp2();
    (FIRST..=END).map(bound).collect()
});

/// What the lengths of some vectors are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lengths {
    /// Vectors with a component that is NaN or infinite, which count for nothing else.
    pub(super) not_finite: u64,
    pub(super) zero: u64,
    pub(super) unit: u64,
    /// The smallest and the largest length.
    #[serde(with = "range_bits")]
    pub(super) range: Option<(f64, f64)>,
    finite: u64,
    #[serde(with = "bits")]
    sum: f64,
    /// Vectors in each bucket; empty without any.
    buckets: Vec<u64>,
}

impl Lengths {
    /// Counts a vector in, and says whether it is finite.
    pub(super) fn add(&mut self, length: f64) -> bool {
        if !length.is_finite() {
            self.not_finite += 1;
            return false;
        }
        self.finite += 1;
        self.sum += length;
        self.unit += u64::from((length - 1.0).abs() <= UNIT);
        self.range = match self.range {
            None => Some((length, length)),
            Some((least, most)) => Some((least.min(length), most.max(length))),
        };
        if length == 0.0 {
            self.zero += 1;
        } else {
            if self.buckets.is_empty() {
                self.buckets = vec![0; BOUNDS.len() - 1];
            }
            if let Some(bucket) = self.buckets.get_mut(bucket(length)) {
                *bucket += 1;
            }
        }
        true
    }

    /// Counts the vectors in that others were counted in.
    pub(super) fn merge(&mut self, other: &Self) {
        self.not_finite += other.not_finite;
        self.zero += other.zero;
        self.unit += other.unit;
        self.finite += other.finite;
        self.sum += other.sum;
        self.range = match (self.range, other.range) {
            (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
            (one, other) => one.or(other),
        };
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
        } else {
            self.buckets.iter_mut().zip(&other.buckets).for_each(|(own, more)| *own += more);
        }
    }

    /// Forgets how many vectors each bucket has.
    pub(super) fn without_buckets(self) -> Self {
        Self { buckets: Vec::new(), ..self }
    }

    /// The mean of the finite lengths.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.finite > 0).then(|| self.sum / self.finite as f64)
    }

    /// The buckets that are not empty, ascending: from, to below, and how many vectors.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (f64, f64, u64)> {
        let zero = (self.zero > 0).then_some((0.0, 0.0, self.zero));
        let others = self.buckets.iter().zip(BOUNDS.iter().zip(BOUNDS.iter().skip(1)));
        let others = others.filter(|(rows, _)| **rows > 0);
        zero.into_iter().chain(others.map(|(rows, (lower, upper))| (*lower, *upper, *rows)))
    }
}

/// The place of the bucket of a length above 0.
fn bucket(length: f64) -> usize {
    let number = (length.log2() * f64::from(AN_OCTAVE) + 0.5).floor() - f64::from(FIRST);
    #[expect(clippy::cast_possible_truncation, reason = "a cast ends at the limits")]
    let place = (number as usize).min(BOUNDS.len() - 2);
    // A length on a bound is rounded to either side of it.
    let begins = |place: usize| BOUNDS.get(place).copied().unwrap_or(f64::INFINITY);
    if length < begins(place) {
        place.saturating_sub(1)
    } else if length >= begins(place + 1) {
        (place + 1).min(BOUNDS.len() - 2)
    } else {
        place
    }
}

/// A number as its bits: what is read is what was written, to the last digit.
mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "so it is called")]
    pub(super) fn serialize<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
        number.to_bits().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        u64::deserialize(from).map(f64::from_bits)
    }
}

/// The same of a range.
mod range_bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "the form that is called")]
    pub(super) fn serialize<S: Serializer>(range: &Option<(f64, f64)>, to: S) -> Result<S::Ok, S::Error> {
        range.map(|(least, most)| (least.to_bits(), most.to_bits())).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<(f64, f64)>, D::Error> {
        let bits = <Option<(u64, u64)>>::deserialize(from)?;
        Ok(bits.map(|(least, most)| (f64::from_bits(least), f64::from_bits(most))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lengths: &[f64]) -> Lengths {
        let mut all = Lengths::default();
        for &length in lengths {
            all.add(length);
        }
        all
    }

    #[test]
    fn every_length_is_in_a_bucket_that_holds_it() {
        let shortest = f64::from(f32::from_bits(1));
        let longest = f64::from(f32::MAX) * f64::from(32_768_f32).sqrt();
        let mut lengths = vec![shortest, longest, 1.0, 2.0, 0.999_999_999, 3.0, 1e-20, 1e20];
        // Each bound, and what is next to it.
        lengths.extend(BOUNDS.iter().filter(|bound| **bound < longest));
        lengths.extend(BOUNDS.iter().skip(1).map(|bound| bound.next_down()).filter(|below| *below < longest));
        for length in lengths {
            let buckets: Vec<_> = of(&[length]).buckets().collect();
            let &[(lower, upper, 1)] = buckets.as_slice() else { panic!("{buckets:?}") };
            assert!(lower <= length && length < upper, "{lower} <= {length} < {upper}");
            assert!(upper / lower < 1.05);
        }
    }

    #[test]
    fn zeros_have_a_bucket_of_their_own_and_what_is_not_finite_has_none() {
        let lengths = of(&[0.0, 1.0, f64::NAN, 0.0, f64::INFINITY, -f64::NAN, 1.000_976_562_5]);
        assert_eq!((lengths.not_finite, lengths.zero, lengths.unit), (3, 2, 2));
        assert_eq!(lengths.range, Some((0.0, 1.000_976_562_5)));
        assert_eq!(lengths.mean(), Some(2.000_976_562_5 / 4.0));
        let buckets: Vec<_> = lengths.buckets().collect();
        assert_eq!(buckets, [(0.0, 0.0, 2), ((-0.5_f64 / 16.0).exp2(), (0.5_f64 / 16.0).exp2(), 2)]);
        assert_eq!(of(&[f64::NAN]).mean(), None);
    }

    #[test]
    fn values_are_the_same_to_the_last_bit() {
        let numbers = [0.1 + 0.2, 1.0 / 3.0, -0.0, f64::MIN_POSITIVE / 3.0, 1e300, f64::MAX, f64::INFINITY];
        for number in numbers.into_iter().chain([f64::NEG_INFINITY, f64::NAN, -f64::NAN]) {
            let lengths = Lengths { sum: number, range: Some((number, -number)), ..of(&[0.0, 0.3, 7.5]) };
            let read: Lengths = serde_json::from_slice(&serde_json::to_vec(&lengths).unwrap()).unwrap();
            let bits = |of: &Lengths| (of.sum.to_bits(), of.range.map(|(a, b)| (a.to_bits(), b.to_bits())));
            assert_eq!(bits(&read), bits(&lengths), "{number}");
            assert_eq!(read.buckets, lengths.buckets);
            assert_eq!((read.finite, read.zero, read.unit, read.not_finite), (3, 1, 0, 0));
        }
        let none: Lengths =
            serde_json::from_slice(&serde_json::to_vec(&Lengths::default()).unwrap()).unwrap();
        assert_eq!(none, Lengths::default());
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let all = [0.0, 1.0, 7.5, f64::NAN, 1e-7, 7.6, 1.0];
        for cut in 0..=all.len() {
            let (mut merged, whole) = (of(&all[..cut]), of(&all));
            merged.merge(&of(&all[cut..]));
            assert_eq!(merged.buckets().collect::<Vec<_>>(), whole.buckets().collect::<Vec<_>>());
            assert_eq!((merged.range, merged.not_finite), (whole.range, whole.not_finite));
            assert!((merged.mean().unwrap() - whole.mean().unwrap()).abs() < 1e-12);
        }
    }
}
