// SPDX-License-Identifier: Apache-2.0
//! The schema `measure`: what reading the files themselves tells, and the metadata does not.
//!
//! | table | one row for each | columns | reads |
//! |---|---|---|---|
//! | `directories` | folder of a segment below a `tables` folder | `root`, `table_id`, `segment_id`, `path`, `state`, `collection`, `partition_tag`, `files`, `bytes`, `rows` (by the size of its file of ids), `has_ids`, `has_vectors`, `has_deleted_docs`, `has_bloom_filter`, `attribute_files`, `index_files`, `temporary_files` | names and sizes |
//! | `segments` | live segment that is not damaged | `collection`, `partition_tag`, `segment_id`, `live_rows`, `min_id`, `max_id`, `not_finite_rows`, `zero_rows`, `unit_rows` (of length 1 within 0.001), `min_norm`, `avg_norm`, `max_norm` (of finite vectors), `problem` (why its data cannot be read) | vectors |
//! | `norms` | range of lengths that vectors of a collection have, 16 an octave, with 1 in the middle of one; zeros are from 0 to 0 | `collection`, `lower`, `upper`, `rows` | vectors |
//! | `invalid_rows` | live row with NaN or infinity, the first 1000 of a collection | `collection`, `partition_tag`, `segment_id`, `segment_offset`, `id`, `component` (the first that is not finite, from 0) | vectors |
//! | `repeats` | collection with ids that several live rows have | `collection`, `ids`, `rows` (that have them), `across_partitions` (ids in several partitions), `different_vectors` (ids whose vectors are not all equal) | ids, and vectors of rows that share an id |
//! | `repeated_ids` | such id, the first 1000 of a collection | `collection`, `id`, `rows`, `partitions`, `has_different_vectors` | the same |
//! | `bloom_filters` | live segment that is not damaged | `collection`, `partition_tag`, `segment_id`, `state` (`ok`, `missing`, `damaged` or `incomplete`; null where ids or filter cannot be read), `missing_ids` (live ids that it does not have), `problem` | ids and filters |
//!
//! The state of a folder is `live`; `replaced` when its rows in the metadata wait for
//! removal; `unfinished` when the server stopped before it was whole; `unknown` when its
//! table is live and has no row of it, or when its rows, or those of its table, cannot be; `dropped` when its table or its collection is;
//! `ghost` when there is no such table. With a `meta.json` it is `live`, `unknown` or `ghost`.
//!
//! Nothing is read before a table is scanned, and then of the collections that a filter
//! over `collection` leaves. What was read is kept: `segments`, `norms` and
//! `invalid_rows` read the vectors of a collection once, together. Segments whose
//! headers are damaged are in none of these tables, but in `meta.segments`. One that cannot
//! be read for another reason is read again by the next query; it has a `problem` in
//! `segments` and `bloom_filters`, and is an error of every query that does not ask for
//! that column, since it could not tell. Of binary vectors only ids are read.

mod blooms;
mod directories;
mod lengths;
mod measurements;
mod pass;
mod repeats;
mod rows;
mod tally;
mod tally_exec;
mod watch;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result as DFResult;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures::stream::{self, StreamExt};

use crate::error::Result;
use crate::fixed_schema::FixedSchema;
use crate::meta::segments::passes;
use crate::source::{Inner, Source};
use blooms::Bloom;
use lengths::Lengths;
use pass::Reading;
use repeats::Repeats;
use rows::Of;

pub(crate) use measurements::Measurements;
pub use tally_exec::TallyExec;
pub use watch::MeasureObserver;

/// Rows of a kind that are told one by one, of each collection.
const SAMPLE: usize = 1000;
/// The column that filters choose collections by.
const COLLECTION: &str = "collection";
/// The column that says why a segment cannot be read.
const PROBLEM: &str = "problem";

/// The tables of the schema, by name.
const TABLES: [(&str, Measure); 7] = [
    ("bloom_filters", Measure::BloomFilters),
    ("directories", Measure::Directories),
    ("invalid_rows", Measure::InvalidRows),
    ("norms", Measure::Norms),
    ("repeated_ids", Measure::RepeatedIds),
    ("repeats", Measure::Repeats),
    ("segments", Measure::Segments),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    BloomFilters,
    Directories,
    InvalidRows,
    Norms,
    RepeatedIds,
    Repeats,
    Segments,
}

/// How much there is to read for the tables `segments`, `norms` and `invalid_rows`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeasureTotal {
    /// Live rows of the segments that can be read.
    pub rows: u64,
    /// Bytes of their ids and vectors; of ids alone where vectors are binary.
    pub bytes: u64,
}

impl Source {
    /// Has somebody watch how the tables of schema `measure` are read.
    pub fn watch_measure(&self, observer: Arc<dyn MeasureObserver>) {
        self.inner.measured.watch.set(observer);
    }

    /// Returns how much [`MeasureObserver::on_rows`] will be told of a collection. Reads
    /// headers, once.
    ///
    /// # Errors
    ///
    /// When there is no such collection, or its store cannot be reached.
    pub async fn measure_total(&self, collection: &str) -> Result<MeasureTotal> {
        let table = self.collection(collection)?;
        let table = self.inner.measured.readable(&self.inner.roots, table.collection()).await?.table;
        let rows = table.segments().await?.iter().map(|segment| segment.live()).sum();
        let row_bytes = Reading::Vectors.row_bytes(&table);
        Ok(MeasureTotal { rows, bytes: row_bytes.saturating_mul(rows) })
    }
}

/// The schema `measure`.
pub(crate) fn schema(source: &Arc<Inner>) -> FixedSchema {
    let table =
        |measure: Measure| MeasureTable { source: Arc::clone(source), measure, schema: measure.schema() };
    FixedSchema::new(TABLES.iter().map(|(name, measure)| (*name, Arc::new(table(*measure)) as _)).collect())
}

/// A table whose rows are measured when its plan runs.
#[derive(Debug)]
struct MeasureTable {
    source: Arc<Inner>,
    measure: Measure,
    schema: SchemaRef,
}

impl Measure {
    fn schema(self) -> SchemaRef {
        let (lengths, repeats) = (Lengths::default(), Repeats::default());
        match self {
            Self::BloomFilters => rows::bloom_filters(Of::nothing().with(&[])),
            Self::Directories => directories::nothing(),
            Self::InvalidRows => rows::invalid_rows(Of::nothing().with(&[])),
            Self::Norms => rows::norms(Of::nothing().with(&lengths)),
            Self::RepeatedIds => rows::repeated_ids(Of::nothing().with(&repeats)),
            Self::Repeats => rows::repeats(Of::nothing().with(&repeats)),
            Self::Segments => rows::segments(Of::nothing().with(&[])),
        }
        .map_or_else(|_| Arc::new(Schema::empty()), |batch| batch.schema())
    }

    /// The rows of a collection. Who does not see problems gets an error instead when
    /// segments cannot be read that are not damaged.
    async fn of_collection(
        self,
        source: &Inner,
        collection: usize,
        sees_problems: bool,
        context: &Arc<TaskContext>,
    ) -> DFResult<RecordBatch> {
        let Some(collection) = source.inventory.collections.get(collection) else {
            return Ok(RecordBatch::new_empty(self.schema()));
        };
        let measured = &source.measured;
        let readable = measured.readable(&source.roots, collection).await?;
        if !sees_problems {
            readable.check()?;
        }
        let (table, unread) = (readable.table, &*readable.unread);
        let segments = table.segments().await?;
        let element = collection.layout.element();
        let of = Of { collection: &collection.name, element, segments: &segments, unread, measured: () };
        let vectors = async || -> DFResult<_> {
            let passed = measured.vectors(&table, context).await?;
            if !sees_problems {
                passed.check()?;
            }
            Ok(passed)
        };
        match self {
            Self::BloomFilters => {
                let blooms = measured.blooms(&table, context).await?;
                if !sees_problems {
                    blooms.iter().try_for_each(Bloom::check)?;
                }
                rows::bloom_filters(of.with(&*blooms))
            }
            Self::Directories => directories::nothing(),
            Self::InvalidRows => rows::invalid_rows(of.with(&vectors().await?.segments)),
            Self::Norms => rows::norms(of.with(&vectors().await?.lengths)),
            Self::RepeatedIds => rows::repeated_ids(of.with(&*measured.repeats(&table, context).await?)),
            Self::Repeats => rows::repeats(of.with(&*measured.repeats(&table, context).await?)),
            Self::Segments => rows::segments(of.with(&vectors().await?.segments)),
        }
    }
}

#[async_trait]
impl TableProvider for MeasureTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DFResult<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match is_about_collections(filter) {
            true if self.measure != Measure::Directories => TableProviderFilterPushDown::Inexact,
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
        let collections = kept(&self.source, state, filters)?;
        let scan = MeasureScan {
            source: Arc::clone(&self.source),
            measure: self.measure,
            schema: Arc::clone(&self.schema),
            collections,
            sees_problems: sees_problems(&self.schema, projection),
        };
        let (schema, scan) = (Arc::clone(&self.schema), vec![Arc::new(scan) as Arc<dyn PartitionStream>]);
        Ok(Arc::new(StreamingTableExec::try_new(schema, scan, projection, None, false, limit)?))
    }
}

/// Whether a plan has the column that says why segments cannot be read.
fn sees_problems(schema: &SchemaRef, projection: Option<&Vec<usize>>) -> bool {
    let place = schema.index_of(PROBLEM).ok();
    place.is_some_and(|place| projection.is_none_or(|projection| projection.contains(&place)))
}

/// Whether a filter can be judged by names of collections alone.
fn is_about_collections(filter: &Expr) -> bool {
    filter.column_refs().iter().all(|column| column.name == COLLECTION) && !filter.is_volatile()
}

/// The places of the collections that the filters leave. The engine evaluates the filters
/// once more: one that cannot be evaluated here leaves nothing out.
fn kept(source: &Inner, state: &dyn Session, filters: &[Expr]) -> DFResult<Vec<usize>> {
    let names = source.inventory.collections.iter().map(|collection| Some(&collection.name));
    let names = Arc::new(names.collect::<StringArray>()) as _;
    let names = RecordBatch::try_from_iter_with_nullable([(COLLECTION, names, true)])?;
    let mut kept: Vec<usize> = (0..names.num_rows()).collect();
    for filter in filters.iter().filter(|filter| is_about_collections(filter)) {
        if let Some(passes) = passes(filter, state, &names) {
            kept.retain(|&place| passes.get(place).copied().unwrap_or(true));
        }
    }
    Ok(kept)
}

/// The scan of a table.
#[derive(Debug)]
struct MeasureScan {
    source: Arc<Inner>,
    measure: Measure,
    schema: SchemaRef,
    /// Places of collections.
    collections: Vec<usize>,
    /// Whether the plan has the column that says why segments cannot be read.
    sees_problems: bool,
}

impl PartitionStream for MeasureScan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (source, measure) = (Arc::clone(&self.source), self.measure);
        let batches = if measure == Measure::Directories {
            let read = async move {
                let read = || directories::read(&source);
                Ok(source.measured.directories.get_or_try_init(read).await?.clone())
            };
            stream::once(read).boxed()
        } else {
            let (collections, sees_problems) = (stream::iter(self.collections.clone()), self.sees_problems);
            let read = move |collection| {
                let (source, context) = (Arc::clone(&source), Arc::clone(&context));
                async move { measure.of_collection(&source, collection, sees_problems, &context).await }
            };
            collections.then(read).boxed()
        };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

#[cfg(test)]
mod tests;
