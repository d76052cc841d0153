// SPDX-License-Identifier: Apache-2.0
//! The target as SQL tables: the schema `milvus2x`.
//!
//! | table | one row for each | columns |
//! |---|---|---|
//! | `collections` | collection | `collection`, `description`, `shards`, `loaded_percent` (NULL when it is not in memory), `stored_rows`, `live_rows` |
//! | `fields` | field | `collection`, `field`, `type`, `dimension`, `max_length`, `is_primary`, `auto_id` |
//! | `partitions` | partition | `collection`, `partition`, `stored_rows`, `live_rows` |
//! | `indexes` | index | `collection`, `field`, `index_name`, `index_type`, `metric`, `params`, `state`, `indexed_rows`, `total_rows` |
//!
//! `stored_rows` is what the server has written to its storage, deleted rows
//! among them until it compacts; `live_rows` is a count at strong consistency,
//! NULL where the collection is not loaded or the server cannot count (2.2).
//! A column that is not asked for is not asked of the server either.
//!
//! The server is connected to by the first scan, never by a listing of tables,
//! and each scan asks it again.

mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{MemTable, SchemaProvider, Session, TableProvider};
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use m2m_datasource::CATALOG;
use m2m_milvus::{Client, ConnectOptions};
use tokio::sync::OnceCell;

use crate::error::{Error, Result};

/// Name of the schema with what Milvus 2.x holds.
pub const MILVUS2X: &str = "milvus2x";

/// Adds the schema [`MILVUS2X`] to the installation's catalog of a session.
///
/// # Errors
///
/// When the session has no installation registered.
pub fn register_milvus2x(ctx: &SessionContext, options: ConnectOptions) -> Result<()> {
    let catalog = ctx.catalog(CATALOG);
    let catalog =
        catalog.ok_or_else(|| Error::from(DataFusionError::Internal(format!("no catalog `{CATALOG}`"))))?;
    let server = Arc::new(Server { options, client: OnceCell::new() });
    let tables = rows::Kind::ALL.map(|kind| {
        let schema = rows::schema(kind);
        Arc::new(TargetTable { server: Arc::clone(&server), kind, schema })
    });
    catalog.register_schema(MILVUS2X, Arc::new(TargetSchema { tables }))?;
    Ok(())
}

/// A server that is connected to when it is first asked.
struct Server {
    options: ConnectOptions,
    client: OnceCell<Client>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

impl Server {
    async fn client(&self) -> m2m_milvus::Result<&Client> {
        self.client.get_or_try_init(|| Client::connect(&self.options)).await
    }
}

/// The schema.
#[derive(Debug)]
struct TargetSchema {
    tables: [Arc<TargetTable>; 4],
}

impl TargetSchema {
    fn find(&self, name: &str) -> Option<&Arc<TargetTable>> {
        self.tables.iter().find(|table| table.kind.name().eq_ignore_ascii_case(name))
    }
}

#[async_trait]
impl SchemaProvider for TargetSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.iter().map(|table| table.kind.name().to_owned()).collect()
    }

    async fn table(&self, name: &str) -> DFResult<Option<Arc<dyn TableProvider>>> {
        Ok(self.find(name).map(|table| Arc::clone(table) as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}

/// A table whose rows are asked of the server when it is scanned.
#[derive(Debug)]
struct TargetTable {
    server: Arc<Server>,
    kind: rows::Kind,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for TargetTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        let asked = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let is_asked = |name: &str| Schema::index_of(&asked, name).is_ok();
        let rows = match self.server.client().await {
            Ok(client) => rows::read(self.kind, client, is_asked).await,
            Err(error) => Err(error),
        };
        let rows = rows.map_err(|error| DataFusionError::External(Box::new(Error::from(error))))?;
        let table = MemTable::try_new(Arc::clone(&self.schema), vec![vec![rows.batch(&self.schema)?]])?;
        table.scan(state, projection, filters, limit).await
    }
}
