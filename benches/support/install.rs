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

/// A collection in the making.
pub(crate) struct Collection {
    pub(crate) name: String,
    dimension: u32,
    /// The number that Milvus 1.x has for the metric.
    pub(crate) metric: u32,
    /// Number and parameters of the index.
    pub(crate) index: (u32, String),
    /// `_default` first.
    pub(crate) partitions: Vec<Partition>,
}

/// A partition of a collection in the making.
pub(crate) struct Partition {
    pub(crate) tag: String,
    pub(crate) folder: String,
    pub(crate) segments: Vec<(String, u64)>,
}

/// The number of metric L2.
const L2: u32 = 1;
/// The number of index FLAT.
const FLAT: u32 = 1;

impl Install {
    /// Begins an installation of float collections in `root`.
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.into(), collections: Vec::new() }
    }

    /// Adds a collection with metric L2.
    pub(crate) fn collection(&mut self, name: &str, dimension: u32) -> &mut Self {
        let default = Partition { tag: "_default".into(), folder: name.into(), segments: Vec::new() };
        self.collections.push(Collection {
            name: name.into(),
            dimension,
            metric: L2,
            index: (FLAT, "{}".into()),
            partitions: vec![default],
        });
        self
    }

    /// Writes `meta.json` in our form.
    pub(crate) fn finish(&self) {
        fs::create_dir_all(self.root.join("tables")).unwrap();
        let collections: Vec<_> = self.collections.iter().map(Collection::json).collect();
        let rows: u64 = self.collections.iter().map(Collection::rows).sum();
        let meta = serde_json::json!({"version": 2, "collections": collections, "rows": rows});
        fs::write(self.root.join("meta.json"), meta.to_string()).unwrap();
    }

    /// Notes that the last collection has a segment of so many rows.
    pub(crate) fn note(&mut self, segment_id: &str, rows: u64) {
        self.partition_in_work().segments.push((segment_id.into(), rows));
    }

    /// Components of a vector of the last collection.
    pub(crate) fn dimension(&mut self) -> u64 {
        self.last().dimension.into()
    }

    pub(crate) fn last(&mut self) -> &mut Collection {
        self.collections.last_mut().expect("a collection comes first")
    }

    fn partition_in_work(&mut self) -> &mut Partition {
        self.last().partitions.last_mut().expect("every collection has a partition")
    }

    /// Makes the folder of a segment of the last collection.
    pub(crate) fn folder(&mut self, segment_id: &str) -> PathBuf {
        let name = self.partition_in_work().folder.clone();
        let folder = self.root.join("tables").join(name).join(segment_id);
        fs::create_dir_all(&folder).unwrap();
        folder
    }
}

impl Collection {
    /// Whether its vectors are bits: metrics HAMMING, JACCARD, TANIMOTO and the two of structures.
    pub(crate) fn is_binary(&self) -> bool {
        self.metric > 2
    }

    fn rows(&self) -> u64 {
        self.partitions.iter().flat_map(|partition| &partition.segments).map(|(_, rows)| rows).sum()
    }

    fn json(&self) -> serde_json::Value {
        let (default, others) = self.partitions.split_first().expect("every collection has a partition");
        let others: Vec<_> = others
            .iter()
            .map(|partition| {
                let segments = self.segments(partition);
                serde_json::json!({"tag": partition.tag, "table_id": partition.folder, "segments": segments})
            })
            .collect();
        serde_json::json!({
            "collection": self.name, "metric": self.metric, "dim": self.dimension, "rows": self.rows(),
            "engine": self.index.0, "index_params": self.index.1,
            "segments": self.segments(default), "partitions": others
        })
    }

    fn segments(&self, partition: &Partition) -> Vec<serde_json::Value> {
        let of_segment = |(segment, rows): &(String, u64)| {
            let size = rows * (8 + 4 * u64::from(self.dimension));
            serde_json::json!({
                "collection": partition.folder, "segment": segment, "dim": self.dimension, "rows": rows,
                "fileSize": size
            })
        };
        partition.segments.iter().map(of_segment).collect()
    }
}
