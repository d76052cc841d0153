// SPDX-License-Identifier: Apache-2.0
//! The schema with what the metadata says.

pub(crate) mod rows;
pub(crate) mod segments;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::error::Result as DFResult;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::fixed_schema::FixedSchema;
use crate::source::Inner;

/// The tables of the schema, by name.
const TABLES: [(&str, MetaKind); 10] = [
    ("collections", MetaKind::Collections),
    ("environment", MetaKind::Environment),
    ("fields", MetaKind::Fields),
    ("files", MetaKind::Files),
    ("partitions", MetaKind::Partitions),
    ("problems", MetaKind::Problems),
    ("segments", MetaKind::Segments),
    ("server", MetaKind::Server),
    ("tables", MetaKind::Tables),
    ("wal", MetaKind::Wal),
];

#[derive(Clone, Copy, Debug)]
enum MetaKind {
    Collections,
    Environment,
    Fields,
    Files,
    Partitions,
    Problems,
    Segments,
    Server,
    Tables,
    Wal,
}

/// The schema `meta`.
pub(crate) fn schema(source: &Arc<Inner>) -> FixedSchema {
    let table = |kind: MetaKind| MetaTable { source: Arc::clone(source), kind, schema: kind.schema() };
    FixedSchema::new(TABLES.iter().map(|(name, kind)| (*name, Arc::new(table(*kind)) as _)).collect())
}

/// A table whose rows are made when it is scanned.
#[derive(Debug)]
struct MetaTable {
    source: Arc<Inner>,
    kind: MetaKind,
    schema: SchemaRef,
}

impl MetaKind {
    fn schema(self) -> SchemaRef {
        match self {
            Self::Collections => rows::collections(&[]),
            Self::Environment => rows::environment(&[]),
            Self::Fields => rows::fields(&[]),
            Self::Files => rows::files(&[]),
            Self::Partitions => rows::partitions(&[]),
            Self::Problems => rows::problems(&[]),
            Self::Segments => segments::segments(&[]),
            Self::Server => rows::server(None),
            Self::Tables => rows::tables(&[]),
            Self::Wal => rows::wal(&[]),
        }
        .map_or_else(|_| Arc::new(Schema::empty()), |batch| batch.schema())
    }
}

impl MetaTable {
    async fn rows(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
    ) -> DFResult<RecordBatch> {
        let inventory = &self.source.inventory;
        match self.kind {
            MetaKind::Collections => rows::collections(&inventory.collections),
            MetaKind::Environment => rows::environment(&inventory.environment),
            MetaKind::Fields => rows::fields(&self.source.findings.fields),
            MetaKind::Files => rows::files(&inventory.files),
            MetaKind::Partitions => rows::partitions(&inventory.collections),
            MetaKind::Problems => rows::problems(&self.source.findings.problems),
            MetaKind::Server => {
                let metadata = &self.source.metadata;
                rows::server(Some((metadata, &metadata.server_signs().await)))
            }
            MetaKind::Segments => {
                let mut rows = segments::known(&self.source);
                if segments::needs_files(&self.schema, projection) {
                    segments::prune(&mut rows, state, filters)?;
                    rows = segments::read(&self.source, rows).await;
                }
                segments::segments(&rows)
            }
            MetaKind::Tables => rows::tables(&inventory.tables),
            MetaKind::Wal => rows::wal(&inventory.unflushed),
        }
    }
}

#[async_trait]
impl TableProvider for MetaTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DFResult<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match self.kind {
            MetaKind::Segments if segments::is_of_metadata(filter) => TableProviderFilterPushDown::Inexact,
            _ => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        let rows = self.rows(state, projection, filters).await?;
        let table = MemTable::try_new(rows.schema(), vec![vec![rows]])?;
        table.scan(state, projection, filters, limit).await
    }
}

#[cfg(test)]
mod tests;
