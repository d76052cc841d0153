// SPDX-License-Identifier: Apache-2.0
//! `deleted_docs`: two bytes for the rows of the segment, two for the length of the parts
//! that it comes in; the rest is the file.

use m2m_segment::Error;
use m2m_segment::deleted_docs::{Decoder, DeletedDocs};

use super::input::{Input, said};

/// A file that is taken is a set of rows, in whatever parts it comes.
pub(crate) fn run(data: &[u8]) {
    let mut input = Input(data);
    let (rows, part) = (u64::from(input.short()), usize::from(input.short()).max(1));
    let file = input.0;
    let decoded = DeletedDocs::decode(file, rows);
    assert_eq!(in_parts(file, rows, part), decoded);
    let deleted = match decoded {
        Ok(deleted) => deleted,
        Err(error) => return drop(said(&error)),
    };
    assert!(deleted.len() <= rows && deleted.len() <= deleted.stored_entries());
    assert!(deleted.stored_entries() * 4 + 8 <= file.len() as u64, "entries that the file has not");
    let offsets = deleted.offsets();
    assert!(offsets.windows(2).all(|pair| pair[0] < pair[1]), "not a set");
    assert!(offsets.iter().all(|offset| u64::from(*offset) < rows), "outside of the rows");
    let mut next = 0;
    let mut live = 0;
    for run in deleted.live_runs(0..rows) {
        assert!(run.start >= next && run.start < run.end && run.end <= rows, "{run:?} of {rows}");
        live += run.end - run.start;
        next = run.end + 1;
    }
    assert_eq!(live + deleted.len(), rows);
    let payload: Vec<u8> = offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
    let encoded = [&(payload.len() as u64).to_le_bytes(), payload.as_slice()].concat();
    let again = DeletedDocs::decode(&encoded, rows).unwrap();
    assert_eq!((again.offsets(), again.stored_entries()), (offsets, deleted.len()));
    assert_eq!(DeletedDocs::none().with(offsets, rows).unwrap().offsets(), offsets);
}

fn in_parts(file: &[u8], rows: u64, part: usize) -> Result<DeletedDocs, Error> {
    let Some((header, rest)) = file.split_first_chunk() else {
        return Err(Error::NoHeader { found: file.len() as u64 });
    };
    let mut decoder = Decoder::new(*header, file.len() as u64, rows)?;
    for part in rest.chunks(part) {
        decoder.push(part)?;
    }
    decoder.finish()
}
