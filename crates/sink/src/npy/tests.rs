// SPDX-License-Identifier: Apache-2.0

use npyz::NpyHeader;
use proptest::prelude::*;

use super::*;

fn entry(rows: u64, dtype: &str, bytes: u64) -> FileEntry {
    let (path, field) = ("set/id.npy".into(), "id".into());
    FileEntry { path, field, rows, bytes, crc32c: 0, sha256: None, dtype: dtype.into() }
}

/// A storage whose file `set/id.npy` has this content.
async fn storage(content: Vec<u8>) -> (tempfile::TempDir, Storage) {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::local(folder.path()).unwrap();
    storage.put_atomic(&storage.child("set/id.npy"), content.into()).await.unwrap();
    (folder, storage)
}

async fn read(content: Vec<u8>) -> Result<Header> {
    let (_folder, storage) = storage(content).await;
    read_header(&storage, &storage.child("set/id.npy")).await
}

fn file(dtype: NpyType, rows: u64, width: Option<u64>) -> Vec<u8> {
    let len = usize::try_from(file_bytes(dtype, rows, width).unwrap()).unwrap();
    let mut bytes = header(dtype, rows, width).unwrap().to_vec();
    bytes.resize(len, 0);
    bytes
}

/// A header with another text of the same length.
fn with_text(text: &str, payload: usize) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend_from_slice(format!("{text:<117}\n").as_bytes());
    bytes.resize(HEADER_LEN + payload, 0);
    bytes
}

async fn refused(content: Vec<u8>, expected: &str, found: &str) {
    match read(content).await.unwrap_err() {
        Error::NotAnImportFile { expected: e, found: f, .. } => assert_eq!((&*e, &*f), (expected, found)),
        error => panic!("{error}"),
    }
}

#[test]
fn headers_are_those_of_numpy_save() {
    let text = |dtype, rows, width| {
        let header = header(dtype, rows, width).unwrap();
        assert_eq!(&header[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(header[127], b'\n');
        String::from_utf8(header[10..127].to_vec()).unwrap().trim_end().to_owned()
    };
    let int = "{'descr': '<i8', 'fortran_order': False, 'shape': (0,), }";
    assert_eq!(text(NpyType::Int64, 0, None), int);
    let float = "{'descr': '<f4', 'fortran_order': False, 'shape': (4000000, 32768), }";
    assert_eq!(text(NpyType::Float32, 4_000_000, Some(32_768)), float);
    let binary = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1), }";
    assert_eq!(text(NpyType::UInt8, 1, Some(1)), binary);
}

#[test]
fn longest_shape_fits_the_header() {
    let header = header(NpyType::UInt8, u64::MAX / 2, Some(1)).unwrap();
    assert_eq!(NpyHeader::from_reader(header.as_slice()).unwrap().shape(), [u64::MAX / 2, 1]);
}

#[test]
fn file_longer_than_a_64_bit_length_is_refused() {
    let error = header(NpyType::Float32, u64::MAX / 128, Some(32)).unwrap_err();
    assert!(matches!(error, Error::Header { .. }), "{error}");
}

#[tokio::test]
async fn header_is_read_back_for_every_type_and_shape() {
    for dtype in NpyType::NUMBERS {
        for width in [None, Some(1), Some(16)] {
            let header = read(file(dtype, 5, width)).await.unwrap();
            assert_eq!((header.dtype, header.rows), (dtype.descr().into_owned(), 5));
            assert_eq!(header.bytes, 128 + 5 * dtype.item_bytes() * width.unwrap_or(1));
        }
    }
}

#[tokio::test]
async fn text_is_read_back_with_its_length() {
    for chars in [1, 12, 65_535, u32::MAX] {
        let dtype = NpyType::Text(chars);
        let mut start = header(dtype, 0, None).unwrap().to_vec();
        let text = format!("{{'descr': '<U{chars}', 'fortran_order': False, 'shape': (0,), }}");
        assert!(start[PREAMBLE_LEN..].starts_with(text.as_bytes()));
        let expected = Header { dtype: format!("<U{chars}"), rows: 0, bytes: 128 };
        assert_eq!(parse(&start, 128), Ok(expected));
        start = header(dtype, 2, None).unwrap().to_vec();
        assert!(parse(&start, 128 + u64::from(chars) * 8).is_ok());
        assert!(parse(&start, 128 + u64::from(chars) * 8 - 1).is_err());
    }
    for descr in ["<U", "<U0", "<U01", "<U+1", "<U-1", "<U1 ", "<U4294967296", ">U1", "|U1", "<u1"] {
        assert_eq!(NpyType::from_descr(descr), None, "{descr}");
    }
    let two_axes = header(NpyType::Text(1), 2, Some(3)).unwrap();
    assert_eq!(parse(&two_axes, 128 + 24).unwrap_err().0, "text of one axis");
}

#[tokio::test]
async fn file_is_compared_with_the_manifest() {
    let (_folder, storage) = storage(file(NpyType::Int64, 5, None)).await;
    check_file(&storage, &entry(5, "<i8", 168)).await.unwrap();
    let error = check_file(&storage, &entry(6, "<i8", 176)).await.unwrap_err().to_string();
    let end = "expected 6 rows of <i8 in 176 bytes, found 5 rows of <i8 in 168 bytes";
    assert!(error.ends_with(end), "{error}");
}

#[tokio::test]
async fn missing_file_is_named() {
    let (_folder, storage) = storage(vec![1]).await;
    let error = read_header(&storage, &storage.child("set/vector.npy")).await.unwrap_err();
    assert!(matches!(&error, Error::Read { .. }), "{error}");
    assert!(error.to_string().ends_with("set/vector.npy`"), "{error}");
}

#[tokio::test]
async fn file_of_another_length_is_refused() {
    let mut cut = file(NpyType::Float32, 5, Some(2));
    cut.pop();
    refused(cut, "168 bytes for shape [5, 2] of `<f4`", "167 bytes").await;
    let mut long = file(NpyType::Int64, 5, None);
    long.push(0);
    refused(long, "168 bytes for shape [5] of `<i8`", "169 bytes").await;
    let huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }";
    refused(with_text(huge, 4), "a shape that a file can have", &format!("`{huge}`")).await;
}

#[tokio::test]
async fn what_is_no_numpy_file_is_refused() {
    let expected = "a NumPy header of version 1.0 and 128 bytes";
    refused(b"short".to_vec(), expected, "5 bytes that begin with `short`").await;
    refused(vec![b'x'; 200], expected, "128 bytes that begin with `xxxxxxxxxx`").await;
    let mut header = file(NpyType::Int64, 5, None);
    header[6] = 3;
    refused(header, expected, "128 bytes that begin with `\\x93NUMPY\\x03\\x00v\\x00`").await;
    assert!(matches!(read(Vec::new()).await, Err(Error::Read { .. })));
}

#[tokio::test]
async fn what_milvus_would_misread_is_refused() {
    let fortran = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }";
    refused(with_text(fortran, 16), "rows in C order", "Fortran order").await;
    let big_endian = "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 2), }";
    refused(with_text(big_endian, 16), "a type that Milvus imports", "`>f4`").await;
    let record = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }";
    let expected = "a header with `descr`, `fortran_order` and `shape`";
    refused(with_text(record, 8), expected, &format!("`{record}`")).await;
    let cube = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 2), }";
    refused(with_text(cube, 32), "a shape of one or two axes", "[2, 2, 2]").await;
}

#[tokio::test]
async fn text_that_numpy_does_not_write_is_refused() {
    let expected = "`{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }`";
    let other = "{'shape': (1,), 'fortran_order': False, 'descr': '<i8'}";
    refused(with_text(other, 8), expected, &format!("`{other}`")).await;
    let quotes = expected.replace('\'', "\"").replace('`', "");
    refused(with_text(&quotes, 8), expected, &format!("`{quotes}`")).await;
}

#[tokio::test]
async fn text_that_is_no_dictionary_is_refused() {
    for text in ["", "{", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"] {
        let error = read(with_text(text, 0)).await.unwrap_err();
        assert!(matches!(error, Error::NotAnImportFile { .. }), "{error}");
    }
}

#[tokio::test]
async fn shapes_beyond_every_file_are_refused() {
    let hexadecimal =
        "{'descr': '|u1', 'fortran_order': False, 'shape': (0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF), }";
    let expected = "a header with `descr`, `fortran_order` and `shape`";
    refused(with_text(hexadecimal, 0), expected, &format!("`{hexadecimal}`")).await;
    let decimal =
        "{'descr': '|u1', 'fortran_order': False, 'shape': (18446744073709551615, 18446744073709551615), }";
    refused(with_text(decimal, 0), "a shape that a file can have", &format!("`{decimal}`")).await;
    let longer = "{'descr': '|u1', 'fortran_order': False, 'shape': (18446744073709551616,), }";
    refused(with_text(longer, 0), expected, &format!("`{longer}`")).await;
}

/// A grammar that tries a bracket as several things doubles its time at each
/// of them, and these headers are then never read to their end.
#[tokio::test]
async fn brackets_in_brackets_are_refused_at_once() {
    let expected = "a header with `descr`, `fortran_order` and `shape`";
    for bracket in ["[", "(", "{", "[(", "{'descr':"] {
        let text = bracket.repeat(117 / bracket.len());
        refused(with_text(&text, 0), expected, &format!("`{text}`")).await;
        for start in ["{'descr': ", "{'shape': ", "{'descr': '<f4', 'fortran_order': False, 'shape': "] {
            let mut text = start.to_owned() + &text;
            text.truncate(117);
            refused(with_text(&text, 0), expected, &format!("`{text}`")).await;
        }
    }
}

/// Whatever is taken for a header is what would have been written.
fn check(start: &[u8], payload: u64) {
    if let Ok(read) = parse(start, HEADER_BYTES + payload) {
        let dtype = NpyType::from_descr(&read.dtype).unwrap();
        let width = HeaderText::parse(&start[PREAMBLE_LEN..]).unwrap().shape.get(1).copied();
        assert_eq!(header(dtype, read.rows, width).unwrap(), start);
        assert_eq!(file_bytes(dtype, read.rows, width), Some(HEADER_BYTES + payload));
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[{}()\\[\\]'\",:LTFa-fx0-9<|\\\\ é-]{0,58}", payload in 0..100_u64) {
        check(&with_text(&text, 0), payload);
        for (before, after) in [
            ("{'descr': ", "}"),
            ("{'descr': '<f4', 'fortran_order': ", ", 'shape': (1,), }"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': ", ", }"),
        ] {
            let header = with_text(&format!("{before}{text}{after}"), 0);
            check(header.get(..HEADER_LEN).unwrap(), payload);
        }
    }

    #[test]
    fn any_words_of_a_header_are_read_or_refused(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "{", "}", "[", "]", "(", ")", ",", ":", " ", "'", "'descr'", "'fortran_order'", "'shape'",
                "'<f4'", "'|u1'", "False", "True", "0", "7", "0xF", "18446744073709551615", "-1", "1L",
            ]),
            0..24,
        ),
        payload in 0..100_u64,
    ) {
        let mut text = words.concat();
        text.truncate(117);
        check(&with_text(&text, 0), payload);
    }

    #[test]
    fn changed_byte_is_found_or_another_header(at in 0..HEADER_LEN, value: u8, rows in 0..20_u64) {
        let mut start = header(NpyType::Float32, rows, Some(2)).unwrap();
        start[at] = value;
        check(&start, rows * 8);
    }

    #[test]
    fn written_header_is_read(rows: u64, width: Option<u16>, dtype in proptest::sample::select(&NpyType::NUMBERS[..])) {
        let width = width.map(u64::from);
        match header(dtype, rows, width) {
            Ok(start) => {
                let bytes = file_bytes(dtype, rows, width).unwrap();
                let expected = Header { dtype: dtype.descr().into_owned(), rows, bytes };
                prop_assert_eq!(parse(&start, bytes), Ok(expected));
                prop_assert!(parse(&start, bytes.wrapping_add(1)).is_err());
            }
            Err(_) => prop_assert_eq!(file_bytes(dtype, rows, width), None),
        }
    }
}
