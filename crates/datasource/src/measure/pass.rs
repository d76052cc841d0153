// SPDX-License-Identifier: Apache-2.0
//! Reading the rows of all segments of a collection, piece by piece.
//!
//! Each piece is a plan of one partition, so that a piece that cannot be read ends no
//! other: its segment has a problem, and the others have their values. Where the session's
//! plans run elsewhere, rows are counted there, and what they are comes back.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::TaskContext;
use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_segment::VectorElement;
use m2m_segment::ids::ID_BYTES;

use super::SAMPLE;
use super::lengths::Lengths;
use super::tally::Tally;
use super::tally_exec::count_on;
use super::watch::Watch;
use crate::engine::RemoteEngine;
use crate::meta::segments::chain;
use crate::piece::Piece;
use crate::schema::{ID, SEGMENT_OFFSET, VECTOR};
use crate::stats::SegmentStats;
use crate::table::CollectionTable;

/// Bytes of a piece, so that workers share large segments.
const PIECE_BYTES: u64 = 128 << 20;
/// Pieces that are at work at once elsewhere, by how many is not known here.
const PIECES_AWAY: usize = 32;

/// What is read of each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Ids,
    /// Ids, and vectors where they are of floats.
    Vectors,
}

/// What a segment's rows are, or why they cannot be read.
pub(super) type Outcome = Result<Tally, Unread>;

/// Why a segment cannot be read.
#[derive(Clone, Debug)]
pub(super) struct Unread {
    error: Arc<DataFusionError>,
    /// The same in one line.
    pub(super) text: String,
    /// Whether reading it once more would find the same.
    pub(super) is_damage: bool,
}

/// What all rows are.
#[derive(Clone, Debug, Default)]
pub(super) struct Passed {
    /// Of each segment, in order; how many lengths each bucket has is not kept.
    pub(super) segments: Vec<Outcome>,
    /// Of all segments that could be read.
    pub(super) lengths: Lengths,
    /// Rows that are not finite, and are kept.
    invalid: usize,
}

impl Unread {
    pub(super) fn new(error: DataFusionError) -> Self {
        let is_damage = own(&error).is_some_and(crate::Error::is_damage);
        Self { text: problem(&error), is_damage, error: Arc::new(error) }
    }

    /// Of what is known by its words alone.
    pub(super) fn told(text: String, is_damage: bool) -> Self {
        Self { error: Arc::new(DataFusionError::External(text.clone().into())), text, is_damage }
    }

    pub(super) fn error(&self) -> DataFusionError {
        DataFusionError::Shared(Arc::clone(&self.error))
    }
}

impl Reading {
    pub(super) fn columns(self, table: &CollectionTable) -> &'static [&'static str] {
        match table.collection().layout.element() {
            VectorElement::Float32 if self == Self::Vectors => &[ID, VECTOR, SEGMENT_OFFSET],
            _ => &[ID],
        }
    }

    /// Bytes that are read of a row.
    pub(super) fn row_bytes(self, table: &CollectionTable) -> u64 {
        match self.columns(table).contains(&VECTOR) {
            true => ID_BYTES.saturating_add(table.collection().layout.row_bytes() as u64),
            false => ID_BYTES,
        }
    }
}

/// Reads all segments once, as many pieces at a time as there are workers, and says what
/// their rows are. Of a table that was read before, it reads the segments
/// that could not be read although they are not damaged.
pub(super) async fn read(
    table: &Arc<CollectionTable>,
    reading: Reading,
    before: Option<&Passed>,
    watch: &Watch,
    context: &Arc<TaskContext>,
) -> DFResult<Passed> {
    let segments = table.segments().await?;
    let row_bytes = reading.row_bytes(table);
    let mut reads = Vec::new();
    let is_asked = |segment: usize| before.is_none_or(|before| before.is_to_retry(segment));
    for piece in pieces(&segments, row_bytes).into_iter().filter(|piece| is_asked(piece.segment)) {
        let (table, context, watch) = (Arc::clone(table), Arc::clone(context), watch.clone());
        reads.push(async move {
            let segment = piece.segment;
            let read =
                SpawnedTask::spawn(async move { count_piece(&table, piece, reading, &watch, context).await });
            (segment, read.join_unwind().await)
        });
    }
    let (mut passed, mut outcome) = (Passed::default(), None);
    let mut reads = stream::iter(reads).buffered(at_once(context));
    while let Some((segment, read)) = reads.next().await {
        let read = read.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))??;
        passed.close(&segments, before, segment, &mut outcome);
        match (read, outcome.get_or_insert_with(|| Ok(Tally::default()))) {
            (Ok(next), Ok(tally)) => tally.then(next),
            (Err(unread), Ok(_)) => outcome = Some(Err(unread)),
            // The first problem is told.
            (_, Err(_)) => {}
        }
    }
    passed.close(&segments, before, segments.len(), &mut outcome);
    if let Some(before) = before {
        passed.lengths.merge(&before.lengths);
    }
    Ok(passed)
}

/// Pieces that are at work at once.
fn at_once(context: &TaskContext) -> usize {
    let config = context.session_config();
    let least = if RemoteEngine::of(config).is_some() { PIECES_AWAY } else { 1 };
    config.target_partitions().max(least)
}

/// Says what the rows of a piece are. Of rows that are counted elsewhere, who watches is told when
/// the piece came to its end. An error is no problem of the piece, but one of who should count.
async fn count_piece(
    table: &CollectionTable,
    piece: Piece,
    reading: Reading,
    watch: &Watch,
    context: Arc<TaskContext>,
) -> DFResult<Outcome> {
    let (columns, row_bytes) = (reading.columns(table), reading.row_bytes(table));
    let see = |rows: u64| watch.rows(rows, rows.saturating_mul(row_bytes));
    if let Some(engine) = RemoteEngine::of(context.session_config()) {
        let scan = table.scan_pieces(vec![vec![piece.clone()]], columns)?;
        let outcome = count_on(&engine, scan, Arc::clone(&context)).await?;
        // Files that others do not see may be there all the same.
        if !matches!(&outcome, Err(unread) if unread.is_damage) {
            outcome.iter().for_each(|tally| see(tally.rows));
            return Ok(outcome);
        }
    }
    let mut tally = Tally::default();
    let each = |batch: &RecordBatch| {
        see(batch.num_rows() as u64);
        tally.add(batch)
    };
    let read = read_piece(table, piece, columns, context, each).await;
    Ok(read.map(|()| tally).map_err(Unread::new))
}

impl Passed {
    /// Counts in all segments before `next` that are not, the first of which has this
    /// outcome; the others are as they were before, or have no rows.
    fn close(
        &mut self,
        segments: &[SegmentStats],
        before: Option<&Self>,
        next: usize,
        outcome: &mut Option<Outcome>,
    ) {
        for (place, segment) in segments.iter().enumerate().take(next).skip(self.segments.len()) {
            let known = before.filter(|before| !before.is_to_retry(place));
            let known = known.and_then(|before| before.segments.get(place)).cloned();
            let closed = known.unwrap_or_else(|| {
                let mut closed = complete(segment, outcome.take().unwrap_or_else(|| Ok(Tally::default())));
                if let Ok(tally) = &mut closed {
                    self.lengths.merge(&tally.lengths);
                    tally.lengths = std::mem::take(&mut tally.lengths).without_buckets();
                }
                closed
            });
            self.segments.push(closed.map(|mut tally| {
                tally.invalid.truncate(SAMPLE.saturating_sub(self.invalid));
                self.invalid += tally.invalid.len();
                tally
            }));
        }
    }

    fn is_to_retry(&self, segment: usize) -> bool {
        matches!(self.segments.get(segment), Some(Err(unread)) if !unread.is_damage)
    }

    /// Whether reading once more would find the same.
    pub(super) fn is_final(&self) -> bool {
        self.check().is_ok()
    }

    /// Makes sure that only damage kept segments from being read.
    pub(super) fn check(&self) -> DFResult<()> {
        let unread = self.segments.iter().filter_map(|outcome| outcome.as_ref().err());
        unread.filter(|unread| !unread.is_damage).map(|unread| Err(unread.error())).next().unwrap_or(Ok(()))
    }
}

/// Reads the rows of a piece, batch by batch.
pub(super) async fn read_piece(
    table: &CollectionTable,
    piece: Piece,
    columns: &[&str],
    context: Arc<TaskContext>,
    mut each: impl FnMut(&RecordBatch) -> DFResult<()>,
) -> DFResult<()> {
    let mut batches = table.scan_pieces(vec![vec![piece]], columns)?.execute(0, context)?;
    while let Some(batch) = batches.try_next().await? {
        each(&batch)?;
    }
    Ok(())
}

/// The segments in pieces, in order.
fn pieces(segments: &[SegmentStats], row_bytes: u64) -> Vec<Piece> {
    let most = usize::try_from(PIECE_BYTES / row_bytes.max(1)).unwrap_or(usize::MAX).max(1);
    let mut pieces = Vec::with_capacity(segments.len());
    for (segment, stats) in segments.iter().enumerate() {
        let starts = (0..stats.rows).step_by(most);
        pieces.extend(starts.map(|start| {
            let end = start.saturating_add(most as u64).min(stats.rows);
            Piece { segment, rows: start..end }
        }));
    }
    pieces
}

/// The outcome, unless rows are lacking.
fn complete(segment: &SegmentStats, outcome: Outcome) -> Outcome {
    let tally = outcome?;
    match segment.live() {
        live if live == tally.rows => Ok(tally),
        live => {
            let text = format!("expected {live} live rows in the segment, found {}", tally.rows);
            Err(Unread::told(text, false))
        }
    }
}

/// Why something cannot be read, without what the engine puts around it.
pub(super) fn problem(error: &DataFusionError) -> String {
    own(error).map_or_else(|| chain(error), |error| chain(error))
}

/// The error of this crate that is the cause of another.
fn own(error: &DataFusionError) -> Option<&crate::Error> {
    let first: &(dyn std::error::Error + 'static) = error;
    let causes = std::iter::successors(Some(first), |error| error.source());
    causes.filter_map(|error| error.downcast_ref::<crate::Error>()).next()
}
