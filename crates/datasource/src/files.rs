// SPDX-License-Identifier: Apache-2.0
//! The files of one segment, wherever they are stored.

use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use m2m_segment::deleted_docs::{Decoder, DeletedDocs};
use m2m_segment::{HEADER_LEN, VectorLayout, ids, names, snapshot, vectors};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::block::{Block, BlockMemory};
use crate::error::{Error, Result};

/// What the files hold, for messages.
pub(crate) const IDS: &str = "ids";
pub(crate) const VECTORS: &str = "vectors";
const DELETED_DOCS: &str = "deleted docs";
const BLOOM_FILTER: &str = "bloom filter";

/// Bytes of deleted docs that are asked for at once: nearly always, all of them.
const DELETED_DOCS_START: u64 = 64 << 10;
/// Bytes of the rest that are read at once: a damaged file can be of any length.
const DELETED_DOCS_PART: u64 = 1 << 20;

/// What the blocks of one local file have in common.
#[derive(Debug, Default)]
pub(crate) struct Reused {
    /// What they are read into.
    memory: BlockMemory,
    /// The file, once it was opened.
    file: OnceLock<File>,
}

impl Reused {
    /// Reads the blocks of a file into memory that those of others are read into too.
    pub(crate) fn of_memory(memory: BlockMemory) -> Self {
        Self { memory, file: OnceLock::new() }
    }
}

/// The files of one segment.
#[derive(Clone, Debug)]
pub(crate) struct SegmentFiles {
    store: Arc<dyn ObjectStore>,
    /// What stands before a path in messages: `/`, or `s3://bucket/`.
    base: Arc<str>,
    folder: Path,
    segment_id: String,
}

impl SegmentFiles {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, base: Arc<str>, folder: Path, segment_id: &str) -> Self {
        Self { store, base, folder, segment_id: segment_id.into() }
    }

    /// The files of the segment whose file of ids is `ids_path`.
    pub(crate) fn of_ids_path(store: Arc<dyn ObjectStore>, base: Arc<str>, ids_path: &Path) -> Self {
        let mut parts: Vec<_> = ids_path.parts().collect();
        let name = parts.pop().map(|part| part.as_ref().to_owned()).unwrap_or_default();
        let segment_id = name.strip_suffix(names::IDS_ENDING).unwrap_or(&name).to_owned();
        Self { store, base, folder: Path::from_iter(parts), segment_id }
    }

    pub(crate) fn segment_id(&self) -> &str {
        &self.segment_id
    }

    pub(crate) fn ids_path(&self) -> Path {
        self.folder.clone().join(names::ids_file(&self.segment_id))
    }

    pub(crate) fn vectors_path(&self) -> Path {
        self.folder.clone().join(names::vectors_file(&self.segment_id))
    }

    fn deleted_docs_path(&self) -> Path {
        self.folder.clone().join(names::DELETED_DOCS)
    }

    fn bloom_filter_path(&self) -> Path {
        self.folder.clone().join(names::BLOOM_FILTER)
    }

    /// The file of ids as the store knows it, if it is here.
    pub(crate) async fn ids_meta(&self, is_local: bool) -> Result<Option<ObjectMeta>> {
        let path = self.ids_path();
        match self.head(&path).await {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            // Who may not list a bucket is denied what is not in it.
            Err(object_store::Error::PermissionDenied { .. }) if !is_local => Ok(None),
            Err(source) => Err(self.unreadable(IDS, &path, source)),
        }
    }

    /// The stored rows, and the file of ids as the store knows it. `claimed` rows are named when it is missing.
    pub(crate) async fn rows(&self, claimed: Option<i64>) -> Result<(u64, ObjectMeta)> {
        let path = self.ids_path();
        let at_risk = || match claimed {
            Some(rows) => format!("{rows} rows by the metadata"),
            None => "rows of an unknown number".into(),
        };
        let (header, meta) = self.header(IDS, &path, at_risk).await?;
        let rows = ids::rows(header, meta.size).map_err(|source| self.damaged(IDS, &path, source))?;
        Ok((rows, meta))
    }

    /// Makes sure that the file of ids has the `planned` bytes that it had when the query was planned.
    pub(crate) async fn check_planned(&self, planned: u64) -> Result<()> {
        let (_, meta) = self.rows(None).await?;
        if meta.size == planned {
            return Ok(());
        }
        let path = self.display(&meta.location);
        Err(Error::Changed { what: IDS, path, expected: planned, found: meta.size })
    }

    /// Makes sure that the vectors are as many as the ids.
    pub(crate) async fn check_vectors(&self, rows: u64, layout: VectorLayout) -> Result<()> {
        let path = self.vectors_path();
        let (header, meta) = self.header(VECTORS, &path, || format!("the vectors of {rows} rows")).await?;
        vectors::check(header, meta.size, rows, layout).map_err(|source| self.damaged(VECTORS, &path, source))
    }

    /// The deleted rows, and the bytes of their file. What stands behind the counted
    /// part is not read.
    pub(crate) async fn deleted_docs(&self, rows: u64) -> Result<(DeletedDocs, u64)> {
        let path = self.deleted_docs_path();
        let (start, size) = match self.start(&path, DELETED_DOCS_START).await {
            Ok((start, meta)) => (start, meta.size),
            Err(object_store::Error::NotFound { .. }) => {
                return Err(Error::MissingDeletedDocs { path: self.display(&path), rows });
            }
            Err(source) => return Err(self.unreadable(DELETED_DOCS, &path, source)),
        };
        if snapshot::is_0_11_file(&start) {
            return Err(Error::Milvus011 { what: DELETED_DOCS, path: self.display(&path) });
        }
        let damaged = |source| self.damaged(DELETED_DOCS, &path, source);
        let (mut decoder, payload) = decoder(&start, size, rows).map_err(damaged)?;
        decoder.push(payload).map_err(damaged)?;
        let mut known = start.len() as u64;
        while decoder.missing() > 0 {
            let end = known.saturating_add(decoder.missing().min(DELETED_DOCS_PART));
            let part = self.read(DELETED_DOCS, &path, known..end).await?;
            decoder.push(&part).map_err(damaged)?;
            known = end;
        }
        Ok((decoder.finish().map_err(damaged)?, size))
    }

    /// The bytes of the file with the bloom filter, if there is one.
    pub(crate) async fn bloom_filter_len(&self, is_local: bool) -> Result<Option<u64>> {
        let path = self.bloom_filter_path();
        match self.head(&path).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            // Who may not list a bucket is denied what is not in it.
            Err(object_store::Error::PermissionDenied { .. }) if !is_local => Ok(None),
            Err(source) => Err(self.unreadable(BLOOM_FILTER, &path, source)),
        }
    }

    /// The content of the file with the bloom filter, which has `length` bytes.
    pub(crate) async fn bloom_filter(&self, length: u64) -> Result<Bytes> {
        // To every store, a range of an empty file is an error.
        match length {
            0 => Ok(Bytes::new()),
            _ => self.read(BLOOM_FILTER, &self.bloom_filter_path(), 0..length).await,
        }
    }

    /// The error of a bloom filter that is not what it should be.
    pub(crate) fn damaged_bloom_filter(&self, source: m2m_segment::Error) -> Error {
        Error::DamagedBloomFilter { path: self.display(&self.bloom_filter_path()), source }
    }

    /// Reads exactly the bytes of `range`.
    pub(crate) async fn read(&self, what: &'static str, path: &Path, range: Range<u64>) -> Result<Bytes> {
        Ok(self.read_block(what, path, range, &Reused::default()).await?.into())
    }

    /// Reads exactly the bytes of `range`, with what is used again where they are on this machine.
    pub(crate) async fn read_block(
        &self,
        what: &'static str,
        path: &Path,
        range: Range<u64>,
        reused: &Reused,
    ) -> Result<Block> {
        let (offset, expected) = (range.start, range.end.saturating_sub(range.start));
        let read = match reused.file.get() {
            Some(file) => read_open(file, &range, &reused.memory),
            None => self.range(path, range, reused).await.map(|(block, _)| block),
        };
        let block = read.map_err(|source| self.unreadable(what, path, source))?;
        let found = block.len() as u64;
        if found == expected {
            Ok(block)
        } else {
            Err(Error::ShortRead { what, path: self.display(path), offset, expected, found })
        }
    }

    /// The length header of a file, and the file as the store knows it. One that
    /// is too short for a header is told by its length.
    async fn header(
        &self,
        what: &'static str,
        path: &Path,
        at_risk: impl FnOnce() -> String,
    ) -> Result<([u8; 8], ObjectMeta)> {
        let (start, meta) = match self.start(path, HEADER_LEN).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => {
                return Err(Error::Missing { what, path: self.display(path), rows: at_risk() });
            }
            Err(source) => return Err(self.unreadable(what, path, source)),
        };
        if snapshot::is_0_11_file(&start) {
            return Err(Error::Milvus011 { what, path: self.display(path) });
        }
        Ok((start.first_chunk().copied().unwrap_or_default(), meta))
    }

    /// The first `length` bytes of a file, or all if it has less, and the file
    /// as the store knows it.
    async fn start(&self, path: &Path, length: u64) -> object_store::Result<(Bytes, ObjectMeta)> {
        let error = match self.range(path, 0..length, &Reused::default()).await {
            Ok((block, meta)) if block.len() as u64 == length.min(meta.size) => {
                return Ok((block.into(), meta));
            }
            Ok((block, meta)) => return Err(ended_early(length.min(meta.size), block.len())),
            Err(error @ object_store::Error::NotFound { .. }) => return Err(error),
            Err(error) => error,
        };
        // To every store, a range of an empty file is an error.
        match self.head(path).await {
            Ok(meta) if meta.size == 0 => Ok((Bytes::new(), meta)),
            _ => Err(error),
        }
    }

    /// The file as the store knows it.
    async fn head(&self, path: &Path) -> object_store::Result<ObjectMeta> {
        self.refuse_special(path)?;
        self.store.head(path).await
    }

    async fn range(
        &self,
        path: &Path,
        range: Range<u64>,
        reused: &Reused,
    ) -> object_store::Result<(Block, ObjectMeta)> {
        self.refuse_special(path)?;
        get_range(self.store.as_ref(), path, range, reused).await
    }

    /// Makes sure that a file of this machine is none that keeps whoever opens it
    /// waiting: a pipe, a socket or a device. A link to a file is one.
    fn refuse_special(&self, path: &Path) -> object_store::Result<()> {
        // Of a bucket the base is a URL.
        let found = match &*self.base {
            "/" => std::fs::metadata(self.display(path)).ok(),
            _ => None,
        };
        match found {
            Some(found) if !found.is_file() && !found.is_dir() => Err(object_store::Error::Generic {
                store: "segments",
                source: "expected a file, found a pipe, a socket or a device".into(),
            }),
            _ => Ok(()),
        }
    }

    /// The segment's folder as a user knows it.
    pub(crate) fn display_folder(&self) -> String {
        self.display(&self.folder)
    }

    /// A path as a user knows it.
    pub(crate) fn display(&self, path: &Path) -> String {
        format!("{}{path}", self.base)
    }

    /// The error of ids that are not what they should be.
    pub(crate) fn damaged_ids(&self, source: m2m_segment::Error) -> Error {
        self.damaged(IDS, &self.ids_path(), source)
    }

    fn damaged(&self, what: &'static str, path: &Path, source: m2m_segment::Error) -> Error {
        Error::Damaged { what, path: self.display(path), source }
    }

    fn unreadable(&self, what: &'static str, path: &Path, source: object_store::Error) -> Error {
        Error::Read { what, path: self.display(path), source }
    }
}

/// The decoder of a file of deleted docs that begins with `start`, and what is known of its payload.
fn decoder(start: &[u8], size: u64, rows: u64) -> m2m_segment::Result<(Decoder, &[u8])> {
    let (header, payload) = start.split_first_chunk().ok_or(m2m_segment::Error::NoHeader { found: size })?;
    Ok((Decoder::new(*header, size, rows)?, payload))
}

fn ended_early(expected: u64, found: usize) -> object_store::Error {
    let source = format!("expected the first {expected} bytes, found {found}").into();
    object_store::Error::Generic { store: "segments", source }
}

/// Reads a range of a file, which says how long the file is too. From a local
/// one the bytes go straight into memory that was used before; the store's own way
/// would take fresh memory and fill it with zeros first. They are read by the thread
/// that computes with them: another one would leave them in another core's cache.
async fn get_range(
    store: &dyn ObjectStore,
    path: &Path,
    range: Range<u64>,
    reused: &Reused,
) -> object_store::Result<(Block, ObjectMeta)> {
    let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
    let found = store.get_opts(path, options).await?;
    let (range, meta) = (found.range.clone(), found.meta.clone());
    let block = match found.payload {
        GetResultPayload::File(file, _) => {
            read_open(reused.file.get_or_init(|| file), &range, &reused.memory)?
        }
        GetResultPayload::Stream(_) => found.bytes().await?.into(),
    };
    Ok((block, meta))
}

fn read_open(file: &File, range: &Range<u64>, memory: &BlockMemory) -> object_store::Result<Block> {
    let read = Block::read(file, range, memory);
    read.map_err(|source| object_store::Error::Generic { store: "file", source: source.into() })
}

#[cfg(test)]
mod tests;
