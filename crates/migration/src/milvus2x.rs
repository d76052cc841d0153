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
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::prelude::SessionContext;
use m2m_milvus::{Client, ConnectOptions};
use tokio::sync::OnceCell;

use crate::error::Result;
use crate::tables::{self, Answers, Row};

/// Name of the schema with what Milvus 2.x holds.
pub const MILVUS2X: &str = "milvus2x";

/// Adds the schema [`MILVUS2X`] to the installation's catalog of a session.
///
/// # Errors
///
/// When the session has no installation registered.
pub fn register_milvus2x(ctx: &SessionContext, options: ConnectOptions) -> Result<()> {
    let server = Arc::new(LazyClient::new(options));
    let table = |kind| Arc::new(TargetTable { server: Arc::clone(&server), kind }) as Arc<dyn Answers>;
    tables::register(ctx, MILVUS2X, rows::Kind::ALL.into_iter().map(table).collect())
}

/// A server that is connected to when it is first asked.
pub(crate) struct LazyClient {
    options: ConnectOptions,
    client: OnceCell<Client>,
}

impl std::fmt::Debug for LazyClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LazyClient")
    }
}

impl LazyClient {
    pub(crate) fn new(options: ConnectOptions) -> Self {
        Self { options, client: OnceCell::new() }
    }

    /// Connects at the first call; one that failed is tried again.
    pub(crate) async fn client(&self) -> m2m_milvus::Result<&Client> {
        self.client.get_or_try_init(|| Client::connect(&self.options)).await
    }
}

/// A table whose rows are asked of the server when it is scanned.
#[derive(Debug)]
struct TargetTable {
    server: Arc<LazyClient>,
    kind: rows::Kind,
}

#[async_trait]
impl Answers for TargetTable {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn columns(&self) -> &'static [(&'static str, DataType)] {
        self.kind.columns()
    }

    async fn rows(&self, asked: &Schema) -> Result<Vec<Row>> {
        let is_asked = |name: &str| asked.index_of(name).is_ok();
        Ok(rows::read(self.kind, self.server.client().await?, is_asked).await?)
    }
}
