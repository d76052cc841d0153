// SPDX-License-Identifier: Apache-2.0
//! Metadata in SQLite, read through a copy.
//!
//! Opening the original would write: a reader of a database in WAL mode makes
//! files beside it, and moves the `-wal` into it. Committed rows may stand only
//! in the `-wal`, so it is copied too; the `-shm` is made anew. A `-journal`
//! that a killed writer left takes back a change that it did not commit.

use std::path::{Path, PathBuf};

use futures::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::error::{Error, Result, cause};
use crate::rows::{FromColumns, Rows, TableNames, all_fields};

const TABLE_NAMES: &str = include_str!("../../../sql/catalog/sqlite/table_names.sql");
const TABLES: &str = include_str!("../../../sql/catalog/sqlite/tables.sql");
const TABLE_FILES: &str = include_str!("../../../sql/catalog/sqlite/table_files.sql");
const ENVIRONMENT: &str = include_str!("../../../sql/catalog/sqlite/environment.sql");
const FIELDS: &str = include_str!("../../../sql/catalog/sqlite/fields.sql");
/// What every SQLite database begins with.
pub(crate) const MAGIC: &[u8] = b"SQLite format 3\0";

/// Reads all rows of the metadata in `path`.
pub(crate) async fn read(path: &Path) -> Result<Rows> {
    let scratch = tempfile::tempdir().map_err(Error::read("a temporary folder for a copy of", path))?;
    let copy = copy(path, scratch.path())?;
    let sql = |source| sql_error(path, source);
    let options = SqliteConnectOptions::new().filename(&copy).create_if_missing(false);
    let mut connection = options.disable_statement_logging().connect().await.map_err(sql)?;
    let has_fields = check(path, &mut connection).await?;
    let rows = Rows {
        tables: fetch(path, &mut connection, TABLES).await?,
        files: fetch(path, &mut connection, TABLE_FILES).await?,
        environment: fetch(path, &mut connection, ENVIRONMENT).await?,
        fields: match has_fields {
            true => fetch(path, &mut connection, FIELDS).await,
            false => Ok(Vec::new()),
        }
        .and_then(|rows| all_fields(&path.display().to_string(), rows)),
    };
    connection.close().await.map_err(sql)?;
    Ok(rows)
}

async fn fetch<T: FromColumns<SqliteRow>>(
    path: &Path,
    connection: &mut SqliteConnection,
    query: &'static str,
) -> Result<Vec<T>> {
    let mut rows = Vec::new();
    let mut stream = sqlx::query(query).fetch(connection);
    while let Some(row) = stream.try_next().await.map_err(|source| sql_error(path, source))? {
        rows.push(T::from_columns(&row).map_err(|source| sql_error(path, source))?);
    }
    Ok(rows)
}

fn copy(path: &Path, folder: &Path) -> Result<PathBuf> {
    let copy = folder.join("meta.sqlite");
    // What a link points to has its log beside itself, not beside the link.
    let original = path.canonicalize().map_err(Error::read("metadata", path))?;
    std::fs::copy(&original, &copy).map_err(Error::read("metadata", path))?;
    for ending in ["-wal", "-journal"] {
        let beside = with_ending(&original, ending);
        if beside.is_file() {
            std::fs::copy(&beside, with_ending(&copy, ending)).map_err(Error::read("metadata", &beside))?;
        }
    }
    Ok(copy)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Makes sure that the database is sound and one of Milvus 1.x. Returns whether
/// it has the table `Fields`.
async fn check(path: &Path, connection: &mut SqliteConnection) -> Result<bool> {
    let sql = |source| sql_error(path, source);
    let found: Vec<String> =
        sqlx::query_scalar("PRAGMA quick_check(3)").fetch_all(&mut *connection).await.map_err(sql)?;
    if found != ["ok"] {
        return Err(Error::Damaged { path: path.into(), reason: found.join("; ") });
    }
    let names: Vec<String> = sqlx::query_scalar(TABLE_NAMES).fetch_all(connection).await.map_err(sql)?;
    TableNames::find(&path.display().to_string(), &names).map(|found| found.fields.is_some())
}

/// Damage shows in many calls; the codes are `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
fn sql_error(path: &Path, source: sqlx::Error) -> Error {
    let damaged = source.as_database_error().is_some_and(|error| {
        let code: Option<u32> = error.code().and_then(|code| code.parse().ok());
        code.is_some_and(|code| matches!(code & 0xff, 11 | 26))
    });
    if damaged {
        let reason = source.as_database_error().map_or_else(String::new, |error| error.message().into());
        Error::Damaged { path: path.into(), reason }
    } else {
        Error::Sql { metadata: path.display().to_string(), source: cause(source) }
    }
}

#[cfg(test)]
pub(crate) mod tests;
