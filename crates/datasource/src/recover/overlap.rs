// SPDX-License-Identifier: Apache-2.0
//! Rows that several segments of a folder have.
//!
//! Ids are sorted by the engine, which spills to disk. Vectors are read only of segments
//! that have live ids in common, or of which one can be a merge of the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::datatypes::{DataType, Int64Type, UInt32Type};
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::{DataFrame, SessionContext, col, lit};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;
use m2m_segment::VectorLayout;

use super::choices::Choices;
use super::table::{Found, Table};
use crate::digests::{DIGEST_BYTES, vector_digest};
use crate::error::{Error, Result};
use crate::roots::Roots;
use crate::schema::{DELETED, ID, SEGMENT_ID, VECTOR};
use crate::table::CollectionTable;

/// Segments with the same row that are compared with each other, the newest ones.
const SEGMENTS: usize = 64;
/// Pairs of segments that are remembered.
const PAIRS: usize = 1 << 18;

/// What the segments of a folder share. They go by their places, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Overlaps {
    /// By id alone.
    pub(super) ids: Shared,
    /// By id and vector, where it was looked at.
    pub(super) rows: Shared,
}

/// What segments share, by one kind of key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shared {
    /// Older and newer segment.
    pub(super) pairs: BTreeMap<(u32, u32), Pair>,
    /// For each segment, its live rows that older ones have too, deleted there or not: of
    /// rows, those that it can be a merge of.
    pub(super) covered: BTreeMap<u32, u64>,
    /// Whether there were too many to remember.
    pub(super) is_cut: bool,
}

/// What two segments share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pair {
    /// Live rows of the older one that the newer one has, deleted or not.
    pub(super) held: u64,
    /// Rows that are live in both.
    pub(super) live: u64,
    /// Live rows of the older one that are deleted in the newer one.
    pub(super) deleted: u64,
    /// Deleted rows of the older one that the newer one has, and not from a live row of
    /// another: of rows, one that it can be a merge of.
    pub(super) again: u64,
}

/// Finds what the segments of a folder share.
pub(super) async fn find(
    ctx: &SessionContext,
    roots: &Arc<Roots>,
    table: &Table,
    choices: &Choices,
) -> Result<Overlaps> {
    let mut overlaps = Overlaps::default();
    let Some(layout) = table.some_layout() else { return Ok(overlaps) };
    let taken: BTreeSet<u32> = (0_u32..)
        .zip(&table.segments)
        .filter(|(_, segment)| segment.rows > 0 && !choices.leaves_out_segment(&table.id, &segment.id))
        .map(|(place, _)| place)
        .collect();
    if taken.len() < 2 {
        return Ok(overlaps);
    }
    ctx.runtime_env().register_object_store(roots.url().as_ref(), roots.store());
    let reading = Reading { ctx, roots, table, layout };
    overlaps.ids = reading.shared(&taken, None).await?;
    let is_whole = |older: u32, pair: &Pair| {
        let live = segment(table, older).map_or(0, |segment| segment.live);
        pair.held == live && (live > 0 || pair.again > 0)
    };
    let pairs = || overlaps.ids.pairs.iter().map(|(&places, pair)| (places, pair));
    let whole: BTreeSet<(u32, u32)> =
        pairs().filter(|((older, _), pair)| is_whole(*older, pair)).map(|(places, _)| places).collect();
    let in_both = pairs().filter(|(_, pair)| pair.live > 0).map(|(places, _)| places);
    let to_compare: BTreeSet<u32> =
        in_both.chain(whole.iter().copied()).flat_map(|(older, newer)| [older, newer]).collect();
    if !to_compare.is_empty() {
        overlaps.rows = reading.shared(&to_compare, Some(whole)).await?;
    }
    Ok(overlaps)
}

/// The segment at a place.
pub(super) fn segment(table: &Table, place: u32) -> Option<&Found> {
    table.segments.get(usize::try_from(place).ok()?)
}

/// How rows of a folder are read.
struct Reading<'a> {
    ctx: &'a SessionContext,
    roots: &'a Arc<Roots>,
    table: &'a Table,
    layout: VectorLayout,
}

impl Reading<'_> {
    /// Goes through the rows of some segments in the order of ids and, with the pairs that
    /// can be sources and merges, of vectors.
    async fn shared(&self, places: &BTreeSet<u32>, merges: Option<BTreeSet<(u32, u32)>>) -> Result<Shared> {
        let failed = |source: DataFusionError| Error::Overlap {
            folder: self.table.id.clone(),
            source: Box::new(source),
        };
        let vectors = merges.is_some();
        let mut walk = Walk { merges, ..Walk::default() };
        let mut rows =
            self.sorted(places, vectors).map_err(failed)?.execute_stream().await.map_err(failed)?;
        while let Some(batch) = rows.try_next().await.map_err(failed)? {
            walk.batch(&batch).map_err(failed)?;
        }
        Ok(walk.finish())
    }

    fn sorted(&self, places: &BTreeSet<u32>, vectors: bool) -> DFResult<DataFrame> {
        let segments: Vec<&Found> = places.iter().filter_map(|&place| segment(self.table, place)).collect();
        let collection = self.table.collection(self.layout, &segments);
        let stored = CollectionTable::new(collection, Arc::clone(self.roots)).stored();
        let mut state = self.ctx.state();
        // Several sorts at once can leave no memory to merge what they sorted.
        state.config_mut().options_mut().execution.target_partitions = 1;
        let ctx = SessionContext::new_with_state(state);
        let digest = if vectors { vector_digest().call(vec![col(VECTOR)]) } else { no_digest() };
        let numbers = numbers(self.table).call(vec![col(SEGMENT_ID)]);
        let columns = vec![col(ID), digest.alias("digest"), numbers.alias("segment"), col(DELETED)];
        let order = [ID, "digest", "segment"].map(|name| col(name).sort(true, true));
        ctx.read_table(Arc::new(stored))?.select(columns)?.sort(order.to_vec())
    }
}

fn no_digest() -> Expr {
    lit(ScalarValue::FixedSizeBinary(DIGEST_BYTES, Some(vec![0; 16])))
}

/// A function of the id of a segment, which answers the segment's place.
fn numbers(table: &Table) -> ScalarUDF {
    let places: BTreeMap<String, u32> =
        table.segments.iter().map(|segment| segment.id.clone()).zip(0_u32..).collect();
    let place = move |segment: &str| {
        let place = places.get(segment).copied();
        place.ok_or_else(|| DataFusionError::Internal(format!("segment {segment} is not known")))
    };
    let numbers = move |arguments: &[ColumnarValue]| match arguments {
        [ColumnarValue::Scalar(segment)] => {
            let place = place(segment.try_as_str().flatten().ok_or_else(unexpected)?)?;
            Ok(ColumnarValue::Scalar(ScalarValue::UInt32(Some(place))))
        }
        [ColumnarValue::Array(segments)] => {
            let segments = segments.as_string_view_opt().ok_or_else(unexpected)?;
            // Row by row it is nearly always the same segment.
            let mut last: Option<(&str, u32)> = None;
            let places = segments.iter().map(|segment| {
                let segment = segment.ok_or_else(unexpected)?;
                let known = last.filter(|(known, _)| *known == segment);
                let place = known.map_or_else(|| place(segment), |(_, place)| Ok(place))?;
                last = Some((segment, place));
                Ok(place)
            });
            let places = places.collect::<DFResult<Vec<_>>>()?;
            Ok(ColumnarValue::Array(Arc::new(UInt32Array::from(places)) as ArrayRef))
        }
        _ => Err(DataFusionError::Internal("a segment has one id".into())),
    };
    let (from, to) = (vec![DataType::Utf8View], DataType::UInt32);
    create_udf("segment_place", from, to, Volatility::Immutable, Arc::new(numbers))
}

fn unexpected() -> DataFusionError {
    DataFusionError::Internal("rows came in another shape".into())
}

/// Goes through rows in order of their keys and, for each key, of their segments.
#[derive(Default)]
struct Walk {
    /// Sources, and what they can be merged into. Without it, any segment can be merged
    /// into any newer one.
    merges: Option<BTreeSet<(u32, u32)>>,
    key: Option<(i64, [u8; 16])>,
    group: Vec<Held>,
    shared: Shared,
}

/// How often a segment has one key.
#[derive(Clone, Copy, Debug)]
struct Held {
    segment: u32,
    live: u64,
    deleted: u64,
}

impl Held {
    fn stored(self) -> u64 {
        self.live.saturating_add(self.deleted)
    }
}

impl Walk {
    fn batch(&mut self, batch: &RecordBatch) -> DFResult<()> {
        let [ids, digests, segments, deleted] = batch.columns() else { return Err(unexpected()) };
        let ids = ids.as_primitive_opt::<Int64Type>().ok_or_else(unexpected)?;
        let digests = digests.as_fixed_size_binary_opt().ok_or_else(unexpected)?;
        let segments = segments.as_primitive_opt::<UInt32Type>().ok_or_else(unexpected)?;
        let deleted = deleted.as_boolean_opt().ok_or_else(unexpected)?;
        for row in 0..batch.num_rows() {
            let digest = digests.value(row).try_into().map_err(|_| unexpected())?;
            self.row(ids.value(row), digest, segments.value(row), deleted.value(row));
        }
        Ok(())
    }

    fn row(&mut self, id: i64, digest: [u8; 16], segment: u32, is_deleted: bool) {
        if self.key != Some((id, digest)) {
            self.end();
            self.key = Some((id, digest));
        }
        if self.group.last().is_none_or(|last| last.segment != segment) {
            if self.group.len() == SEGMENTS {
                self.group.remove(0);
                self.shared.is_cut = true;
            }
            self.group.push(Held { segment, live: 0, deleted: 0 });
        }
        if let Some(last) = self.group.last_mut() {
            let count = if is_deleted { &mut last.deleted } else { &mut last.live };
            *count = count.saturating_add(1);
        }
    }

    /// Counts what the segments of one key share.
    fn end(&mut self) {
        let group = std::mem::take(&mut self.group);
        for (place, &newer) in group.iter().enumerate() {
            let (mut live_before, mut stored_before) = (0_u64, 0_u64);
            for older in group.iter().take(place).filter(|older| self.is_source(older.segment, newer.segment))
            {
                live_before = live_before.saturating_add(older.live);
                stored_before = stored_before.saturating_add(older.stored());
            }
            let covered = newer.live.min(stored_before);
            if covered > 0 {
                let known = self.shared.covered.entry(newer.segment).or_default();
                *known = known.saturating_add(covered);
            }
            let unexplained = newer.stored().saturating_sub(live_before);
            for &older in group.iter().take(place) {
                self.pair(older, newer, unexplained);
            }
        }
    }

    fn is_source(&self, older: u32, newer: u32) -> bool {
        self.merges.as_ref().is_none_or(|merges| merges.contains(&(older, newer)))
    }

    fn pair(&mut self, older: Held, newer: Held, unexplained: u64) {
        let key = (older.segment, newer.segment);
        let pairs = &mut self.shared.pairs;
        if pairs.len() >= PAIRS && !pairs.contains_key(&key) {
            self.shared.is_cut = true;
            return;
        }
        let pair = pairs.entry(key).or_default();
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut pair.held, older.live.min(newer.stored()));
        add(&mut pair.live, older.live.min(newer.live));
        add(&mut pair.deleted, older.live.saturating_sub(newer.live).min(newer.deleted));
        add(&mut pair.again, older.deleted.min(unexplained));
    }

    fn finish(mut self) -> Shared {
        self.end();
        self.shared
    }
}

#[cfg(test)]
mod tests;
