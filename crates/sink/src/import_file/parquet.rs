// SPDX-License-Identifier: Apache-2.0

use std::ops::Range;

use bytes::Bytes;
use m2m_storage::Storage;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::footer;
use crate::manifest::FileEntry;
use crate::{Error, Result};

const MAGIC: &[u8; 4] = b"PAR1";
const MAGIC_BYTES: u64 = 4;
/// The length of the footer, and the magic.
const TAIL_BYTES: u64 = 8;
/// Read at once: the footers of most files are in it.
const END_BYTES: u64 = 64 << 10;
/// A file of 16 GiB has a footer of about 1 MiB.
const FOOTER_BYTES_MAX: u64 = 64 << 20;

/// What was expected, and what was found instead.
type Difference = (String, String);

/// Compares length, magics and rows of a Parquet file with the manifest's entry.
pub(super) async fn check_file(storage: &Storage, entry: &FileEntry) -> Result<()> {
    let path = storage.child(&entry.path);
    let location = storage.display(&path);
    let differs = |(expected, found)| Error::NotAnImportFile { location: location.clone(), expected, found };
    let bytes = read(storage, &path, storage.store().head(&path)).await?.size;
    check_length(entry, bytes).map_err(differs)?;
    let start = range(storage, &path, 0..MAGIC_BYTES).await?;
    let end_from = bytes.saturating_sub(END_BYTES);
    let end = range(storage, &path, end_from..bytes).await?;
    let footer_from = check_ends(&start, &end, bytes).map_err(differs)?;
    let footer_to = bytes.saturating_sub(TAIL_BYTES);
    let footer = match footer_from.checked_sub(end_from) {
        Some(from) => slice(&end, from..footer_to.saturating_sub(end_from)),
        None => range(storage, &path, footer_from..footer_to).await?,
    };
    check_rows(entry, &footer).map_err(differs)
}

fn check_length(entry: &FileEntry, bytes: u64) -> Result<(), Difference> {
    if bytes != entry.bytes {
        return Err((format!("{} bytes", entry.bytes), bytes.to_string()));
    }
    match bytes < MAGIC_BYTES + TAIL_BYTES {
        true => Err(("a Parquet file".to_owned(), format!("{bytes} bytes"))),
        false => Ok(()),
    }
}

/// Returns where the footer begins.
fn check_ends(start: &[u8], end: &[u8], bytes: u64) -> Result<u64, Difference> {
    let tail = end.last_chunk::<8>().copied().unwrap_or_default();
    let [a, b, c, d, magic @ ..] = tail;
    for (found, place) in [(start, "beginning"), (magic.as_slice(), "end")] {
        if found != MAGIC {
            let expected = format!("`{}` at the {place}", MAGIC.escape_ascii());
            return Err((expected, format!("`{}`", found.escape_ascii())));
        }
    }
    let footer = u64::from(u32::from_le_bytes([a, b, c, d]));
    let room = bytes.saturating_sub(MAGIC_BYTES + TAIL_BYTES);
    let most = room.min(FOOTER_BYTES_MAX);
    match footer > most {
        true => Err((format!("a footer of {most} bytes at most"), footer.to_string())),
        false => Ok(bytes.saturating_sub(TAIL_BYTES).saturating_sub(footer)),
    }
}

fn check_rows(entry: &FileEntry, footer: &[u8]) -> Result<(), Difference> {
    let rows = footer::rows(footer)
        .ok_or_else(|| ("a footer with the number of rows".to_owned(), format!("{} bytes", footer.len())))?;
    match u64::try_from(rows) == Ok(entry.rows) {
        true => Ok(()),
        false => Err((format!("{} rows", entry.rows), rows.to_string())),
    }
}

async fn range(storage: &Storage, path: &Path, range: Range<u64>) -> Result<Bytes> {
    read(storage, path, storage.store().get_range(path, range)).await
}

async fn read<T>(
    storage: &Storage,
    path: &Path,
    answer: impl Future<Output = object_store::Result<T>>,
) -> Result<T> {
    answer.await.map_err(|error| Error::Read { location: storage.display(path), source: error.into() })
}

/// Returns a part of bytes, or nothing when they are shorter.
fn slice(bytes: &Bytes, range: Range<u64>) -> Bytes {
    match (usize::try_from(range.start), usize::try_from(range.end)) {
        (Ok(start), Ok(end)) if start <= end && end <= bytes.len() => bytes.slice(start..end),
        _ => Bytes::new(),
    }
}
