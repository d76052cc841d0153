// SPDX-License-Identifier: Apache-2.0
//! Reading all rows, as they stood at one moment.

use std::future::Future;

use futures::stream::{self, Stream, TryStreamExt};
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection};
use tokio::time::timeout;

use super::MySql;
use super::connect::{connect, failure};
use crate::error::{Error, Result};
use crate::rows::{Count, FromColumns, Name, Rows, TableNames, all_fields};

const TABLE_NAMES: &str = include_str!("../../../../sql/catalog/mysql/table_names.sql");
const TABLES: &str = include_str!("../../../../sql/catalog/mysql/tables.sql");
const TABLE_FILES: &str = include_str!("../../../../sql/catalog/mysql/table_files.sql");
const ENVIRONMENT: &str = include_str!("../../../../sql/catalog/mysql/environment.sql");
const FIELDS: &str = include_str!("../../../../sql/catalog/mysql/fields.sql");
const CONNECTIONS: &str = include_str!("../../../../sql/catalog/mysql/connections.sql");
/// The level counts for the next transaction alone.
const BEGIN: [&str; 2] = [
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
];

/// Reads all rows of the metadata in a database.
pub(crate) async fn read(mysql: &MySql) -> Result<Rows> {
    let mut session = mysql.reader().await?;
    let names: Vec<Name> = session.rows(TABLE_NAMES.into()).await?;
    let names: Vec<String> = names.into_iter().map(|Name(name)| name).collect();
    let found = TableNames::find(&mysql.to_string(), &names).map_err(as_seen)?;
    let rows = Rows {
        tables: session.rows(of_table(TABLES, "Tables", found.tables)).await?,
        files: session.rows(of_table(TABLE_FILES, "TableFiles", found.files)).await?,
        environment: session.rows(of_table(ENVIRONMENT, "Environment", found.environment)).await?,
        fields: match found.fields {
            Some(spelt) => session.rows(of_table(FIELDS, "Fields", spelt)).await,
            None => Ok(Vec::new()),
        }
        .and_then(|rows| all_fields(&mysql.to_string(), rows)),
    };
    session.close().await;
    Ok(rows)
}

/// Counts who else is connected to the database.
pub(crate) async fn connections(mysql: &MySql) -> Result<i64> {
    let mut session = mysql.reader().await?;
    let counts: Vec<Count> = session.rows(CONNECTIONS.into()).await?;
    session.close().await;
    Ok(counts.iter().map(|Count(n)| n).sum())
}

/// A server hides tables from a user who has no right to them.
fn as_seen(error: Error) -> Error {
    match error {
        Error::OtherDatabase { metadata, found } => {
            Error::OtherDatabase { metadata, found: format!("{found} among those that the user may see") }
        }
        other => other,
    }
}

/// A query for a table that the server spells in its own way, which differs in case alone.
fn of_table(query: &str, name: &str, spelt: &str) -> String {
    query.replace(&format!("`{name}`"), &format!("`{spelt}`"))
}

/// A connection that reads what stood in a database when it was made.
#[derive(Debug)]
pub struct MySqlReader {
    mysql: MySql,
    connection: MySqlConnection,
}

impl MySql {
    /// Connects, and begins a transaction that sees one moment and cannot write.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses the user. The error says what
    /// to do, and no password.
    pub async fn reader(&self) -> Result<MySqlReader> {
        let mut reader = MySqlReader { mysql: self.clone(), connection: connect(self).await? };
        for statement in BEGIN {
            reader.execute(statement).await?;
        }
        Ok(reader)
    }
}

impl MySqlReader {
    async fn execute(&mut self, statement: &'static str) -> Result<()> {
        within(&self.mysql, sqlx::raw_sql(statement).execute(&mut self.connection)).await.map(drop)
    }

    /// Asks for rows, which come as the server sends them.
    pub fn stream(&mut self, query: String) -> impl Stream<Item = Result<MySqlRow>> + Send {
        let mysql = &self.mysql;
        let rows = sqlx::query(AssertSqlSafe(query)).fetch(&mut self.connection);
        stream::try_unfold(rows, move |mut rows| async move {
            let row = within(mysql, rows.try_next()).await?;
            Ok(row.map(|row| (row, rows)))
        })
    }

    async fn rows<T: FromColumns<MySqlRow>>(&mut self, query: String) -> Result<Vec<T>> {
        let mysql = self.mysql.clone();
        let decoded = |row: MySqlRow| T::from_columns(&row).map_err(|error| failure(&mysql, error));
        let mut rows = Vec::new();
        let mut stream = std::pin::pin!(self.stream(query));
        while let Some(row) = stream.try_next().await? {
            rows.push(decoded(row)?);
        }
        Ok(rows)
    }

    /// Takes leave. All is read, so it does not matter how that ends.
    pub async fn close(self) {
        within(&self.mysql, self.connection.close()).await.ok();
    }
}

async fn within<T>(mysql: &MySql, answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T> {
    match timeout(mysql.read_timeout, answer).await {
        Ok(answer) => answer.map_err(|error| failure(mysql, error)),
        Err(_) => Err(Error::Database {
            metadata: mysql.to_string(),
            reason: "it fell silent while it was read",
            remedy: "try again; `readTimeout=10m` in the address allows more",
            source: None,
        }),
    }
}
