// SPDX-License-Identifier: Apache-2.0
//! A sample of the rows of a plan, as they were written.

mod chosen;
mod pieces;

use std::collections::HashSet;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::Int64Type;
use m2m_datasource::ID;

use crate::error::{Error, Result};
use crate::plan::CollectionPlan;
use crate::verify::Ids;
pub(crate) use chosen::Relation;

/// Neighbouring rows that one spot of a sample takes.
const SPOT_ROWS: u64 = 8;
/// About how many bytes a sample holds.
const SAMPLE_BYTES: u64 = 64 << 20;

/// Rows of a plan.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    /// The rows of each partition of the plan: a column for each planned field,
    /// of the type that it was written in. None for a partition without some.
    pub(crate) of_partitions: Vec<Option<RecordBatch>>,
    /// How many rows there were to choose from, where they were counted again.
    pub(crate) seen_rows: Option<u64>,
}

/// Reads about `rows` rows of a plan whose rows were counted, spread evenly over
/// all of them, without those that Milvus cannot be asked for one by one.
pub(crate) async fn sample(plan: &CollectionPlan, ids: &Ids<'_>, rows: usize) -> Result<Sample> {
    let wanted = (rows as u64).min(SAMPLE_BYTES / plan.row_bytes().max(1)).min(plan.rows());
    if wanted == 0 {
        return Ok(Sample::default());
    }
    if plan.query.is_none() && plan.filter.is_none() {
        let mut of_partitions = pieces::read(plan, wanted, SPOT_ROWS).await?;
        let incomparable = ids.incomparable(&ids_of(&of_partitions)?).await?;
        retain(&mut of_partitions, |id| !incomparable.contains(&id))?;
        return Ok(Sample { of_partitions: joined(&of_partitions)?, seen_rows: None });
    }
    let relation = plan.relation(plan.routes());
    let (mut chosen, seen) = relation.choose(plan.rows(), wanted).await?;
    let incomparable = ids.incomparable(&chosen.iter().flatten().copied().collect()).await?;
    for ids in &mut chosen {
        ids.retain(|id| !incomparable.contains(id));
    }
    let of_partitions = relation.read(&chosen).await?;
    Ok(Sample { of_partitions: joined(&of_partitions)?, seen_rows: Some(seen) })
}

/// Reads about so many rows of a plan whose rows were counted, each as far from the
/// next as from the one before, whatever their ids.
pub(crate) async fn spread(plan: &CollectionPlan, rows: usize) -> Result<Vec<RecordBatch>> {
    let wanted = (rows as u64).min(SAMPLE_BYTES / plan.row_bytes().max(1)).min(plan.rows());
    if plan.query.is_none() && plan.filter.is_none() {
        return Ok(pieces::read(plan, wanted, 1).await?.into_iter().flatten().collect());
    }
    let relation = plan.relation(false);
    let (chosen, _) = relation.choose(plan.rows(), wanted).await?;
    Ok(relation.read(&chosen).await?.into_iter().flatten().collect())
}

impl CollectionPlan {
    /// Its rows, with the places of their tags or all in one.
    pub(crate) fn relation(&self, has_places: bool) -> Relation<'_> {
        let tags = self.partitions.iter().map(|partition| partition.tag.as_str());
        let tags = has_places.then(|| tags.collect());
        Relation { frame: &self.rows.frame, fields: &self.fields, tags }
    }
}

/// The rows of each partition as one batch.
fn joined(of_partitions: &[Vec<RecordBatch>]) -> Result<Vec<Option<RecordBatch>>> {
    let joined = of_partitions.iter().map(|batches| {
        let Some(first) = batches.first() else { return Ok(None) };
        let rows = concat_batches(&first.schema(), batches)?;
        Ok(Some(rows).filter(|rows| rows.num_rows() > 0))
    });
    joined.collect()
}

/// The ids of a batch.
pub(crate) fn ids(batch: &RecordBatch) -> Result<&[i64]> {
    let ids = batch.column_by_name(ID).and_then(|ids| ids.as_primitive_opt::<Int64Type>());
    let ids = ids.filter(|ids| ids.null_count() == 0);
    Ok(ids.ok_or(Error::Answer { query: "sample", column: ID })?.values())
}

fn ids_of(of_partitions: &[Vec<RecordBatch>]) -> Result<HashSet<i64>> {
    let mut all = HashSet::new();
    for batch in of_partitions.iter().flatten() {
        all.extend(ids(batch)?);
    }
    Ok(all)
}

/// Keeps the rows whose ids fit.
fn retain(of_partitions: &mut [Vec<RecordBatch>], fits: impl Fn(i64) -> bool) -> Result<()> {
    for batch in of_partitions.iter_mut().flatten() {
        let mask: BooleanArray = ids(batch)?.iter().map(|id| Some(fits(*id))).collect();
        if mask.true_count() < mask.len() {
            *batch = filter_record_batch(batch, &mask)?;
        }
    }
    Ok(())
}
