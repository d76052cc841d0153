// SPDX-License-Identifier: Apache-2.0
//! The bytes of a metadata file and of the `-wal` beside it, which has its length before it.

use std::fs;

use m2m_catalog::MetaSource;

use super::input::{Input, said};
use super::inventory;

/// Whatever the file is, it is read or refused, and not changed.
pub(crate) fn run(data: &[u8]) {
    let mut input = Input(data);
    let (wal, file) = (input.part(), input.0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meta.sqlite");
    fs::write(&path, file).unwrap();
    if !wal.is_empty() {
        fs::write(folder.path().join("meta.sqlite-wal"), wal).unwrap();
    }
    match MetaSource::file(&path) {
        Ok(source) => drop(inventory::read(&inventory::of(source))),
        Err(error) => drop(said(&error)),
    }
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!((fs::read(&path).unwrap().as_slice(), files), (file, 1 + usize::from(!wal.is_empty())));
}
