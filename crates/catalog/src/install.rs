// SPDX-License-Identifier: Apache-2.0
//! Finding the parts of an installation.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::inventory::Inventory;
use crate::{meta_json, resolve, sqlite, wal};

/// Everything of one 1.x server: metadata, `tables` roots, write-ahead log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// The `tables` folders. Servers of 0.9 can have more than one.
    pub tables: Vec<PathBuf>,
    /// The metadata.
    pub meta: MetaSource,
    /// The write-ahead log, where one was found or named.
    pub wal: Option<PathBuf>,
}

/// Where the metadata is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetaSource {
    /// A SQLite database, with its `-wal` beside it.
    Sqlite(PathBuf),
    /// A `meta.json` of milvus-migration or of m2m.
    MetaJson(PathBuf),
}

impl MetaSource {
    /// Returns the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Sqlite(path) | Self::MetaJson(path) => path,
        }
    }
}

impl Install {
    /// Finds the parts of the installation in `root`: the root itself (`db`,
    /// `wal`), its `db` folder, or a folder with `meta.json` and `tables`.
    ///
    /// # Errors
    ///
    /// When the folder holds none of these.
    pub fn locate(root: &Path) -> Result<Self> {
        let not_an_install = || Error::NotAnInstall { path: root.into() };
        let (home, db) = if root.join("db").is_dir() {
            (root.to_path_buf(), root.join("db"))
        } else {
            (parent(root), root.to_path_buf())
        };
        let tables = db.join("tables");
        let metas = [db.join("meta.sqlite"), db.join("meta.json"), root.join("meta.json")];
        let meta = metas.into_iter().find(|path| path.is_file()).ok_or_else(not_an_install)?;
        if !tables.is_dir() {
            return Err(not_an_install());
        }
        let wal = Some(home.join("wal")).filter(|wal| wal.is_dir());
        Ok(Self { tables: vec![tables], meta: meta_source(&meta)?, wal })
    }

    /// Puts an installation together from its parts. A `tables` folder may also
    /// be named by the `db` folder or the root above it.
    ///
    /// # Errors
    ///
    /// When a folder or the metadata does not exist, or the metadata is neither
    /// SQLite nor JSON.
    pub fn from_parts(tables: &[PathBuf], meta: &Path, wal: Option<PathBuf>) -> Result<Self> {
        let tables = tables.iter().map(|folder| tables_folder(folder)).collect::<Result<_>>()?;
        let install = Self { tables, meta: meta_source(meta)?, wal: None };
        match wal {
            Some(wal) => install.with_wal(wal),
            None => Ok(install),
        }
    }

    /// Names the folder of the write-ahead log, which can be anywhere.
    ///
    /// # Errors
    ///
    /// When the folder does not exist.
    pub fn with_wal(self, wal: PathBuf) -> Result<Self> {
        std::fs::read_dir(&wal).map_err(Error::read("write-ahead log", &wal))?;
        Ok(Self { wal: Some(wal), ..self })
    }

    /// Reads the metadata, and the headers of the write-ahead log where there is one.
    ///
    /// # Errors
    ///
    /// When the metadata is damaged, of another version, or holds a live row
    /// that cannot be.
    pub async fn inventory(&self) -> Result<Inventory> {
        match &self.meta {
            MetaSource::MetaJson(path) => meta_json::read(path),
            MetaSource::Sqlite(path) => {
                let rows = sqlite::read(path).await?;
                let unflushed = match &self.wal {
                    Some(folder) => wal::unflushed(folder, &rows.tables, &rows.environment)?,
                    None => Vec::new(),
                };
                Ok(Inventory {
                    collections: resolve::collections(path, &rows.tables, &rows.files)?,
                    tables: rows.tables,
                    files: rows.files,
                    environment: rows.environment,
                    unflushed,
                })
            }
        }
    }
}

/// The folder above. One that is named by `.` or `..` has another parent than
/// its path.
fn parent(folder: &Path) -> PathBuf {
    match (folder.file_name(), folder.parent()) {
        (Some(_), Some(parent)) => parent.into(),
        _ => folder.join(".."),
    }
}

/// The `tables` folder that `folder` is or holds. Inside of one, a folder
/// `tables` is a collection.
fn tables_folder(folder: &Path) -> Result<PathBuf> {
    let is_tables = |path: &Path| path.file_name().is_some_and(|name| name == "tables");
    let itself = is_tables(folder) || folder.canonicalize().is_ok_and(|path| is_tables(&path));
    let inside = Some(folder.join("tables")).filter(|_| !itself);
    let candidates = [Some(folder.join("db/tables")), inside, Some(folder.to_path_buf())];
    let found = candidates.into_iter().flatten().find(|candidate| candidate.is_dir());
    found.ok_or_else(|| Error::read("tables folder", folder)(std::io::ErrorKind::NotFound.into()))
}

/// The kind of metadata, by content.
fn meta_source(path: &Path) -> Result<MetaSource> {
    if sqlite::is_sqlite(path)? {
        return Ok(MetaSource::Sqlite(path.into()));
    }
    let bytes = std::fs::read(path).map_err(Error::read("metadata", path))?;
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        return Ok(MetaSource::MetaJson(path.into()));
    }
    let head = bytes.get(..16).unwrap_or(&bytes);
    let found = if head.is_empty() { "nothing".into() } else { format!("`{}`", head.escape_ascii()) };
    Err(Error::UnknownMetadata { path: path.into(), found })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if file.ends_with(".sqlite") {
                fs::write(path, sqlite::MAGIC).unwrap();
            } else if file.ends_with(".json") {
                fs::write(path, " {}").unwrap();
            } else {
                fs::create_dir_all(path).unwrap();
            }
        }
        folder
    }

    #[test]
    fn an_installation_is_found_by_its_root_and_by_its_db_folder() {
        let root = folder(&["db/meta.sqlite", "db/tables", "wal"]);
        let expected = Install {
            tables: vec![root.path().join("db/tables")],
            meta: MetaSource::Sqlite(root.path().join("db/meta.sqlite")),
            wal: Some(root.path().join("wal")),
        };
        assert_eq!(Install::locate(root.path()).unwrap(), expected);
        assert_eq!(Install::locate(&root.path().join("db")).unwrap(), expected);
    }

    #[test]
    fn the_log_is_found_beside_a_db_folder_that_is_named_by_dots() {
        let root = folder(&["db/meta.sqlite", "db/tables/c", "wal"]);
        let found = Install::locate(&root.path().join("db/tables/..")).unwrap();
        assert_eq!(
            found.wal.unwrap().canonicalize().unwrap(),
            root.path().join("wal").canonicalize().unwrap()
        );
        assert_eq!(parent(Path::new(".")), Path::new("./.."));
        assert_eq!(parent(Path::new("db")), Path::new(""));
    }

    #[test]
    fn a_collection_named_tables_is_not_taken_for_the_tables_folder() {
        let root = folder(&["db/meta.sqlite", "db/tables/tables", "db/tables/c"]);
        let meta = root.path().join("db/meta.sqlite");
        for named in ["", "db", "db/tables", "db/tables/c/.."] {
            let found = Install::from_parts(&[root.path().join(named)], &meta, None).unwrap();
            let tables = found.tables[0].canonicalize().unwrap();
            assert_eq!(tables, root.path().join("db/tables").canonicalize().unwrap(), "{named}");
        }
    }

    #[test]
    fn a_folder_with_meta_json_and_tables_is_an_installation() {
        let root = folder(&["meta.json", "tables"]);
        let found = Install::locate(root.path()).unwrap();
        assert_eq!(found.meta, MetaSource::MetaJson(root.path().join("meta.json")));
        assert_eq!(found.wal, None);
    }

    #[test]
    fn other_folders_are_refused() {
        for files in [&["tables"][..], &["db/meta.sqlite"], &["x"]] {
            let root = folder(files);
            assert!(matches!(Install::locate(root.path()), Err(Error::NotAnInstall { .. })), "{files:?}");
        }
        assert!(Install::locate(Path::new("/nonexistent")).is_err());
    }

    #[test]
    fn parts_are_taken_as_they_are_named() {
        let root = folder(&["db/meta.sqlite", "db/tables", "other/tables", "meta.json"]);
        let at = |name: &str| root.path().join(name);
        let tables = vec![root.path().into(), at("other"), at("db/tables")];
        let found = Install::from_parts(&tables, &at("meta.json"), None).unwrap();
        assert_eq!(found.tables, [at("db/tables"), at("other/tables"), at("db/tables")]);
        assert!(Install::from_parts(&[at("gone")], &at("meta.json"), None).is_err());
        assert!(Install::from_parts(&[at("db")], &at("gone.json"), None).is_err());
        assert!(Install::from_parts(&[at("db")], &at("meta.json"), Some(at("gone"))).is_err());
    }

    #[test]
    fn metadata_is_told_by_its_content() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("meta.sqlite");
        for (content, found) in [(&b""[..], "nothing"), (b"\x00garbage", r"\x00garbage")] {
            fs::write(&path, content).unwrap();
            let error = meta_source(&path).unwrap_err().to_string();
            assert!(error.contains(found) && error.contains("meta.sqlite"), "{error}");
        }
    }
}
