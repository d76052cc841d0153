// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;

use super::*;

/// A filter as the server fills one, which grows when a part has `capacity` ids.
fn encode(capacity: u32, error_rate: f64, is_headed: bool, ids: &[i64]) -> Vec<u8> {
    let mut structure = vec![0; COMMON_LEN];
    let mut error_rate_of_part = error_rate;
    let per_part = usize::try_from(capacity).unwrap();
    let parts = ids.len().div_ceil(per_part).max(1);
    for part in 0..parts {
        error_rate_of_part *= TIGHTENING;
        let (functions, counters) = shape(capacity, error_rate_of_part).unwrap();
        let begin = structure.len() + PART_LEN;
        let bytes = (u64::from(functions) * u64::from(counters)).div_ceil(2);
        structure.resize(begin + usize::try_from(bytes).unwrap(), 0);
        for id in ids.iter().skip(part * per_part).take(per_part) {
            let text = id.to_string();
            let hash = murmur3_x64_128(&mut text.as_bytes(), SEED).unwrap();
            let words = u64::try_from(hash & u128::from(u64::MAX)).unwrap();
            let (one, other) = (words & 0xffff_ffff, words >> 32);
            for function in 0..u64::from(functions) {
                let hash = ((one + function * other) & 0xffff_ffff) % u64::from(counters);
                let place = function * u64::from(counters) + hash;
                let byte = &mut structure[begin + usize::try_from(place / 2).unwrap()];
                let shift = if place % 2 == 0 { 4 } else { 0 };
                if (*byte >> shift) & 0xf < 0xf {
                    *byte += 1 << shift;
                }
            }
        }
    }
    if !is_headed {
        return structure;
    }
    let length = (structure.len() as u64).to_le_bytes();
    [&MAGIC, &capacity.to_le_bytes()[..], &error_rate.to_le_bytes(), &length, &structure].concat()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// Written by a server of 1.1.1 for a segment of six rows.
const OF_A_SERVER: &str = "626c6f6f6d5f3000060000007b14ae47e17a843f4c00000000000000\
    ffffffffffffffff07000000000000000000000000000000\
    00000000000000000600000000000000\
    100200201012012000041000010210011100011101002000001140100120200101102100";
const ITS_IDS: [i64; 6] = [-9223372036854775808, -1, 0, 9223372036854775807, 200001, 200001];

#[test]
fn a_filter_of_a_server_has_the_ids_of_its_segment() {
    let bytes = bytes(OF_A_SERVER);
    let filter = BloomFilter::parse(&bytes).unwrap();
    assert_eq!(filter.parts(), 1);
    assert!(ITS_IDS.into_iter().all(|id| filter.contains(id)));
    let others = (100_000..110_000).filter(|&id| filter.contains(id)).count();
    assert!(others < 200, "{others} of 10000 other ids");
    // The encoder of these tests makes the same bytes, sequence numbers aside.
    let encoded = encode(6, 0.01, true, &ITS_IDS);
    assert_eq!(encoded[..28], bytes[..28]);
    assert_eq!(encoded[68..], bytes[68..]);
}

#[test]
fn a_filter_without_header_is_one_of_half_a_million_ids() {
    let ids: Vec<i64> = (0..2000).map(|id| id * 7 - 5000).collect();
    let mut bytes = encode(OLD_CAPACITY, OLD_ERROR_RATE, false, &ids);
    assert_eq!(bytes.len(), 2_756_980);
    let filter = BloomFilter::parse(&bytes).unwrap();
    assert!(ids.iter().all(|id| filter.contains(*id)));
    // Among half a million places 2000 ids are few: hardly any other passes.
    let others = (100_000..110_000).filter(|&id| filter.contains(id)).count();
    assert!(others < 10, "{others} of 10000 other ids");
    bytes.pop();
    assert!(BloomFilter::parse(&bytes).is_err());
}

#[test]
fn all_parts_are_looked_at() {
    let ids: Vec<i64> = (0..100).collect();
    let bytes = encode(10, 0.01, true, &ids);
    let filter = BloomFilter::parse(&bytes).unwrap();
    assert_eq!(filter.parts(), 10);
    assert!(ids.iter().all(|id| filter.contains(*id)));
}

#[test]
fn an_id_that_was_cleared_is_not_there() {
    let mut bytes = encode(10, 0.01, true, &[1, 2, 3]);
    let begin = 28 + COMMON_LEN + PART_LEN;
    bytes[begin..].fill(0);
    let filter = BloomFilter::parse(&bytes).unwrap();
    assert!([1, 2, 3].into_iter().all(|id| !filter.contains(id)));
}

#[test]
fn a_filter_that_is_cut_anywhere_is_refused() {
    let whole = encode(4, 0.01, true, &[1, 2, 3, 4, 5, 6]);
    assert_eq!(BloomFilter::parse(&whole).unwrap().parts(), 2);
    for length in 0..whole.len() {
        let error = BloomFilter::parse(&whole[..length]).unwrap_err();
        assert!(matches!(error, Error::BloomFilter { .. }), "{length}: {error}");
    }
}

#[test]
fn bytes_behind_the_counted_ones_are_ignored_and_others_are_no_part() {
    let mut bytes = encode(4, 0.01, true, &[1, 2]);
    bytes.extend([0xff; 7]);
    assert_eq!(BloomFilter::parse(&bytes).unwrap().parts(), 1);
    let counted = bytes.len() as u64 - 28;
    bytes[20..28].copy_from_slice(&counted.to_le_bytes());
    assert!(BloomFilter::parse(&bytes).unwrap_err().to_string().contains("found 7"));
}

#[test]
fn settings_that_no_filter_can_have_are_refused() {
    let whole = encode(4, 0.01, true, &[1, 2]);
    for capacity in [0, 5, 500_000, u32::MAX] {
        let mut bytes = whole.clone();
        bytes[8..12].copy_from_slice(&capacity.to_le_bytes());
        assert!(BloomFilter::parse(&bytes).is_err(), "{capacity}");
    }
    for rate in [0.0, -0.01, 2.0, 4.0, 1e-300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE]
    {
        let mut bytes = whole.clone();
        bytes[12..20].copy_from_slice(&rate.to_le_bytes());
        assert!(BloomFilter::parse(&bytes).is_err(), "{rate}");
    }
    for length in [0, 23, 24, 39, u64::MAX] {
        let mut bytes = whole.clone();
        bytes[20..28].copy_from_slice(&length.to_le_bytes());
        assert!(BloomFilter::parse(&bytes).is_err(), "{length}");
    }
}

#[test]
fn ids_are_written_in_decimal_digits() {
    for id in [0, 7, -1, 10, -10, 1_620_000_000_417_262_000, i64::MAX, i64::MIN] {
        assert_eq!(decimal(id, &mut [0; DIGITS]), id.to_string().as_bytes());
    }
}

proptest! {
    #[test]
    fn what_was_put_in_is_there(ids: Vec<i64>, capacity in 1_u32..50, is_headed: bool) {
        let capacity = if is_headed { capacity } else { OLD_CAPACITY };
        let bytes = encode(capacity, 0.01, is_headed, &ids);
        let filter = BloomFilter::parse(&bytes).unwrap();
        prop_assert!(ids.iter().all(|id| filter.contains(*id)));
    }

    #[test]
    fn any_bytes_are_an_answer_or_an_error(mut bytes: Vec<u8>, is_headed: bool, id: i64) {
        if is_headed {
            bytes.splice(0..0, MAGIC);
        }
        if let Ok(filter) = BloomFilter::parse(&bytes) {
            std::hint::black_box(filter.contains(id));
        }
    }

    #[test]
    fn any_settings_are_an_answer_or_an_error(capacity: u32, rate: f64, counters in 0_usize..5000, id: i64) {
        let length = (COMMON_LEN + PART_LEN + counters) as u64;
        let structure = vec![0xff; usize::try_from(length).unwrap()];
        let bytes =
            [&MAGIC, &capacity.to_le_bytes()[..], &rate.to_le_bytes(), &length.to_le_bytes(), &structure].concat();
        if let Ok(filter) = BloomFilter::parse(&bytes) {
            prop_assert!(filter.contains(id));
        }
    }
}
