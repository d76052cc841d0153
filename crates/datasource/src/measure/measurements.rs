// SPDX-License-Identifier: Apache-2.0
//! What was measured so far.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::error::Result as DFResult;
use datafusion::execution::TaskContext;
use m2m_catalog::{Collection, Inventory};
use tokio::sync::{Mutex, OnceCell};

use super::blooms::{self, Bloom};
use super::pass::{self, Outcome, Passed, Reading, Unread};
use super::repeats::{self, Repeats};
use super::tally::Tally;
use super::watch::Watch;
use crate::error::Result;
use crate::roots::Roots;
use crate::stats::{self, SegmentStats};
use crate::table::CollectionTable;

/// What was measured of an installation. Each measurement is made once, when it is
/// first asked for; one that failed is made again, where it failed for another reason than
/// damage.
#[derive(Debug, Default)]
pub(crate) struct Measurements {
    pub(super) directories: OnceCell<RecordBatch>,
    collections: BTreeMap<String, Measured>,
    pub(super) watch: Watch,
}

/// What was measured of a collection.
#[derive(Debug, Default)]
struct Measured {
    readable: Mutex<Option<Readable>>,
    vectors: Kept<Passed>,
    repeats: Kept<Repeats>,
    blooms: Kept<[Bloom]>,
}

/// The segments of a collection, by their headers.
#[derive(Clone, Debug)]
pub(super) struct Readable {
    /// Those that are whole.
    pub(super) table: Arc<CollectionTable>,
    /// Those that could not be read although they are not damaged. They are asked again.
    pub(super) unread: Arc<[(Place, Unread)]>,
}

/// The partition's tag and the id of a segment.
pub(super) type Place = (String, String);

impl Readable {
    /// Makes sure that the headers of all segments could be read that are not damaged.
    pub(super) fn check(&self) -> DFResult<()> {
        self.unread.first().map_or(Ok(()), |(_, unread)| Err(unread.error()))
    }
}

/// What was measured of a table.
#[derive(Debug)]
struct Kept<T: ?Sized>(Mutex<Option<(Arc<CollectionTable>, Arc<T>)>>);

impl<T: ?Sized> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: ?Sized> Kept<T> {
    async fn known(&self, table: &Arc<CollectionTable>) -> Option<Arc<T>> {
        Self::of(self.0.lock().await.as_ref(), table)
    }

    fn of(kept: Option<&(Arc<CollectionTable>, Arc<T>)>, table: &Arc<CollectionTable>) -> Option<Arc<T>> {
        kept.filter(|(known, _)| Arc::ptr_eq(known, table)).map(|(_, value)| Arc::clone(value))
    }

    /// What was measured of a table, if that is final. Else it is measured, one at a time,
    /// with what was measured before.
    async fn get<F: Future<Output = DFResult<Arc<T>>>>(
        &self,
        table: &Arc<CollectionTable>,
        is_final: impl FnOnce(&T) -> bool,
        measure: impl FnOnce(Option<Arc<T>>) -> F,
    ) -> DFResult<Arc<T>> {
        let mut kept = self.0.lock().await;
        let before = Self::of(kept.as_ref(), table);
        if let Some(value) = before.as_ref().filter(|value| is_final(value)) {
            return Ok(Arc::clone(value));
        }
        let value = measure(before).await?;
        *kept = Some((Arc::clone(table), Arc::clone(&value)));
        Ok(value)
    }
}

impl Measurements {
    pub(crate) fn of(inventory: &Inventory) -> Self {
        let names = inventory.collections.iter().map(|collection| collection.name.clone());
        Self { collections: names.map(|name| (name, Measured::default())).collect(), ..Self::default() }
    }

    /// The segments of a collection that can be read, as a table, and those that could
    /// not this time. A store that cannot be reached is an error, and no collection
    /// without segments.
    pub(super) async fn readable(&self, roots: &Arc<Roots>, collection: &Collection) -> Result<Readable> {
        let Some(measured) = self.collections.get(&collection.name) else {
            return read_headers(roots, collection, None).await;
        };
        let mut kept = measured.readable.lock().await;
        if let Some(known) = kept.as_ref().filter(|known| known.unread.is_empty()) {
            return Ok(known.clone());
        }
        let readable = read_headers(roots, collection, kept.as_ref()).await?;
        *kept = Some(readable.clone());
        Ok(readable)
    }

    /// What the vectors of a table are.
    pub(super) async fn vectors(
        &self,
        table: &Arc<CollectionTable>,
        context: &Arc<TaskContext>,
    ) -> DFResult<Arc<Passed>> {
        let read = async |before: Option<Arc<Passed>>| {
            let read = pass::read(table, Reading::Vectors, before.as_deref(), &self.watch, context);
            read.await.map(Arc::new)
        };
        match self.measured(table) {
            Some(measured) => measured.vectors.get(table, Passed::is_final, read).await,
            None => read(None).await,
        }
    }

    /// The repeated ids of a table. What reading the vectors told of the ids is not asked
    /// again. Ids that cannot be read are an error: they could repeat others.
    pub(super) async fn repeats(
        &self,
        table: &Arc<CollectionTable>,
        context: &Arc<TaskContext>,
    ) -> DFResult<Arc<Repeats>> {
        let measured = self.measured(table);
        let read = async |_| {
            let vectors = match measured {
                Some(measured) => measured.vectors.known(table).await,
                None => None,
            };
            let passed = match vectors.filter(|passed| passed.is_final()) {
                Some(passed) => passed,
                None => {
                    pass::read(table, Reading::Ids, None, &Watch::default(), context).await.map(Arc::new)?
                }
            };
            Ok(Arc::new(repeats::find(table, &suspects(&passed.segments)?, context).await?))
        };
        match measured {
            Some(measured) => measured.repeats.get(table, |_| true, read).await,
            None => read(None).await,
        }
    }

    /// What the bloom filters of a table's segments are, in order.
    pub(super) async fn blooms(
        &self,
        table: &Arc<CollectionTable>,
        context: &Arc<TaskContext>,
    ) -> DFResult<Arc<[Bloom]>> {
        let is_final = |blooms: &[Bloom]| blooms.iter().all(|bloom| bloom.state.is_some());
        let read = async |_| blooms::test(table, context).await.map(Arc::from);
        match self.measured(table) {
            Some(measured) => measured.blooms.get(table, is_final, read).await,
            None => read(None).await,
        }
    }

    fn measured(&self, table: &CollectionTable) -> Option<&Measured> {
        self.collections.get(&table.collection().name)
    }
}

/// Reads headers. The table is the one that was known before if the same segments can
/// be read, so that what was measured of it stays.
async fn read_headers(
    roots: &Arc<Roots>,
    collection: &Collection,
    before: Option<&Readable>,
) -> Result<Readable> {
    let headers = stats::headers(roots, collection).await?;
    let unread = headers.unread.into_iter().map(|segment| {
        let place = (segment.partition_tag, segment.segment_id);
        (place, Unread::new(segment.error.into()))
    });
    let unread = unread.collect();
    if let Some(Readable { table, .. }) = before {
        let place = |segment: &SegmentStats| (segment.partition, segment.segment_id.clone());
        if table.segments().await?.iter().map(place).eq(headers.segments.iter().map(place)) {
            return Ok(Readable { table: Arc::clone(table), unread });
        }
    }
    let table = CollectionTable::of_segments(collection.clone(), Arc::clone(roots), headers.segments);
    Ok(Readable { table: Arc::new(table), unread })
}

fn suspects(segments: &[Outcome]) -> DFResult<Vec<usize>> {
    let tallies = segments.iter().map(|outcome| outcome.as_ref().map_err(Unread::error));
    let tallies: Vec<&Tally> = tallies.collect::<DFResult<_>>()?;
    Ok(repeats::suspects(tallies.into_iter().map(Some)))
}
