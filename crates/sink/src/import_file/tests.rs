// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use super::*;

/// A Parquet file of so many rows, in row groups of so many.
fn parquet(rows: usize, group: usize) -> Vec<u8> {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..i64::try_from(rows).unwrap()));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| row.to_string())));
    let batch = RecordBatch::try_from_iter([("id", ids), ("text", texts)]).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file
}

fn entry(path: &str, rows: u64, bytes: usize) -> FileEntry {
    FileEntry {
        path: path.into(),
        field: String::new(),
        rows,
        bytes: bytes.try_into().unwrap(),
        crc32c: 0,
        sha256: None,
        dtype: "parquet".into(),
    }
}

async fn check(file: &[u8], entry: &FileEntry) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(&entry.path), file).unwrap();
    let checked = check_import_file(&Storage::local(folder.path()).unwrap(), entry).await;
    checked.map_err(|error| error.to_string())
}

/// The complaint about a file of 5 rows.
async fn refused(file: &[u8]) -> String {
    let error = check(file, &entry("x.parquet", 5, file.len())).await.unwrap_err();
    let (_, complaint) = error.split_once("x.parquet` is not an import file: ").unwrap_or(("", &error));
    complaint.to_owned()
}

fn with_footer(footer: &[u8]) -> Vec<u8> {
    let len = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1", footer, &len, b"PAR1"].concat()
}

#[tokio::test]
async fn files_are_as_their_entries_say() {
    // The last has a footer that is longer than what is read at once.
    for (rows, group) in [(0, 1), (5, 100), (1000, 7), (20_000, 20)] {
        let file = parquet(rows, group);
        let of_rows = |rows: usize| entry("x.parquet", rows.try_into().unwrap(), file.len());
        assert_eq!(check(&file, &of_rows(rows)).await, Ok(()), "{rows}");
        let error = check(&file, &of_rows(rows + 1)).await.unwrap_err();
        assert!(error.ends_with(&format!("expected {} rows, found {rows}", rows + 1)), "{error}");
        let longer = entry("x.parquet", rows.try_into().unwrap(), file.len() + 1);
        let error = check(&file, &longer).await.unwrap_err();
        assert!(
            error.ends_with(&format!("expected {} bytes, found {}", file.len() + 1, file.len())),
            "{error}"
        );
    }
}

#[tokio::test]
async fn names_tell_the_format() {
    let header = npy::header(npy::NpyType::Int64, 0, None).unwrap();
    let numbers = FileEntry { dtype: "<i8".into(), ..entry("x.npy", 0, header.len()) };
    assert_eq!(check(&header, &numbers).await, Ok(()));
    let error = check(&header, &FileEntry { dtype: "<U4".into(), ..numbers }).await.unwrap_err();
    assert!(
        error.ends_with("expected 0 rows of <U4 in 128 bytes, found 0 rows of <i8 in 128 bytes"),
        "{error}"
    );
    for name in ["x.csv", "parquet", "x.PARQUET"] {
        let error = check(b"", &entry(name, 0, 0)).await.unwrap_err();
        assert!(error.contains("expected a name that ends with `.npy` or `.parquet`"), "{error}");
    }
    let error = check(&header, &entry("x.parquet", 0, header.len())).await.unwrap_err();
    assert!(error.contains("expected `PAR1` at the beginning, found `\\x93NUM`"), "{error}");
}

#[tokio::test]
async fn missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::local(folder.path()).unwrap();
    let error = check_import_file(&storage, &entry("x.parquet", 0, 0)).await.unwrap_err();
    assert!(matches!(&error, Error::Read { .. }), "{error}");
    assert!(error.to_string().ends_with("/x.parquet`"), "{error}");
}

#[tokio::test]
async fn file_that_was_cut_short_is_refused() {
    let file = parquet(5, 2);
    for len in 0..file.len() {
        let complaint = refused(&file[..len]).await;
        let expected = if len < 12 { "expected a Parquet file" } else { "expected `PAR1` at the end" };
        assert!(complaint.starts_with(expected), "{len}: {complaint}");
    }
}

#[tokio::test]
async fn length_of_the_footer_is_not_believed() {
    let mut file = parquet(5, 2);
    let at = file.len() - 8;
    let room = u32::try_from(file.len() - 12).unwrap();
    for len in [room + 1, 1 << 30, u32::MAX] {
        file[at..at + 4].copy_from_slice(&len.to_le_bytes());
        assert_eq!(refused(&file).await, format!("expected a footer of {room} bytes at most, found {len}"));
    }
    for len in [0, 1, room] {
        file[at..at + 4].copy_from_slice(&len.to_le_bytes());
        let complaint = refused(&file).await;
        assert!(complaint.starts_with("expected a footer with the number of rows"), "{complaint}");
    }
}

#[tokio::test]
async fn footer_that_claims_to_be_huge_costs_nothing() {
    const ROWS: [u8; 2] = [0x36, 10];
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let list_of_structs = [&[0x19, 0xfc][..], &huge, &[0]].concat();
    let binary = [&[0x18][..], &huge].concat();
    let map = [&[0x1b][..], &huge, &[0x88, 0]].concat();
    let endless = [&[0x16][..], &[0xff; 20]].concat();
    let deep = [0x1c; 100_000].to_vec();
    let deep_lists = [&[0x19][..], &[0x19; 100_000]].concat();
    for footer in [list_of_structs, binary, map, endless, deep, deep_lists, vec![0x1f, 0]] {
        let complaint = refused(&with_footer(&footer)).await;
        assert!(complaint.starts_with("expected a footer with the number of rows"), "{complaint}");
    }
    // What is right: the rows alone, behind fields that are passed over.
    assert_eq!(check(&with_footer(&[&ROWS[..], &[0]].concat()), &entry("x.parquet", 5, 15)).await, Ok(()));
    let fields = [&[
        0x15, 2, 0x19, 0x2c, 0, 0, 0x16, 10, 0x1b, 1, 0x88, 1, 65, 0, 0x11, 0x12, 0x19, 0x21, 1, 2, 0,
    ][..]]
    .concat();
    assert_eq!(check(&with_footer(&fields), &entry("x.parquet", 5, fields.len() + 12)).await, Ok(()));
    for wrong in [
        // None, twice, of another type, negative, and bytes behind the end.
        &[0][..],
        &[0x36, 10, 0x06, 6, 10, 0],
        &[0x35, 10, 0],
        &[0x36, 9, 0],
        &[0x36, 10, 0, 0],
        &[0x36, 10],
    ] {
        assert!(
            check(&with_footer(wrong), &entry("x.parquet", 5, wrong.len() + 12)).await.is_err(),
            "{wrong:?}"
        );
    }
}

proptest! {
    #[test]
    fn any_footer_is_read_or_refused(footer: Vec<u8>) {
        footer::rows(&footer);
    }

    #[test]
    fn changed_footer_is_read_or_refused(at: prop::sample::Index, value: u8) {
        let file = parquet(5, 2);
        let len = u32::from_le_bytes(file[file.len() - 8..file.len() - 4].try_into().unwrap());
        let mut footer = file[file.len() - 8 - len as usize..file.len() - 8].to_vec();
        prop_assert_eq!(footer::rows(&footer), Some(5));
        let at = at.index(footer.len());
        footer[at] = value;
        footer::rows(&footer);
    }
}
