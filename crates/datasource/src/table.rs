// SPDX-License-Identifier: Apache-2.0
//! A collection as a table.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::{and, prep_null_mask_filter};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::scalar::ScalarValue;
use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_catalog::Collection;
use tokio::sync::OnceCell;

use crate::error::Result;
use crate::file_source::SegmentSource;
use crate::piece::{Piece, range_of_rows, share_out};
use crate::schema::{PARTITION_TAG, SEGMENT_ID, scan_projection, scan_schema, shown_schema};
use crate::stats::{self, Roots, SegmentStats, base_of};

/// Segments whose vectors are checked at once.
const CONCURRENT: usize = 16;

/// A collection as a table of its live rows.
///
/// * Filters over `partition_tag` and `segment_id` are evaluated at planning:
///   segments that do not match are not in the plan.
/// * The number of rows of a plan is exact, so an unfiltered `count(*)` reads
///   no more than headers.
#[derive(Debug)]
pub struct CollectionTable {
    collection: Collection,
    roots: Roots,
    scan_schema: TableSchema,
    schema: SchemaRef,
    segments: OnceCell<Arc<[SegmentStats]>>,
}

impl CollectionTable {
    pub(crate) fn new(collection: Collection, roots: Roots) -> Self {
        let scan_schema = scan_schema(collection.layout);
        let schema = shown_schema(&scan_schema);
        Self { collection, roots, scan_schema, schema, segments: OnceCell::new() }
    }

    /// Returns the collection as its metadata describes it.
    #[must_use]
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    /// Returns what the headers of all live segments say, in order of partitions
    /// and segments. They are read once.
    ///
    /// # Errors
    ///
    /// When a file is missing or its length contradicts its header.
    pub async fn segments(&self) -> Result<Arc<[SegmentStats]>> {
        let read = async || stats::read(&self.roots, &self.collection).await.map(Arc::from);
        Ok(Arc::clone(self.segments.get_or_try_init(read).await?))
    }

    /// Makes sure that every live segment has as many vectors as ids.
    ///
    /// # Errors
    ///
    /// When a file of vectors is missing or contradicts its header or the ids.
    pub async fn check_vectors(&self) -> Result<()> {
        let segments = self.segments().await?;
        stream::iter(segments.iter())
            .map(|segment| segment.files.check_vectors(segment.rows, self.collection.layout))
            .buffer_unordered(CONCURRENT)
            .try_collect()
            .await
    }

    /// Returns a plan that reads the named columns of the pieces: one partition
    /// for each group, its pieces in order. The segments must have been read.
    ///
    /// # Errors
    ///
    /// When a column or a segment does not exist.
    pub fn scan_pieces(&self, groups: Vec<Vec<Piece>>, columns: &[&str]) -> DFResult<Arc<dyn ExecutionPlan>> {
        let shown =
            columns.iter().map(|name| Ok(self.schema.index_of(name)?)).collect::<DFResult<Vec<_>>>()?;
        let segments = self.segments.get().cloned().unwrap_or_default();
        self.plan(&segments, groups, Some(&shown), None)
    }

    fn plan(
        &self,
        segments: &[SegmentStats],
        groups: Vec<Vec<Piece>>,
        shown: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        let root = &self.roots.first;
        let source = Arc::new(SegmentSource::new(self.collection.layout, base_of(root)));
        let mut files = Vec::with_capacity(groups.len());
        let mut rows = 0;
        for group in groups {
            let group = group.iter().map(|piece| self.file(segments, piece)).collect::<DFResult<Vec<_>>>()?;
            rows += group.iter().map(|(_, live)| live).sum::<usize>();
            files.push(FileGroup::new(group.into_iter().map(|(file, _)| file).collect()));
        }
        let statistics =
            Statistics::new_unknown(self.scan_schema.table_schema()).with_num_rows(Precision::Exact(rows));
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(root.base_url().as_str())?, source)
            .with_file_groups(files)
            .with_statistics(statistics)
            .with_projection_indices(Some(scan_projection(shown)))?
            .with_limit(limit)
            .with_preserve_order(true)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// The file that stands for a piece, and the piece's live rows.
    fn file(&self, segments: &[SegmentStats], piece: &Piece) -> DFResult<(PartitionedFile, usize)> {
        let segment = segments.get(piece.segment).ok_or_else(|| {
            DataFusionError::Internal(format!("`{}` has no segment {}", self.collection.name, piece.segment))
        })?;
        let text = |text: &str| ScalarValue::Utf8View(Some(text.into()));
        let live = (piece.rows.end - piece.rows.start) - segment.deleted.count_in(piece.rows.clone());
        let live = usize::try_from(live).unwrap_or(usize::MAX);
        let statistics =
            Statistics::new_unknown(self.scan_schema.file_schema()).with_num_rows(Precision::Exact(live));
        let mut file = PartitionedFile::new_from_meta(segment.ids.clone())
            .with_partition_values(vec![text(&segment.partition_tag), text(&segment.segment_id)])
            .with_statistics(Arc::new(statistics));
        if piece.rows != (0..segment.rows) {
            let range = range_of_rows(&piece.rows);
            file = file.with_range(range.start, range.end);
        }
        Ok((file, live))
    }

    /// The segments that the filters let pass, each with its place.
    fn prune<'a>(
        &self,
        state: &dyn Session,
        filters: &[Expr],
        segments: &'a [SegmentStats],
    ) -> DFResult<Vec<(usize, &'a SegmentStats)>> {
        let filters: Vec<&Expr> = filters.iter().filter(|filter| is_constant_in_segment(filter)).collect();
        if filters.is_empty() {
            return Ok(segments.iter().enumerate().collect());
        }
        let schema = Arc::new(Schema::new(self.scan_schema.table_partition_cols().clone()));
        let tags: ArrayRef = Arc::new(StringViewArray::from_iter_values(
            segments.iter().map(|segment| &segment.partition_tag),
        ));
        let ids: ArrayRef =
            Arc::new(StringViewArray::from_iter_values(segments.iter().map(|segment| &segment.segment_id)));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![tags, ids])?;
        let schema = DFSchema::try_from(schema)?;
        let mut passes = None;
        for filter in filters {
            let filter = state.create_physical_expr(filter.clone(), &schema)?;
            let mask = filter.evaluate(&batch)?.into_array(segments.len())?;
            let mask = mask
                .as_boolean_opt()
                .ok_or_else(|| DataFusionError::Internal(format!("filter `{filter}` is no condition")))?;
            // A condition that is neither true nor false lets nothing pass.
            let mask = if mask.null_count() > 0 { prep_null_mask_filter(mask) } else { mask.clone() };
            passes = Some(match passes {
                None => mask,
                Some(before) => and(&before, &mask)?,
            });
        }
        let passes = passes.map(|mask| mask.values().clone());
        let kept = segments.iter().enumerate();
        Ok(kept.filter(|(index, _)| passes.as_ref().is_none_or(|passes| passes.value(*index))).collect())
    }
}

#[async_trait]
impl TableProvider for CollectionTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DFResult<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| match is_constant_in_segment(filter) {
                true => TableProviderFilterPushDown::Exact,
                false => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        let segments = self.segments().await?;
        let kept = self.prune(state, filters, &segments)?;
        let groups = share_out(&kept, state.config().target_partitions());
        if groups.is_empty() {
            let schema = match projection {
                Some(projection) => Arc::new(self.schema.project(projection)?),
                None => Arc::clone(&self.schema),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        self.plan(&segments, groups, projection, limit)
    }
}

/// Whether a filter can be decided for a segment as a whole.
fn is_constant_in_segment(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty()
        && columns.iter().all(|column| column.name == PARTITION_TAG || column.name == SEGMENT_ID)
        && !filter.is_volatile()
}
