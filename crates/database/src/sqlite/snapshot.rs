// SPDX-License-Identifier: Apache-2.0
//! One state of a SQLite database, read without a trace.
//!
//! Opening a database in the usual way may write: a reader of one in WAL mode makes
//! files beside it, and moves the `-wal` into it. So a database is opened as one that
//! nobody changes, and that nobody did is looked at when all is read. Where a `-wal` or
//! `-journal` stands beside it, it is not whole without: then both are copied.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use super::SqliteFile;
use crate::error::{Error, Result};

/// Bytes of the header, which counts the changes of the database.
const HEADER: u64 = 100;

/// An opened database.
pub(super) struct Snapshot {
    pub(super) connection: SqliteConnection,
    file: SqliteFile,
    /// What is read in place, and as what it was found.
    original: Option<(PathBuf, Stamp)>,
    /// The folder of the copy.
    scratch: Option<TempDir>,
}

/// What tells one state of a file from another.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
    header: Vec<u8>,
}

impl Snapshot {
    pub(super) async fn open(file: &SqliteFile) -> Result<Self> {
        // What a link points to has its log beside itself, not beside the link.
        let path = match tokio::fs::canonicalize(&file.path).await {
            Ok(path) => path,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Error::Missing { path: file.to_string() });
            }
            Err(error) => return Err(unreadable(file, error)),
        };
        let stamp = stamp(&path).await.map_err(|error| unreadable(file, error))?;
        let mut logs = Vec::new();
        for ending in ["-wal", "-journal"] {
            let log = with_ending(&path, ending);
            if tokio::fs::metadata(&log).await.is_ok_and(|meta| meta.is_file() && meta.len() > 0) {
                logs.push((ending, log));
            }
        }
        let options = SqliteConnectOptions::new().create_if_missing(false).disable_statement_logging();
        let (options, original, scratch) = if logs.is_empty() {
            (options.filename(&path).read_only(true).immutable(true), Some((path, stamp)), None)
        } else {
            let scratch = copy(file, &path, &stamp, &logs).await?;
            (options.filename(scratch.path().join(COPY)), None, Some(scratch))
        };
        let mut connection = options.connect().await.map_err(|error| file.failed(error))?;
        let encoding = sqlx::query_scalar("PRAGMA encoding").fetch_one(&mut connection).await;
        let encoding: String = encoding.map_err(|error| file.failed(error))?;
        if encoding != "UTF-8" {
            return Err(Error::Encoding { path: file.to_string(), encoding });
        }
        Ok(Self { connection, file: file.clone(), original, scratch })
    }

    /// Takes leave, and makes sure that what was read was one state.
    pub(super) async fn finish(self) -> Result<()> {
        self.connection.close().await.map_err(|error| self.file.failed(error))?;
        if let Some((path, then)) = self.original {
            let now = stamp(&path).await.map_err(|error| unreadable(&self.file, error))?;
            if now != then {
                return Err(Error::Changed { path: self.file.to_string() });
            }
        }
        drop(self.scratch);
        Ok(())
    }
}

const COPY: &str = "copy.sqlite";

/// Copies a database and its logs as they are at one moment.
async fn copy(file: &SqliteFile, path: &Path, then: &Stamp, logs: &[(&str, PathBuf)]) -> Result<TempDir> {
    let scratch = tempfile::tempdir().map_err(|error| unreadable(file, error))?;
    let copy = scratch.path().join(COPY);
    let copied = async {
        let mut stamps = Vec::with_capacity(logs.len());
        for (ending, log) in logs {
            stamps.push(stamp(log).await?);
            tokio::fs::copy(log, with_ending(&copy, ending)).await?;
        }
        tokio::fs::copy(path, &copy).await?;
        for ((_, log), then) in logs.iter().zip(&stamps) {
            if stamp(log).await? != *then {
                return Ok(false);
            }
        }
        Ok(stamp(path).await? == *then)
    };
    match copied.await.map_err(|error| unreadable(file, error))? {
        true => Ok(scratch),
        false => Err(Error::Changed { path: file.to_string() }),
    }
}

async fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let file = tokio::fs::File::open(path).await?;
    let meta = file.metadata().await?;
    let mut header = Vec::new();
    file.take(HEADER).read_to_end(&mut header).await?;
    Ok(Stamp { len: meta.len(), modified: meta.modified().ok(), header })
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn unreadable(file: &SqliteFile, source: std::io::Error) -> Error {
    Error::Read { path: file.to_string(), source }
}
