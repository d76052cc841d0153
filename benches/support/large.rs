// SPDX-License-Identifier: Apache-2.0
//! Large segments, written on all cores.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::install::Install;

impl Install {
    /// Adds `count` large segments of `rows` rows to the last collection, with
    /// every `delete_every`th row deleted (0: none). Written on all cores.
    pub(crate) fn large_segments(&mut self, count: u64, rows: u64, delete_every: u64) -> &mut Self {
        let (components, is_binary) = (self.dimension(), self.last().is_binary());
        let folders: Vec<(u64, PathBuf)> =
            (0..count).map(|index| (index, self.folder(&large_id(index)))).collect();
        folders.par_iter().for_each(|(index, folder)| {
            let id = large_id(*index);
            let first = index * rows;
            stream_file(&folder.join(format!("{id}.uid")), rows, 8, |row| (first + row).to_le_bytes());
            let vectors = folder.join(format!("{id}.rv"));
            if is_binary {
                let bytes = components / 8;
                stream_file(&vectors, rows * bytes, 1, |at| bits(first * bytes + at));
            } else {
                stream_file(&vectors, rows * components, 4, |at| {
                    component(first * components + at).to_le_bytes()
                });
            }
            let deleted = if delete_every == 0 { 0 } else { rows.div_ceil(delete_every) };
            stream_file(&folder.join("deleted_docs"), deleted, 4, |at| {
                ((at * delete_every) as u32).to_le_bytes()
            });
        });
        for index in 0..count {
            self.note(&large_id(index), rows);
        }
        self
    }
}

/// A float from 1 to 2 that looks like chance.
pub(crate) fn component(at: u64) -> f32 {
    let mixed = (at as u32).wrapping_mul(0x9e37_79b9) ^ (at as u32 >> 15);
    f32::from_bits(0x3f80_0000 | mixed.wrapping_mul(0x85eb_ca6b) >> 9)
}

/// Eight bits that look like chance.
fn bits(at: u64) -> [u8; 1] {
    [(component(at).to_bits() >> 11) as u8]
}

fn large_id(index: u64) -> String {
    format!("{}", 1_600_000_000_000_000_000 + index)
}

fn stream_file<const N: usize>(path: &Path, count: u64, width: u64, encode: impl Fn(u64) -> [u8; N]) {
    let mut file = BufWriter::with_capacity(1 << 20, fs::File::create(path).unwrap());
    file.write_all(&(count * width).to_le_bytes()).unwrap();
    for at in 0..count {
        file.write_all(&encode(at)).unwrap();
    }
    file.flush().unwrap();
}
