// SPDX-License-Identifier: Apache-2.0
//! Small segments, given value by value.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::support::install::Install;

impl Install {
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
