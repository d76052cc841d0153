// SPDX-License-Identifier: Apache-2.0
//! A table of a database as a table of a session.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result as DFResult;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use m2m_catalog::MySql;
use tokio::sync::mpsc::Sender;

use crate::batches::Batches;
use crate::column::{Column, schema};
use crate::error::{Error, Result};
use crate::mysql;
use crate::sqlite::{self, SqliteFile};

/// Batches that wait to be taken.
const WAITING: usize = 1;

/// Where a table is.
#[derive(Clone)]
pub(crate) enum Database {
    Sqlite(SqliteFile),
    MySql(Box<MySql>),
}

/// A table or view of a SQLite, MySQL or MariaDB database.
///
/// Columns are looked at when the table is made, and again by each query: other ones
/// are an error. A query reads the columns that it names, and no more rows than its
/// limit; filters are the engine's.
#[derive(Debug)]
pub struct DatabaseTable {
    database: Database,
    table: String,
    definition: Option<String>,
    columns: Arc<[Column]>,
    schema: SchemaRef,
}

impl DatabaseTable {
    pub(crate) async fn open(database: Database, table: String) -> Result<Self> {
        let columns = match &database {
            Database::Sqlite(file) => sqlite::columns(file, &table).await?,
            Database::MySql(server) => mysql::columns(server, &table).await?,
        };
        let schema = schema(&columns);
        Ok(Self { database, table, definition: None, columns: columns.into(), schema })
    }

    /// Keeps the statement that made the table.
    pub(crate) fn defined_by(self, definition: Option<String>) -> Self {
        Self { definition, ..self }
    }
}

#[async_trait]
impl TableProvider for DatabaseTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_table_definition(&self) -> Option<&str> {
        self.definition.as_deref()
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        let wanted: Vec<Column> = match projection {
            None => self.columns.to_vec(),
            Some(places) => places.iter().filter_map(|&place| self.columns.get(place).cloned()).collect(),
        };
        let schema = schema(&wanted);
        let read = Read {
            database: self.database.clone(),
            table: self.table.clone(),
            all: Arc::clone(&self.columns),
            wanted: wanted.into(),
            schema: Arc::clone(&schema),
            limit,
        };
        let exec = StreamingTableExec::try_new(schema, vec![Arc::new(read)], None, [], false, limit)?;
        Ok(Arc::new(exec))
    }
}

/// The reading of some columns.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    database: Database,
    pub(crate) table: String,
    /// The columns that the table had.
    pub(crate) all: Arc<[Column]>,
    pub(crate) wanted: Arc<[Column]>,
    schema: SchemaRef,
    pub(crate) limit: Option<usize>,
}

impl Read {
    /// Refuses a table that has other columns than it had.
    pub(crate) fn check<'a>(&self, now: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<()> {
        let now: Vec<_> = now.into_iter().collect();
        let then = self.all.iter().map(|column| (column.name.as_str(), column.declared.as_str()));
        if then.eq(now.iter().copied()) {
            return Ok(());
        }
        let found = now.iter().map(|(name, declared)| format!("`{name}` {declared}").trim_end().to_owned());
        Err(Error::ColumnsChanged {
            database: self.database.to_string(),
            table: self.table.clone(),
            expected: self.all.iter().map(Column::in_words).collect::<Vec<_>>().join(", "),
            found: found.collect::<Vec<_>>().join(", "),
        })
    }

    async fn run(self, batch_rows: usize, out: Sender<DFResult<RecordBatch>>) -> DFResult<()> {
        let name = self.database.to_string();
        let mut batches = Batches::new((&name, &self.table), &self.wanted, batch_rows, &out);
        match &self.database {
            Database::Sqlite(file) => sqlite::read(file, &self, &mut batches).await,
            Database::MySql(server) => mysql::read(server, &self, &mut batches).await,
        }
    }
}

impl PartitionStream for Read {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, ctx: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), WAITING);
        let out = stream.tx();
        stream.spawn(self.clone().run(ctx.session_config().batch_size(), out));
        stream.build()
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => file.fmt(f),
            Self::MySql(server) => server.fmt(f),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}
