// SPDX-License-Identifier: Apache-2.0
//! `bloom_filter`: which ids a segment may have.
//!
//! ```text
//! offset  size      value, little-endian
//! 0       8         "bloom_0" and a zero byte           ┐
//! 8       4         capacity of a part, u32             │ from 1.1.0 on;
//! 12      8         error rate, f64                     │ before, the capacity is 500000
//! 20      8         n, the bytes that follow, u64       ┘ and the error rate 0.01
//!
//! 28 or 0 24        largest id, and two sequence numbers, u64
//! …       16        first id u64, ids u32, padding u32  ┐ a part, for k = 1, 2, …
//! …       ⌈c/2⌉     c counters of 4 bits, high one first ┘
//! ```
//!
//! A filter that is full grows by a part. The k-th part has the error rate
//! `e = error · 0.5ᵏ`, `f = ⌈log₂ 1/e⌉` functions, and for each of them
//! `p = ⌈capacity · ln 1/e / (f · ln² 2)⌉` counters, so `c = f · p`. The counter of
//! function `i` is the one at `(h₁ + i · h₂ mod 2³²) mod p + i · p`, where `h₁` and
//! `h₂` are the first two 32-bit words of MurmurHash3 (x64, 128 bits) of the id in
//! decimal digits.
//!
//! The server counts an id down when it is deleted, from a part that it finds by the
//! size of the id, so that a negative answer for a live id is a hint and no proof.
//! Source: `thirdparty/dablooms/dablooms.cpp` and
//! `codecs/default/DefaultIdBloomFilterFormat.cpp`, v1.0.0 and v1.1.1.

use std::f64::consts::LN_2;

use murmur3::murmur3_x64_128;

use crate::error::{Error, Result};

/// What the form of 1.1.0 begins with.
const MAGIC: [u8; 8] = *b"bloom_0\0";
/// Bytes of capacity, error rate and length behind it.
const SETTINGS_LEN: usize = 20;
/// Bytes before the first part.
const COMMON_LEN: usize = 24;
/// Bytes of a part before its counters.
const PART_LEN: usize = 16;
/// Capacity and error rate where the file does not say them.
const OLD_CAPACITY: u32 = 500_000;
const OLD_ERROR_RATE: f64 = 0.01;
/// The error rate of a part is that of the part before times this.
const TIGHTENING: f64 = 0.5;
const SEED: u32 = 0x97c2_9b3a;
/// Bytes of the longest id in decimal digits.
const DIGITS: usize = 20;

/// A bloom filter of ids, over the bytes of its file.
///
/// ```
/// use m2m_segment::bloom_filter::BloomFilter;
///
/// // Too short to be one.
/// assert!(BloomFilter::parse(b"bloom_0\0").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct BloomFilter<'a> {
    parts: Vec<Part<'a>>,
}

/// One of the filters that make up a filter.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    functions: u32,
    /// Counters of one function.
    counters: u32,
    /// Two counters a byte.
    bytes: &'a [u8],
}

impl<'a> BloomFilter<'a> {
    /// Reads the whole content of a `bloom_filter` file. What stands behind the
    /// counted part of the form of 1.1.0 is ignored.
    ///
    /// # Errors
    ///
    /// When the file is shorter than it says, is no whole number of parts, or has a
    /// capacity or an error rate that no filter can have.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (capacity, error_rate, structure) = match bytes.split_first_chunk() {
            Some((&MAGIC, rest)) => settings(rest)?,
            _ => (OLD_CAPACITY, OLD_ERROR_RATE, bytes),
        };
        let mut rest =
            structure.get(COMMON_LEN..).ok_or_else(|| too_short(COMMON_LEN as u64, structure.len()))?;
        let mut parts = Vec::new();
        let mut error_rate = error_rate * TIGHTENING;
        while parts.is_empty() || !rest.is_empty() {
            let (part, behind) = Part::take(capacity, error_rate, rest)?;
            parts.push(part);
            rest = behind;
            error_rate *= TIGHTENING;
        }
        Ok(Self { parts })
    }

    /// Returns of how many parts the filter is.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Returns whether the filter may have an id: true for every id that it has, and
    /// for about one in a hundred of the others.
    #[must_use]
    pub fn contains(&self, id: i64) -> bool {
        let hashes = hashes(id);
        self.parts.iter().any(|part| part.contains(hashes))
    }
}

impl<'a> Part<'a> {
    /// The part that bytes begin with, and what stands behind it.
    fn take(capacity: u32, error_rate: f64, bytes: &'a [u8]) -> Result<(Self, &'a [u8])> {
        let (functions, counters) = shape(capacity, error_rate).ok_or_else(|| Error::BloomFilter {
            expected: "a capacity above 0 and an error rate between 0 and 1".into(),
            found: format!("a part for {capacity} ids with the error rate {error_rate}"),
        })?;
        let length = u64::from(functions).saturating_mul(u64::from(counters)).div_ceil(2);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let end = length.saturating_add(PART_LEN);
        let (part, rest) = bytes.split_at_checked(end).ok_or_else(|| too_short(end as u64, bytes.len()))?;
        Ok((Self { functions, counters, bytes: part.get(PART_LEN..).unwrap_or_default() }, rest))
    }

    fn contains(&self, (one, other): (u32, u32)) -> bool {
        (0..self.functions).all(|function| {
            let hash = one.wrapping_add(function.wrapping_mul(other));
            let place = u64::from(hash.checked_rem(self.counters).unwrap_or(0));
            let before = u64::from(function).saturating_mul(u64::from(self.counters));
            let place = before.saturating_add(place);
            let byte = usize::try_from(place / 2).ok().and_then(|at| self.bytes.get(at));
            let mask = if place.is_multiple_of(2) { 0xf0 } else { 0x0f };
            byte.is_some_and(|byte| byte & mask != 0)
        })
    }
}

/// Capacity and error rate of a filter of 1.1.0, and its structure.
fn settings(bytes: &[u8]) -> Result<(u32, f64, &[u8])> {
    let (settings, rest) =
        bytes.split_first_chunk().ok_or_else(|| too_short(SETTINGS_LEN as u64, bytes.len()))?;
    let [c0, c1, c2, c3, e0, e1, e2, e3, e4, e5, e6, e7, n0, n1, n2, n3, n4, n5, n6, n7]: [u8; SETTINGS_LEN] =
        *settings;
    let capacity = u32::from_le_bytes([c0, c1, c2, c3]);
    let error_rate = f64::from_le_bytes([e0, e1, e2, e3, e4, e5, e6, e7]);
    let length = u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]);
    let structure = usize::try_from(length).ok().and_then(|length| rest.get(..length));
    let structure = structure.ok_or_else(|| too_short(length, rest.len()))?;
    Ok((capacity, error_rate, structure))
}

/// The functions of a part, and the counters of each.
fn shape(capacity: u32, error_rate: f64) -> Option<(u32, u32)> {
    // So is NaN refused, and a rate that became 0 by many halvings.
    if capacity == 0 || !(error_rate > 0.0 && error_rate < 1.0) {
        return None;
    }
    // The terms and their order are those of the server: a rounding shows in the sizes.
    let functions = ((1.0 / error_rate).ln() / LN_2).ceil();
    let counters = (f64::from(capacity) * error_rate.ln().abs() / (functions * LN_2.powi(2))).ceil();
    Some((whole(functions)?, whole(counters)?))
}

/// A number without fraction from 1 to 2³² - 1.
fn whole(number: f64) -> Option<u32> {
    let is_whole = (1.0..=f64::from(u32::MAX)).contains(&number);
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    is_whole.then_some(number as u32)
}

fn too_short(expected: u64, found: usize) -> Error {
    Error::BloomFilter { expected: format!("{expected} more bytes"), found: found.to_string() }
}

/// The two words that say where the counters of an id are.
fn hashes(id: i64) -> (u32, u32) {
    let mut buffer = [0; DIGITS];
    let mut text = decimal(id, &mut buffer);
    // Reading from memory cannot fail.
    let [a, b, c, d, e, f, g, h, ..] = murmur3_x64_128(&mut text, SEED).unwrap_or(0).to_le_bytes();
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

/// An id in decimal digits.
fn decimal(id: i64, buffer: &mut [u8; DIGITS]) -> &[u8] {
    let mut rest = id.unsigned_abs();
    let mut begin = DIGITS;
    for digit in buffer.iter_mut().rev() {
        begin = begin.saturating_sub(1);
        *digit = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or(0));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if id < 0 {
        begin = begin.saturating_sub(1);
        if let Some(sign) = buffer.get_mut(begin) {
            *sign = b'-';
        }
    }
    buffer.get(begin..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
