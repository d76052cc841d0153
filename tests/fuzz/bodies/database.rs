// SPDX-License-Identifier: Apache-2.0
//! A SQLite database of metadata with any rows.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::input::Input;
use super::inventory::wait;

/// The tables of the old server, without what keeps wrong values out.
const SCHEMA: &str = "PRAGMA page_size = 1024; PRAGMA journal_mode = OFF;
CREATE TABLE Environment (global_lsn);
CREATE TABLE Tables (id INTEGER PRIMARY KEY, table_id, state, dimension, created_on, flag, index_file_size, engine_type,
  index_params, metric_type, owner_table, partition_tag, version, flush_lsn);
CREATE TABLE TableFiles (id INTEGER PRIMARY KEY, table_id, segment_id, engine_type, file_id, file_type, file_size, row_count,
  updated_time, created_on, date, flush_lsn);
CREATE TABLE Fields (collection_id, field_name, field_type, field_params);";

/// Columns of each table behind the id, as they are described.
const TABLES: [(&str, &[Column]); 4] = [
    ("Tables", &[T, S, N, N, N, N, N, T, N, T, T, T, N]),
    ("TableFiles", &[T, T, N, T, N, N, N, N, N, N, N]),
    ("Environment", &[N]),
    ("Fields", &[T, T, N, T]),
];

/// What stands in a column, as a rule.
#[derive(Clone, Copy)]
enum Column {
    Text,
    Number,
    State,
}

const T: Column = Column::Text;
const N: Column = Column::Number;
const S: Column = Column::State;

/// Names that rows have in common, or should not have.
const NAMES: [&str; 12] = ["c", "d", "", "33", "_default", "tag", "..", "a/b", "C", "späte", "a'b", "1606"];
/// Numbers that mean something.
const NUMBERS: [i64; 12] = [0, 1, 2, 3, 4, 7, 8, 16, 32_768, -1, i64::MAX, i64::MIN];

/// Writes a database whose rows the input says.
pub(crate) fn write(path: &Path, input: &mut Input<'_>) {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    let empty = EMPTY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.sqlite");
        execute(&path, SCHEMA);
        fs::read(path).unwrap()
    });
    fs::write(path, empty).unwrap();
    let mut script = String::from("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;");
    for _ in 0..input.byte() % 24 {
        script.push_str(&statement(input));
    }
    script.push_str("COMMIT;");
    execute(path, &script);
}

fn statement(input: &mut Input<'_>) -> String {
    let (table, columns) = TABLES[usize::from(input.byte() & 3)];
    let id = if table.starts_with("Table") { "NULL, " } else { "" };
    let values: Vec<String> = columns.iter().map(|column| value(input, *column)).collect();
    format!("INSERT INTO {table} VALUES ({id}{});", values.join(", "))
}

/// A value of the column's kind, or now and then of another.
fn value(input: &mut Input<'_>, column: Column) -> String {
    let choice = usize::from(input.byte());
    match (choice >> 4, column) {
        (0..=12, Column::Text) => format!("'{}'", NAMES[choice % NAMES.len()].replace('\'', "''")),
        (0..=12, Column::Number) => NUMBERS[choice % 8].to_string(),
        (0..=12, Column::State) => (choice & 1).to_string(),
        (13, _) => NUMBERS[choice % NUMBERS.len()].to_string(),
        (14, _) => format!("'{}'", NAMES[choice % NAMES.len()].replace('\'', "''")),
        _ => match choice % 4 {
            0 => "NULL".into(),
            1 => "1.5e300".into(),
            2 => "x'ff00'".into(),
            _ => input.long().to_string(),
        },
    }
}

fn execute(path: &Path, script: &str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    wait(async {
        let mut connection = options.disable_statement_logging().connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}
