// SPDX-License-Identifier: Apache-2.0
//! What becomes of each collection in Milvus 2.x, as SQL tables: the schema
//! `mapping`.
//!
//! | table | one row for each | columns |
//! |---|---|---|
//! | `server` | – | `milvus` (the version), `is_assumed` |
//! | `collections` | collection | `collection`, `target_name`, `dimension`, `metric`, `target_metric`, `metric_note`, `engine`, `index_params`, `target_index`, `target_params`, `index_note`, `partitions`, `live_rows`, `live_bytes`, `import_files`, `import_jobs`, `dump_seconds`, `load_seconds`, `unreadable_segments`, `duplicates`, `invalid_vectors`, `ip_to_cosine`, `filter` (as they are chosen) |
//! | `partitions` | partition | `collection`, `partition_tag`, `target_name`, `is_renamed`, `collides` |
//! | `problems` | reason why the server cannot have a collection | `collection`, `problem`, `remedy` |
//!
//! A note says how something differs from what it was, and is NULL where it does
//! not. `target_metric` is NULL where the server has no such metric,
//! `target_index` where none is built, and the name of a partition where a
//! partition key decides. `live_bytes` are those of ids and vectors. Two tags
//! collide when their names would be one but for a suffix.
//!
//! Collections are taken whole: conditions, queries and rows that a migration
//! would leave out change nothing here; names, fields, formats, partitions,
//! metrics and indexes are those that a [`Selection`] chooses. Seconds are
//! estimates, not rounded, so that their sum is one of all collections.
//!
//! Live rows are those of the segments whose files are whole; the others are
//! counted in `unreadable_segments` and end nothing. Headers of segments are read
//! by the first scan of `collections` or `problems`, once; a configured server is
//! asked for its version by the first scan that depends on it.

mod outlook;
mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::prelude::SessionContext;
use m2m_datasource::{ReadableSegments, Source};
use m2m_milvus::{ConnectOptions, ServerVersion};
use tokio::sync::OnceCell;

use crate::error::Result;
use crate::milvus2x::LazyClient;
use crate::report::ASSUMED_VERSION;
use crate::settings::{DumpSettings, Selection};
use crate::tables::{self, Answers, Row};
pub(crate) use outlook::Outlook;

/// Name of the schema with what becomes of each collection.
pub const MAPPING: &str = "mapping";

/// The server that collections are mapped for.
#[derive(Clone, Debug)]
pub enum MappingServer {
    /// None is named: one of version 2.3 is assumed.
    Assumed,
    /// A server that is asked for its version when a table is first scanned.
    Configured(Box<ConnectOptions>),
}

/// Adds the schema [`MAPPING`] to the installation's catalog of a session. All
/// collections are in it, whatever is selected.
///
/// # Errors
///
/// When the session has no installation registered.
pub fn register_mapping(
    ctx: &SessionContext,
    source: &Source,
    server: MappingServer,
    selection: &Selection,
    dumping: &DumpSettings,
) -> Result<()> {
    let server = match server {
        MappingServer::Assumed => Server::Assumed(ServerVersion::parse(ASSUMED_VERSION)),
        MappingServer::Configured(options) => Server::Configured(Box::new(LazyClient::new(*options))),
    };
    Facts::new(source, server, selection, dumping).register(ctx)
}

/// What all tables are made of.
#[derive(Debug)]
pub(crate) struct Facts {
    source: Source,
    server: Server,
    selection: Selection,
    dumping: DumpSettings,
    /// Of each collection, in the order of the inventory.
    segments: OnceCell<Vec<ReadableSegments>>,
}

#[derive(Debug)]
enum Server {
    Assumed(ServerVersion),
    Configured(Box<LazyClient>),
}

impl Facts {
    /// Those of a server that can be asked later.
    pub(crate) fn assumed(source: &Source, selection: &Selection, dumping: &DumpSettings) -> Self {
        let server = Server::Assumed(ServerVersion::parse(ASSUMED_VERSION));
        Self::new(source, server, selection, dumping)
    }

    fn new(source: &Source, server: Server, selection: &Selection, dumping: &DumpSettings) -> Self {
        let (selection, dumping) = (selection.clone(), dumping.clone());
        Self { source: source.clone(), server, selection, dumping, segments: OnceCell::new() }
    }

    /// What becomes of every collection on a server of some version, or of the one that is known.
    pub(crate) async fn outlooks(&self, version: Option<&ServerVersion>) -> Result<Vec<Outlook<'_>>> {
        let version = match version {
            Some(version) => version,
            None => self.version().await?,
        };
        outlook::of_all(self, version).await
    }

    fn register(self, ctx: &SessionContext) -> Result<()> {
        let facts = Arc::new(self);
        let table = |kind| Arc::new(MappingTable { facts: Arc::clone(&facts), kind }) as Arc<dyn Answers>;
        tables::register(ctx, MAPPING, rows::Kind::ALL.into_iter().map(table).collect())
    }

    async fn version(&self) -> Result<&ServerVersion> {
        match &self.server {
            Server::Assumed(version) => Ok(version),
            Server::Configured(server) => Ok(server.client().await?.version()),
        }
    }

    async fn segments(&self) -> &[ReadableSegments] {
        self.segments.get_or_init(|| self.source.readable_segments()).await
    }
}

#[derive(Debug)]
struct MappingTable {
    facts: Arc<Facts>,
    kind: rows::Kind,
}

#[async_trait]
impl Answers for MappingTable {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn columns(&self) -> &'static [(&'static str, DataType)] {
        self.kind.columns()
    }

    async fn rows(&self, _: &Schema) -> Result<Vec<Row>> {
        rows::of(self.kind, &self.facts).await
    }
}

#[cfg(test)]
mod tests;
