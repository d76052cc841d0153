// SPDX-License-Identifier: Apache-2.0
//! Rows of a query, or of a collection under a condition: their ids are read
//! once and some of them chosen, then the rows with these ids are read.

use std::collections::{BTreeSet, HashMap, HashSet};

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::DataType;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, cast, ident};
use datafusion::prelude::{DataFrame, lit};
use futures::TryStreamExt;
use m2m_datasource::{ID, PARTITION_TAG};

use super::ids;
use crate::error::{Error, Result};
use crate::fields::PlannedField;
use crate::verify::IDS_AT_ONCE;

/// The column with the tag of a row, beside those of the fields.
const PLACE: &str = "m2m_place_of_row";

/// Rows that are migrated.
pub(crate) struct Relation<'a> {
    pub(crate) frame: &'a DataFrame,
    pub(crate) fields: &'a [PlannedField],
    /// The tags of the plan's partitions; none where all rows go into one.
    pub(crate) tags: Option<Vec<&'a str>>,
}

impl Relation<'_> {
    /// Chooses about `wanted` of `total` rows at even distances: the ids in each
    /// partition, no id twice; and says how many rows there are.
    pub(super) async fn choose(&self, total: u64, wanted: u64) -> Result<(Vec<HashSet<i64>>, u64)> {
        let partitions = self.partitions();
        let mut chosen = vec![HashSet::new(); self.tags.as_ref().map_or(1, Vec::len)];
        let columns = vec![self.as_type(ID, &DataType::Int64).alias(ID), self.place()];
        let mut rows = self.frame.clone().select(columns)?.execute_stream().await?;
        let mut seen = 0;
        while let Some(batch) = rows.try_next().await? {
            for (id, place) in ids(&batch)?.iter().zip(places(&batch, &partitions)?) {
                if is_chosen(seen, total, wanted)
                    && let Some(of_partition) = chosen.get_mut(place)
                {
                    of_partition.insert(*id);
                }
                seen += 1;
            }
        }
        Ok((chosen, seen))
    }

    /// All rows of a partition, in the order of their segments where they are those
    /// of a collection.
    pub(crate) async fn of_partition(&self, at: usize) -> Result<SendableRecordBatchStream> {
        let mut rows = self.frame.clone();
        if let Some(tags) = &self.tags {
            let tag = tags.get(at).ok_or(Error::Answer { query: "rows", column: PARTITION_TAG })?;
            rows = rows.filter(self.tag().eq(lit(*tag)))?;
        }
        Ok(rows.select(self.written().collect::<Vec<_>>())?.execute_stream().await?)
    }

    /// Reads the rows that were chosen, by their partitions.
    pub(crate) async fn read(&self, chosen: &[HashSet<i64>]) -> Result<Vec<Vec<RecordBatch>>> {
        let partitions = self.partitions();
        let mut read = vec![Vec::new(); chosen.len()];
        let all: BTreeSet<i64> = chosen.iter().flatten().copied().collect();
        let all: Vec<i64> = all.into_iter().collect();
        for some in all.chunks(IDS_AT_ONCE) {
            let mut rows = self.with_ids(some)?.execute_stream().await?;
            while let Some(batch) = rows.try_next().await? {
                share_out(&batch, &partitions, chosen, &mut read)?;
            }
        }
        Ok(read)
    }

    /// The fields of the rows with some ids. The scan reads no other vectors.
    fn with_ids(&self, ids: &[i64]) -> Result<DataFrame> {
        let list = ids.iter().map(|id| lit(*id)).collect();
        let rows = self.frame.clone().filter(self.as_type(ID, &DataType::Int64).in_list(list, false))?;
        Ok(rows.select(self.written().chain([self.place()]).collect::<Vec<_>>())?)
    }

    /// The fields as they are written.
    fn written(&self) -> impl Iterator<Item = Expr> {
        self.fields.iter().map(|field| self.as_type(&field.column, &field.data_type).alias(&field.column))
    }

    /// The tag of a row. One that is text stays as it is, so that a scan can tell segments by it.
    fn tag(&self) -> Expr {
        let tag = self.frame.schema().field_with_unqualified_name(PARTITION_TAG);
        match tag.is_ok_and(|tag| tag.data_type().is_string()) {
            true => ident(PARTITION_TAG),
            false => cast(ident(PARTITION_TAG), DataType::Utf8),
        }
    }

    /// A column in the type that it is written in.
    fn as_type(&self, column: &str, data_type: &DataType) -> Expr {
        let found = self.frame.schema().field_with_unqualified_name(column);
        match found.is_ok_and(|field| field.data_type() == data_type) {
            // Without a cast the scan knows the column for its own.
            true => ident(column),
            false => cast(ident(column), data_type.clone()),
        }
    }

    fn place(&self) -> Expr {
        let place = if self.tags.is_some() { cast(ident(PARTITION_TAG), DataType::Utf8) } else { lit("") };
        place.alias(PLACE)
    }

    /// The partitions by the tags of their rows.
    fn partitions(&self) -> HashMap<&str, usize> {
        match &self.tags {
            Some(tags) => tags.iter().enumerate().map(|(at, tag)| (*tag, at)).collect(),
            None => HashMap::from([("", 0)]),
        }
    }
}

/// Whether a row is one of `wanted` that lie at even distances among `total`:
/// exactly so many are, and all of them when more are wanted.
fn is_chosen(row: u64, total: u64, wanted: u64) -> bool {
    let before = |rows: u64| u128::from(rows) * u128::from(wanted.min(total)) / u128::from(total.max(1));
    before(row.saturating_add(1)) > before(row)
}

/// For each row its partition; rows of a tag that no partition has are an error.
fn places(batch: &RecordBatch, partitions: &HashMap<&str, usize>) -> Result<Vec<usize>> {
    let wrong = || Error::Answer { query: "sample", column: "partition_tag" };
    let tags = batch.column_by_name(PLACE).and_then(|tags| tags.as_string_opt::<i32>()).ok_or_else(wrong)?;
    let places = tags.iter().map(|tag| partitions.get(tag?).copied());
    places.collect::<Option<Vec<usize>>>().ok_or_else(wrong)
}

/// Adds the chosen rows of a batch to those of their partitions, without their place.
fn share_out(
    batch: &RecordBatch,
    partitions: &HashMap<&str, usize>,
    chosen: &[HashSet<i64>],
    read: &mut [Vec<RecordBatch>],
) -> Result<()> {
    let (ids, places) = (ids(batch)?, places(batch, partitions)?);
    let without_place: Vec<usize> = (0..batch.num_columns().saturating_sub(1)).collect();
    let found: BTreeSet<usize> = places.iter().copied().collect();
    for (at, (chosen, read)) in chosen.iter().zip(read).enumerate().filter(|(at, _)| found.contains(at)) {
        let rows = ids.iter().zip(&places);
        let mask: BooleanArray = rows.map(|(id, place)| Some(*place == at && chosen.contains(id))).collect();
        if mask.true_count() > 0 {
            read.push(filter_record_batch(&batch.project(&without_place)?, &mask)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
