// SPDX-License-Identifier: Apache-2.0
//! The text of a `meta.json`.

use m2m_catalog::{MetaSource, meta_json};

use super::input::said;
use super::inventory;

/// What is read can be written, and is the same when it is read again.
pub(crate) fn run(data: &[u8]) {
    match meta_json::read("meta.json", data) {
        Ok(read) => inventory::check(&read),
        Err(error) => drop(said(&error)),
    }
    let source = MetaSource::MetaJson { location: "meta.json".into(), text: data.into() };
    inventory::read(&inventory::of(source));
}
