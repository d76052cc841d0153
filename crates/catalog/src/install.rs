// SPDX-License-Identifier: Apache-2.0
//! Finding the parts of an installation.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::metadata::{MetaSource, Metadata};

/// Everything of one 1.x server whose files are on this machine: metadata,
/// `tables` roots, write-ahead log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// The `tables` folders. Servers of 0.9 can have more than one.
    pub tables: Vec<PathBuf>,
    /// The metadata, and the write-ahead log where one was found.
    pub metadata: Metadata,
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
        Ok(Self { tables: vec![tables], metadata: Metadata { source: MetaSource::file(&meta)?, wal } })
    }
}

/// Returns the `tables` folder that `folder` is or holds: itself, or the one in
/// the `db` folder or the root of an installation.
///
/// # Errors
///
/// When there is none.
pub fn tables_folder(folder: &Path) -> Result<PathBuf> {
    // Inside of one, a folder `tables` is a collection.
    let is_tables = |path: &Path| path.file_name().is_some_and(|name| name == "tables");
    let itself = is_tables(folder) || folder.canonicalize().is_ok_and(|path| is_tables(&path));
    let inside = Some(folder.join("tables")).filter(|_| !itself);
    let candidates = [Some(folder.join("db/tables")), inside, Some(folder.to_path_buf())];
    let found = candidates.into_iter().flatten().find(|candidate| candidate.is_dir());
    found.ok_or_else(|| Error::read("tables folder", folder)(std::io::ErrorKind::NotFound.into()))
}

/// The folder above. One that is named by `.` or `..` has another parent than
/// its path.
fn parent(folder: &Path) -> PathBuf {
    match (folder.file_name(), folder.parent()) {
        (Some(_), Some(parent)) => parent.into(),
        _ => folder.join(".."),
    }
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
                fs::write(path, crate::sqlite::MAGIC).unwrap();
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
            metadata: Metadata {
                source: MetaSource::Sqlite(root.path().join("db/meta.sqlite")),
                wal: Some(root.path().join("wal")),
            },
        };
        assert_eq!(Install::locate(root.path()).unwrap(), expected);
        assert_eq!(Install::locate(&root.path().join("db")).unwrap(), expected);
    }

    #[test]
    fn the_log_is_found_beside_a_db_folder_that_is_named_by_dots() {
        let root = folder(&["db/meta.sqlite", "db/tables/c", "wal"]);
        let found = Install::locate(&root.path().join("db/tables/..")).unwrap();
        assert_eq!(
            found.metadata.wal.unwrap().canonicalize().unwrap(),
            root.path().join("wal").canonicalize().unwrap()
        );
        assert_eq!(parent(Path::new(".")), Path::new("./.."));
        assert_eq!(parent(Path::new("db")), Path::new(""));
    }

    #[test]
    fn a_collection_named_tables_is_not_taken_for_the_tables_folder() {
        let root = folder(&["db/meta.sqlite", "db/tables/tables", "db/tables/c"]);
        for named in ["", "db", "db/tables", "db/tables/c/.."] {
            let tables = tables_folder(&root.path().join(named)).unwrap().canonicalize().unwrap();
            assert_eq!(tables, root.path().join("db/tables").canonicalize().unwrap(), "{named}");
        }
    }

    #[test]
    fn a_folder_with_meta_json_and_tables_is_an_installation() {
        let root = folder(&["meta.json", "tables"]);
        let found = Install::locate(root.path()).unwrap();
        let location = root.path().join("meta.json").display().to_string();
        assert_eq!(found.metadata.source, MetaSource::MetaJson { location, text: b" {}".into() });
        assert_eq!(found.metadata.wal, None);
    }

    #[test]
    fn other_folders_are_refused() {
        for files in [&["tables"][..], &["db/meta.sqlite"], &["x"]] {
            let root = folder(files);
            assert!(matches!(Install::locate(root.path()), Err(Error::NotAnInstall { .. })), "{files:?}");
        }
        assert!(Install::locate(Path::new("/nonexistent")).is_err());
    }
}
