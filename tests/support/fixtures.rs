// SPDX-License-Identifier: Apache-2.0
//! The installations of `tests/fixtures`, unpacked once, and their ground truth.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde::Deserialize;

/// The installations that have a truth file.
pub(crate) const INSTALLS: [&str; 4] =
    ["install-1.1.1", "install-1.0.0", "install-1.1.1-unflushed", "test1w"];

/// The root of the project.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of an unpacked installation.
pub(crate) fn install(name: &str) -> PathBuf {
    unpacked().join(name)
}

/// The folder with all unpacked installations and truth files.
pub(crate) fn unpacked() -> &'static Path {
    static UNPACKED: OnceLock<PathBuf> = OnceLock::new();
    UNPACKED.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures");
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        for name in INSTALLS {
            let archive = project().join(format!("tests/fixtures/{name}.tar.xz"));
            let status =
                Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(&folder).status().unwrap();
            assert!(status.success(), "cannot unpack {}", archive.display());
        }
        // A real server's segment comes without a truth file; its content is known all the same.
        let test1w = "test1w.truth.json";
        fs::copy(project().join("tests/fixtures").join(test1w), folder.join(test1w)).unwrap();
        folder
    })
}

/// A private copy of an installation, for tests that damage it.
pub(crate) fn copy(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let status = Command::new("cp").arg("-r").arg(install(name)).arg(copy.path()).status().unwrap();
    assert!(status.success());
    copy
}

/// What an installation holds, by its generator.
#[derive(Debug, Deserialize)]
pub(crate) struct Truth {
    pub(crate) collections: Vec<CollectionTruth>,
}

/// What a collection holds.
#[derive(Debug, Deserialize)]
pub(crate) struct CollectionTruth {
    pub(crate) collection: String,
    pub(crate) dimension: u32,
    pub(crate) metric: String,
    pub(crate) live_rows: u64,
    pub(crate) partitions: Vec<PartitionTruth>,
}

/// What a partition holds, with digests in canonical order.
#[derive(Debug, Deserialize)]
pub(crate) struct PartitionTruth {
    pub(crate) tag: String,
    #[serde(default)]
    pub(crate) table_id: String,
    pub(crate) live_rows: u64,
    pub(crate) ids_sha256: String,
    pub(crate) vectors_sha256: String,
    pub(crate) rows_sha256: String,
    pub(crate) sorted_rows_sha256: String,
    #[serde(default)]
    pub(crate) segments: Vec<SegmentTruth>,
}

/// What a segment holds.
#[derive(Debug, Deserialize)]
pub(crate) struct SegmentTruth {
    pub(crate) segment_id: String,
    pub(crate) rows: u64,
    pub(crate) deleted: u64,
    pub(crate) live: u64,
}

/// The truth of an installation.
pub(crate) fn truth(name: &str) -> Truth {
    let text = fs::read_to_string(truth_file(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The truth file of an installation.
pub(crate) fn truth_file(name: &str) -> PathBuf {
    unpacked().join(format!("{name}.truth.json"))
}
