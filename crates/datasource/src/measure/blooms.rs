// SPDX-License-Identifier: Apache-2.0
//! Bloom filters against the ids of their segments.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;
use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_segment::bloom_filter::BloomFilter;
use tokio::sync::Semaphore;

use super::pass::{problem, read_piece};
use crate::error::Error;
use crate::meta::segments::chain;
use crate::piece::Piece;
use crate::schema::ID;
use crate::stats::SegmentStats;
use crate::table::CollectionTable;

/// Bytes of the filters that are held at once, of which one may be as large as all.
const MOST_BYTES: u64 = 1 << 30;
/// Filters take their room in units of so many bytes.
const UNIT: u64 = 1 << 20;

/// What a bloom filter is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bloom {
    /// None where the ids or the filter cannot be read.
    pub(super) state: Option<&'static str>,
    /// Live ids that it does not have.
    pub(super) missing_ids: Option<u64>,
    pub(super) problem: Option<String>,
}

impl Bloom {
    fn without_answer(state: Option<&'static str>, problem: Option<String>) -> Self {
        Self { state, missing_ids: None, problem }
    }

    fn unread(problem: String) -> Self {
        Self::without_answer(None, Some(problem))
    }

    /// Of a filter that cannot be read: the file is wrong, or it could not be asked.
    fn failed(error: &Error) -> Self {
        Self::without_answer(error.is_damage().then_some("damaged"), Some(chain(error)))
    }

    /// Makes sure that there is an answer.
    pub(super) fn check(&self) -> DFResult<()> {
        match (&self.state, &self.problem) {
            (None, Some(problem)) => Err(DataFusionError::External(problem.clone().into())),
            _ => Ok(()),
        }
    }
}

/// Tests the live ids of all segments, in order. The server counts deleted ids down.
pub(super) async fn test(table: &Arc<CollectionTable>, context: &Arc<TaskContext>) -> DFResult<Vec<Bloom>> {
    let segments = table.segments().await?;
    let room = Arc::new(Semaphore::new(usize::try_from(MOST_BYTES / UNIT).unwrap_or(usize::MAX)));
    let mut tests = Vec::with_capacity(segments.len());
    for (at, segment) in segments.iter().cloned().enumerate() {
        let (table, context, room) = (Arc::clone(table), Arc::clone(context), Arc::clone(&room));
        tests.push(async move {
            let test = test_one(table, at, segment, context, room);
            let tested = SpawnedTask::spawn(test).join_unwind().await;
            tested.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
        });
    }
    stream::iter(tests).buffered(context.session_config().target_partitions().max(1)).try_collect().await
}

async fn test_one(
    table: Arc<CollectionTable>,
    at: usize,
    segment: SegmentStats,
    context: Arc<TaskContext>,
    room: Arc<Semaphore>,
) -> DFResult<Bloom> {
    let is_local = table.roots().locator().await?.is_local;
    let length = match segment.files.bloom_filter_len(is_local).await {
        Ok(None) => return Ok(Bloom::without_answer(Some("missing"), None)),
        Err(error) => return Ok(Bloom::failed(&error)),
        Ok(Some(length)) if length > MOST_BYTES => {
            let problem =
                format!("the bloom filter has {length} bytes, of which at most {MOST_BYTES} are read");
            return Ok(Bloom::unread(problem));
        }
        Ok(Some(length)) => length,
    };
    let units = u32::try_from(length.div_ceil(UNIT)).unwrap_or(u32::MAX);
    let _room = room.acquire_many(units).await.map_err(|error| DataFusionError::External(Box::new(error)))?;
    let memory = MemoryConsumer::new("bloom filter").register(context.memory_pool());
    if let Err(error) = memory.try_grow(usize::try_from(length).unwrap_or(usize::MAX)) {
        return Ok(Bloom::unread(chain(&error)));
    }
    let bytes = match segment.files.bloom_filter(length).await {
        Ok(bytes) => bytes,
        Err(error) => return Ok(Bloom::failed(&error)),
    };
    let filter = match BloomFilter::parse(&bytes) {
        Ok(filter) => filter,
        Err(source) => return Ok(Bloom::failed(&segment.files.damaged_bloom_filter(source))),
    };
    let (mut rows, mut missing) = (0_u64, 0_u64);
    let each = |batch: &RecordBatch| {
        let ids = batch.column_by_name(ID).and_then(|ids| ids.as_primitive_opt::<Int64Type>());
        let ids = ids.ok_or_else(|| DataFusionError::Internal("a scan answered no ids".into()))?;
        rows += ids.len() as u64;
        missing += ids.values().iter().filter(|id| !filter.contains(**id)).count() as u64;
        Ok(())
    };
    match read_piece(&table, Piece::whole(at, &segment), &[ID], context, each).await {
        Err(error) => Ok(Bloom::unread(problem(&error))),
        Ok(()) if rows != segment.live() => {
            let text = format!("expected {} live rows in the segment, found {rows}", segment.live());
            Ok(Bloom::unread(text))
        }
        Ok(()) => {
            let state = if missing == 0 { "ok" } else { "incomplete" };
            Ok(Bloom { state: Some(state), missing_ids: Some(missing), problem: None })
        }
    }
}
