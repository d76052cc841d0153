// SPDX-License-Identifier: Apache-2.0
//! The rows that are compared, in blocks that one question can be about.

use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};

use crate::error::{Error, Result};
use crate::rows::UNQUERYABLE;
use crate::sample::{self, Relation, Sample};

/// The most rows that one question is about.
const BLOCK_ROWS: u64 = 4096;
/// About how long the answer to one becomes; a server refuses to send 64 MiB.
const BLOCK_BYTES: u64 = 4 << 20;

/// Rows of one partition.
#[derive(Debug)]
pub(super) struct Block {
    /// The partition's place in the plan.
    pub(super) partition: usize,
    /// Those of the rows that Milvus can be asked for.
    pub(super) rows: RecordBatch,
    /// How many rows were read for it.
    pub(super) read: u64,
}

pub(super) type Blocks<'a> = BoxStream<'a, Result<Block>>;

/// How many rows of so many bytes one question is about.
pub(super) fn block_rows(row_bytes: u64) -> usize {
    usize::try_from((BLOCK_BYTES / row_bytes.max(1)).clamp(1, BLOCK_ROWS)).unwrap_or(1)
}

/// All rows of these partitions, one partition after the other. No more of them
/// is held than a block and a batch of the scan.
pub(super) fn of_all<'a>(relation: &'a Relation<'a>, partitions: Vec<usize>, rows: usize) -> Blocks<'a> {
    let of_partition = move |partition| async move {
        let batches = relation.of_partition(partition).await?;
        let blocks = cut(batches.map_err(Into::into).boxed(), rows);
        Ok::<_, Error>(blocks.and_then(move |rows| async move { block(partition, rows) }))
    };
    stream::iter(partitions).then(of_partition).try_flatten().boxed()
}

/// The rows of a sample in these partitions.
pub(super) fn of_sample(sample: &Sample, partitions: Vec<usize>, rows: usize) -> Blocks<'_> {
    let batches = partitions.into_iter().filter_map(|partition| {
        let batch = sample.of_partitions.get(partition)?.as_ref()?;
        Some((partition, batch))
    });
    let blocks = batches.flat_map(move |(partition, batch)| {
        let slice = move |start: usize| batch.slice(start, rows.min(batch.num_rows() - start));
        (0..batch.num_rows()).step_by(rows.max(1)).map(move |start| block(partition, slice(start)))
    });
    stream::iter(blocks).boxed()
}

/// A block without the rows that no question finds.
fn block(partition: usize, rows: RecordBatch) -> Result<Block> {
    let read = rows.num_rows() as u64;
    let ids = sample::ids(&rows)?;
    if !ids.iter().any(|id| UNQUERYABLE.contains(id)) {
        return Ok(Block { partition, rows, read });
    }
    let mask: BooleanArray = ids.iter().map(|id| Some(!UNQUERYABLE.contains(id))).collect();
    Ok(Block { partition, rows: filter_record_batch(&rows, &mask)?, read })
}

/// Cuts batches anew: each has so many rows, the last one fewer.
fn cut<'a>(
    batches: BoxStream<'a, Result<RecordBatch>>,
    rows: usize,
) -> impl Stream<Item = Result<RecordBatch>> + 'a {
    let state = Cutting { batches: batches.fuse().boxed(), held: Vec::new(), rows: rows.max(1) };
    stream::try_unfold(state, |mut state| async move { Ok(state.next().await?.map(|block| (block, state))) })
}

struct Cutting<'a> {
    batches: BoxStream<'a, Result<RecordBatch>>,
    held: Vec<RecordBatch>,
    rows: usize,
}

impl Cutting<'_> {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let held = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        while held(&self.held) < self.rows {
            match self.batches.try_next().await? {
                Some(batch) if batch.num_rows() == 0 => {}
                Some(batch) => self.held.push(batch),
                None => break,
            }
        }
        let Some(schema) = self.held.first().map(RecordBatch::schema) else { return Ok(None) };
        let mut taken = Vec::new();
        let mut missing = self.rows;
        let mut left = Vec::new();
        for batch in self.held.drain(..) {
            let rows = batch.num_rows().min(missing);
            if rows > 0 {
                taken.push(batch.slice(0, rows));
            }
            if rows < batch.num_rows() {
                left.push(batch.slice(rows, batch.num_rows() - rows));
            }
            missing -= rows;
        }
        self.held = left;
        match taken.as_slice() {
            [one] => Ok(Some(one.clone())),
            several => Ok(Some(concat_batches(&schema, several)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array};

    use super::*;

    fn batch(ids: std::ops::Range<i64>) -> RecordBatch {
        let ids = Arc::new(Int64Array::from_iter_values(ids)) as ArrayRef;
        RecordBatch::try_from_iter([("id", ids)]).unwrap()
    }

    async fn lengths(batches: &[std::ops::Range<i64>], rows: usize) -> Vec<usize> {
        let batches: Vec<Result<RecordBatch>> = batches.iter().map(|ids| Ok(batch(ids.clone()))).collect();
        let all: i64 = batches.iter().flatten().map(|batch| i64::try_from(batch.num_rows()).unwrap()).sum();
        let blocks: Vec<RecordBatch> = cut(stream::iter(batches).boxed(), rows).try_collect().await.unwrap();
        let ids: Vec<i64> = blocks.iter().flat_map(|block| sample::ids(block).unwrap().to_vec()).collect();
        assert_eq!(ids, (0..all).collect::<Vec<_>>());
        blocks.iter().map(RecordBatch::num_rows).collect()
    }

    #[tokio::test]
    async fn batches_of_any_length_become_blocks_of_one() {
        assert_eq!(lengths(&[0..10], 4).await, [4, 4, 2]);
        assert_eq!(lengths(&[0..3, 3..3, 3..4, 4..11], 4).await, [4, 4, 3]);
        assert_eq!(lengths(&[0..1, 1..2, 2..3], 9).await, [3]);
        assert_eq!(lengths(&[0..8], 4).await, [4, 4]);
        assert_eq!(lengths(&[], 4).await, [0; 0]);
        assert_eq!(lengths(&[0..2], 0).await, [1, 1]);
    }

    #[tokio::test]
    async fn an_error_of_the_source_ends_the_blocks() {
        let failed = || Error::Answer { query: "rows", column: "id" };
        let batches = vec![Ok(batch(0..3)), Err(failed()), Ok(batch(3..9))];
        let blocks: Result<Vec<RecordBatch>> = cut(stream::iter(batches).boxed(), 2).try_collect().await;
        assert!(blocks.is_err());
    }

    #[test]
    fn rows_that_no_question_finds_are_read_and_not_asked_for() {
        let ids = Arc::new(Int64Array::from(vec![i64::MIN, 0, i64::MAX, -1])) as ArrayRef;
        let block = block(3, RecordBatch::try_from_iter([("id", ids)]).unwrap()).unwrap();
        assert_eq!((block.partition, block.read), (3, 4));
        assert_eq!(sample::ids(&block.rows).unwrap(), [0, -1]);
    }

    #[test]
    fn a_block_is_short_in_rows_and_bytes() {
        assert_eq!(block_rows(0), 4096);
        assert_eq!(block_rows(520), 4096);
        assert_eq!(block_rows(8 + 4 * 768), 1361);
        assert_eq!(block_rows(u64::MAX), 1);
    }

    #[tokio::test]
    async fn a_sample_is_cut_into_blocks_of_its_partitions() {
        let sample =
            Sample { of_partitions: vec![Some(batch(0..5)), None, Some(batch(5..7))], seen_rows: None };
        let blocks: Vec<Block> = of_sample(&sample, vec![0, 1, 2, 9], 3).try_collect().await.unwrap();
        let found: Vec<_> = blocks.iter().map(|block| (block.partition, block.rows.num_rows())).collect();
        assert_eq!(found, [(0, 3), (0, 2), (2, 2)]);
    }
}
