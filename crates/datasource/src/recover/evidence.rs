// SPDX-License-Identifier: Apache-2.0
//! Whether vectors are float or binary, as far as files tell.
//!
//! ```text
//! index file:  | type i32 | then, up to its end: | name length u64 | name | length u64 | bytes |
//! ```
//!
//! The type is that of `OldIndexType` (`knowhere/index/IndexType.h`), which is not the
//! index type of the metadata. Servers since 0.8 write the ones below. Those of 0.7 had
//! more, among them 10, which is the metadata's number of a binary index: they tell nothing.
//! Source: `codecs/default/DefaultVectorIndexFormat.cpp`, v1.1.1.

use m2m_segment::{VectorElement, VectorLayout};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::error::{Error, Result};

/// Named blobs that are looked at; large indexes are stored in slices.
const BLOBS: usize = 256;
/// The longest name of a blob.
const NAME_BYTES: u64 = 256;
/// Vectors that are looked at for a hint.
const HINT_BYTES: u64 = 64 << 10;

/// An index that a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct IndexKind {
    pub(super) name: &'static str,
    pub(super) is_binary: bool,
}

/// The index of a type that stands in a file.
fn index_kind(code: i32) -> Option<IndexKind> {
    let (name, is_binary) = match code {
        1 => ("FLAT", false),
        2 => ("IVF_FLAT", false),
        5 => ("IVF_PQ", false),
        7 => ("SPTAG_KDT", false),
        9 => ("IVF_SQ8", false),
        11 => ("IVF_SQ8H", false),
        12 => ("RNSG", false),
        14 => ("SPTAG_BKT", false),
        15 => ("HNSW", false),
        16 => ("ANNOY", false),
        100 => ("BIN_FLAT", true),
        101 => ("BIN_IVF_FLAT", true),
        _ => return None,
    };
    Some(IndexKind { name, is_binary })
}

/// The index of a file, when it is one from its first byte to its last.
pub(super) async fn index_of(store: &dyn ObjectStore, path: &Path, size: u64) -> Result<Option<IndexKind>> {
    let failed = |source| Error::Read { what: "index", path: path.to_string(), source };
    if size < 4 + 16 {
        return Ok(None);
    }
    let start = store.get_range(path, 0..4).await.map_err(failed)?;
    let Some(kind) = start.first_chunk().and_then(|code| index_kind(i32::from_le_bytes(*code))) else {
        return Ok(None);
    };
    let mut at = 4_u64;
    for _ in 0..BLOBS {
        if at == size {
            return Ok(Some(kind));
        }
        let end = at.saturating_add(8 + NAME_BYTES + 8).min(size);
        let bytes = store.get_range(path, at..end).await.map_err(failed)?;
        match blob_len(&bytes).and_then(|length| at.checked_add(length)) {
            Some(next) if next <= size => at = next,
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// The bytes that a named blob takes, by how it begins.
fn blob_len(bytes: &[u8]) -> Option<u64> {
    let (name, rest) = bytes.split_first_chunk().map(|(length, rest)| (u64::from_le_bytes(*length), rest))?;
    if name == 0 || name > NAME_BYTES {
        return None;
    }
    let (name_bytes, rest) = rest.split_at_checked(usize::try_from(name).ok()?)?;
    if !name_bytes.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let length = rest.first_chunk().map(|length| u64::from_le_bytes(*length))?;
    (8 + name + 8).checked_add(length)
}

/// What vectors of so many bytes can be: float, binary or both.
pub(super) fn layouts(row_bytes: u64) -> (Option<VectorLayout>, Option<VectorLayout>) {
    let layout = |element, dimension: Option<u64>| {
        let dimension = dimension.and_then(|dimension| u32::try_from(dimension).ok())?;
        VectorLayout::try_new(element, dimension).ok()
    };
    let float = row_bytes.is_multiple_of(4).then_some(row_bytes / 4);
    (layout(VectorElement::Float32, float), layout(VectorElement::Bit, row_bytes.checked_mul(8)))
}

/// Whether the first vectors look binary, if they look like anything: the exponents of
/// random bits are spread over all that a float can have, those of real vectors are not.
pub(super) async fn looks_binary(
    store: &dyn ObjectStore,
    path: &Path,
    vector_bytes: u64,
) -> Result<Option<bool>> {
    let end = 8 + vector_bytes.min(HINT_BYTES);
    let failed = |source| Error::Read { what: "vectors", path: path.to_string(), source };
    Ok(guess(&store.get_range(path, 8..end).await.map_err(failed)?))
}

fn guess(bytes: &[u8]) -> Option<bool> {
    let (words, _) = bytes.as_chunks::<4>();
    let values = words.iter().map(|word| f32::from_le_bytes(*word)).filter(|value| *value != 0.0);
    let (mut all, mut likely) = (0_usize, 0_usize);
    for value in values {
        all += 1;
        likely += usize::from((1e-9..1e9).contains(&value.abs()));
    }
    match all {
        0 => None,
        _ if likely * 100 >= all * 99 => Some(false),
        _ if likely * 100 <= all * 80 => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
