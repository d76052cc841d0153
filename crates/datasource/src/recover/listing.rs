// SPDX-License-Identifier: Apache-2.0
//! Which folders and files there are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path as FsPath, PathBuf};

use futures::TryStreamExt;
use m2m_storage::Storage;
use object_store::path::Path;

use super::choices::wrong;
use super::table::{TableKind, kind};
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
    pub(super) links: Vec<(String, String, (String, String))>,
    /// Links that lead nowhere: table, and segment unless it is that of the table.
    pub(super) dangling: Vec<(String, Option<String>)>,
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
    match roots.iter().find(|root| !root.is_local()) {
        Some(bucket) if roots.len() == 1 => return list_bucket(bucket).await,
        Some(bucket) => {
            let place = bucket.display(bucket.prefix());
            let reason = format!(
                "`{place}` is in a bucket, where all segments have to be in one place: name that one alone"
            );
            return wrong("--tables", reason);
        }
        None => {}
    }
    let roots = roots.to_vec();
    let listed = tokio::task::spawn_blocking(move || {
        let mut folders = Folders::default();
        folders.list(&roots)?;
        Ok(folders.listing.finish())
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

/// A folder by one of its names.
#[derive(Debug)]
struct Folder {
    name: String,
    path: PathBuf,
    is_link: bool,
}

/// A folder of a segment by one of its names.
#[derive(Debug)]
struct SegmentFolder<'a> {
    root: &'a Storage,
    table: String,
    segment: String,
    path: PathBuf,
    /// Whether it or its table is somewhere else.
    is_link: bool,
}

impl Folders {
    fn list(&mut self, roots: &[Storage]) -> Result<()> {
        let mut found = Vec::new();
        for root in roots {
            let folder = PathBuf::from(root.display(root.prefix()));
            for table in self.folders(&folder, None)? {
                self.listing.tables.entry(table.name.clone()).or_default();
                for segment in self.folders(&table.path, Some(&table.name))? {
                    found.push(SegmentFolder {
                        root,
                        table: table.name.clone(),
                        segment: segment.name,
                        path: segment.path,
                        is_link: table.is_link || segment.is_link,
                    });
                }
            }
        }
        // What has several names goes by its own, if a table can have it.
        found.sort_by_key(|one| (kind(&one.table) == TableKind::Foreign, one.is_link));
        found.into_iter().try_for_each(|folder| self.segment(folder))
    }

    /// The folders in a folder, that of a table if it is named; all else is stray.
    fn folders(&mut self, folder: &FsPath, table: Option<&str>) -> Result<Vec<Folder>> {
        let mut folders = Vec::new();
        for path in entries(folder)? {
            let is_link = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink());
            let name = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.contains('\\'));
            match (fs::metadata(&path), name) {
                (Ok(meta), Some(name)) if meta.is_dir() => {
                    folders.push(Folder { name: name.to_owned(), path, is_link });
                }
                (Ok(_), _) => {
                    self.listing.stray(format!("`{}` is no folder of an installation", shown(&path)));
                }
                (Err(error), name) if error.kind() == std::io::ErrorKind::NotFound => match name {
                    Some(name) if is_link => {
                        let (table, segment) =
                            table.map_or((name, None), |table| (table, Some(name.to_owned())));
                        self.listing.dangling.push((table.to_owned(), segment));
                    }
                    _ => self.listing.stray(format!("`{}` leads nowhere", shown(&path))),
                },
                (Err(source), _) => return Err(Error::ListFolder { path: shown(&path), source }),
            }
        }
        folders.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(folders)
    }

    fn segment(&mut self, SegmentFolder { root, table, segment, path, .. }: SegmentFolder<'_>) -> Result<()> {
        let failed = |source| Error::ListFolder { path: shown(&path), source };
        let real = path.canonicalize().map_err(failed)?;
        let name = (table.clone(), segment.clone());
        match self.known.get(&real) {
            Some(known) if *known == name => return Ok(()),
            Some(other) => {
                self.listing.links.push((table, segment, other.clone()));
                return Ok(());
            }
            None => self.known.insert(real, name),
        };
        let mut files = Vec::new();
        for path in entries(&path)? {
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
        let segments = self.listing.tables.entry(table).or_default();
        segments.entry(segment).or_default().append(&mut files);
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
