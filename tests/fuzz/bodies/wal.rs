// SPDX-License-Identifier: Apache-2.0
//! Records of the write-ahead log: one byte for the number of the file, then `mxlog.meta`
//! with its length before it; the rest is the file.

use m2m_segment::wal::{RECORD_HEADER_LEN, RecordHeader, applied_lsn};

use super::input::{Input, said};

/// Records follow each other inside the file, and say where they end.
pub(crate) fn run(data: &[u8]) {
    let mut input = Input(data);
    let (number, position, file) = (u64::from(input.byte()), input.part(), input.0);
    match applied_lsn(position) {
        Ok(_) => assert_eq!(position.len(), 24),
        Err(error) => drop(said(&error)),
    }
    let length = file.len() as u64;
    let mut begin = 0;
    while let Some((fixed, rest)) = file[begin..].split_first_chunk::<RECORD_HEADER_LEN>() {
        let header = match RecordHeader::decode(*fixed, number, begin as u64, length) {
            Ok(header) => header,
            Err(error) => return drop(said(&error)),
        };
        assert_eq!((header.begin, header.lsn), (begin as u64, number << 32 | header.end));
        assert!(header.begin < header.end && header.end <= length);
        assert!(u64::from(header.rows) * 8 <= length, "more ids than the file has bytes");
        let names = &rest[..header.names_len()];
        assert!(
            header.with_names(&rest[..header.names_len().saturating_sub(1)]).is_err() || names.is_empty()
        );
        match header.with_names(names) {
            Ok(record) => {
                assert_eq!(record.collection + &record.partition_tag, String::from_utf8_lossy(names));
            }
            Err(error) => drop(said(&error)),
        }
        begin = usize::try_from(header.end).unwrap();
    }
}
