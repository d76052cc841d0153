// SPDX-License-Identifier: Apache-2.0
//! Databases made for tests, and sessions that read them.

use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{SessionConfig, SessionContext};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use tempfile::TempDir;

/// A folder with databases, and a session.
pub(crate) struct Bench {
    folder: TempDir,
    pub(crate) ctx: SessionContext,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let ctx = SessionContext::new_with_config(SessionConfig::new().with_information_schema(true));
        crate::register(&ctx);
        Self { folder: tempfile::tempdir().unwrap(), ctx }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs statements in a database, which is made if it is not there.
    pub(crate) async fn write(&self, name: &str, statements: &[&str]) {
        self.connect(name, statements).await.close().await.unwrap();
    }

    /// Runs statements in a database, and stays connected.
    pub(crate) async fn connect(&self, name: &str, statements: &[&str]) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path(name)).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe((*statement).to_owned())).execute(&mut connection).await.unwrap();
        }
        connection
    }

    /// Makes table `t` of table `t` of a database.
    pub(crate) async fn create(&self, name: &str) -> Result<(), String> {
        self.create_with(name, "").await
    }

    pub(crate) async fn create_with(&self, name: &str, more: &str) -> Result<(), String> {
        let path = self.folder.path().display();
        let sql =
            format!("CREATE OR REPLACE EXTERNAL TABLE t STORED AS SQLITE LOCATION '{path}/{name}' {more}");
        self.sql(&sql).await.map(drop)
    }

    /// The cells of the answer, lines joined by `; ` and cells by ` | `.
    pub(crate) async fn sql(&self, sql: &str) -> Result<String, String> {
        let table = pretty_format_batches(&self.batches(sql).await?).map_err(|error| error.to_string())?;
        let table = table.to_string().replace(self.folder.path().to_str().unwrap(), "<folder>");
        let cells =
            |line: &str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(" | ");
        let lines: Vec<_> = table.lines().filter(|line| line.starts_with('|')).skip(1).map(cells).collect();
        Ok(lines.join("; "))
    }

    pub(crate) async fn batches(&self, sql: &str) -> Result<Vec<RecordBatch>, String> {
        let said = |error: datafusion::error::DataFusionError| {
            in_full(&error).replace(self.folder.path().to_str().unwrap(), "<folder>")
        };
        let frame = self.ctx.sql(sql).await.map_err(said)?;
        frame.collect().await.map_err(said)
    }

    /// The names of all files of the folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        files
    }
}

/// An error with its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    std::iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}
