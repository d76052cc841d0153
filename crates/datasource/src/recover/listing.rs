// SPDX-License-Identifier: Apache-2.0
//! Which folders and files there are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path as FsPath, PathBuf};

use futures::TryStreamExt;
use m2m_storage::Storage;
use object_store::path::Path;

use crate::error::{Error, Result};
use crate::search::FOLDERS;

/// How many things that are no part of an installation are named.
const STRAYS: usize = 100;

/// What stands in the `tables` folders.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Folders of tables, the segments in them, and their files in all roots.
    pub(super) tables: BTreeMap<String, BTreeMap<String, Vec<File>>>,
    /// Segments that are another name of one that is here: table, segment, and the other.
    pub(super) links: Vec<(String, String, String)>,
    /// What is no part of an installation, in words.
    pub(super) strays: Vec<String>,
    strays_in_all: usize,
}

/// A file of a segment.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) size: u64,
    /// Whether it is one, and no device or pipe.
    pub(super) is_regular: bool,
    pub(super) path: Path,
}

impl Listing {
    fn stray(&mut self, text: String) {
        self.strays_in_all = self.strays_in_all.saturating_add(1);
        if self.strays.len() < STRAYS {
            self.strays.push(text);
        }
    }

    fn finish(mut self) -> Self {
        let more = self.strays_in_all.saturating_sub(self.strays.len());
        if more > 0 {
            self.strays.push(format!("{more} more files and folders are no part of an installation"));
        }
        self
    }
}

/// Lists the `tables` folders.
pub(super) async fn list(roots: &[Storage]) -> Result<Listing> {
    let first = roots.first().ok_or(Error::NoTables)?;
    if !first.is_local() {
        return list_bucket(first).await;
    }
    let roots = roots.to_vec();
    let listed = tokio::task::spawn_blocking(move || {
        let mut listing = Folders::default();
        roots.iter().try_for_each(|root| listing.root(root))?;
        Ok(listing.listing.finish())
    });
    listed
        .await
        .map_err(|source| Error::ListFolder { path: first.display(first.prefix()), source: source.into() })?
}

/// Lists a bucket: all keys below a prefix, since that is what servers are quick at.
async fn list_bucket(root: &Storage) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut folders: BTreeMap<&str, Listing> = BTreeMap::new();
    let mut found = root.store().list(Some(root.prefix()));
    let failed = |source| Error::ListBucket { path: root.display(root.prefix()), source };
    while let Some(meta) = found.try_next().await.map_err(failed)? {
        let parts: Vec<String> = match meta.location.prefix_match(root.prefix()) {
            Some(parts) => parts.map(|part| part.as_ref().to_owned()).collect(),
            None => continue,
        };
        let [folder @ .., table, segment, name] = parts.as_slice() else {
            listing.stray(format!("`{}` is no file of a segment", root.display(&meta.location)));
            continue;
        };
        let folder = folder.join("/");
        let Some(&folder) = FOLDERS.iter().find(|known| **known == folder) else {
            listing.stray(format!("`{}` is no file of a segment", root.display(&meta.location)));
            continue;
        };
        let file = File { name: name.clone(), size: meta.size, is_regular: true, path: meta.location };
        let tables = &mut folders.entry(folder).or_default().tables;
        tables.entry(table.clone()).or_default().entry(segment.clone()).or_default().push(file);
    }
    drop(found);
    choose_folder(root, listing, folders)
}

/// Takes the one folder that has segments. What others hold is no part of the installation.
fn choose_folder(root: &Storage, mut listing: Listing, folders: BTreeMap<&str, Listing>) -> Result<Listing> {
    let is_of_segment = |segment: &str, name: &str| {
        name.strip_prefix(segment).is_some_and(|ending| [".uid", ".rv"].contains(&ending))
    };
    let sign = |folder: &Listing| {
        folder.tables.values().flatten().find_map(|(segment, files)| {
            files.iter().find(|file| is_of_segment(segment, &file.name)).map(|file| file.path.clone())
        })
    };
    let mut chosen: Option<(Path, Listing)> = None;
    for (name, folder) in folders {
        match (sign(&folder), &chosen) {
            (None, _) => {
                listing.stray(format!("what is below `{}` is no segment", root.display(&root.child(name))));
            }
            (Some(sign), None) => chosen = Some((sign, folder)),
            (Some(second), Some((first, _))) => {
                return Err(Error::SegmentsTwice {
                    first: root.display(first),
                    second: root.display(&second),
                });
            }
        }
    }
    listing.tables = chosen.map(|(_, folder)| folder.tables).unwrap_or_default();
    Ok(listing.finish())
}

/// Folders of this machine, followed through links but none twice.
#[derive(Debug, Default)]
struct Folders {
    listing: Listing,
    /// Real folders of segments, with the names they go by.
    known: BTreeMap<PathBuf, (String, String)>,
}

impl Folders {
    fn root(&mut self, root: &Storage) -> Result<()> {
        let folder = PathBuf::from(root.display(root.prefix()));
        for (name, path) in self.folders(&folder)? {
            self.listing.tables.entry(name.clone()).or_default();
            for (segment, path) in self.folders(&path)? {
                self.segment(root, &name, &segment, &path)?;
            }
        }
        Ok(())
    }

    /// The folders in a folder; all else is stray.
    fn folders(&mut self, folder: &FsPath) -> Result<Vec<(String, PathBuf)>> {
        let mut folders = Vec::new();
        for path in entries(folder)? {
            let kind = match fs::metadata(&path) {
                Ok(meta) => meta.file_type(),
                // A link that leads nowhere.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    self.listing.stray(format!("`{}` leads nowhere", shown(&path)));
                    continue;
                }
                Err(source) => return Err(Error::ListFolder { path: shown(&path), source }),
            };
            match path.file_name().and_then(|name| name.to_str()) {
                Some(name) if kind.is_dir() && !name.contains('\\') => folders.push((name.to_owned(), path)),
                _ => self.listing.stray(format!("`{}` is no folder of an installation", shown(&path))),
            }
        }
        folders.sort();
        Ok(folders)
    }

    fn segment(&mut self, root: &Storage, table: &str, segment: &str, folder: &FsPath) -> Result<()> {
        let failed = |source| Error::ListFolder { path: shown(folder), source };
        let real = folder.canonicalize().map_err(failed)?;
        let name = (table.to_owned(), segment.to_owned());
        match self.known.get(&real) {
            Some(known) if *known == name => return Ok(()),
            Some((other_table, other)) => {
                let other = format!("{other_table}/{other}");
                self.listing.links.push((name.0, name.1, other));
                return Ok(());
            }
            None => self.known.insert(real, name),
        };
        let mut files = Vec::new();
        for path in entries(folder)? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                self.listing.stray(format!("`{}` is no file of a segment", shown(&path)));
                continue;
            };
            let (size, is_regular) = match fs::metadata(&path) {
                Ok(meta) => (meta.len(), meta.is_file()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => (0, false),
                Err(source) => return Err(Error::ListFolder { path: shown(&path), source }),
            };
            let place = root.child(&format!("{table}/{segment}/{name}"));
            files.push(File { name: name.to_owned(), size, is_regular, path: place });
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        let segments = self.listing.tables.entry(table.to_owned()).or_default();
        segments.entry(segment.to_owned()).or_default().append(&mut files);
        Ok(())
    }
}

fn entries(folder: &FsPath) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::ListFolder { path: shown(folder), source };
    let entries = fs::read_dir(folder).map_err(failed)?;
    entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect()
}

/// A path without what a terminal would take for a command.
fn shown(path: &FsPath) -> String {
    shown_name(&path.display().to_string())
}

/// A name from a file system, without what a terminal would take for a command.
pub(super) fn shown_name(name: &str) -> String {
    let plain = |one: char| if one.is_control() { one.escape_default().to_string() } else { one.to_string() };
    name.chars().map(plain).collect()
}
