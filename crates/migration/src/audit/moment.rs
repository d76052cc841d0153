// SPDX-License-Identifier: Apache-2.0
//! The installation at one moment: segments' headers are read once for all checks.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result as DFResult;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlanBuilder, TableType};
use datafusion::prelude::DataFrame;
use tokio::sync::OnceCell;

/// The table whose rows come from the headers of all segments.
const SEGMENTS: &str = "segments";

/// The schema `meta`, whose table [`SEGMENTS`] is read when it is first asked for, and kept.
#[derive(Debug)]
pub(super) struct Moment {
    meta: Arc<dyn SchemaProvider>,
    state: SessionState,
    segments: OnceCell<Arc<MemTable>>,
}

impl Moment {
    pub(super) fn new(meta: Arc<dyn SchemaProvider>, state: SessionState) -> Self {
        Self { meta, state, segments: OnceCell::new() }
    }

    async fn read(&self, table: Arc<dyn TableProvider>) -> DFResult<Arc<MemTable>> {
        let schema = table.schema();
        let rows = LogicalPlanBuilder::scan(SEGMENTS, provider_as_source(table), None)?.build()?;
        let rows = DataFrame::new(self.state.clone(), rows).collect_partitioned().await?;
        Ok(Arc::new(MemTable::try_new(schema, rows)?))
    }
}

#[async_trait]
impl SchemaProvider for Moment {
    fn table_names(&self) -> Vec<String> {
        self.meta.table_names()
    }

    async fn table(&self, name: &str) -> DFResult<Option<Arc<dyn TableProvider>>> {
        let Some(table) = self.meta.table(name).await? else { return Ok(None) };
        if !name.eq_ignore_ascii_case(SEGMENTS) {
            return Ok(Some(table));
        }
        let segments = self.segments.get_or_try_init(|| self.read(table)).await?;
        Ok(Some(Arc::clone(segments) as Arc<dyn TableProvider>))
    }

    async fn table_type(&self, name: &str) -> DFResult<Option<TableType>> {
        self.meta.table_type(name).await
    }

    fn table_exist(&self, name: &str) -> bool {
        self.meta.table_exist(name)
    }
}
