// SPDX-License-Identifier: Apache-2.0
//! Rows of a metadata database, whichever server keeps them.

use sqlx::{ColumnIndex, Decode, Row, Type};

use crate::error::{Error, Result};
use crate::examination::FieldsRow;
use crate::inventory::{EnvironmentRow, FileRow, TableRow};

/// How many tables of another database are named.
const TABLES_SHOWN: usize = 8;

/// The rows of a metadata database.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) tables: Vec<TableRow>,
    pub(crate) files: Vec<FileRow>,
    pub(crate) environment: Vec<EnvironmentRow>,
    /// Without them an inventory is whole.
    pub(crate) fields: Result<Vec<FieldsRow>>,
}

/// Rows of `Fields` that are read. The shipped queries ask for one more.
const MOST_FIELDS: usize = 100_000;

/// Makes sure that no row of `Fields` is left out. `metadata` names the database in messages.
pub(crate) fn all_fields(metadata: &str, rows: Vec<FieldsRow>) -> Result<Vec<FieldsRow>> {
    if rows.len() <= MOST_FIELDS {
        return Ok(rows);
    }
    let (place, expected) = ("table `Fields`".into(), "at most 100000 rows");
    Err(Error::Value { metadata: metadata.into(), place, expected, found: "more".into() })
}

/// The tables of a database of Milvus 1.x, as it spells them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableNames<'a> {
    pub(crate) tables: &'a str,
    pub(crate) files: &'a str,
    pub(crate) environment: &'a str,
    /// Servers of 0.7 and 0.8 have no such table.
    pub(crate) fields: Option<&'a str>,
}

impl<'a> TableNames<'a> {
    /// Tells a database of Milvus 1.x from others by the tables it has. A
    /// server may have folded their names. `metadata` names it in messages.
    pub(crate) fn find(metadata: &str, names: &'a [String]) -> Result<Self> {
        let find = |wanted: &str| {
            let exact = names.iter().find(|name| *name == wanted);
            exact.or_else(|| names.iter().find(|name| name.eq_ignore_ascii_case(wanted)))
        };
        if let (Some(tables), Some(files), Some(environment)) =
            (find("Tables"), find("TableFiles"), find("Environment"))
        {
            let fields = find("Fields").map(String::as_str);
            return Ok(Self { tables, files, environment, fields });
        }
        let metadata = metadata.into();
        if find("Collection").is_some() && find("SegmentFile").is_some() {
            return Err(Error::Milvus011 { metadata });
        }
        Err(Error::OtherDatabase { metadata, found: listed(names) })
    }
}

/// The names of tables, or of some where they are many.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(TABLES_SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(TABLES_SHOWN) {
        _ if names.is_empty() => "none".into(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Values of a row by the names of its columns.
trait Columns {
    fn number(&self, column: &str) -> Result<Option<i64>, sqlx::Error>;
    fn text(&self, column: &str) -> Result<String, sqlx::Error>;
}

impl<R> Columns for R
where
    R: Row,
    for<'a> &'a str: ColumnIndex<R>,
    for<'a> i64: Decode<'a, R::Database> + Type<R::Database>,
    for<'a> String: Decode<'a, R::Database> + Type<R::Database>,
{
    fn number(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(column)
    }

    fn text(&self, column: &str) -> Result<String, sqlx::Error> {
        self.try_get(column)
    }
}

/// What a query for one of the tables yields.
pub(crate) trait FromColumns<R>: Sized {
    /// Decodes one row.
    fn from_columns(row: &R) -> Result<Self, sqlx::Error>;
}

impl<R: Columns> FromColumns<R> for TableRow {
    fn from_columns(row: &R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: id(row)?,
            table_id: row.text("table_id")?,
            state: row.number("state")?,
            dimension: row.number("dimension")?,
            created_on: row.number("created_on")?,
            flag: row.number("flag")?,
            index_file_size: row.number("index_file_size")?,
            engine_type: row.number("engine_type")?,
            index_params: row.text("index_params")?,
            metric_type: row.number("metric_type")?,
            owner_table: row.text("owner_table")?,
            partition_tag: row.text("partition_tag")?,
            version: row.text("version")?,
            flush_lsn: row.number("flush_lsn")?,
        })
    }
}

impl<R: Columns> FromColumns<R> for FileRow {
    fn from_columns(row: &R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: id(row)?,
            table_id: row.text("table_id")?,
            segment_id: row.text("segment_id")?,
            engine_type: row.number("engine_type")?,
            file_id: row.text("file_id")?,
            file_type: row.number("file_type")?,
            file_size: row.number("file_size")?,
            row_count: row.number("row_count")?,
            updated_time: row.number("updated_time")?,
            created_on: row.number("created_on")?,
            date: row.number("date")?,
            flush_lsn: row.number("flush_lsn")?,
        })
    }
}

impl<R: Columns> FromColumns<R> for EnvironmentRow {
    fn from_columns(row: &R) -> Result<Self, sqlx::Error> {
        Ok(Self { global_lsn: row.number("global_lsn")? })
    }
}

impl<R: Columns> FromColumns<R> for FieldsRow {
    fn from_columns(row: &R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            collection_id: row.text("collection_id")?,
            field_name: row.text("field_name")?,
            field_type: row.number("field_type")?,
            field_params: row.text("field_params")?,
        })
    }
}

/// A count.
#[derive(Debug)]
pub(crate) struct Count(pub(crate) i64);

impl<R: Columns> FromColumns<R> for Count {
    fn from_columns(row: &R) -> Result<Self, sqlx::Error> {
        Ok(Self(row.number("count")?.unwrap_or(0)))
    }
}

/// The name of a table in the database.
#[derive(Debug)]
pub(crate) struct Name(pub(crate) String);

impl<R: Columns> FromColumns<R> for Name {
    fn from_columns(row: &R) -> Result<Self, sqlx::Error> {
        row.text("name").map(Self)
    }
}

fn id(row: &impl Columns) -> Result<i64, sqlx::Error> {
    let null = || sqlx::Error::ColumnDecode {
        index: "id".into(),
        source: Box::new(sqlx::error::UnexpectedNullError),
    };
    row.number("id")?.ok_or_else(null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).into()).collect()
    }

    #[test]
    fn tables_are_found_as_the_server_spells_them() {
        let folded = names(&["environment", "fields", "tablefiles", "tables"]);
        let found = TableNames::find("m", &folded).unwrap();
        assert_eq!((found.files, found.fields), ("tablefiles", Some("fields")));
        let both = names(&["ENVIRONMENT", "TABLES", "TableFiles", "Tables", "tables"]);
        let found = TableNames::find("m", &both).unwrap();
        assert_eq!((found.tables, found.fields), ("Tables", None));
    }

    #[test]
    fn fields_are_not_cut_short() {
        let rows = |count| vec![FieldsRow::default(); count];
        assert_eq!(all_fields("m", rows(MOST_FIELDS)).unwrap().len(), MOST_FIELDS);
        let error = all_fields("m", rows(MOST_FIELDS + 1)).unwrap_err().to_string();
        assert!(error.contains("`Fields`") && error.contains("at most 100000 rows"), "{error}");
        for query in [
            include_str!("../../../sql/catalog/mysql/fields.sql"),
            include_str!("../../../sql/catalog/sqlite/fields.sql"),
        ] {
            assert!(query.trim_end().ends_with(&format!("LIMIT {}", MOST_FIELDS + 1)), "{query}");
        }
    }

    #[test]
    fn other_tables_are_named() {
        let error = |tables: &[&str]| TableNames::find("m", &names(tables)).unwrap_err().to_string();
        assert!(error(&[]).contains("found none"));
        let incomplete = error(&["TableFiles", "Tables"]);
        assert!(incomplete.contains("`Environment`, found `TableFiles`, `Tables`"), "{incomplete}");
        assert!(error(&["a"; 20]).ends_with("`a` and 12 more"));
        assert!(error(&["collection", "segmentfile"]).contains("0.11"));
    }
}
