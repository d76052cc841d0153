// SPDX-License-Identifier: Apache-2.0
//! Tables of SQLite databases.

mod snapshot;

use std::fmt;
use std::path::PathBuf;

use datafusion::error::Result as DFResult;
use futures::TryStreamExt;
use sqlx::sqlite::{SqliteRow, SqliteValueRef};
use sqlx::{AssertSqlSafe, Decode, Row, Sqlite, SqliteConnection, TypeInfo, ValueRef};

use crate::batches::{Batches, Wanted};
use crate::column::{Cell, Column, Kind};
use crate::error::{Error, Result};
use crate::table::Read;
use snapshot::Snapshot;

/// Hidden columns of virtual tables have 1 there; generated ones, 2 and 3.
const COLUMNS: &str =
    "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid";
const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name";
/// Tables that a message names.
const NAMED: usize = 10;

/// A SQLite database.
#[derive(Clone, Debug)]
pub(crate) struct SqliteFile {
    pub(crate) path: PathBuf,
}

impl fmt::Display for SqliteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl SqliteFile {
    fn failed(&self, source: sqlx::Error) -> Error {
        let source = match source {
            sqlx::Error::Database(error) => error.into_error(),
            other => other.into(),
        };
        Error::Sqlite { path: self.to_string(), source }
    }
}

/// The columns of a table or view.
pub(crate) async fn columns(file: &SqliteFile, table: &str) -> Result<Vec<Column>> {
    let mut snapshot = Snapshot::open(file).await?;
    let declared = declared(file, &mut snapshot.connection, table).await?;
    if declared.is_empty() {
        return Err(no_table(file, &mut snapshot.connection, table).await?);
    }
    // A lone primary key of this type is another name of the row's number.
    let keys = declared.iter().filter(|column| column.key > 0).count();
    let mut columns = Vec::with_capacity(declared.len());
    for column in declared {
        let is_number = column.key > 0 && keys == 1 && column.declared.eq_ignore_ascii_case("integer");
        let kind = match kind(&column.declared) {
            Some(kind) => kind,
            None => kind_of_values(file, &mut snapshot.connection, table, &column).await?,
        };
        let nullable = !(column.not_null || is_number);
        columns.push(Column { name: column.name, declared: column.declared, kind, nullable });
    }
    snapshot.finish().await?;
    Ok(columns)
}

/// A column as its table declares it.
struct Declared {
    name: String,
    declared: String,
    not_null: bool,
    key: i64,
}

async fn declared(
    file: &SqliteFile,
    connection: &mut SqliteConnection,
    table: &str,
) -> Result<Vec<Declared>> {
    let rows = sqlx::query(COLUMNS).bind(table).fetch_all(connection).await;
    let column = |row: &SqliteRow| {
        Ok(Declared {
            name: row.try_get(0)?,
            declared: row.try_get(1)?,
            not_null: row.try_get(2)?,
            key: row.try_get(3)?,
        })
    };
    rows.and_then(|rows| rows.iter().map(column).collect()).map_err(|error| file.failed(error))
}

async fn no_table(file: &SqliteFile, connection: &mut SqliteConnection, table: &str) -> Result<Error> {
    let names = sqlx::query_scalar(TABLES).fetch_all(connection).await;
    let names: Vec<String> = names.map_err(|error| file.failed(error))?;
    let known = match names.as_slice() {
        [] => "; it has none".into(),
        names => {
            let more = if names.len() > NAMED { ", …" } else { "" };
            let named: Vec<_> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
            format!("; it has {}{more}", named.join(", "))
        }
    };
    Ok(Error::NoTable { database: file.to_string(), table: table.into(), known })
}

/// What a column becomes by its declared type; nothing when that says nothing.
fn kind(declared: &str) -> Option<Kind> {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    // The first rules are SQLite's own, in its order.
    if has(&["INT"]) {
        Some(Kind::Int64)
    } else if has(&["CHAR", "CLOB", "TEXT", "JSON"]) {
        Some(Kind::Text)
    } else if has(&["BLOB"]) {
        Some(Kind::Bytes)
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        Some(Kind::Float64)
    } else if has(&["BOOL"]) {
        Some(Kind::Boolean)
    } else if has(&["DATE", "TIME"]) {
        Some(Kind::Text)
    } else if has(&["NUM", "DEC"]) {
        Some(Kind::Float64)
    } else {
        None
    }
}

/// What a column becomes by all values that it has.
async fn kind_of_values(
    file: &SqliteFile,
    connection: &mut SqliteConnection,
    table: &str,
    column: &Declared,
) -> Result<Kind> {
    let sql = format!("SELECT DISTINCT typeof({}) FROM {} AS t", of_table(&column.name), quoted(table));
    let types = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await;
    let mut types: Vec<String> = types.map_err(|error| file.failed(error))?;
    types.retain(|one| one != "null");
    types.sort_unstable();
    let types: Vec<&str> = types.iter().map(String::as_str).collect();
    match types.as_slice() {
        ["integer"] => Ok(Kind::Int64),
        ["real"] | ["integer", "real"] => Ok(Kind::Float64),
        ["text"] | [] => Ok(Kind::Text),
        ["blob"] => Ok(Kind::Bytes),
        several => Err(Error::Mixed {
            database: file.to_string(),
            table: table.into(),
            column: column.name.clone(),
            declared: match column.declared.as_str() {
                "" => "nothing".into(),
                declared => format!("`{declared}`"),
            },
            found: several.join(", "),
        }),
    }
}

/// Reads some columns of a table.
pub(crate) async fn read(file: &SqliteFile, read: &Read, batches: &mut Batches<'_>) -> DFResult<()> {
    let mut snapshot = Snapshot::open(file).await?;
    let now = declared(file, &mut snapshot.connection, &read.table).await?;
    read.check(now.iter().map(|column| (column.name.as_str(), column.declared.as_str())))?;
    let wanted: Vec<_> = read.wanted.iter().map(|column| of_table(&column.name)).collect();
    let sql = select(&wanted, &format!("{} AS t", quoted(&read.table)), read.limit);
    let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut snapshot.connection);
    while let Some(row) = rows.try_next().await.map_err(|error| file.failed(error))? {
        add(file, &row, batches)?;
        if batches.send_full().await? == Wanted::NoMore {
            return Ok(());
        }
    }
    drop(rows);
    // What was read last must not go before it is known to be right.
    snapshot.finish().await?;
    batches.send().await.map(drop)
}

fn add(file: &SqliteFile, row: &SqliteRow, batches: &mut Batches<'_>) -> Result<()> {
    batches.row(|place| {
        let value = row.try_get_raw(place).and_then(|value| cell(value).map_err(sqlx::Error::Decode));
        value.map_err(|error| file.failed(error))
    })
}

/// A value as what it is, whatever its column is declared as.
fn cell(value: SqliteValueRef<'_>) -> Result<Cell<'_>, sqlx::error::BoxDynError> {
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let kind = value.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "INTEGER" => Cell::Int(<i64 as Decode<Sqlite>>::decode(value)?),
        "REAL" => Cell::Float(<f64 as Decode<Sqlite>>::decode(value)?),
        "TEXT" => Cell::Text(<&[u8] as Decode<Sqlite>>::decode(value)?),
        _ => Cell::Bytes(<&[u8] as Decode<Sqlite>>::decode(value)?),
    })
}

/// A query for columns of a table.
pub(crate) fn select(columns: &[String], table: &str, limit: Option<usize>) -> String {
    let columns = if columns.is_empty() { "0".to_owned() } else { columns.join(", ") };
    let limit = limit.map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
    format!("SELECT {columns} FROM {table}{limit}")
}

/// A column of the table `t`: SQLite takes a name without a table, when there is
/// none of it, for a text.
fn of_table(column: &str) -> String {
    format!("t.{}", quoted(column))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests;
