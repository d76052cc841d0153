// SPDX-License-Identifier: Apache-2.0
//! Rows and deletes that stand only in the write-ahead log of a server that
//! was killed.
//!
//! The server replays records after `max(global_lsn, flush_lsn of the target)`
//! when it starts (`db/wal/WalManager.cpp`, `db/DBImpl.cpp`, v1.1.1). The log
//! keeps old records, so their mere presence means nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use m2m_segment::wal::{RECORD_HEADER_LEN, Record, RecordHeader, RecordKind, applied_lsn};

use crate::error::{Error, Result};
use crate::inventory::{DEFAULT_PARTITION, EnvironmentRow, TableRow};

/// Name of the file that says how far the log reaches.
const POSITION_FILE: &str = "mxlog.meta";

/// What stands only in the log, of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unflushed {
    /// The collection.
    pub collection: String,
    /// The partition's tag.
    pub partition_tag: String,
    /// Rows inserted.
    pub inserted_rows: u64,
    /// Ids deleted.
    pub deleted_rows: u64,
    /// Records.
    pub records: u64,
}

/// Returns what stands only in the log in `folder`, by collection and tag.
/// Without a log nothing does.
pub(crate) fn unflushed(
    folder: &Path,
    tables: &[TableRow],
    environment: &[EnvironmentRow],
) -> Result<Vec<Unflushed>> {
    let Some(position) = position(folder)? else {
        let path = folder.to_path_buf();
        return if has_records(folder)? { Err(Error::WalPosition { path }) } else { Ok(Vec::new()) };
    };
    let global =
        environment.iter().filter_map(|row| row.global_lsn).map(i64::cast_unsigned).max().unwrap_or(0);
    let live = || tables.iter().filter(|table| table.state == Some(0));
    let flushed = || live().map(|table| table.flush_lsn.unwrap_or(0).cast_unsigned());
    let start = global.max(flushed().min().unwrap_or(0));
    let applied = position.max(flushed().max().unwrap_or(0));
    let mut found: BTreeMap<(String, String), Unflushed> = BTreeMap::new();
    if start < applied {
        for number in needed_files(folder, start >> 32, applied >> 32)? {
            scan(folder, number, applied, |record| {
                if let Some((target, tag)) = target(tables, &record)
                    && record.lsn > global.max(target.flush_lsn.unwrap_or(0).cast_unsigned())
                {
                    add(&mut found, &record, tag);
                }
            })?;
        }
    }
    Ok(found.into_values().filter(|unflushed| unflushed.inserted_rows + unflushed.deleted_rows > 0).collect())
}

/// The numbers of the files to read, up to `last`. The server removes the
/// oldest files when their records are all flushed, so the first one that is
/// there begins; from then on none may miss.
fn needed_files(folder: &Path, first: u64, last: u64) -> Result<RangeInclusive<u64>> {
    let present = file_numbers(folder)?;
    let oldest = present.into_iter().filter(|number| (first..last).contains(number)).min();
    Ok(oldest.unwrap_or(last)..=last)
}

fn file_numbers(folder: &Path) -> Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::read("write-ahead log", folder))? {
        let name = entry.map_err(Error::read("write-ahead log", folder))?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_suffix(".wal")?.parse::<u64>().ok()));
    }
    Ok(numbers)
}

/// Whether a file of the log holds anything.
fn has_records(folder: &Path) -> Result<bool> {
    for number in file_numbers(folder)? {
        let path = folder.join(format!("{number}.wal"));
        if std::fs::metadata(&path).map_err(Error::read("write-ahead log", &path))?.len() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How far the log reaches. A server that has not written yet leaves an empty file.
fn position(folder: &Path) -> Result<Option<u64>> {
    let path = folder.join(POSITION_FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) if bytes.is_empty() => return Ok(None),
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::read("write-ahead log", &path)(error)),
    };
    applied_lsn(&bytes).map(Some).map_err(|source| Error::Wal { path, source })
}

/// The live row of `Tables` that a record belongs to, and the partition's tag.
fn target<'a>(tables: &'a [TableRow], record: &Record) -> Option<(&'a TableRow, &'a str)> {
    let live = |table: &&TableRow| table.state == Some(0);
    let collection = tables
        .iter()
        .filter(live)
        .find(|table| table.table_id == record.collection && table.owner_table.is_empty())?;
    if record.partition_tag.is_empty() || record.partition_tag == DEFAULT_PARTITION {
        return Some((collection, DEFAULT_PARTITION));
    }
    let partition = tables.iter().filter(live).find(|table| {
        table.owner_table == record.collection && table.partition_tag == record.partition_tag
    })?;
    Some((partition, partition.partition_tag.as_str()))
}

fn add(found: &mut BTreeMap<(String, String), Unflushed>, record: &Record, tag: &str) {
    let entry = found.entry((record.collection.clone(), tag.into())).or_insert_with(|| Unflushed {
        collection: record.collection.clone(),
        partition_tag: tag.into(),
        inserted_rows: 0,
        deleted_rows: 0,
        records: 0,
    });
    entry.records += 1;
    if record.kind.is_insert() {
        entry.inserted_rows += u64::from(record.rows);
    } else if record.kind == RecordKind::Delete {
        entry.deleted_rows += u64::from(record.rows);
    }
}

/// Reads the headers of the records of one file, up to the position `applied`.
fn scan(folder: &Path, number: u64, applied: u64, mut each: impl FnMut(Record)) -> Result<()> {
    let path = folder.join(format!("{number}.wal"));
    let reached = Some(applied & 0xffff_ffff).filter(|_| number == applied >> 32);
    if reached == Some(0) {
        // The server went on to a new file and wrote nothing to it.
        return Ok(());
    }
    let mut file = File::open(&path).map_err(Error::read("write-ahead log", &path))?;
    let length = file.metadata().map_err(Error::read("write-ahead log", &path))?.len();
    let limit = reached.unwrap_or(length);
    if limit > length {
        return Err(Error::WalShort { path, expected: limit, found: length });
    }
    let mut offset = 0;
    while offset < limit {
        let (end, record) = record(&mut file, &path, number, offset, length)?;
        each(record);
        offset = end;
    }
    Ok(())
}

fn record(file: &mut File, path: &Path, number: u64, offset: u64, length: u64) -> Result<(u64, Record)> {
    let read = || Error::read("write-ahead log", path);
    let wrong = |source| Error::Wal { path: PathBuf::from(path), source };
    file.seek(SeekFrom::Start(offset)).map_err(read())?;
    let mut header = [0; RECORD_HEADER_LEN];
    let left = length.saturating_sub(offset);
    if left < header.len() as u64 {
        let (expected, found) = (format!("a header of {RECORD_HEADER_LEN} bytes"), format!("{left} bytes"));
        return Err(wrong(m2m_segment::Error::WalRecord { expected, offset, found }));
    }
    file.read_exact(&mut header).map_err(read())?;
    let header = RecordHeader::decode(header, number, offset, length).map_err(wrong)?;
    let mut names = vec![0; header.names_len()];
    file.read_exact(&mut names).map_err(read())?;
    Ok((header.end, header.with_names(&names).map_err(wrong)?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn record_bytes(number: u64, offset: u64, kind: u8, collection: &str, tag: &str, rows: u32) -> Vec<u8> {
        let data = if kind == 3 { 0 } else { rows * 8 };
        let length = 21 + collection.len() + tag.len() + rows as usize * 8 + data as usize;
        let mut bytes = (number << 32 | (offset + length as u64)).to_le_bytes().to_vec();
        bytes.push(kind);
        bytes.extend((collection.len() as u16).to_le_bytes());
        bytes.extend((tag.len() as u16).to_le_bytes());
        bytes.extend(rows.to_le_bytes());
        bytes.extend(data.to_le_bytes());
        bytes.extend(collection.bytes().chain(tag.bytes()));
        bytes.resize(length, 7);
        bytes
    }

    /// A log with one file, number 4, and the sequence number of each record's end.
    fn log(folder: &Path, records: &[(u8, &str, &str, u32)]) -> Vec<u64> {
        let mut file = Vec::new();
        let mut ends = Vec::new();
        for (kind, collection, tag, rows) in records {
            file.extend(record_bytes(4, file.len() as u64, *kind, collection, tag, *rows));
            ends.push(4 << 32 | file.len() as u64);
        }
        fs::write(folder.join("4.wal"), &file).unwrap();
        let applied = ends.last().copied().unwrap_or(4 << 32);
        set_position(folder, applied);
        ends
    }

    fn table(table_id: &str, owner: &str, tag: &str, flush_lsn: u64) -> TableRow {
        TableRow {
            table_id: table_id.into(),
            owner_table: owner.into(),
            partition_tag: tag.into(),
            state: Some(0),
            flush_lsn: Some(flush_lsn as i64),
            ..TableRow::default()
        }
    }

    const RECORDS: [(u8, &str, &str, u32); 5] =
        [(2, "c", "", 10), (2, "c", "p", 3), (5, "c", "", 0), (3, "c", "", 2), (2, "dropped", "", 9)];

    #[test]
    fn records_behind_the_flushed_position_of_their_target_count() {
        let folder = tempfile::tempdir().unwrap();
        let ends = log(folder.path(), &RECORDS);
        let tables = [table("c", "", "", ends[0]), table("33", "c", "p", 0)];
        let found = unflushed(folder.path(), &tables, &[EnvironmentRow { global_lsn: Some(0) }]).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.partition_tag.as_str(), one.inserted_rows, one.deleted_rows))
            .collect();
        assert_eq!(found, [("_default", 0, 2), ("p", 3, 0)]);
    }

    #[test]
    fn nothing_is_unflushed_when_every_target_is_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let ends = log(folder.path(), &RECORDS);
        let all = *ends.last().unwrap();
        let tables = [table("c", "", "", all), table("33", "c", "p", all)];
        assert_eq!(unflushed(folder.path(), &tables, &[]).unwrap(), []);
        let tables = [table("c", "", "", 0), table("33", "c", "p", 0)];
        let environment = [EnvironmentRow { global_lsn: Some(all as i64) }];
        assert_eq!(unflushed(folder.path(), &tables, &environment).unwrap(), []);
    }

    fn set_position(folder: &Path, applied: u64) {
        let position: Vec<u8> = [0, applied, applied].iter().flat_map(|lsn| lsn.to_le_bytes()).collect();
        fs::write(folder.join(POSITION_FILE), position).unwrap();
    }

    #[test]
    fn a_log_without_its_position_is_an_error_that_names_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        log(folder.path(), &RECORDS);
        fs::remove_file(folder.path().join(POSITION_FILE)).unwrap();
        let error = unflushed(folder.path(), &[table("c", "", "", 0)], &[]).unwrap_err();
        assert!(matches!(&error, Error::WalPosition { path } if path == folder.path()), "{error:?}");
    }

    #[test]
    fn older_files_may_be_gone_but_none_between() {
        let folder = tempfile::tempdir().unwrap();
        log(folder.path(), &RECORDS);
        let tables = [table("c", "", "", 2 << 32 | 9)];
        let rows = |folder: &Path| {
            let found = unflushed(folder, &tables, &[])?;
            Ok::<_, Error>(found.iter().map(|one| (one.inserted_rows, one.deleted_rows)).collect::<Vec<_>>())
        };
        assert_eq!(rows(folder.path()).unwrap(), [(10, 2)]);
        fs::write(folder.path().join("2.wal"), []).unwrap();
        let error = rows(folder.path()).unwrap_err();
        assert!(matches!(&error, Error::Read { path, .. } if path.ends_with("3.wal")), "{error:?}");
    }

    #[test]
    fn a_new_file_without_records_need_not_be_there() {
        let folder = tempfile::tempdir().unwrap();
        log(folder.path(), &RECORDS);
        set_position(folder.path(), 5 << 32);
        let found = unflushed(folder.path(), &[table("c", "", "", 4 << 32)], &[]).unwrap();
        assert_eq!(found.first().map(|one| (one.inserted_rows, one.deleted_rows)), Some((10, 2)));
    }

    #[test]
    fn a_header_that_is_cut_is_an_error_that_names_its_offset() {
        let folder = tempfile::tempdir().unwrap();
        let end = *log(folder.path(), &RECORDS).last().unwrap();
        let mut file = fs::read(folder.path().join("4.wal")).unwrap();
        let offset = file.len();
        file.extend([1; 20]);
        fs::write(folder.path().join("4.wal"), file).unwrap();
        set_position(folder.path(), end + 20);
        match unflushed(folder.path(), &[table("c", "", "", 0)], &[]).unwrap_err() {
            Error::Wal { path, source } => {
                assert!(path.ends_with("4.wal"));
                assert!(source.to_string().contains(&format!("at offset {offset}")), "{source}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn no_log_is_no_news_and_a_damaged_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let tables = [table("c", "", "", 0)];
        assert_eq!(unflushed(folder.path(), &tables, &[]).unwrap(), []);
        log(folder.path(), &RECORDS);
        let whole = fs::read(folder.path().join("4.wal")).unwrap();
        fs::write(folder.path().join("4.wal"), &whole[..whole.len() - 1]).unwrap();
        assert!(matches!(unflushed(folder.path(), &tables, &[]).unwrap_err(), Error::WalShort { .. }));
        let mut flipped = whole;
        flipped[8] = 77;
        fs::write(folder.path().join("4.wal"), flipped).unwrap();
        assert!(matches!(unflushed(folder.path(), &tables, &[]).unwrap_err(), Error::Wal { .. }));
        fs::remove_file(folder.path().join("4.wal")).unwrap();
        assert!(matches!(unflushed(folder.path(), &tables, &[]).unwrap_err(), Error::Read { .. }));
        fs::write(folder.path().join(POSITION_FILE), [0; 5]).unwrap();
        assert!(matches!(unflushed(folder.path(), &tables, &[]).unwrap_err(), Error::Wal { .. }));
    }

    #[test]
    fn a_log_that_was_only_opened_is_no_news() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(POSITION_FILE), []).unwrap();
        fs::write(folder.path().join("0.wal"), []).unwrap();
        assert_eq!(unflushed(folder.path(), &[table("c", "", "", 0)], &[]).unwrap(), []);
        fs::write(folder.path().join("0.wal"), [7; 30]).unwrap();
        assert!(matches!(unflushed(folder.path(), &[], &[]).unwrap_err(), Error::WalPosition { .. }));
    }
}
