// SPDX-License-Identifier: Apache-2.0
//! Rows that share an id.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::datatypes::{DataType, Int64Type, UInt32Type};
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;

use super::{failed, of_table, unexpected};
use crate::error::{Error, Result};
use crate::excluded::ExcludedRows;
use crate::stats::SegmentStats;
use crate::table::CollectionTable;

const ROWS_BY_ID: &str = include_str!("../../../../sql/migrate/rows_by_id.sql");

/// Which of the rows that share an id stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The first one, in order of partitions, segments and stored offsets.
    First,
    /// The last one.
    Last,
}

/// Ids that several rows have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepeatedIds {
    /// Such ids.
    pub ids: u64,
    /// Rows that have one of them, those that stay too.
    pub rows: u64,
    /// Such ids whose rows are in several partitions.
    pub across_partitions: u64,
}

/// Returns the rows whose id another row has, all but the first or the last of
/// each id. The order is that of [`CollectionTable::segments`], and inside a
/// segment that of stored offsets: it is the same whenever it is asked for.
///
/// Rows are sorted by id, without their vectors: 16 bytes a row, which spill to
/// disk when the memory of the session is not enough.
///
/// # Errors
///
/// When the filter cannot be planned, the ids cannot be read, or two segments of
/// the collection have the same id.
pub async fn repeated_rows(
    ctx: &SessionContext,
    table: &Arc<CollectionTable>,
    filter: Option<&str>,
    keep: Keep,
) -> Result<(ExcludedRows, RepeatedIds)> {
    let segments = table.segments().await?;
    let mut state = ctx.state();
    // Several sorts at once can leave no memory to merge what they sorted.
    state.config_mut().options_mut().execution.target_partitions = 1;
    let mut walk = Walk::new(&segments, keep);
    let sorted = async {
        let numbers = segment_numbers(&segments).map_err(|segment| Error::ExcludedSegment {
            collection: table.collection().name.clone(),
            segment,
        })?;
        state.register_udf(Arc::new(numbers))?;
        let mut rows = of_table(state, table, ROWS_BY_ID, filter).await?.execute_stream().await?;
        while let Some(batch) = rows.try_next().await? {
            walk.batch(&batch)?;
        }
        Ok(())
    };
    sorted.await.map_err(|source| failed(table, source))?;
    Ok(walk.finish())
}

/// A function of the id of a segment, which answers the segment's place. The error
/// is an id that two segments have.
fn segment_numbers(segments: &[SegmentStats]) -> Result<ScalarUDF, String> {
    let mut places: BTreeMap<String, u32> = BTreeMap::new();
    for (place, segment) in segments.iter().enumerate() {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        if places.insert(segment.segment_id.clone(), place).is_some() {
            return Err(segment.segment_id.clone());
        }
    }
    let place = move |segment: Option<&str>| {
        let place = segment.and_then(|segment| places.get(segment).copied());
        place.ok_or_else(|| DataFusionError::Internal(format!("segment {segment:?} is not known")))
    };
    let numbers = move |arguments: &[ColumnarValue]| match arguments {
        [ColumnarValue::Scalar(segment)] => {
            let place = place(segment.try_as_str().flatten())?;
            Ok(ColumnarValue::Scalar(ScalarValue::UInt32(Some(place))))
        }
        [ColumnarValue::Array(segments)] => {
            let places = segments.as_string_view().iter().map(&place).collect::<DFResult<Vec<_>>>()?;
            Ok(ColumnarValue::Array(Arc::new(UInt32Array::from(places)) as ArrayRef))
        }
        _ => Err(DataFusionError::Internal("a segment has one id".into())),
    };
    let (from, to) = (vec![DataType::Utf8View], DataType::UInt32);
    Ok(create_udf("segment_number", from, to, Volatility::Immutable, Arc::new(numbers)))
}

/// The place of a row: its segment's place and its offset, which are in the canonical order.
type Place = (u32, u32);

/// Goes through rows in order of ids.
struct Walk<'a> {
    segments: &'a [SegmentStats],
    keep: Keep,
    /// The id of the last row.
    current: Option<Current>,
    excluded: ExcludedRows,
    repeated: RepeatedIds,
}

/// The id whose rows are coming.
struct Current {
    id: i64,
    rows: u64,
    /// The row that stays, of those that came.
    kept: Place,
    is_across: bool,
}

impl<'a> Walk<'a> {
    fn new(segments: &'a [SegmentStats], keep: Keep) -> Self {
        let (excluded, repeated) = Default::default();
        Self { segments, keep, current: None, excluded, repeated }
    }

    fn batch(&mut self, batch: &RecordBatch) -> DFResult<()> {
        let [ids, segments, offsets] = batch.columns() else { return Err(unexpected(batch)) };
        let ids = ids.as_primitive_opt::<Int64Type>().ok_or_else(|| unexpected(batch))?;
        let segments = segments.as_primitive_opt::<UInt32Type>().ok_or_else(|| unexpected(batch))?;
        let offsets = offsets.as_primitive_opt::<UInt32Type>().ok_or_else(|| unexpected(batch))?;
        let places = segments.values().iter().copied().zip(offsets.values().iter().copied());
        ids.values().iter().zip(places).try_for_each(|(&id, place)| self.row(id, place))
    }

    fn row(&mut self, id: i64, place: Place) -> DFResult<()> {
        let Some(current) = self.current.as_mut().filter(|current| current.id == id) else {
            if self.current.as_ref().is_some_and(|current| current.id > id) {
                return Err(DataFusionError::Internal("ids came out of order".into()));
            }
            self.end();
            self.current = Some(Current { id, rows: 1, kept: place, is_across: false });
            return Ok(());
        };
        let partition = |place: Place| {
            let segment = usize::try_from(place.0).ok().and_then(|place| self.segments.get(place));
            segment.map(|segment| segment.partition)
        };
        current.rows = current.rows.saturating_add(1);
        current.is_across |= partition(place) != partition(current.kept);
        let stays = match self.keep {
            Keep::First => place < current.kept,
            Keep::Last => place > current.kept,
        };
        let out = if stays { std::mem::replace(&mut current.kept, place) } else { place };
        let segment = usize::try_from(out.0).ok().and_then(|place| self.segments.get(place));
        let segment = segment.ok_or_else(|| DataFusionError::Internal("a row has no segment".into()))?;
        self.excluded.insert(&segment.segment_id, out.1);
        Ok(())
    }

    /// Counts the id whose rows came.
    fn end(&mut self) {
        if let Some(current) = self.current.take().filter(|current| current.rows > 1) {
            self.repeated.ids = self.repeated.ids.saturating_add(1);
            self.repeated.rows = self.repeated.rows.saturating_add(current.rows);
            let across = u64::from(current.is_across);
            self.repeated.across_partitions = self.repeated.across_partitions.saturating_add(across);
        }
    }

    fn finish(mut self) -> (ExcludedRows, RepeatedIds) {
        self.end();
        (self.excluded, self.repeated)
    }
}
