// SPDX-License-Identifier: Apache-2.0
//! Any rows of a metadata database.

use m2m_catalog::MetaSource;

use super::input::Input;
use super::{database, inventory};

/// Whatever stands in the rows, no directory counts twice.
pub(crate) fn run(data: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meta.sqlite");
    database::write(&path, &mut Input(data));
    inventory::read(&inventory::of(MetaSource::Sqlite(path)));
}
