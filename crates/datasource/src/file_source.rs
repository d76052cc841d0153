// SPDX-License-Identifier: Apache-2.0
//! The scan of segments, as the query engine knows it.

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
use m2m_segment::VectorLayout;
use object_store::ObjectStore;

use crate::opener::SegmentOpener;
use crate::read_options::{ReadAhead, ReadOptions};
use crate::schema::{FILE_ID, FILE_VECTOR, scan_schema};

/// Reads segments as tables: one file is the `.uid` of a segment, its byte
/// range the rows of a piece; `.rv` and `deleted_docs` are found beside it.
///
/// * Vectors are read only when their column is asked for.
/// * A batch never crosses a segment.
/// * Files are never split further: a split would lose the exact statistics.
#[derive(Clone, Debug)]
pub struct SegmentSource {
    layout: VectorLayout,
    base: Arc<str>,
    ahead: ReadAhead,
    table_schema: TableSchema,
    projection: SplitProjection,
    /// Segments of the plan, and all of the collection; for EXPLAIN alone.
    segments: Option<(usize, usize)>,
    metrics: ExecutionPlanMetricsSet,
}

impl SegmentSource {
    /// Returns a source of vectors of this layout. `base` stands before paths
    /// in messages: `/`, or `s3://bucket/`.
    #[must_use]
    pub fn new(layout: VectorLayout, base: Arc<str>) -> Self {
        let table_schema = scan_schema(layout);
        Self {
            layout,
            base,
            ahead: ReadOptions::default().ahead(false),
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            segments: None,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// Has EXPLAIN say that `kept` of `all` segments are in the plan.
    #[must_use]
    pub fn with_segments(mut self, kept: usize, all: usize) -> Self {
        self.segments = Some((kept, all));
        self
    }

    /// Has each partition read so much at once.
    pub(crate) fn reading(self, ahead: ReadAhead) -> Self {
        Self { ahead, ..self }
    }

    /// What is read of each segment, in words.
    fn reads(&self) -> String {
        let reads = |column| self.projection.file_indices.contains(&column);
        let mut files = vec!["deleted_docs"];
        files.extend(reads(FILE_ID).then_some("ids"));
        files.extend(reads(FILE_VECTOR).then_some("vectors"));
        files.join(", ")
    }
}

impl FileSource for SegmentSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> DFResult<Arc<dyn FileOpener>> {
        let columns = self.projection.file_indices.clone();
        let opener = SegmentOpener {
            store: object_store,
            base: Arc::clone(&self.base),
            layout: self.layout,
            ahead: self.ahead,
            schema: Arc::new(self.table_schema.file_schema().project(&columns)?),
            columns,
            limit: config.limit,
            bytes_scanned: MetricBuilder::new(&self.metrics).counter("bytes_scanned", partition),
        };
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
        "segment"
    }

    fn fmt_extra(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segments = self.segments.map(|(kept, all)| format!("{kept} of {all}"));
        if format == DisplayFormatType::TreeRender {
            writeln!(f, "reads={}", self.reads())?;
            return segments.map_or(Ok(()), |segments| writeln!(f, "segments={segments}"));
        }
        write!(f, ", reads=[{}]", self.reads())?;
        segments.map_or(Ok(()), |segments| write!(f, ", segments={segments}"))
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
