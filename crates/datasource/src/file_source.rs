// SPDX-License-Identifier: Apache-2.0
//! The scan of segments, as the query engine knows it.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::config::ConfigOptions;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DFResult;
use datafusion::physical_expr::conjunction;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::fmt_sql;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::{DisplayFormatType, PhysicalExpr, apply_expression_roots};
use m2m_segment::VectorLayout;
use object_store::ObjectStore;

use crate::block::BlockMemory;
use crate::excluded::Hidden;
use crate::opener::SegmentOpener;
use crate::pushdown::can_take;
use crate::read_options::{ReadAhead, ReadOptions};
use crate::schema::{FILE_ID, FILE_VECTOR, Shown, scan_schema};

/// Reads segments as tables: one file is the `.uid` of a segment, its byte
/// range the rows of a piece; `.rv` and `deleted_docs` are found beside it.
///
/// * Vectors are read only when their column is asked for, and where a filter
///   needs none of them, only those of the rows that pass.
/// * A batch never crosses a segment.
/// * Files are never split further: a split would lose the exact statistics.
#[derive(Clone, Debug)]
pub struct SegmentSource {
    layout: VectorLayout,
    shown: Shown,
    base: Arc<str>,
    ahead: ReadAhead,
    /// Rows that are left out beside deleted ones.
    hidden: Hidden,
    table_schema: TableSchema,
    projection: SplitProjection,
    /// Rows that do not pass are not read further than their ids.
    predicate: Option<Arc<dyn PhysicalExpr>>,
    /// Segments of the plan, and all of the collection; for EXPLAIN alone.
    segments: Option<(usize, usize)>,
    metrics: ExecutionPlanMetricsSet,
}

impl SegmentSource {
    /// Returns a source of vectors of this layout. `base` stands before paths
    /// in messages: `/`, or `s3://bucket/`.
    #[must_use]
    pub fn new(layout: VectorLayout, base: Arc<str>) -> Self {
        Self::of(layout, Shown::Live, base)
    }

    pub(crate) fn of(layout: VectorLayout, shown: Shown, base: Arc<str>) -> Self {
        let table_schema = scan_schema(layout, shown);
        Self {
            layout,
            shown,
            base,
            ahead: ReadOptions::default().ahead(false),
            hidden: Hidden::default(),
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            predicate: None,
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

    /// Leaves out rows beside the deleted ones.
    pub(crate) fn hiding(self, hidden: Hidden) -> Self {
        Self { hidden, ..self }
    }

    /// Layout, shown rows, reading and left out rows.
    pub(crate) fn parts(&self) -> (VectorLayout, Shown, ReadAhead, &Hidden) {
        (self.layout, self.shown, self.ahead, &self.hidden)
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn segments(&self) -> Option<(usize, usize)> {
        self.segments
    }

    pub(crate) fn with_parts(
        self,
        predicate: Option<Arc<dyn PhysicalExpr>>,
        segments: Option<(usize, usize)>,
    ) -> Self {
        Self { predicate, segments, ..self }
    }

    /// What is read of each segment, in words.
    fn reads(&self) -> String {
        let reads = |column| self.projection.file_indices.contains(&column);
        let filters = |column| self.predicate.as_ref().is_some_and(|predicate| names(predicate, column));
        let mut files = vec!["deleted_docs"];
        files.extend((reads(FILE_ID) || filters(FILE_ID)).then_some("ids"));
        if reads(FILE_VECTOR) {
            files.push(if self.predicate.is_some() { "vectors of matching rows" } else { "vectors" });
        }
        files.join(", ")
    }
}

/// Whether an expression over the scan's columns names one of them.
fn names(expression: &Arc<dyn PhysicalExpr>, column: usize) -> bool {
    collect_columns(expression).iter().any(|named| named.index() == column)
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
            shown: self.shown,
            ahead: self.ahead,
            hidden: self.hidden.clone(),
            predicate: self.predicate.clone(),
            table_schema: Arc::clone(self.table_schema.table_schema()),
            schema: Arc::new(self.table_schema.file_schema().project(&columns)?),
            columns,
            limit: config.limit,
            memory: BlockMemory::default(),
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
            if let Some(predicate) = &self.predicate {
                writeln!(f, "predicate={}", fmt_sql(predicate.as_ref()))?;
            }
            if self.hidden.rows > 0 {
                writeln!(f, "left_out={}", self.hidden.rows)?;
            }
            writeln!(f, "reads={}", self.reads())?;
            return segments.map_or(Ok(()), |segments| writeln!(f, "segments={segments}"));
        }
        if let Some(predicate) = &self.predicate {
            write!(f, ", predicate={predicate}")?;
        }
        if self.hidden.rows > 0 {
            write!(f, ", left_out={}", self.hidden.rows)?;
        }
        write!(f, ", reads=[{}]", self.reads())?;
        segments.map_or(Ok(()), |segments| write!(f, ", segments={segments}"))
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.predicate.clone()
    }

    /// Takes over every filter that needs no vector and cannot fail: rows that it
    /// does not let pass cost the reading of their ids.
    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> DFResult<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let (mut answers, mut taken) = (Vec::with_capacity(filters.len()), Vec::new());
        for filter in filters {
            let takes = can_take(&filter, self.table_schema.table_schema());
            answers.push(if takes { PushedDown::Yes } else { PushedDown::No });
            taken.extend(takes.then_some(filter));
        }
        let answer = FilterPushdownPropagation::with_parent_pushdown_result(answers);
        if taken.is_empty() {
            return Ok(answer);
        }
        let predicate = Some(conjunction(self.predicate.iter().cloned().chain(taken)));
        Ok(answer.with_updated_node(Arc::new(Self { predicate, ..self.clone() })))
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
        apply_expression_roots(self.projection.source.iter().map(|one| &one.expr).chain(&self.predicate), f)
    }
}
