// SPDX-License-Identifier: Apache-2.0
//! An exact search of the source for many vectors in one pass.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::Float32Type;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::DataFrame;
use futures::TryStreamExt;
use m2m_datasource::VECTOR;
use m2m_segment::distance::{BinaryDistance, FloatDistance};
use tokio::task::JoinSet;

use crate::error::{Error, Result};
use crate::sample;

/// About how many bytes of vectors are compared with all that are searched for
/// before the next ones: they stay in the processor's cache.
const CACHED_BYTES: usize = 256 << 10;

/// Vectors that are searched for, and how they are compared.
#[derive(Clone, Debug)]
pub(super) enum Queries {
    Float(FloatDistance, Vec<Vec<f32>>),
    Binary(BinaryDistance, Vec<Vec<u8>>),
}

/// What is asked of the source.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) queries: Queries,
    /// How many neighbours of each.
    pub(super) top_k: usize,
    /// Ids whose ranks are wanted, and of which queries.
    pub(super) wanted: HashMap<i64, Vec<usize>>,
}

/// What the source answers for one vector.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Nearest {
    /// Ranks and ids of the nearest rows, the nearest first; each id once.
    pub(super) rows: Vec<(f64, i64)>,
    /// The ranks of the ids that were wanted and exist.
    pub(super) wanted: HashMap<i64, f64>,
}

impl Queries {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Float(_, vectors) => vectors.len(),
            Self::Binary(_, vectors) => vectors.len(),
        }
    }

    /// The vectors of some rows, if there are as many as rows.
    pub(super) fn add(&mut self, rows: &RecordBatch) -> Result<()> {
        match self {
            Self::Float(_, vectors) => {
                let (values, length) = floats(rows)?;
                vectors.extend(values.chunks_exact(length).map(<[f32]>::to_vec));
            }
            Self::Binary(_, vectors) => {
                let (values, length) = bits(rows)?;
                vectors.extend(values.chunks_exact(length).map(<[u8]>::to_vec));
            }
        }
        Ok(())
    }

    pub(super) fn truncate(&mut self, length: usize) {
        match self {
            Self::Float(_, vectors) => vectors.truncate(length),
            Self::Binary(_, vectors) => vectors.truncate(length),
        }
    }

    /// How large a difference between two ranks of a query can be that only comes of
    /// a server computing with 32-bit floats.
    pub(super) fn slack(&self, query: usize, rank: f64) -> f64 {
        const SHARE: f64 = 1e-5;
        let scale = match self {
            Self::Float(FloatDistance::L2, _) => rank,
            Self::Float(FloatDistance::InnerProduct, vectors) => {
                let square = |vector: &Vec<f32>| FloatDistance::InnerProduct.of(vector, vector);
                rank.abs().max(vectors.get(query).map_or(0.0, square))
            }
            Self::Binary(BinaryDistance::Hamming, _) => 0.0,
            Self::Float(FloatDistance::Cosine, _) | Self::Binary(..) => rank.max(1.0),
        };
        if scale.is_finite() { scale * SHARE } else { 0.0 }
    }
}

/// Searches rows, a task for each scan partition.
pub(super) async fn nearest(frame: DataFrame, question: Arc<Question>) -> Result<Vec<Nearest>> {
    let mut tasks = JoinSet::new();
    for rows in frame.execute_stream_partitioned().await? {
        tasks.spawn(of_partition(rows, Arc::clone(&question)));
    }
    let mut all = vec![Nearest::default(); question.queries.len()];
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.map_err(|error| Error::Query(Box::new(error)))??;
        for (all, found) in all.iter_mut().zip(ended) {
            all.take(found, question.top_k);
        }
    }
    Ok(all)
}

async fn of_partition(mut rows: SendableRecordBatchStream, question: Arc<Question>) -> Result<Vec<Nearest>> {
    let mut found = vec![Nearest::default(); question.queries.len()];
    while let Some(batch) = rows.try_next().await? {
        question.look_at(&batch, &mut found)?;
    }
    Ok(found)
}

impl Question {
    /// Compares some rows with every query.
    fn look_at(&self, rows: &RecordBatch, found: &mut [Nearest]) -> Result<()> {
        let ids = sample::ids(rows)?;
        match &self.queries {
            Queries::Float(distance, vectors) => {
                let (values, length) = floats(rows)?;
                let of_each = |block: &[f32], query: usize, distances: &mut Vec<f64>| {
                    if let Some(vector) = vectors.get(query) {
                        distance.of_each(block, vector, distances);
                    }
                };
                let rank = |value| rank_of_floats(*distance, value);
                self.look_at_all(ids, values, length, size_of::<f32>(), of_each, rank, found);
            }
            Queries::Binary(distance, vectors) => {
                let (values, length) = bits(rows)?;
                let of_each = |block: &[u8], query: usize, distances: &mut Vec<f64>| {
                    if let Some(vector) = vectors.get(query) {
                        distance.of_each(block, vector, distances);
                    }
                };
                self.look_at_all(ids, values, length, 1, of_each, |value| value, found);
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "what both kinds of vectors have in common")]
    fn look_at_all<T>(
        &self,
        ids: &[i64],
        values: &[T],
        length: usize,
        bytes: usize,
        of_each: impl Fn(&[T], usize, &mut Vec<f64>),
        rank: impl Fn(f64) -> f64,
        found: &mut [Nearest],
    ) {
        let rows = (CACHED_BYTES / (length * bytes).max(1)).max(1);
        let mut distances = Vec::with_capacity(rows);
        for (ids, values) in ids.chunks(rows).zip(values.chunks(rows * length)) {
            let wanted: Vec<(usize, i64, &Vec<usize>)> = ids
                .iter()
                .enumerate()
                .filter_map(|(row, id)| Some((row, *id, self.wanted.get(id)?)))
                .collect();
            for (query, found) in found.iter_mut().enumerate() {
                distances.clear();
                of_each(values, query, &mut distances);
                for (distance, id) in distances.iter().zip(ids) {
                    found.offer(rank(*distance), *id, self.top_k);
                }
                for (row, id, queries) in &wanted {
                    if let Some(distance) = distances.get(*row).filter(|_| queries.contains(&query)) {
                        found.want(*id, rank(*distance));
                    }
                }
            }
        }
    }
}

impl Nearest {
    /// Takes a row that is nearer than one of so many.
    fn offer(&mut self, rank: f64, id: i64, top_k: usize) {
        if self.rows.len() >= top_k && self.rows.last().is_none_or(|(last, _)| *last <= rank) {
            return;
        }
        // Milvus shows an id once, however many rows have it.
        if let Some(same) = self.rows.iter().position(|(_, known)| *known == id) {
            if self.rows.get(same).is_some_and(|(known, _)| *known <= rank) {
                return;
            }
            self.rows.remove(same);
        }
        let at = self.rows.partition_point(|(known, _)| *known <= rank);
        self.rows.insert(at, (rank, id));
        self.rows.truncate(top_k);
    }

    fn want(&mut self, id: i64, rank: f64) {
        let known = self.wanted.entry(id).or_insert(rank);
        *known = known.min(rank);
    }

    fn take(&mut self, other: Self, top_k: usize) {
        for (rank, id) in other.rows {
            self.offer(rank, id, top_k);
        }
        for (id, rank) in other.wanted {
            self.want(id, rank);
        }
    }
}

/// What is smaller the nearer a row is. What has no direction is at a right angle to everything.
fn rank_of_floats(distance: FloatDistance, value: f64) -> f64 {
    match distance {
        FloatDistance::InnerProduct if !value.is_nan() => -value,
        FloatDistance::Cosine if value.is_nan() => 1.0,
        _ if value.is_nan() => f64::INFINITY,
        _ => value,
    }
}

fn wrong() -> Error {
    Error::Answer { query: "search", column: VECTOR }
}

/// The components of the vectors of some rows, and how many one has.
fn floats(rows: &RecordBatch) -> Result<(&[f32], usize)> {
    let vectors = rows.column_by_name(VECTOR).and_then(|vectors| vectors.as_fixed_size_list_opt());
    let vectors = vectors.filter(|vectors| vectors.null_count() == 0).ok_or_else(wrong)?;
    let length =
        usize::try_from(vectors.value_length()).ok().filter(|length| *length > 0).ok_or_else(wrong)?;
    let values = vectors.values().as_primitive_opt::<Float32Type>().ok_or_else(wrong)?.values();
    if values.len() != rows.num_rows() * length {
        return Err(wrong());
    }
    Ok((values, length))
}

/// The bytes of the vectors of some rows, and how many one has.
fn bits(rows: &RecordBatch) -> Result<(&[u8], usize)> {
    let vectors = rows.column_by_name(VECTOR).and_then(|vectors| vectors.as_fixed_size_binary_opt());
    let vectors = vectors.filter(|vectors| vectors.null_count() == 0).ok_or_else(wrong)?;
    let length =
        usize::try_from(vectors.value_length()).ok().filter(|length| *length > 0).ok_or_else(wrong)?;
    let values = vectors.value_data();
    if values.len() != rows.num_rows() * length {
        return Err(wrong());
    }
    Ok((values, length))
}

#[cfg(test)]
mod tests;
