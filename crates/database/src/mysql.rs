// SPDX-License-Identifier: Apache-2.0
//! Tables of MySQL and MariaDB databases.

use std::pin::pin;

use datafusion::error::Result as DFResult;
use futures::TryStreamExt;
use m2m_catalog::{MySql, MySqlReader};
use sqlx::mysql::{MySqlDatabaseError, MySqlRow};
use sqlx::{Decode, MySql as Server, Row, ValueRef};

use crate::batches::{Batches, Wanted};
use crate::column::{Cell, Column, Kind};
use crate::error::{Error, Result};
use crate::sqlite::select;
use crate::table::Read;

/// The server's number of the error that a table does not exist (`mysqld_error.h`).
const NO_SUCH_TABLE: u16 = 1146;
/// Digits that a float keeps, whichever they are.
const EXACT_DIGITS: u32 = 15;

/// How a column is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// As a signed integer.
    Int,
    /// As an unsigned integer.
    Unsigned,
    Float32,
    Float64,
    /// As the text of a number that a float keeps.
    Decimal,
    Text,
    Bytes,
}

/// The columns of a table or view.
pub(crate) async fn columns(server: &MySql, table: &str) -> Result<Vec<Column>> {
    let mut reader = server.reader().await?;
    let columns = declared(server, &mut reader, table).await?;
    reader.close().await;
    let column = |(name, declared, nullable): (String, String, bool)| {
        let (kind, _) = meaning(&declared);
        Column { name, declared, kind, nullable }
    };
    Ok(columns.into_iter().map(column).collect())
}

/// Names, types, and whether they may be NULL.
async fn declared(
    server: &MySql,
    reader: &mut MySqlReader,
    table: &str,
) -> Result<Vec<(String, String, bool)>> {
    let mut columns = Vec::new();
    let mut rows = pin!(reader.stream(format!("SHOW COLUMNS FROM {}", quoted(table))));
    loop {
        let row = match rows.try_next().await {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(columns),
            Err(error) if is_missing(&error) => {
                let known = " that the user may see".into();
                return Err(Error::NoTable { database: server.to_string(), table: table.into(), known });
            }
            Err(error) => return Err(error.into()),
        };
        let text = |place| {
            // Depending on the server, some of them are texts and some are blobs.
            let text: Vec<u8> = row.try_get_unchecked(place).map_err(|error| failed(server, error))?;
            Ok::<_, Error>(String::from_utf8_lossy(&text).into_owned())
        };
        columns.push((text(0)?, text(1)?, text(2)? == "YES"));
    }
}

fn is_missing(error: &m2m_catalog::Error) -> bool {
    let m2m_catalog::Error::Sql { source, .. } = error else { return false };
    let error = source.downcast_ref::<MySqlDatabaseError>();
    error.is_some_and(|error| error.number() == NO_SUCH_TABLE)
}

fn failed(server: &MySql, error: sqlx::Error) -> Error {
    m2m_catalog::Error::Sql { metadata: server.to_string(), source: error.into() }.into()
}

/// What a type becomes, and how it is asked for.
fn meaning(declared: &str) -> (Kind, Source) {
    let declared = declared.to_ascii_lowercase();
    let name = declared.split(['(', ' ']).next().unwrap_or_default();
    let size = declared.split_once('(').and_then(|(_, rest)| rest.split([',', ')']).next()?.parse().ok());
    let is_unsigned = declared.contains("unsigned") || declared.contains("zerofill");
    let int = |signed, unsigned| match is_unsigned {
        true => (unsigned, Source::Unsigned),
        false => (signed, Source::Int),
    };
    match name {
        "tinyint" => int(Kind::Int8, Kind::Int16),
        "smallint" => int(Kind::Int16, Kind::Int32),
        "mediumint" => int(Kind::Int32, Kind::Int32),
        "int" => int(Kind::Int32, Kind::Int64),
        "bigint" => int(Kind::Int64, Kind::Int64),
        "year" => (Kind::Int16, Source::Unsigned),
        "bit" if size == Some(1) => (Kind::Boolean, Source::Unsigned),
        "bit" => (Kind::Int64, Source::Unsigned),
        "float" => (Kind::Float32, Source::Float32),
        "double" => (Kind::Float64, Source::Float64),
        "decimal" if size.is_some_and(|digits: u32| digits <= EXACT_DIGITS) => {
            (Kind::Float64, Source::Decimal)
        }
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "vector" | "geometry"
        | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
        | "geometrycollection" | "geomcollection" => (Kind::Bytes, Source::Bytes),
        _ => (Kind::Text, Source::Text),
    }
}

/// What asks for a column.
fn expression(column: &Column) -> String {
    let name = quoted(&column.name);
    match meaning(&column.declared).1 {
        // The server writes dates, decimals and documents as it shows them.
        Source::Text | Source::Decimal => format!("CAST({name} AS CHAR)"),
        // Some types of whole numbers have a form of their own on the way.
        Source::Unsigned => format!("CAST({name} AS UNSIGNED)"),
        Source::Bytes => format!("CAST({name} AS BINARY)"),
        Source::Int | Source::Float32 | Source::Float64 => name,
    }
}

/// Reads some columns of a table.
pub(crate) async fn read(server: &MySql, read: &Read, batches: &mut Batches<'_>) -> DFResult<()> {
    let mut reader = server.reader().await.map_err(Error::from)?;
    let now = declared(server, &mut reader, &read.table).await?;
    read.check(now.iter().map(|(name, declared, _)| (name.as_str(), declared.as_str())))?;
    let sources: Vec<Source> = read.wanted.iter().map(|column| meaning(&column.declared).1).collect();
    let wanted: Vec<_> = read.wanted.iter().map(expression).collect();
    let sql = select(&wanted, &quoted(&read.table), read.limit);
    {
        let mut rows = pin!(reader.stream(sql));
        while let Some(row) = rows.try_next().await.map_err(Error::from)? {
            add(server, &row, &sources, batches)?;
            if batches.send_full().await? == Wanted::NoMore {
                return Ok(());
            }
        }
    }
    reader.close().await;
    batches.send().await.map(drop)
}

fn add(server: &MySql, row: &MySqlRow, sources: &[Source], batches: &mut Batches<'_>) -> Result<()> {
    batches.row(|place| {
        let source = sources.get(place).copied().unwrap_or(Source::Text);
        cell(row, place, source).map_err(|error| failed(server, error))
    })
}

fn cell(row: &MySqlRow, place: usize, source: Source) -> Result<Cell<'_>, sqlx::Error> {
    let value = row.try_get_raw(place)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let cell = match source {
        Source::Int => <i64 as Decode<Server>>::decode(value).map(Cell::Int),
        Source::Unsigned => <u64 as Decode<Server>>::decode(value).map(Cell::Unsigned),
        Source::Float32 => <f32 as Decode<Server>>::decode(value).map(Cell::Float32),
        Source::Float64 => <f64 as Decode<Server>>::decode(value).map(Cell::Float),
        Source::Text => <&[u8] as Decode<Server>>::decode(value).map(Cell::Text),
        Source::Bytes => <&[u8] as Decode<Server>>::decode(value).map(Cell::Bytes),
        Source::Decimal => <&[u8] as Decode<Server>>::decode(value).map(|text| {
            let number = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            number.map_or(Cell::Text(text), Cell::Float)
        }),
    };
    cell.map_err(sqlx::Error::Decode)
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_become_what_holds_all_their_values() {
        for (declared, kind) in [
            ("tinyint(1)", Kind::Int8),
            ("tinyint(3) unsigned", Kind::Int16),
            ("smallint", Kind::Int16),
            ("smallint unsigned", Kind::Int32),
            ("mediumint(8) unsigned zerofill", Kind::Int32),
            ("int(11)", Kind::Int32),
            ("INT UNSIGNED", Kind::Int64),
            ("bigint(20) unsigned", Kind::Int64),
            ("bit(1)", Kind::Boolean),
            ("bit(64)", Kind::Int64),
            ("year(4)", Kind::Int16),
            ("float", Kind::Float32),
            ("double", Kind::Float64),
            ("decimal(15,2)", Kind::Float64),
            ("decimal(16,0)", Kind::Text),
            ("varchar(30)", Kind::Text),
            ("enum('int','bigint unsigned')", Kind::Text),
            ("datetime(6)", Kind::Text),
            ("json", Kind::Text),
            ("uuid", Kind::Text),
            ("varbinary(8)", Kind::Bytes),
            ("longblob", Kind::Bytes),
            ("point", Kind::Bytes),
        ] {
            assert_eq!(meaning(declared).0, kind, "{declared}");
        }
    }

    #[test]
    fn names_stay_names() {
        let column = |name: &str, declared: &str| Column {
            name: name.into(),
            declared: declared.into(),
            kind: meaning(declared).0,
            nullable: true,
        };
        assert_eq!(expression(&column("a`; DROP", "int")), "`a``; DROP`");
        assert_eq!(expression(&column("d", "datetime(6)")), "CAST(`d` AS CHAR)");
        assert_eq!(expression(&column("b", "bit(3)")), "CAST(`b` AS UNSIGNED)");
        let wanted = [expression(&column("a", "int")), expression(&column("b", "blob"))];
        assert_eq!(select(&wanted, "`t`", Some(3)), "SELECT `a`, CAST(`b` AS BINARY) FROM `t` LIMIT 3");
        assert_eq!(select(&[], "`t`", None), "SELECT 0 FROM `t`");
    }
}
