// SPDX-License-Identifier: Apache-2.0

//! Whether all paths of a manifest stay below its folder.
//!
//! A manifest may come from anybody, and what it names is read, given to a
//! server by its path, and removed. So it names files as a dump names them, and
//! no other way.

use object_store::path::Path;

use super::Manifest;
use crate::{Error, Result};

/// Makes sure that every path leads to a place below the manifest.
pub(super) fn check(manifest: &Manifest, location: &str) -> Result<()> {
    let sets = manifest.collections.iter().flat_map(|collection| &collection.partitions);
    let sets = sets.flat_map(|partition| &partition.sets).map(|set| &set.name);
    let quarantines = manifest.collections.iter().filter_map(|collection| collection.quarantine.as_ref());
    let files = manifest.files().map(|file| &file.path);
    match files.chain(sets).chain(quarantines).find(|path| !is_below(path)) {
        Some(path) => Err(Error::ManifestPath { location: location.to_owned(), path: path.clone() }),
        None => Ok(()),
    }
}

/// Whether a path is relative, and each of its parts is a name.
fn is_below(path: &str) -> bool {
    !path.is_empty() && Path::parse(path).is_ok_and(|parsed| parsed.as_ref() == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_dump_gives_stay_below() {
        for path in ["quarantine.parquet", "a/b/c/id.npy", "报表 2/_default/16/v.npy", "..a/b..", "a\\b"] {
            assert!(is_below(path), "{path}");
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_do_not() {
        for path in [
            "",
            "/",
            "/etc/passwd",
            "//a",
            "..",
            "../a",
            "a/../../b",
            "a/..",
            ".",
            "./a",
            "a/./b",
            "a//b",
            "a/",
            "a\0b",
            "a\nb",
        ] {
            assert!(!is_below(path), "{path:?}");
        }
    }
}
