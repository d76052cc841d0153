// SPDX-License-Identifier: Apache-2.0
//! A folder of the write-ahead log beside a database: `mxlog.meta`, `1.wal` and `2.wal`, each
//! with its length before it, then the rows.

use std::fs;

use m2m_catalog::{MetaSource, Metadata};

use super::input::Input;
use super::{database, inventory};

/// What stands only in the log is not more than its files can hold.
pub(crate) fn run(data: &[u8]) {
    let mut input = Input(data);
    let folder = tempfile::tempdir().unwrap();
    let wal = folder.path().join("wal");
    fs::create_dir(&wal).unwrap();
    let mut bytes = 0;
    for name in ["mxlog.meta", "1.wal", "2.wal"] {
        let part = input.part();
        if !part.is_empty() {
            bytes += part.len() as u64;
            fs::write(wal.join(name), part).unwrap();
        }
    }
    let path = folder.path().join("meta.sqlite");
    database::write(&path, &mut input);
    let read = inventory::read(&Metadata { source: MetaSource::Sqlite(path), wal: Some(wal) });
    let rows: u64 = read.inventory.unflushed.iter().map(|one| one.inserted_rows + one.deleted_rows).sum();
    assert!(rows * 8 <= bytes, "{rows} rows in {bytes} bytes");
    assert!(read.inventory.unflushed.iter().all(|one| one.records > 0));
}
