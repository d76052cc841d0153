// SPDX-License-Identifier: Apache-2.0
//! Rows of the metadata in SQLite, changed, doubled or gone.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection};

use super::change::Change;
use super::subject::Subject;
use crate::support::kill::{Chance, block_on};

/// Values that a column may get, besides those of other rows.
const VALUES: [&str; 12] =
    ["NULL", "0", "1", "2", "3", "4", "8", "-1", "9223372036854775807", "1.5", "''", "'../x'"];

/// A table, the ids of its rows, and its columns.
struct Table {
    name: &'static str,
    rows: Vec<i64>,
    columns: Vec<String>,
}

/// So many changes to rows. A unique index that would keep one out is taken away before.
pub(crate) fn of_metadata(subject: &Subject, chance: &mut Chance, count: u64) -> Vec<Change> {
    let database = subject.path("db/meta.sqlite");
    let tables = block_on(tables(&database));
    let statement = |at: u64| {
        let table = &tables[usize::from(!at.is_multiple_of(4))];
        let row = *chance.one_of(&table.rows);
        let other = *chance.one_of(&table.rows);
        let column = chance.one_of(&table.columns).clone();
        let name = table.name;
        match chance.below(8) {
            0 => format!("DELETE FROM {name} WHERE id = {row}"),
            1 => {
                let rest = table.columns.join(", ");
                format!(
                    "INSERT INTO {name} (id, {rest}) SELECT id + 100000, {rest} FROM {name} WHERE id = {row}"
                )
            }
            2 | 3 => format!(
                "UPDATE {name} SET {column} = (SELECT {column} FROM {name} WHERE id = {other}) WHERE id = {row}"
            ),
            _ => {
                let value = chance.one_of(&VALUES);
                format!("UPDATE {name} SET {column} = {value} WHERE id = {row}")
            }
        }
    };
    (0..count).map(statement).map(|statement| Change::Row { statement }).collect()
}

async fn tables(database: &Path) -> [Table; 2] {
    let mut connection = open(database).await;
    let mut found = Vec::new();
    for name in ["Tables", "TableFiles"] {
        let rows = sqlx::query_scalar(AssertSqlSafe(format!("SELECT id FROM {name} ORDER BY id")));
        let rows = rows.fetch_all(&mut connection).await.unwrap();
        let columns = sqlx::query(AssertSqlSafe(format!("PRAGMA table_info({name})")));
        let columns = columns.fetch_all(&mut connection).await.unwrap();
        let columns =
            columns.iter().map(|row| row.get::<String, _>("name")).filter(|name| name != "id").collect();
        found.push(Table { name, rows, columns });
    }
    connection.close().await.unwrap();
    found.try_into().unwrap_or_else(|_| unreachable!("two tables were asked for"))
}

/// Changes a database, in which every value can stand.
pub(crate) fn change(database: &Path, statement: &str) {
    block_on(async {
        let mut connection = open(database).await;
        let made = sqlx::query_scalar::<_, String>(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL",
        );
        for sql in made.fetch_all(&mut connection).await.unwrap() {
            let (name, free) = without_constraints(&sql);
            let script = format!(
                "ALTER TABLE {name} RENAME TO old_one; {free}; INSERT INTO {name} SELECT * FROM old_one; DROP TABLE old_one;"
            );
            sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
        }
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// The name of a table, and the statement that makes it without what keeps values out.
fn without_constraints(sql: &str) -> (String, String) {
    let rest = sql.trim_start_matches("CREATE TABLE").trim_start();
    let name = rest.split(['(', ' ']).next().unwrap_or_default().trim_matches(['\'', '"']).to_owned();
    let free = sql.replace(" UNIQUE", "").replace(" NOT NULL", "");
    (name, free)
}

async fn open(database: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(database).disable_statement_logging().connect().await.unwrap()
}
