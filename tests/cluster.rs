// SPDX-License-Identifier: Apache-2.0
//! The same plan on a cluster: whatever one process answers and writes, a scheduler with
//! executors answers and writes as well. What goes wrong there goes wrong silently, so
//! nothing is believed that these tests do not show.

mod dumps;
mod killed;
mod messages;
mod statements;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Every file of a dump but its manifest, by its name from there.
fn files(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![out.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(out).unwrap().to_str().unwrap().to_owned();
                    found.insert(name, fs::read(&path).unwrap());
                }
            }
        }
    }
    found.remove("manifest.json");
    found
}

/// The manifest of a dump without what is of this run alone.
fn manifest(out: &Path) -> Value {
    let mut manifest: Value = serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    let entries = manifest.as_object_mut().unwrap();
    assert!(entries.remove("id").is_some() && entries.remove("created_on").is_some());
    manifest
}

/// Makes sure that two dumps are the same, byte by byte, and returns how many files they have.
#[track_caller]
fn same(alone: &Path, on_cluster: &Path) -> usize {
    let (expected, found) = (files(alone), files(on_cluster));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected), "{}", on_cluster.display());
    for (name, bytes) in &expected {
        assert!(found[name] == *bytes, "{name} in {} is another file", on_cluster.display());
    }
    assert_eq!(manifest(on_cluster), manifest(alone), "{}", on_cluster.display());
    expected.len()
}
