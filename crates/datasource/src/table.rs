// SPDX-License-Identifier: Apache-2.0
//! A collection as a table.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::scalar::ScalarValue;
use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_catalog::Collection;
use tokio::sync::OnceCell;

use crate::error::Result;
use crate::excluded::{ExcludedRows, Hidden};
use crate::file_source::SegmentSource;
use crate::piece::{Piece, range_of_rows, share_out};
use crate::prune;
use crate::roots::Roots;
use crate::schema::{FILE_ID, ID, Shown, VECTOR, scan_projection, scan_schema, shown_schema};
use crate::stats::{self, SegmentStats};

/// Bytes of ids that are read while a query over them alone is planned: what
/// 8 million rows have.
const RANGED_BYTES: u64 = 64 << 20;

/// A collection as a table of its live rows.
///
/// * Filters over `partition_tag` and `segment_id` are evaluated at planning:
///   segments that do not match are not in the plan.
/// * Filters that need no vector are evaluated by the scan, which then reads the
///   vectors of the rows that pass and no others.
/// * The number of rows of a plan is exact, so an unfiltered `count(*)` reads
///   no more than headers.
/// * The smallest and the largest id are exact too where a query over ids alone
///   is about up to 8 million rows on this machine: they are read once, and
///   `min(id)` and `max(id)` are constants then. Once they are known, filters over
///   ids leave segments out of the plan.
#[derive(Debug)]
pub struct CollectionTable {
    collection: Collection,
    roots: Arc<Roots>,
    shown: Shown,
    scan_schema: TableSchema,
    schema: SchemaRef,
    segments: Arc<OnceCell<Arc<[SegmentStats]>>>,
    hidden: Hidden,
}

impl CollectionTable {
    pub(crate) fn new(collection: Collection, roots: Arc<Roots>) -> Self {
        Self::showing(Shown::Live, collection, roots, Arc::default())
    }

    /// The same collection as a table of its stored rows, the deleted ones among them.
    pub(crate) fn stored(&self) -> Self {
        Self::showing(
            Shown::Stored,
            self.collection.clone(),
            Arc::clone(&self.roots),
            Arc::clone(&self.segments),
        )
    }

    /// The live rows of some segments of a collection, whose headers are known.
    pub(crate) fn of_segments(
        collection: Collection,
        roots: Arc<Roots>,
        segments: impl Into<Arc<[SegmentStats]>>,
    ) -> Self {
        let segments = Arc::new(OnceCell::new_with(Some(segments.into())));
        Self::showing(Shown::Live, collection, roots, segments)
    }

    fn showing(
        shown: Shown,
        collection: Collection,
        roots: Arc<Roots>,
        segments: Arc<OnceCell<Arc<[SegmentStats]>>>,
    ) -> Self {
        let scan_schema = scan_schema(collection.layout, shown);
        let schema = shown_schema(&scan_schema, shown);
        Self { collection, roots, shown, scan_schema, schema, segments, hidden: Hidden::default() }
    }

    /// Returns the same table without some rows: they count as deleted in
    /// [`CollectionTable::segments`], and in all that is planned and scanned.
    ///
    /// # Errors
    ///
    /// When a row does not exist, or the headers of the segments cannot be read.
    pub async fn excluding(&self, rows: &ExcludedRows) -> Result<Self> {
        let segments = self.segments().await?;
        let (hidden, segments) = self.hidden.with(rows, &segments, &self.collection.name)?;
        let segments = Arc::new(OnceCell::new_with(Some(segments.into())));
        let (collection, roots) = (self.collection.clone(), Arc::clone(&self.roots));
        Ok(Self { hidden, ..Self::showing(self.shown, collection, roots, segments) })
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

    /// Where its segments are.
    pub(crate) fn roots(&self) -> Arc<Roots> {
        Arc::clone(&self.roots)
    }

    /// Whether both are tables of one collection with the same columns.
    pub(crate) fn is_same_kind(&self, other: &Self) -> bool {
        self.shown == other.shown && self.collection.name == other.collection.name
    }

    /// Makes sure that every live segment has as many vectors as ids.
    ///
    /// # Errors
    ///
    /// When a file of vectors is missing or contradicts its header or the ids.
    pub async fn check_vectors(&self) -> Result<()> {
        let segments = self.segments().await?;
        self.check_vectors_of(segments.iter()).await
    }

    /// Makes sure that segments have as many vectors as ids; the first that has not is named.
    async fn check_vectors_of(&self, segments: impl Iterator<Item = &SegmentStats>) -> Result<()> {
        let layout = self.collection.layout;
        let checks: Vec<_> =
            segments.map(|segment| segment.files.check_vectors(segment.rows, layout)).collect();
        stream::iter(checks).buffered(self.roots.headers_at_once()).try_collect().await
    }

    /// Returns a plan that reads the named columns of the pieces: one partition
    /// for each group, its pieces in order. The segments must have been read.
    ///
    /// # Errors
    ///
    /// When a column, a segment or a row does not exist.
    pub fn scan_pieces(&self, groups: Vec<Vec<Piece>>, columns: &[&str]) -> DFResult<Arc<dyn ExecutionPlan>> {
        let shown =
            columns.iter().map(|name| Ok(self.schema.index_of(name)?)).collect::<DFResult<Vec<_>>>()?;
        let segments = self.segments.get().cloned().unwrap_or_default();
        let named: BTreeSet<usize> = groups.iter().flatten().map(|piece| piece.segment).collect();
        self.plan(&segments, named.len(), groups, Some(&shown), None, None)
    }

    /// The smallest and the largest id of some segments, when a query asks for
    /// nothing but ids and they are few enough to be read while planning.
    async fn id_range(
        &self,
        segments: &[(usize, &SegmentStats)],
        asked: &Schema,
    ) -> Result<Option<(i64, i64)>> {
        let is_id_alone = asked.fields().len() == 1 && asked.column_with_name(ID).is_some();
        let bytes: u64 = segments.iter().map(|(_, segment)| segment.ids.size).sum();
        if !is_id_alone || bytes > RANGED_BYTES || self.roots.is_remote() || self.shown == Shown::Stored {
            return Ok(None);
        }
        let ranges: Vec<_> = segments.iter().map(|(_, segment)| segment.id_range()).collect();
        let ranges: Vec<Option<(i64, i64)>> =
            stream::iter(ranges).buffered(self.roots.headers_at_once()).try_collect().await?;
        let ranges = ranges.into_iter().flatten();
        Ok(ranges.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))))
    }

    fn plan(
        &self,
        segments: &[SegmentStats],
        kept: usize,
        groups: Vec<Vec<Piece>>,
        shown: Option<&Vec<usize>>,
        limit: Option<usize>,
        id_range: Option<(i64, i64)>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        let source = SegmentSource::of(self.collection.layout, self.shown, self.roots.base());
        let source = source.with_segments(kept, segments.len()).reading(self.roots.read_ahead());
        let source = Arc::new(source.hiding(self.hidden.clone()));
        let mut files = Vec::with_capacity(groups.len());
        let mut rows = 0;
        for group in groups {
            let group = group.iter().map(|piece| self.file(segments, piece)).collect::<DFResult<Vec<_>>>()?;
            rows += group.iter().map(|(_, rows)| rows).sum::<usize>();
            // A group says nothing of its rows: a filter that comes later would not be counted in.
            files.push(FileGroup::new(group.into_iter().map(|(file, _)| file).collect()));
        }
        let config = FileScanConfigBuilder::new(self.roots.url().clone(), source)
            .with_file_groups(files)
            .with_statistics(with_range(statistics(self.scan_schema.table_schema(), rows), id_range))
            .with_projection_indices(Some(scan_projection(self.shown, shown)))?
            .with_limit(limit)
            .with_preserve_order(true)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// The file that stands for a piece, and the rows of the piece that are shown.
    fn file(&self, segments: &[SegmentStats], piece: &Piece) -> DFResult<(PartitionedFile, usize)> {
        let segment = segments.get(piece.segment).filter(|segment| {
            // A piece beyond the rows would be read as less than was promised.
            piece.rows.start <= piece.rows.end && piece.rows.end <= segment.rows
        });
        let segment = segment.ok_or_else(|| {
            DataFusionError::Internal(format!("`{}` has no rows {piece:?}", self.collection.name))
        })?;
        let text = |text: &str| ScalarValue::Utf8View(Some(text.into()));
        let hidden = match self.shown {
            Shown::Live => segment.deleted.count_in(piece.rows.clone()),
            Shown::Stored => 0,
        };
        let rows = (piece.rows.end - piece.rows.start) - hidden;
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let mut file = PartitionedFile::new_from_meta(segment.ids.clone())
            .with_partition_values(vec![text(&segment.partition_tag), text(&segment.segment_id)])
            .with_statistics(Arc::new(statistics(self.scan_schema.file_schema(), rows)));
        if piece.rows != (0..segment.rows) {
            let range = range_of_rows(&piece.rows);
            file = file.with_range(range.start, range.end);
        }
        Ok((file, rows))
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
        Ok(filters.iter().map(|filter| prune::support(filter)).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DFResult<Arc<dyn ExecutionPlan>> {
        let segments = self.segments().await?;
        let kept = prune::prune(state, filters, &segments, self.shown)?;
        let schema = match projection {
            Some(projection) => Arc::new(self.schema.project(projection)?),
            None => Arc::clone(&self.schema),
        };
        if schema.column_with_name(VECTOR).is_some() {
            self.check_vectors_of(kept.iter().map(|(_, segment)| *segment)).await?;
        }
        let groups = share_out(&kept, state.config().target_partitions());
        if groups.is_empty() {
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        // Who wants some ids only does not wait for all of them.
        let wants_all = limit.is_none() && filters.iter().all(prune::is_known_at_planning);
        let id_range = if wants_all { self.id_range(&kept, &schema).await? } else { None };
        self.plan(&segments, kept.len(), groups, projection, limit, id_range)
    }
}

/// The statistics with the range of ids, where it is known.
fn with_range(mut statistics: Statistics, range: Option<(i64, i64)>) -> Statistics {
    if let (Some((least, most)), Some(ids)) = (range, statistics.column_statistics.get_mut(FILE_ID)) {
        let exact = |id| Precision::Exact(ScalarValue::Int64(Some(id)));
        (ids.min_value, ids.max_value) = (exact(least), exact(most));
    }
    statistics
}

/// So many rows, none of them with a null.
fn statistics(schema: &Schema, rows: usize) -> Statistics {
    let mut statistics = Statistics::new_unknown(schema).with_num_rows(Precision::Exact(rows));
    for column in &mut statistics.column_statistics {
        *column = ColumnStatistics::new_unknown().with_null_count(Precision::Exact(0));
    }
    statistics
}

#[cfg(test)]
mod tests;
