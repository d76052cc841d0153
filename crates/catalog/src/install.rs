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
        Parts::of(root)?.install(|meta| MetaSource::file(&meta.ok_or_else(|| not_an_install(root))?))
    }

    /// Finds the parts of the installation in `root` to look at them: its
    /// metadata may be missing, or be neither SQLite nor JSON, which then is
    /// a problem of its [examination](Metadata::examine).
    ///
    /// # Errors
    ///
    /// When the folder holds no `tables` folder in one of the places that
    /// [`locate`](Self::locate) knows.
    pub fn locate_to_examine(root: &Path) -> Result<Self> {
        let parts = Parts::of(root)?;
        let expected = parts.db.join("meta.sqlite");
        parts.install(|meta| match meta {
            Some(meta) => MetaSource::file_to_examine(&meta),
            None => Ok(MetaSource::Unread(expected)),
        })
    }
}

/// Where the parts of an installation are, if they are there.
struct Parts {
    db: PathBuf,
    tables: PathBuf,
    meta: Option<PathBuf>,
    wal: Option<PathBuf>,
}

impl Parts {
    fn of(root: &Path) -> Result<Self> {
        let (home, db) = if root.join("db").is_dir() {
            (root.to_path_buf(), root.join("db"))
        } else {
            (parent(root), root.to_path_buf())
        };
        let tables = db.join("tables");
        if !tables.is_dir() {
            return Err(not_an_install(root));
        }
        let metas = [db.join("meta.sqlite"), db.join("meta.json"), root.join("meta.json")];
        let meta = metas.into_iter().find(|path| path.is_file());
        let wal = Some(home.join("wal")).filter(|wal| wal.is_dir());
        Ok(Self { db, tables, meta, wal })
    }

    fn install(self, open: impl FnOnce(Option<PathBuf>) -> Result<MetaSource>) -> Result<Install> {
        let metadata = Metadata { source: open(self.meta)?, wal: self.wal };
        Ok(Install { tables: vec![self.tables], metadata })
    }
}

fn not_an_install(root: &Path) -> Error {
    Error::NotAnInstall { path: root.into() }
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

    #[test]
    fn an_installation_without_metadata_is_found_to_be_examined() {
        for (files, expected) in [(&["db/tables", "wal"][..], "db/meta.sqlite"), (&["tables"], "meta.sqlite")]
        {
            let root = folder(files);
            let found = Install::locate_to_examine(root.path()).unwrap();
            assert_eq!(found.metadata.source, MetaSource::Unread(root.path().join(expected)));
            assert_eq!(found.metadata.wal.is_some(), files.contains(&"wal"));
        }
        let root = folder(&["db/meta.sqlite", "db/tables"]);
        let strict = Install::locate(root.path()).unwrap();
        assert_eq!(Install::locate_to_examine(root.path()).unwrap(), strict);
        fs::write(root.path().join("db/meta.sqlite"), "PK").unwrap();
        let found = Install::locate_to_examine(root.path()).unwrap().metadata.source;
        assert_eq!(found, MetaSource::Unread(root.path().join("db/meta.sqlite")));
        for files in [&["x"][..], &["db/meta.sqlite"]] {
            let root = folder(files);
            assert!(matches!(Install::locate_to_examine(root.path()), Err(Error::NotAnInstall { .. })));
        }
    }
}
