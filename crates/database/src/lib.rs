// SPDX-License-Identifier: Apache-2.0
//! Tables of other databases as SQL tables, so that what they know of a vector
//! can be joined with it.
//!
//! ```
//! use datafusion::prelude::SessionContext;
//! use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(folder.path())?;
//! let mut shop = SqliteConnectOptions::new().filename("shop.db").create_if_missing(true).connect().await?;
//! sqlx::query("CREATE TABLE articles (id INTEGER PRIMARY KEY, name TEXT)").execute(&mut shop).await?;
//! sqlx::query("INSERT INTO articles VALUES (7, 'lamp')").execute(&mut shop).await?;
//! shop.close().await?;
//!
//! let ctx = SessionContext::new();
//! m2m_database::register(&ctx);
//! ctx.sql("CREATE EXTERNAL TABLE articles STORED AS SQLITE LOCATION 'shop.db'").await?;
//! let rows = ctx.sql("SELECT name FROM articles WHERE id = 7").await?.collect().await?;
//! assert_eq!(rows[0].num_rows(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What is a table
//!
//! | `STORED AS` | `LOCATION` |
//! |---|---|
//! | `SQLITE` | the path of a database, or its `file://` URL |
//! | `MYSQL` | the address of a database on a MySQL or MariaDB server, as [`m2m_catalog::MySql::parse`] takes it |
//!
//! | `OPTIONS (…)` | |
//! |---|---|
//! | `'table' 'name'` | the table or view in the database; the name of the SQL table unless named |
//! | `'password_env' 'NAME'` | the environment variable that holds the password, of `MYSQL` |
//!
//! Columns are never listed in the statement. A column that the database keeps from
//! being NULL is not null here either.
//!
//! # Types of SQLite
//!
//! SQLite keeps whatever it is given, whatever the column is declared as. Here
//! the declared type counts, and a value that does not fit is an error.
//!
//! | declared type has | SQL | values |
//! |---|---|---|
//! | `INT` | `BIGINT` | integers |
//! | `CHAR`, `CLOB`, `TEXT` or `JSON` | `VARCHAR` | texts; numbers as they are written |
//! | `BLOB` | `BYTEA` | blobs |
//! | `REAL`, `FLOA` or `DOUB` | `DOUBLE` | floats, and integers that a float can be |
//! | `BOOL` | `BOOLEAN` | 0 and 1 |
//! | `DATE` or `TIME` | `VARCHAR` | as they are stored: texts; numbers as they are written |
//! | `NUM` or `DEC` | `DOUBLE` | floats, and integers that a float can be |
//! | something else, or nothing | what all values are | integers, numbers, texts or blobs; found out by a look at all rows |
//!
//! # Types of MySQL and MariaDB
//!
//! | MySQL | SQL |
//! |---|---|
//! | `tinyint` (`bool` too), `smallint`, `mediumint`, `int`, `bigint` | `TINYINT`, `SMALLINT`, `INT`, `INT`, `BIGINT` |
//! | the same `unsigned` | the next larger one; `bigint unsigned` is `BIGINT`, and a value beyond it an error |
//! | `year`; `bit(1)`; other `bit` | `SMALLINT`; `BOOLEAN`; `BIGINT` |
//! | `float`, `double` | `FLOAT`, `DOUBLE` |
//! | `decimal` of up to 15 digits | `DOUBLE`, which keeps all of them |
//! | other `decimal` | `VARCHAR` |
//! | `binary`, `varbinary`, blobs, and what stands for a shape or vector | `BYTEA` |
//! | texts, `enum`, `set`, `json`, `date`, `time`, `datetime`, `timestamp` (in UTC), and others | `VARCHAR`, as the server writes them |
//!
//! # What is read
//!
//! A query reads the columns that it names, as a stream, from one moment: a
//! database on a server in a transaction that cannot write; one of SQLite as it
//! is in its file, or, when there is a `-wal` or `-journal` beside it, from a copy
//! in the folder for temporary files. That it changes while it is read is an error.
//! Nothing is written. A batch has at most 8 MiB, or one row.
//!
//! # Passwords
//!
//! No password is in an error, in a plan, or in what `SHOW CREATE TABLE` shows:
//! the definition of a table of `MYSQL` is made of its address without the
//! password and the parameters.

use std::sync::Arc;

use datafusion::prelude::SessionContext;

mod batches;
mod column;
mod error;
mod factory;
mod mysql;
mod sqlite;
mod table;
#[cfg(test)]
mod testing;

pub use error::{Error, Result};
pub use factory::DatabaseTableFactory;
pub use table::DatabaseTable;

/// Teaches a session `CREATE EXTERNAL TABLE … STORED AS SQLITE` and `MYSQL`.
pub fn register(ctx: &SessionContext) {
    let state = ctx.state_ref();
    let mut state = state.write();
    let factories = state.table_factories_mut();
    factories.insert("SQLITE".into(), Arc::new(DatabaseTableFactory::sqlite()));
    factories.insert("MYSQL".into(), Arc::new(DatabaseTableFactory::mysql()));
}
