// SPDX-License-Identifier: Apache-2.0
//! Where metadata is, and reading it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::examination::{Examination, FieldsRow, Trouble};
use crate::inventory::Inventory;
use crate::mysql::MySql;
use crate::server::ServerSigns;
use crate::{meta_json, mysql, resolve, sqlite, wal};

/// How much of a file tells its kind.
const HEAD_BYTES: u64 = 4096;
/// How large a `meta.json` may be, which is read into memory: room for millions of segments.
const JSON_BYTES: u64 = 1 << 30;

/// The metadata of one 1.x server, and the write-ahead log that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The metadata.
    pub source: MetaSource,
    /// The write-ahead log, where one was found or named.
    pub wal: Option<PathBuf>,
}

/// Where the metadata is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetaSource {
    /// A SQLite database, with its `-wal` beside it.
    Sqlite(PathBuf),
    /// A MySQL or MariaDB database.
    MySql(MySql),
    /// A `meta.json` of milvus-migration or of m2m, wherever it came from.
    MetaJson {
        /// Where it stands, for messages.
        location: String,
        /// What stands in it.
        text: Vec<u8>,
    },
    /// A local file that is missing or is none of these, of which an
    /// examination says so.
    Unread(PathBuf),
}

impl MetaSource {
    /// Returns the metadata in a local file, whose kind its content tells.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is a folder, is neither SQLite nor JSON, or
    /// is JSON of more than 1 GiB.
    pub fn file(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::MetadataFolder { path: path.into(), remedy: remedy(path) });
        }
        let head = start(path, HEAD_BYTES).map_err(Error::read("metadata", path))?;
        if head.starts_with(sqlite::MAGIC) {
            return Ok(Self::Sqlite(path.into()));
        }
        if head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
            let size = path.metadata().map_err(Error::read("metadata", path))?.len();
            if size > JSON_BYTES {
                return Err(Error::TooLarge { path: path.into(), limit: JSON_BYTES });
            }
            let text = start(path, JSON_BYTES).map_err(Error::read("metadata", path))?;
            return Ok(Self::MetaJson { location: path.display().to_string(), text });
        }
        let head = head.get(..16).unwrap_or(&head);
        let found = if head.is_empty() { "nothing".into() } else { format!("`{}`", head.escape_ascii()) };
        Err(Error::UnknownMetadata { path: path.into(), found })
    }

    /// Returns the metadata in a local file, to be looked at whatever it is. One
    /// that [`file`](Self::file) refuses for its content becomes [`Self::Unread`].
    ///
    /// # Errors
    ///
    /// When there is no such file, or it is a folder: then the name is wrong.
    pub fn file_to_examine(path: &Path) -> Result<Self> {
        match Self::file(path) {
            Err(error @ Error::MetadataFolder { .. }) => Err(error),
            Err(error) if path.exists() => {
                tracing::debug!(%error, "the metadata cannot be opened");
                Ok(Self::Unread(path.into()))
            }
            opened => opened,
        }
    }
}

/// Reads how a file begins, and no more: it may be large and something else.
fn start(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(bytes).read_to_end(&mut start)?;
    Ok(start)
}

/// What to name instead of a folder.
fn remedy(folder: &Path) -> String {
    let inside = ["meta.sqlite", "db/meta.sqlite", "meta.json"].map(|name| folder.join(name));
    match inside.iter().find(|path| path.is_file()) {
        Some(path) => format!("name `{}` in it", path.display()),
        None => "name a `meta.sqlite` or a `meta.json`".into(),
    }
}

impl fmt::Display for MetaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) | Self::Unread(path) => write!(f, "{}", path.display()),
            Self::MySql(mysql) => mysql.fmt(f),
            Self::MetaJson { location, .. } => f.write_str(location),
        }
    }
}

impl Metadata {
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
        self.read().await.map(|examination| examination.inventory)
    }

    /// Reads the inventory, and what else an examination finds.
    ///
    /// # Errors
    ///
    /// Those of [`inventory`](Self::inventory).
    pub async fn read(&self) -> Result<Examination> {
        let mut look = self.look().await?;
        match look.troubles.iter().position(|trouble| trouble.is_vital) {
            Some(first) => Err(look.troubles.swap_remove(first).error),
            None => Ok(self.examination(look)),
        }
    }

    /// Reads what can be read of the metadata and the log, and says what cannot.
    /// It is to be looked at: an inventory with problems is not whole.
    pub async fn examine(&self) -> Examination {
        let look = self.look().await;
        self.examination(
            look.unwrap_or_else(|error| Look {
                troubles: vec![Trouble::of_metadata(error)],
                ..Look::default()
            }),
        )
    }

    /// Looks whether the old server, or another program, uses the metadata now. What
    /// cannot be found out is no sign.
    pub async fn server_signs(&self) -> ServerSigns {
        let connections = match &self.source {
            MetaSource::MySql(mysql) => mysql::connections(mysql).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "the connections to the database cannot be counted");
                0
            }),
            // Nobody locks it, and it may be large.
            MetaSource::MetaJson { .. } => return ServerSigns::default(),
            MetaSource::Sqlite(_) | MetaSource::Unread(_) => 0,
        };
        let metadata = self.clone();
        let signs = tokio::task::spawn_blocking(move || ServerSigns::of(&metadata, connections));
        signs.await.unwrap_or_default()
    }

    fn examination(&self, look: Look) -> Examination {
        let problem = |trouble: Trouble| trouble.problem(&self.source);
        Examination {
            inventory: look.inventory,
            problems: look.troubles.into_iter().map(problem).collect(),
            fields: look.fields,
        }
    }

    /// Reads the metadata and the log; an error is one of the metadata as a whole.
    async fn look(&self) -> Result<Look> {
        let opened;
        let source = match &self.source {
            MetaSource::Unread(path) => {
                opened = MetaSource::file(path)?;
                &opened
            }
            known => known,
        };
        let rows = match source {
            MetaSource::MetaJson { location, text } => {
                let (inventory, troubles) = meta_json::look(location, text)?;
                return Ok(Look { inventory, troubles, ..Look::default() });
            }
            MetaSource::Sqlite(path) | MetaSource::Unread(path) => sqlite::read(path).await?,
            MetaSource::MySql(mysql) => mysql::read(mysql).await?,
        };
        let mut troubles = Vec::new();
        let log = self.wal.as_ref().map(|folder| wal::unflushed(folder, &rows.tables, &rows.environment));
        let unflushed = log.unwrap_or(Ok(Vec::new())).unwrap_or_else(|error| {
            troubles.push(Trouble::of_log(error));
            Vec::new()
        });
        let (collections, more) = resolve::collections(&source.to_string(), &rows.tables, &rows.files);
        troubles.extend(more);
        let fields = rows.fields.unwrap_or_else(|error| {
            troubles.push(Trouble::of_fields(error));
            Vec::new()
        });
        let (tables, files, environment) = (rows.tables, rows.files, rows.environment);
        let inventory = Inventory { collections, tables, files, environment, unflushed };
        Ok(Look { inventory, troubles, fields })
    }
}

/// What was read, and the errors on the way.
#[derive(Debug, Default)]
struct Look {
    inventory: Inventory,
    /// Those that an inventory cannot be with, as a rule.
    troubles: Vec<Trouble>,
    fields: Vec<FieldsRow>,
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn metadata_is_told_by_its_content() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("meta.sqlite");
        for (content, found) in [(&b""[..], "nothing"), (b"\x00garbage", r"\x00garbage")] {
            fs::write(&path, content).unwrap();
            let error = MetaSource::file(&path).unwrap_err().to_string();
            assert!(error.contains(found) && error.contains("meta.sqlite"), "{error}");
        }
    }

    #[test]
    fn a_folder_is_refused_with_the_file_to_name() {
        let root = tempfile::tempdir().unwrap();
        let error = MetaSource::file(root.path()).unwrap_err().to_string();
        assert!(error.contains("is a folder") && error.contains("name a `meta.sqlite`"), "{error}");
        fs::create_dir(root.path().join("db")).unwrap();
        fs::write(root.path().join("db/meta.sqlite"), sqlite::MAGIC).unwrap();
        let error = MetaSource::file(root.path()).unwrap_err().to_string();
        assert!(error.contains("db/meta.sqlite` in it"), "{error}");
    }

    #[test]
    fn json_is_told_behind_white_space() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("meta.json");
        fs::write(&path, "\n  {}").unwrap();
        assert!(
            matches!(MetaSource::file(&path), Ok(MetaSource::MetaJson { text, .. }) if text == b"\n  {}")
        );
    }

    #[test]
    fn json_that_is_too_large_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("meta.json");
        fs::write(&path, "{}").unwrap();
        // It has holes, and takes no room.
        File::options().write(true).open(&path).unwrap().set_len(JSON_BYTES + 1).unwrap();
        let error = MetaSource::file(&path).unwrap_err().to_string();
        assert!(error.contains("meta.json` is larger than 1073741824 bytes"), "{error}");
    }

    #[test]
    fn a_file_is_examined_whatever_it_is_if_there_is_one() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("meta.sqlite");
        assert!(matches!(MetaSource::file_to_examine(&path), Err(Error::Read { .. })));
        assert!(matches!(MetaSource::file_to_examine(root.path()), Err(Error::MetadataFolder { .. })));
        for content in ["", "PK\u{3}\u{4}"] {
            fs::write(&path, content).unwrap();
            assert_eq!(MetaSource::file_to_examine(&path).unwrap(), MetaSource::Unread(path.clone()));
        }
        fs::write(&path, sqlite::MAGIC).unwrap();
        assert_eq!(MetaSource::file_to_examine(&path).unwrap(), MetaSource::Sqlite(path));
    }

    #[test]
    fn a_log_that_is_not_there_is_refused() {
        let metadata = Metadata { source: MetaSource::Sqlite("meta.sqlite".into()), wal: None };
        let error = metadata.with_wal("/nonexistent/wal".into()).unwrap_err();
        assert!(matches!(&error, Error::Read { path, .. } if path.ends_with("wal")), "{error:?}");
    }
}
