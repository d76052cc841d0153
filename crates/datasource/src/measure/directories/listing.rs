// SPDX-License-Identifier: Apache-2.0
//! Listing the folders of segments, in a folder of this machine or in a bucket.
//!
//! What is counted is `<tables>/<table>/<segment>/<file>`; what lies above or below that,
//! what is hidden, and links are passed over.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path as FsPath, PathBuf};

use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result as DFResult};
use futures::TryStreamExt;
use m2m_segment::HEADER_LEN;
use m2m_segment::ids::ID_BYTES;
use m2m_segment::names;
use object_store::path::Path;

use crate::error::{Error, Result};
use crate::locator::SegmentLocator;

/// A folder of a segment, and what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) table_id: String,
    pub(super) segment_id: String,
    pub(super) path: Path,
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// By the size of its file of ids, if there is one that has a header.
    pub(super) rows: Option<u64>,
    pub(super) has_ids: bool,
    pub(super) has_vectors: bool,
    pub(super) has_deleted_docs: bool,
    pub(super) has_bloom_filter: bool,
    pub(super) attribute_files: u64,
    pub(super) index_files: u64,
    pub(super) temporary_files: u64,
}

impl Directory {
    fn new(root: &Path, table_id: &str, segment_id: &str) -> Self {
        let path = root.clone().join(table_id).join(segment_id);
        Self { table_id: table_id.into(), segment_id: segment_id.into(), path, ..Self::default() }
    }

    /// Counts a file in.
    fn add(&mut self, name: &str, bytes: u64) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        match name {
            names::DELETED_DOCS => self.has_deleted_docs = true,
            names::BLOOM_FILTER => self.has_bloom_filter = true,
            name if names::TEMPORARY.contains(&name) => self.temporary_files += 1,
            name if name.ends_with(names::ATTRIBUTE_ENDING) => self.attribute_files += 1,
            name if name == names::ids_file(&self.segment_id) => {
                self.has_ids = true;
                self.rows = bytes.checked_sub(HEADER_LEN).map(|payload| payload / ID_BYTES);
            }
            name if name == names::vectors_file(&self.segment_id) => self.has_vectors = true,
            // Of another segment, or made by hand.
            name if name.ends_with(names::IDS_ENDING) || name.ends_with(names::VECTORS_ENDING) => {}
            _ => self.index_files += 1,
        }
    }
}

/// The folders of segments below a `tables` folder, by table and segment.
pub(super) async fn list(locator: &SegmentLocator, root: &Path) -> DFResult<Vec<Directory>> {
    if !locator.is_local {
        return Ok(in_bucket(locator, root).await?);
    }
    let (folder, root) = (PathBuf::from(locator.display(root)), root.clone());
    let listed = SpawnedTask::spawn_blocking(move || on_disk(&folder, &root)).join_unwind().await;
    let listed = listed.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?;
    Ok(listed?)
}

async fn in_bucket(locator: &SegmentLocator, root: &Path) -> Result<Vec<Directory>> {
    if locator.has_leading_slash() {
        return Err(Error::ListLeadingSlash { path: locator.display(root) });
    }
    let failed = |source: object_store::Error| Error::ListBucket { path: locator.display(root), source };
    let mut found: BTreeMap<(String, String), Directory> = BTreeMap::new();
    let mut files = locator.store.list(Some(root));
    while let Some(file) = files.try_next().await.map_err(failed)? {
        let Some(parts) = file.location.prefix_match(root) else { continue };
        let parts: Vec<_> = parts.map(|part| part.as_ref().to_owned()).collect();
        if parts.iter().any(|part| is_hidden(part)) {
            continue;
        }
        if let [table_id, segment_id, name] = parts.as_slice() {
            let directory = found
                .entry((table_id.clone(), segment_id.clone()))
                .or_insert_with(|| Directory::new(root, table_id, segment_id));
            directory.add(name, file.size);
        }
    }
    Ok(found.into_values().collect())
}

fn on_disk(folder: &FsPath, root: &Path) -> Result<Vec<Directory>> {
    let entries = |folder: &FsPath| {
        let failed = |source| Error::ListFolder { path: folder.display().to_string(), source };
        entries(folder).map_err(failed)
    };
    let mut found = Vec::new();
    for table in entries(folder)?.into_iter().filter(|entry| entry.metadata.is_dir()) {
        for segment in entries(&table.path)?.into_iter().filter(|entry| entry.metadata.is_dir()) {
            let mut directory = Directory::new(root, &table.name, &segment.name);
            for file in entries(&segment.path)?.into_iter().filter(|entry| entry.metadata.is_file()) {
                directory.add(&file.name, file.metadata.len());
            }
            found.push(directory);
        }
    }
    Ok(found)
}

/// What is in a folder.
struct Entry {
    name: String,
    path: PathBuf,
    metadata: fs::Metadata,
}

/// What is in a folder, by name. One that is not there has nothing: the server may remove
/// what is listed.
fn entries(folder: &FsPath) -> io::Result<Vec<Entry>> {
    let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let listed = match fs::read_dir(folder) {
        Err(error) if is_gone(&error) => return Ok(Vec::new()),
        listed => listed?,
    };
    let mut found = Vec::new();
    for entry in listed {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Of a link, this is about the link itself.
        match entry.metadata() {
            Ok(metadata) if !is_hidden(&name) => found.push(Entry { name, path: entry.path(), metadata }),
            Err(error) if !is_gone(&error) => return Err(error),
            _ => {}
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}
