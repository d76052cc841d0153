// SPDX-License-Identifier: Apache-2.0
//! Writes small and large 1.x installations with a `meta.json`, byte by byte
//! and without the code under test.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

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

    /// Adds a segment to the last collection: ids, vectors row after row, and
    /// deleted offsets as they stand in the file.
    pub(crate) fn segment(
        &mut self,
        segment_id: &str,
        ids: &[i64],
        vectors: &[f32],
        deleted: &[i32],
    ) -> &mut Self {
        let folder = self.folder(segment_id);
        let rows = ids.len() as u64;
        write_file(&folder.join(format!("{segment_id}.uid")), &bytes(ids, |id| id.to_le_bytes()));
        write_file(&folder.join(format!("{segment_id}.rv")), &bytes(vectors, |value| value.to_le_bytes()));
        write_file(&folder.join("deleted_docs"), &bytes(deleted, |offset| offset.to_le_bytes()));
        self.last().segments.push((segment_id.into(), rows));
        self
    }

    /// Adds `count` large segments of `rows` rows to the last collection, with
    /// every `delete_every`th row deleted (0: none). Written on all cores.
    pub(crate) fn large_segments(&mut self, count: u64, rows: u64, delete_every: u64) -> &mut Self {
        let dimension = u64::from(self.last().dimension);
        let folders: Vec<(u64, PathBuf)> =
            (0..count).map(|index| (index, self.folder(&large_id(index)))).collect();
        folders.par_iter().for_each(|(index, folder)| {
            let id = large_id(*index);
            let first = index * rows;
            stream_file(&folder.join(format!("{id}.uid")), rows, 8, |row| (first + row).to_le_bytes());
            // Any finite float will do; these differ from row to row.
            stream_file(&folder.join(format!("{id}.rv")), rows * dimension, 4, |at| {
                ((first * dimension + at) as u32 >> 8).to_le_bytes()
            });
            let deleted = if delete_every == 0 { 0 } else { rows / delete_every };
            stream_file(&folder.join("deleted_docs"), deleted, 4, |at| {
                ((at * delete_every) as u32).to_le_bytes()
            });
        });
        self.last().segments.extend((0..count).map(|index| (large_id(index), rows)));
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

    fn last(&mut self) -> &mut Collection {
        self.collections.last_mut().expect("a collection comes first")
    }

    fn folder(&mut self, segment_id: &str) -> PathBuf {
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

fn large_id(index: u64) -> String {
    format!("{}", 1_600_000_000_000_000_000 + index)
}

fn bytes<T, const N: usize>(values: &[T], encode: impl Fn(&T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(encode).collect()
}

fn write_file(path: &Path, payload: &[u8]) {
    let mut file = fs::File::create(path).unwrap();
    file.write_all(&(payload.len() as u64).to_le_bytes()).unwrap();
    file.write_all(payload).unwrap();
}

fn stream_file<const N: usize>(path: &Path, count: u64, width: u64, encode: impl Fn(u64) -> [u8; N]) {
    let mut file = BufWriter::with_capacity(1 << 20, fs::File::create(path).unwrap());
    file.write_all(&(count * width).to_le_bytes()).unwrap();
    for at in 0..count {
        file.write_all(&encode(at)).unwrap();
    }
    file.flush().unwrap();
}
