// SPDX-License-Identifier: Apache-2.0
//! Listing the folders of segments, in a folder of this machine or in a bucket.
//!
//! What is counted is `<tables>/<table>/<segment>/<file>`; what lies above or below that,
//! and what is hidden is passed over. Links are followed to tables and segments that the
//! metadata names, as those do that read them. No folder is counted twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result as DFResult};
use futures::TryStreamExt;
use m2m_catalog::{Inventory, Segment};
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
    /// Where it is without links, on this machine.
    pub(super) real: Option<PathBuf>,
    /// Whether it lies behind a link.
    pub(super) is_linked: bool,
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
pub(super) async fn list(
    locator: &SegmentLocator,
    root: &Path,
    named: &Arc<Named>,
) -> DFResult<Vec<Directory>> {
    if !locator.is_local {
        return Ok(in_bucket(locator, root).await?);
    }
    let (folder, root, named) = (PathBuf::from(locator.display(root)), root.clone(), Arc::clone(named));
    let listed = SpawnedTask::spawn_blocking(move || on_disk(&folder, &root, &named)).join_unwind().await;
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

/// What the metadata names, which is listed although it lies behind a link, and is missed
/// when it cannot be listed.
#[derive(Debug)]
pub(super) struct Named {
    tables: BTreeSet<String>,
    segments: BTreeSet<(String, String)>,
}

impl Named {
    pub(super) fn of(inventory: &Inventory) -> Self {
        let mut segments: BTreeSet<(String, String)> = BTreeSet::new();
        for file in &inventory.files {
            segments.insert((file.table_id.clone(), file.segment_id.clone()));
        }
        for partition in inventory.collections.iter().flat_map(|collection| &collection.partitions) {
            let of_segment = |segment: &Segment| (partition.table_id.clone(), segment.segment_id.clone());
            segments.extend(partition.segments.iter().map(of_segment));
        }
        Self { tables: inventory.table_states().into_keys().map(str::to_owned).collect(), segments }
    }

    fn has_segment(&self, table_id: &str, segment_id: &str) -> bool {
        self.segments.contains(&(table_id.to_owned(), segment_id.to_owned()))
    }
}

fn on_disk(folder: &FsPath, root: &Path, named: &Named) -> Result<Vec<Directory>> {
    let mut found = Vec::new();
    for table in entries(folder, true)?.into_iter().filter(Entry::leads_to_folder) {
        let is_named = named.tables.contains(&table.name);
        if table.is_link() && !is_named {
            continue;
        }
        for segment in entries(&table.path, is_named)?.into_iter().filter(Entry::leads_to_folder) {
            let is_named = named.has_segment(&table.name, &segment.name);
            if segment.is_link() && !is_named {
                continue;
            }
            let mut directory = Directory::new(root, &table.name, &segment.name);
            directory.is_linked = table.is_link() || segment.is_link();
            directory.real = segment.path.canonicalize().ok();
            for file in entries(&segment.path, is_named)?.into_iter().filter(|entry| entry.metadata.is_file())
            {
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

impl Entry {
    fn is_link(&self) -> bool {
        self.metadata.is_symlink()
    }

    /// Whether it is a folder, or a link to one.
    fn leads_to_folder(&self) -> bool {
        self.metadata.is_dir() || (self.is_link() && self.path.is_dir())
    }
}

/// What is in a folder, by name. One that is not there has nothing: the server may remove
/// what is listed. One that may not be listed has nothing unless it `must_be` listed.
fn entries(folder: &FsPath, must_be: bool) -> Result<Vec<Entry>> {
    all_entries(folder).or_else(|source| match source.kind() {
        io::ErrorKind::NotFound => Ok(Vec::new()),
        io::ErrorKind::PermissionDenied if !must_be => Ok(Vec::new()),
        _ => Err(Error::ListFolder { path: folder.display().to_string(), source }),
    })
}

fn all_entries(folder: &FsPath) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Of a link, this is about the link itself.
        match entry.metadata() {
            Ok(metadata) if !is_hidden(&name) => found.push(Entry { name, path: entry.path(), metadata }),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_may_not_be_listed_is_passed_over_unless_the_metadata_names_it() {
        let tables = tempfile::tempdir().unwrap();
        let lost = tables.path().join("lost+found");
        fs::create_dir(&lost).unwrap();
        fs::set_permissions(&lost, fs::Permissions::from_mode(0o000)).unwrap();
        let root = Path::from("tables");
        let named = |tables: &[&str]| Named {
            tables: tables.iter().map(|&table| table.into()).collect(),
            segments: BTreeSet::new(),
        };
        assert_eq!(on_disk(tables.path(), &root, &named(&[])).unwrap(), []);
        // To the superuser, permissions mean nothing.
        if fs::read_dir(&lost).is_err() {
            let error = on_disk(tables.path(), &root, &named(&["lost+found"])).unwrap_err();
            assert!(error.to_string().contains("lost+found"), "{error}");
        }
    }

    #[test]
    fn a_file_in_place_of_a_folder_is_an_error() {
        let tables = tempfile::tempdir().unwrap();
        let file = tables.path().join("file");
        fs::write(&file, []).unwrap();
        assert!(
            matches!(entries(&file, false), Err(Error::ListFolder { path, .. }) if path.ends_with("file"))
        );
        assert!(entries(&tables.path().join("nothing"), true).unwrap().is_empty());
    }
}
