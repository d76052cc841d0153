// SPDX-License-Identifier: Apache-2.0
//! `bloom_filter`: eight bytes for an id; the rest is the file.

use m2m_segment::bloom_filter::BloomFilter;

use super::input::{Input, said};

/// A filter that is taken answers for every id, and has every id when all its counters count.
pub(crate) fn run(data: &[u8]) {
    let mut input = Input(data);
    let id = input.long();
    let file = input.0;
    let filter = match BloomFilter::parse(file) {
        Ok(filter) => filter,
        Err(error) => return drop(said(&error)),
    };
    assert!(filter.parts() >= 1 && filter.parts() * 16 <= file.len(), "{} parts", filter.parts());
    for id in [id, 0, -1, i64::MIN, i64::MAX] {
        assert_eq!(filter.contains(id), filter.contains(id));
    }
    // The common part, or the header and it, and one part's own.
    let begin = if file.starts_with(b"bloom_0\0") { 28 + 24 + 16 } else { 24 + 16 };
    if filter.parts() == 1 {
        let full = [&file[..begin], vec![0x11; file.len() - begin].as_slice()].concat();
        assert!(BloomFilter::parse(&full).unwrap().contains(id), "a full filter lacks {id}");
    }
}
