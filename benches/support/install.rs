// SPDX-License-Identifier: Apache-2.0
//! Writes small and large 1.x installations with a `meta.json`, byte by byte
//! and without the code under test.

use std::fs;
use std::path::{Path, PathBuf};

/// An installation in the making: a folder with `tables` and `meta.json`.
pub(crate) struct Install {
    root: PathBuf,
    collections: Vec<Collection>,
}

struct Collection {
    name: String,
    dimension: u32,
    segments: Vec<(String, u64)>,
}

impl Install {
    /// Begins an installation of float collections in `root`.
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.into(), collections: Vec::new() }
    }

    /// Adds a collection with metric L2.
    pub(crate) fn collection(&mut self, name: &str, dimension: u32) -> &mut Self {
        self.collections.push(Collection { name: name.into(), dimension, segments: Vec::new() });
        self
    }

    /// Writes `meta.json` in the form of milvus-migration.
    pub(crate) fn finish(&self) {
        fs::create_dir_all(self.root.join("tables")).unwrap();
        let collections: Vec<_> = self.collections.iter().map(Collection::json).collect();
        let rows: u64 = self.collections.iter().map(Collection::rows).sum();
        let meta = serde_json::json!({"collections": collections, "rows": rows});
        fs::write(self.root.join("meta.json"), meta.to_string()).unwrap();
    }

    /// Notes that the last collection has a segment of so many rows.
    pub(crate) fn note(&mut self, segment_id: &str, rows: u64) {
        self.last().segments.push((segment_id.into(), rows));
    }

    /// Components of a vector of the last collection.
    pub(crate) fn dimension(&mut self) -> u64 {
        self.last().dimension.into()
    }

    fn last(&mut self) -> &mut Collection {
        self.collections.last_mut().expect("a collection comes first")
    }

    /// Makes the folder of a segment of the last collection.
    pub(crate) fn folder(&mut self, segment_id: &str) -> PathBuf {
        let folder = self.root.join("tables").join(&self.last().name).join(segment_id);
        fs::create_dir_all(&folder).unwrap();
        folder
    }
}

impl Collection {
    fn rows(&self) -> u64 {
        self.segments.iter().map(|(_, rows)| rows).sum()
    }

    fn json(&self) -> serde_json::Value {
        let segments: Vec<_> = self
            .segments
            .iter()
            .map(|(segment, rows)| {
                let size = rows * (8 + 4 * u64::from(self.dimension));
                serde_json::json!({
                    "collection": self.name, "segment": segment, "dim": self.dimension, "rows": rows, "fileSize": size
                })
            })
            .collect();
        serde_json::json!({
            "collection": self.name, "metric": 1, "dim": self.dimension, "rows": self.rows(), "segments": segments
        })
    }
}
