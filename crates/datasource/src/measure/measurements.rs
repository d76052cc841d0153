// SPDX-License-Identifier: Apache-2.0
//! What was measured so far.

use std::collections::BTreeMap;
use std::slice;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::error::Result as DFResult;
use datafusion::execution::TaskContext;
use m2m_catalog::{Collection, Inventory};
use tokio::sync::OnceCell;

use super::blooms::{self, Bloom};
use super::pass::{self, Outcome, Passed, Reading};
use super::repeats::{self, Repeats};
use super::watch::Watch;
use crate::error::Result;
use crate::roots::Roots;
use crate::stats;
use crate::table::CollectionTable;

/// What was measured of an installation. Each measurement is made once, when it is
/// first asked for; one that failed is made again.
#[derive(Debug, Default)]
pub(crate) struct Measurements {
    pub(super) directories: OnceCell<RecordBatch>,
    collections: BTreeMap<String, Measured>,
    pub(super) watch: Watch,
}

/// What was measured of a collection.
#[derive(Debug, Default)]
struct Measured {
    table: OnceCell<Arc<CollectionTable>>,
    vectors: OnceCell<Arc<Passed>>,
    repeats: OnceCell<Arc<Repeats>>,
    blooms: OnceCell<Arc<[Bloom]>>,
}

impl Measurements {
    pub(crate) fn of(inventory: &Inventory) -> Self {
        let names = inventory.collections.iter().map(|collection| collection.name.clone());
        Self { collections: names.map(|name| (name, Measured::default())).collect(), ..Self::default() }
    }

    /// The segments of a collection that can be read, as a table. A store that cannot be
    /// reached is an error, and no collection without segments.
    pub(super) async fn table(
        &self,
        roots: &Arc<Roots>,
        collection: &Collection,
    ) -> Result<Arc<CollectionTable>> {
        let read = async || {
            let mut read = stats::read_readable(roots, slice::from_ref(collection)).await;
            let segments = read.pop().unwrap_or_default().segments;
            Arc::new(CollectionTable::of_segments(collection.clone(), Arc::clone(roots), segments))
        };
        roots.locator().await?;
        Ok(match self.collections.get(&collection.name) {
            Some(measured) => Arc::clone(measured.table.get_or_init(read).await),
            None => read().await,
        })
    }

    /// What the vectors of a table are.
    pub(super) async fn vectors(
        &self,
        table: &Arc<CollectionTable>,
        context: &Arc<TaskContext>,
    ) -> DFResult<Arc<Passed>> {
        let read = async || pass::read(table, Reading::Vectors, &self.watch, context).await.map(Arc::new);
        match self.measured(table) {
            Some(measured) => Ok(Arc::clone(measured.vectors.get_or_try_init(read).await?)),
            None => read().await,
        }
    }

    /// The repeated ids of a table. What reading the vectors told of the ids is not asked again.
    pub(super) async fn repeats(
        &self,
        table: &Arc<CollectionTable>,
        context: &Arc<TaskContext>,
    ) -> DFResult<Arc<Repeats>> {
        let measured = self.measured(table);
        let read = async || {
            let suspects = match measured.and_then(|measured| measured.vectors.get()) {
                Some(vectors) => suspects(&vectors.segments),
                None => {
                    suspects(&pass::read(table, Reading::Ids, &Watch::default(), context).await?.segments)
                }
            };
            Ok(Arc::new(repeats::find(table, &suspects, context).await?))
        };
        match measured {
            Some(measured) => Ok(Arc::clone(measured.repeats.get_or_try_init(read).await?)),
            None => read().await,
        }
    }

    /// What the bloom filters of a table's segments are, in order.
    pub(super) async fn blooms(
        &self,
        table: &Arc<CollectionTable>,
        context: &Arc<TaskContext>,
    ) -> DFResult<Arc<[Bloom]>> {
        let read = async || blooms::test(table, context).await.map(Arc::from);
        match self.measured(table) {
            Some(measured) => Ok(Arc::clone(measured.blooms.get_or_try_init(read).await?)),
            None => read().await,
        }
    }

    fn measured(&self, table: &CollectionTable) -> Option<&Measured> {
        self.collections.get(&table.collection().name)
    }
}

fn suspects(segments: &[Outcome]) -> Vec<usize> {
    repeats::suspects(segments.iter().map(|outcome| outcome.as_ref().ok()))
}
