// SPDX-License-Identifier: Apache-2.0
//! Small segments, given value by value.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::support::install::{Install, Partition};

impl Install {
    /// Has the last collection compare by another metric, by its number in Milvus 1.x.
    pub(crate) fn metric(&mut self, metric: u32) -> &mut Self {
        self.last().metric = metric;
        self
    }

    /// Gives the last collection an index, by its number in Milvus 1.x.
    pub(crate) fn index(&mut self, engine: u32, params: &str) -> &mut Self {
        self.last().index = (engine, params.into());
        self
    }

    /// Adds a partition to the last collection; segments that follow are in it.
    pub(crate) fn partition(&mut self, tag: &str) -> &mut Self {
        let collection = self.last();
        let folder = format!("{}_{}", collection.name, collection.partitions.len());
        collection.partitions.push(Partition { tag: tag.into(), folder, segments: Vec::new() });
        self
    }

    /// Adds a segment of binary vectors to the last collection.
    pub(crate) fn binary_segment(&mut self, segment_id: &str, ids: &[i64], vectors: &[u8]) -> &mut Self {
        let folder = self.folder(segment_id);
        write_file(&folder.join(format!("{segment_id}.uid")), &bytes(ids, |id| id.to_le_bytes()));
        write_file(&folder.join(format!("{segment_id}.rv")), vectors);
        write_file(&folder.join("deleted_docs"), &[]);
        self.note(segment_id, ids.len() as u64);
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
        self.note(segment_id, rows);
        self
    }
}

fn bytes<T, const N: usize>(values: &[T], encode: impl Fn(&T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(encode).collect()
}

fn write_file(path: &Path, payload: &[u8]) {
    let mut file = fs::File::create(path).unwrap();
    file.write_all(&(payload.len() as u64).to_le_bytes()).unwrap();
    file.write_all(payload).unwrap();
}
