// SPDX-License-Identifier: Apache-2.0
//! Ids that several live rows of a collection have.
//!
//! * Segments whose ids ascend and that share no range with another have none. The
//!   others are suspects: none where a server made the ids.
//! * The ids of suspects are sorted, without vectors: 12 bytes a row, which spill to disk.
//! * Vectors are read of the rows whose ids repeat, or, where these are many, of all
//!   suspects, and sorted as digests of 16 bytes.
//!
//! Where the session's plans run elsewhere, ids and vectors are read and sorted there: what
//! comes back is 12 bytes a row, and 24 of the rows whose vectors are compared.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int64Type, UInt32Type};
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::conditional_expressions::CaseBuilder;
use datafusion::prelude::{Expr, SessionContext, col, lit};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;
use m2m_catalog::Collection;

use super::SAMPLE;
use super::tally::{Ids, Tally};
use crate::digests::vector_digest;
use crate::engine::RemoteEngine;
use crate::schema::{ID, PARTITION_TAG, VECTOR};
use crate::table::CollectionTable;

const PARTITIONS_BY_ID: &str = include_str!("../../../../sql/measure/partitions_by_id.sql");
const DIGESTS_BY_ID: &str = include_str!("../../../../sql/measure/digests_by_id.sql");

/// Repeated ids up to which rows are asked for by id. With more of them, the vectors of
/// all suspects are read.
const ASKED_BY_ID: usize = 10_000;

/// Ids of a collection that several rows have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Repeats {
    pub(super) ids: u64,
    /// Rows that have one of them.
    pub(super) rows: u64,
    /// Such ids in several partitions.
    pub(super) across_partitions: u64,
    /// Such ids whose vectors are not all equal.
    pub(super) different_vectors: u64,
    /// The first of them.
    pub(super) first: Vec<RepeatedId>,
}

/// An id that several rows have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RepeatedId {
    pub(super) id: i64,
    pub(super) rows: u64,
    pub(super) partitions: usize,
    pub(super) has_different_vectors: bool,
}

/// Finds the repeated ids of a table. All others are in no suspect.
pub(super) async fn find(
    table: &Arc<CollectionTable>,
    suspects: &[usize],
    context: &TaskContext,
) -> DFResult<Repeats> {
    if suspects.is_empty() {
        return Ok(Repeats::default());
    }
    let ctx = session(table, suspects, context).await?;
    let mut walk = IdWalk::default();
    let mut rows = ctx.sql(PARTITIONS_BY_ID).await?.execute_stream().await?;
    while let Some(batch) = rows.try_next().await? {
        walk.batch(&batch)?;
    }
    drop(rows);
    let (mut repeats, ids) = walk.finish();
    if repeats.ids == 0 {
        return Ok(repeats);
    }
    let suspects = ctx.table("suspects").await?;
    let compared = match ids {
        Some(ids) => suspects.filter(col(ID).in_list(ids.into_iter().map(lit).collect(), false))?,
        None => suspects,
    };
    ctx.register_table("compared", compared.into_view())?;
    let mut walk = DigestWalk::default();
    let mut rows = ctx.sql(DIGESTS_BY_ID).await?.execute_stream().await?;
    while let Some(batch) = rows.try_next().await? {
        walk.batch(&batch, &mut repeats)?;
    }
    walk.end(&mut repeats);
    Ok(repeats)
}

/// The segments that may have repeated ids: those that do not ascend, and those whose
/// range has ids of another.
pub(super) fn suspects<'a>(tallies: impl Iterator<Item = Option<&'a Tally>>) -> Vec<usize> {
    let mut suspects = BTreeSet::new();
    let mut ranges: Vec<(usize, Ids)> =
        tallies.enumerate().filter_map(|(segment, tally)| Some((segment, tally?.ids?))).collect();
    ranges.sort_by_key(|(segment, ids)| (ids.least, *segment));
    // The segment that reaches farthest, of those that came.
    let mut farthest: Option<(usize, i64)> = None;
    for (segment, ids) in ranges {
        if !ids.is_ascending {
            suspects.insert(segment);
        }
        if let Some((other, most)) = farthest
            && ids.least <= most
        {
            suspects.extend([segment, other]);
        }
        if farthest.is_none_or(|(_, most)| most < ids.most) {
            farthest = Some((segment, ids.most));
        }
    }
    suspects.into_iter().collect()
}

/// A session with the memory of another, whose plans run where those of the other do, and the
/// suspects as its only table, with the numbers of their partitions.
async fn session(
    table: &CollectionTable,
    suspects: &[usize],
    context: &TaskContext,
) -> DFResult<SessionContext> {
    let segments = table.segments().await?;
    let segments: Vec<_> = suspects.iter().filter_map(|&segment| segments.get(segment).cloned()).collect();
    let suspects = CollectionTable::of_segments(table.collection().clone(), table.roots(), segments);
    let config = context
        .session_config()
        .clone()
        .with_create_default_catalog_and_schema(true)
        .with_default_catalog_and_schema("datafusion", "public")
        // Several sorts at once can leave no memory to merge what they sorted.
        .with_target_partitions(1);
    let ctx = SessionContext::new_with_config_rt(config, context.runtime_env());
    let ctx = match RemoteEngine::of(context.session_config()) {
        Some(engine) => engine.session(&ctx),
        None => ctx,
    };
    ctx.register_udf(vector_digest());
    let numbers = partition_numbers(table.collection())?.alias("partition");
    let suspects = ctx.read_table(Arc::new(suspects))?.select(vec![col(ID), col(VECTOR), numbers])?;
    ctx.register_table("suspects", suspects.into_view())?;
    Ok(ctx)
}

/// The number of a row's partition. Every session knows how to tell it.
fn partition_numbers(collection: &Collection) -> DFResult<Expr> {
    let tags =
        collection.partitions.iter().map(|partition| lit(ScalarValue::Utf8View(Some(partition.tag.clone()))));
    let (tags, numbers) = tags.zip((0_u32..).map(lit)).unzip();
    CaseBuilder::new(Some(Box::new(col(PARTITION_TAG))), tags, numbers, None).end()
}

/// Goes through ids and partitions in order of ids.
#[derive(Default)]
struct IdWalk {
    current: Option<Current>,
    repeats: Repeats,
    ids: Vec<i64>,
}

/// The id whose rows are coming.
struct Current {
    id: i64,
    rows: u64,
    partition: u32,
    /// Its partitions but that of its first row.
    others: BTreeSet<u32>,
}

impl IdWalk {
    fn batch(&mut self, batch: &RecordBatch) -> DFResult<()> {
        let [ids, partitions] = batch.columns() else { return Err(unexpected(batch)) };
        let ids = ids.as_primitive_opt::<Int64Type>().ok_or_else(|| unexpected(batch))?;
        let partitions = partitions.as_primitive_opt::<UInt32Type>().ok_or_else(|| unexpected(batch))?;
        if partitions.null_count() > 0 {
            return Err(DataFusionError::Internal("a partition is not known".into()));
        }
        for (&id, &partition) in ids.values().iter().zip(partitions.values()) {
            match &mut self.current {
                Some(current) if current.id == id => {
                    current.rows += 1;
                    if partition != current.partition {
                        current.others.insert(partition);
                    }
                }
                Some(current) if current.id > id => return Err(out_of_order()),
                _ => {
                    self.end();
                    self.current = Some(Current { id, rows: 1, partition, others: BTreeSet::new() });
                }
            }
        }
        Ok(())
    }

    /// Counts the id whose rows came.
    fn end(&mut self) {
        let Some(Current { id, rows, others, .. }) = self.current.take().filter(|current| current.rows > 1)
        else {
            return;
        };
        self.repeats.ids += 1;
        self.repeats.rows += rows;
        self.repeats.across_partitions += u64::from(!others.is_empty());
        if self.repeats.first.len() < SAMPLE {
            let partitions = others.len() + 1;
            self.repeats.first.push(RepeatedId { id, rows, partitions, has_different_vectors: false });
        }
        if self.ids.len() <= ASKED_BY_ID {
            self.ids.push(id);
        }
    }

    /// What was found, and the ids unless they are too many.
    fn finish(mut self) -> (Repeats, Option<Vec<i64>>) {
        self.end();
        let ids = Some(self.ids).filter(|ids| ids.len() <= ASKED_BY_ID);
        (self.repeats, ids)
    }
}

/// Goes through ids and digests in order of ids.
#[derive(Default)]
struct DigestWalk {
    current: Option<(i64, [u8; 16])>,
    is_different: bool,
}

impl DigestWalk {
    fn batch(&mut self, batch: &RecordBatch, repeats: &mut Repeats) -> DFResult<()> {
        let [ids, digests] = batch.columns() else { return Err(unexpected(batch)) };
        let ids = ids.as_primitive_opt::<Int64Type>().ok_or_else(|| unexpected(batch))?;
        let digests = digests.as_fixed_size_binary_opt().ok_or_else(|| unexpected(batch))?;
        for (&id, digest) in ids.values().iter().zip(digests.iter()) {
            let digest: [u8; 16] =
                digest.and_then(|digest| digest.try_into().ok()).ok_or_else(|| unexpected(batch))?;
            match self.current {
                Some((current, first)) if current == id => self.is_different |= digest != first,
                Some((current, _)) if current > id => return Err(out_of_order()),
                _ => {
                    self.end(repeats);
                    self.current = Some((id, digest));
                }
            }
        }
        Ok(())
    }

    /// Counts the id whose rows came.
    fn end(&mut self, repeats: &mut Repeats) {
        if let Some((id, _)) = self.current
            && std::mem::take(&mut self.is_different)
        {
            repeats.different_vectors += 1;
            if let Ok(place) = repeats.first.binary_search_by_key(&id, |first| first.id)
                && let Some(first) = repeats.first.get_mut(place)
            {
                first.has_different_vectors = true;
            }
        }
    }
}

fn out_of_order() -> DataFusionError {
    DataFusionError::Internal("ids came out of order".into())
}

fn unexpected(batch: &RecordBatch) -> DataFusionError {
    DataFusionError::Internal(format!("a shipped query answered {}", batch.schema()))
}
