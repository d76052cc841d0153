// SPDX-License-Identifier: Apache-2.0
//! Metadata in SQLite, read through a copy.
//!
//! Opening the original would write: a reader of a database in WAL mode makes
//! files beside it, and moves the `-wal` into it. Committed rows may stand only
//! in the `-wal`, so it is copied too; the `-shm` is made anew. A `-journal`
//! that a killed writer left takes back a change that it did not commit.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use crate::error::{Error, Result};
use crate::inventory::{EnvironmentRow, FileRow, TableRow};

const TABLE_NAMES: &str = include_str!("../../../sql/catalog/table_names.sql");
const TABLES: &str = include_str!("../../../sql/catalog/tables.sql");
const TABLE_FILES: &str = include_str!("../../../sql/catalog/table_files.sql");
const ENVIRONMENT: &str = include_str!("../../../sql/catalog/environment.sql");
/// What every SQLite database begins with.
pub(crate) const MAGIC: &[u8] = b"SQLite format 3\0";

/// The rows of a metadata database.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) tables: Vec<TableRow>,
    pub(crate) files: Vec<FileRow>,
    pub(crate) environment: Vec<EnvironmentRow>,
}

/// Reads all rows of the metadata in `path`.
pub(crate) async fn read(path: &Path) -> Result<Rows> {
    let scratch = tempfile::tempdir().map_err(Error::read("a temporary folder for a copy of", path))?;
    let copy = copy(path, scratch.path())?;
    let sql = |source| sql_error(path, source);
    let options = SqliteConnectOptions::new().filename(&copy).create_if_missing(false);
    let mut connection = options.disable_statement_logging().connect().await.map_err(sql)?;
    check(path, &mut connection).await?;
    let tables = sqlx::query(TABLES).fetch_all(&mut connection).await.map_err(sql)?;
    let files = sqlx::query(TABLE_FILES).fetch_all(&mut connection).await.map_err(sql)?;
    let environment = sqlx::query(ENVIRONMENT).fetch_all(&mut connection).await.map_err(sql)?;
    connection.close().await.map_err(sql)?;
    Ok(Rows {
        tables: tables.iter().map(table_row).collect::<Result<_, _>>().map_err(sql)?,
        files: files.iter().map(file_row).collect::<Result<_, _>>().map_err(sql)?,
        environment: environment.iter().map(environment_row).collect::<Result<_, _>>().map_err(sql)?,
    })
}

/// Returns whether a file begins as a SQLite database does.
pub(crate) fn is_sqlite(path: &Path) -> Result<bool> {
    let mut magic = [0; MAGIC.len()];
    let mut file = File::open(path).map_err(Error::read("metadata", path))?;
    let mut filled = 0;
    while let Some(rest) = magic.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest).map_err(Error::read("metadata", path))? {
            0 => break,
            more => filled += more,
        }
    }
    Ok(magic == *MAGIC)
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

/// Makes sure that the database is sound and one of Milvus 1.x.
async fn check(path: &Path, connection: &mut SqliteConnection) -> Result<()> {
    let sql = |source| sql_error(path, source);
    let found: Vec<String> =
        sqlx::query_scalar("PRAGMA quick_check(3)").fetch_all(&mut *connection).await.map_err(sql)?;
    if found != ["ok"] {
        return Err(Error::Damaged { path: path.into(), reason: found.join("; ") });
    }
    let names: Vec<String> = sqlx::query_scalar(TABLE_NAMES).fetch_all(connection).await.map_err(sql)?;
    let has = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    if has("Tables") && has("TableFiles") && has("Environment") {
        return Ok(());
    }
    if has("Collection") && has("SegmentFile") {
        return Err(Error::Milvus011 { metadata: path.display().to_string() });
    }
    let found = if names.is_empty() { "none".into() } else { format!("`{}`", names.join("`, `")) };
    Err(Error::OtherDatabase { metadata: path.display().to_string(), found })
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
        Error::Sql { metadata: path.display().to_string(), source }
    }
}

fn table_row(row: &SqliteRow) -> Result<TableRow, sqlx::Error> {
    Ok(TableRow {
        id: row.try_get("id")?,
        table_id: row.try_get("table_id")?,
        state: row.try_get("state")?,
        dimension: row.try_get("dimension")?,
        created_on: row.try_get("created_on")?,
        flag: row.try_get("flag")?,
        index_file_size: row.try_get("index_file_size")?,
        engine_type: row.try_get("engine_type")?,
        index_params: row.try_get("index_params")?,
        metric_type: row.try_get("metric_type")?,
        owner_table: row.try_get("owner_table")?,
        partition_tag: row.try_get("partition_tag")?,
        version: row.try_get("version")?,
        flush_lsn: row.try_get("flush_lsn")?,
    })
}

fn file_row(row: &SqliteRow) -> Result<FileRow, sqlx::Error> {
    Ok(FileRow {
        id: row.try_get("id")?,
        table_id: row.try_get("table_id")?,
        segment_id: row.try_get("segment_id")?,
        engine_type: row.try_get("engine_type")?,
        file_id: row.try_get("file_id")?,
        file_type: row.try_get("file_type")?,
        file_size: row.try_get("file_size")?,
        row_count: row.try_get("row_count")?,
        updated_time: row.try_get("updated_time")?,
        created_on: row.try_get("created_on")?,
        date: row.try_get("date")?,
        flush_lsn: row.try_get("flush_lsn")?,
    })
}

fn environment_row(row: &SqliteRow) -> Result<EnvironmentRow, sqlx::Error> {
    Ok(EnvironmentRow { global_lsn: row.try_get("global_lsn")? })
}

#[cfg(test)]
mod tests;
