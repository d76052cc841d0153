// SPDX-License-Identifier: Apache-2.0
//! The text of a `manifest.json`.

use std::fs;

use m2m_sink::manifest::{MANIFEST_FILE, Manifest};
use m2m_storage::Storage;

use super::input::said;
use super::inventory::wait;

/// What is read can be written, and is the same when it is read again.
pub(crate) fn run(data: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(MANIFEST_FILE), data).unwrap();
    let dump = Storage::local(folder.path()).unwrap();
    match wait(Manifest::read(&dump)) {
        Ok(manifest) => {
            wait(manifest.write(&dump)).unwrap();
            assert_eq!(wait(Manifest::read(&dump)).unwrap(), manifest);
        }
        Err(error) => drop(said(&error)),
    }
}
