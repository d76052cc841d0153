// SPDX-License-Identifier: Apache-2.0
//! The files of a segment together: ids, vectors, deleted offsets.
//!
//! One byte for the element, two for the dimension, then `.uid` and `deleted_docs`, each
//! with its length before it; the rest is `.rv`.

use m2m_segment::deleted_docs::DeletedDocs;
use m2m_segment::{HEADER_LEN, VectorElement, VectorLayout, ids, rows, snapshot, vectors};

use super::input::{Input, said};

/// What a file begins with, as a reader has it before it knows how long the file is.
fn header(file: &[u8]) -> [u8; 8] {
    let mut header = [0; 8];
    let length = file.len().min(8);
    header[..length].copy_from_slice(&file[..length]);
    header
}

/// A segment that is taken has as many vectors as ids, and live rows inside of both.
pub(crate) fn run(data: &[u8]) {
    let mut input = Input(data);
    let element = if input.byte() & 1 == 0 { VectorElement::Float32 } else { VectorElement::Bit };
    let layout = match VectorLayout::try_new(element, input.short().into()) {
        Ok(layout) => layout,
        Err(error) => return drop(said(&error)),
    };
    let (uid, deleted_docs, rv) = (input.part(), input.part(), input.0);
    let count = match ids::rows(header(uid), uid.len() as u64) {
        Ok(count) => count,
        Err(error) => return drop(said(&error)),
    };
    assert_eq!(count * ids::ID_BYTES + HEADER_LEN, uid.len() as u64);
    assert!(!snapshot::is_0_11_file(uid), "a length that fits is no word");
    let deleted = match DeletedDocs::decode(deleted_docs, count) {
        Ok(deleted) => deleted,
        Err(error) => return drop(said(&error)),
    };
    if let Err(error) = vectors::check(header(rv), rv.len() as u64, count, layout) {
        return drop(said(&error));
    }
    assert_eq!(count * layout.row_bytes() as u64 + HEADER_LEN, rv.len() as u64);
    for (file, width) in [(uid, 8), (rv, layout.row_bytes())] {
        let stored = &file[8..];
        let mut block = stored.to_vec();
        let kept = rows::retain_live(&mut block, width, 0, &deleted).unwrap();
        let live = stored.chunks(width).zip(0_u64..).filter(|(_, row)| !deleted.contains(*row));
        let expected: Vec<u8> = live.flat_map(|(row, _)| row).copied().collect();
        assert_eq!(block[..kept], expected);
    }
    let mut offsets = Vec::new();
    rows::live_offsets(0..count, &deleted, &mut offsets);
    assert_eq!(offsets.len() as u64 + deleted.len(), count);
}
