// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;

use super::*;

fn fixed(lsn: u64, code: u8, collection: u16, tag: u16, rows: u32, data: u32) -> [u8; RECORD_HEADER_LEN] {
    let mut bytes = Vec::new();
    bytes.extend(lsn.to_le_bytes());
    bytes.push(code);
    bytes.extend(collection.to_le_bytes());
    bytes.extend(tag.to_le_bytes());
    bytes.extend(rows.to_le_bytes());
    bytes.extend(data.to_le_bytes());
    bytes.try_into().unwrap()
}

/// A whole record as it stands at `begin` of the file `number`.
fn encode(number: u64, begin: u64, code: u8, names: (&str, &str), ids: &[i64], data: &[u8]) -> Vec<u8> {
    let (collection, tag) = names;
    let length = 21 + collection.len() + tag.len() + 8 * ids.len() + data.len();
    let lsn = number << 32 | (begin + length as u64);
    let (name_len, tag_len) = (collection.len() as u16, tag.len() as u16);
    let mut bytes = fixed(lsn, code, name_len, tag_len, ids.len() as u32, data.len() as u32).to_vec();
    bytes.extend(collection.bytes().chain(tag.bytes()));
    bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
    bytes.extend(data);
    bytes
}

/// Reads a file from record to record, the way a caller does.
fn decode_all(file: &[u8], number: u64) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < file.len() {
        let Some((header, rest)) = file[at..].split_first_chunk() else {
            let expected = "a header".into();
            return Err(Error::WalRecord { expected, offset: at as u64, found: "less".into() });
        };
        let header = RecordHeader::decode(*header, number, at as u64, file.len() as u64)?;
        records.push(header.with_names(&rest[..header.names_len()])?);
        at = header.end as usize;
    }
    Ok(records)
}

fn message(bytes: [u8; RECORD_HEADER_LEN], number: u64, offset: u64, file_len: u64) -> String {
    RecordHeader::decode(bytes, number, offset, file_len).unwrap_err().to_string()
}

fn position(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[test]
fn a_log_with_an_insert_and_a_delete_is_decoded() {
    // As a server of 1.1.1 leaves it after five inserted rows and one deleted id.
    let mut file = encode(4, 0, 2, ("float_l2", ""), &[9_000_000; 5], &[0; 320]);
    file.extend(encode(4, 389, 3, ("float_l2", ""), &[9_000_000], &[]));
    let records = decode_all(&file, 4).unwrap();
    let seen: Vec<_> = records.iter().map(|record| (record.lsn, record.kind, record.rows)).collect();
    assert_eq!(
        seen,
        [(17_179_869_573, RecordKind::InsertVector, 5), (17_179_869_610, RecordKind::Delete, 1)]
    );
    assert!(records.iter().all(|record| record.collection == "float_l2" && record.partition_tag.is_empty()));
}

#[test]
fn a_record_knows_its_place_and_its_names() {
    let bytes = encode(4, 100, 2, ("abc", "2020-Q1 报表/x"), &[1, 2], &[0; 32]);
    let (header, rest) = bytes.split_first_chunk().unwrap();
    let header = RecordHeader::decode(*header, 4, 100, 500).unwrap();
    assert_eq!((header.begin, header.end), (100, 100 + bytes.len() as u64));
    let record = header.with_names(&rest[..header.names_len()]).unwrap();
    assert_eq!((record.collection.as_str(), record.partition_tag.as_str()), ("abc", "2020-Q1 报表/x"));
}

#[test]
fn only_three_kinds_insert_rows() {
    let inserts: Vec<u8> = (1..=6).filter(|code| RecordKind::from_code(*code).unwrap().is_insert()).collect();
    assert_eq!(inserts, [1, 2, 6]);
}

#[test]
fn an_unknown_type_is_refused() {
    assert!(RecordHeader::decode(fixed(21, 5, 0, 0, 0, 0), 0, 0, 21).is_ok());
    for code in [0, 7, 255] {
        let found = message(fixed(21, code, 0, 0, 0, 0), 0, 0, 21);
        assert_eq!(
            found,
            format!("expected a type from 1 to 6 in the WAL record at offset 0, found type {code}")
        );
    }
    // A tail of zeros, as some file systems leave behind a crash.
    assert!(RecordHeader::decode([0; RECORD_HEADER_LEN], 0, 0, 4096).is_err());
}

#[test]
fn a_record_behind_the_end_of_its_file_is_refused() {
    assert_eq!(
        message(fixed(21, 5, 0, 0, 0, 0), 0, 0, 20),
        "expected a record within the 20 bytes of its file in the WAL record at offset 0, \
         found one that ends at 21"
    );
    for (rows, data) in [(u32::MAX, 0), (0, u32::MAX), (u32::MAX, u32::MAX)] {
        assert!(RecordHeader::decode(fixed(21, 3, 0, 0, rows, data), 0, 0, 1 << 20).is_err());
    }
    let widest = fixed(21, 3, u16::MAX, u16::MAX, u32::MAX, u32::MAX);
    assert!(RecordHeader::decode(widest, 0, u64::MAX, u64::MAX).is_err());
}

#[test]
fn a_sequence_number_that_names_another_place_is_refused() {
    assert_eq!(
        message(fixed(21, 5, 0, 0, 0, 0), 1, 0, 21),
        "expected the sequence number 1 << 32 | 21 in the WAL record at offset 0, found 0 << 32 | 21"
    );
    for lsn in [0, 20, 22, 1 << 32 | 21, u64::MAX] {
        assert!(RecordHeader::decode(fixed(lsn, 5, 0, 0, 0, 0), 0, 0, 21).is_err(), "{lsn}");
    }
    // An end beyond 32 bits does not wrap round to a number that fits.
    assert!(RecordHeader::decode(fixed(21, 5, 0, 0, 0, 0), 0, 1 << 32, u64::MAX).is_err());
}

#[test]
fn names_of_another_length_are_refused_at_the_begin_of_the_record() {
    let header = RecordHeader::decode(fixed(124, 3, 2, 1, 0, 0), 0, 100, 124).unwrap();
    for names in [&b""[..], b"a", b"ab", b"abcd"] {
        let expected = format!(
            "expected 3 bytes of UTF-8 names in the WAL record at offset 100, found {} bytes",
            names.len()
        );
        assert_eq!(header.with_names(names).unwrap_err().to_string(), expected);
    }
}

#[test]
fn names_that_are_no_text_are_refused() {
    let header = RecordHeader::decode(fixed(24, 3, 2, 1, 0, 0), 0, 0, 24).unwrap();
    for names in [[0xff, 0xfe, b'x'], [b'a', b'b', 0x80], "é".repeat(2).as_bytes()[1..4].try_into().unwrap()]
    {
        assert!(header.with_names(&names).is_err(), "{names:?}");
    }
    // Three bytes that are text together but not once they are split.
    assert!(header.with_names("报".as_bytes()).is_err());
}

#[test]
fn a_torn_position_counts_as_the_one_before() {
    assert_eq!(applied_lsn(&position(&[5, 7, 7])).unwrap(), 7);
    assert_eq!(applied_lsn(&position(&[5, 7, 6])).unwrap(), 5);
    assert_eq!(applied_lsn(&position(&[5, 6, 7])).unwrap(), 5);
    assert_eq!(applied_lsn(&position(&[0, u64::MAX, u64::MAX])).unwrap(), u64::MAX);
}

#[test]
fn a_position_of_another_size_is_refused() {
    for found in [0, 1, 8, 16, 23, 25, 32, 48] {
        let error = applied_lsn(&vec![0; found]).unwrap_err();
        assert_eq!(error, Error::WalPosition { found: found as u64 });
    }
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        number in 0_u64..1 << 32,
        records in prop::collection::vec(
            (1_u8..7, ".{0,20}", ".{0,20}", prop::collection::vec(any::<i64>(), 0..9), 0_usize..99),
            0..6,
        ),
    ) {
        let mut file = Vec::new();
        let mut expected = Vec::new();
        for (code, collection, tag, ids, data) in records {
            let begin = file.len() as u64;
            file.extend(encode(number, begin, code, (&collection, &tag), &ids, &vec![0xa5; data]));
            expected.push(Record {
                lsn: number << 32 | file.len() as u64,
                kind: RecordKind::from_code(code).unwrap(),
                collection,
                partition_tag: tag,
                rows: ids.len() as u32,
            });
        }
        prop_assert_eq!(decode_all(&file, number).unwrap(), expected);
    }

    #[test]
    fn a_record_that_is_cut_anywhere_is_refused(
        ids in prop::collection::vec(any::<i64>(), 1..5), cut in 1_usize..30,
    ) {
        let file = encode(3, 0, 2, ("abc", "t"), &ids, &[1; 8]);
        prop_assert!(decode_all(&file[..file.len() - cut], 3).is_err());
    }

    #[test]
    fn any_header_is_an_answer_or_an_error(
        bytes: [u8; RECORD_HEADER_LEN], number: u64, offset: u64, length: u64,
    ) {
        if let Ok(header) = RecordHeader::decode(bytes, number, offset, length) {
            prop_assert!(offset == header.begin && offset < header.end && header.end <= length);
        }
    }

    #[test]
    fn any_names_are_an_answer_or_an_error(collection in 0_u16..9, tag in 0_u16..9, names: Vec<u8>) {
        let end = 21 + u64::from(collection) + u64::from(tag);
        let header = RecordHeader::decode(fixed(end, 3, collection, tag, 0, 0), 0, 0, end).unwrap();
        if let Ok(record) = header.with_names(&names) {
            prop_assert_eq!([record.collection, record.partition_tag].concat().into_bytes(), names);
        }
    }

    #[test]
    fn any_position_is_an_answer_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(applied_lsn(&bytes).is_ok(), bytes.len() == 24);
    }
}
