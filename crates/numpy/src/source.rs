// SPDX-License-Identifier: Apache-2.0
//! The scan of arrays, as the query engine knows it.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DFResult;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::{DisplayFormatType, PhysicalExpr, apply_expression_roots};
use object_store::ObjectStore;

use crate::arrays::{Arrays, Kind};
use crate::column::{Column, schema};
use crate::opener::{ArrayOpener, Reading};

/// Reads arrays as columns: one file stands for all of them, its byte range for
/// as much of their rows.
///
/// * Only the arrays that are asked for are read.
/// * Files are never split further: the plan has split them already.
#[derive(Clone, Debug)]
pub(crate) struct ArraySource {
    kind: Kind,
    columns: Arc<[Column]>,
    rows: u64,
    table_schema: TableSchema,
    projection: SplitProjection,
    metrics: ExecutionPlanMetricsSet,
}

impl ArraySource {
    pub(crate) fn new(kind: Kind, arrays: &Arrays) -> Self {
        let table_schema = TableSchema::builder(schema(&arrays.columns)).build();
        Self {
            kind,
            columns: arrays.columns.clone().into(),
            rows: arrays.rows,
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// The columns that are read.
    fn read(&self) -> impl Iterator<Item = &Column> {
        self.projection.file_indices.iter().filter_map(|&place| self.columns.get(place))
    }
}

impl FileSource for ArraySource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> DFResult<Arc<dyn FileOpener>> {
        let reading = Reading {
            columns: self.read().cloned().collect(),
            schema: Arc::new(self.table_schema.file_schema().project(&self.projection.file_indices)?),
            bytes_scanned: MetricBuilder::new(&self.metrics).counter("bytes_scanned", partition),
        };
        let opener = ArrayOpener { store: object_store, rows: self.rows, limit: config.limit, reading };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), self.table_schema.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, _: usize) -> Arc<dyn FileSource> {
        // Blocks are sized by bytes: a fixed number of rows is too much of wide vectors.
        Arc::new(self.clone())
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &'static str {
        match self.kind {
            Kind::Npy => "npy",
            Kind::Npz => "npz",
        }
    }

    fn fmt_extra(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrays = self.read().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        match format {
            DisplayFormatType::TreeRender => writeln!(f, "arrays={arrays}"),
            _ => write!(f, ", arrays=[{arrays}]"),
        }
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> DFResult<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.table_schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DFResult<TreeNodeRecursion>,
    ) -> DFResult<TreeNodeRecursion> {
        apply_expression_roots(self.projection.source.iter(), f)
    }
}
