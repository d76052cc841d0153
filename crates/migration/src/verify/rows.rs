// SPDX-License-Identifier: Apache-2.0
//! Comparing rows, field by field.

use std::collections::{HashMap, HashSet};

use datafusion::arrow::array::RecordBatch;
use futures::stream::{StreamExt, TryStreamExt};
use m2m_milvus::{Client, FieldType, Rows};

use super::blocks::{self, Block, Blocks, block_rows};
use super::ids::{IDS_AT_ONCE, Ids};
use super::schema::Fields;
use super::tally::{Difference, Tally};
use super::values::Value;
use super::{CollectionVerification, Layout, QUESTIONS_AT_ONCE};
use crate::error::{Error, Result};
use crate::plan::CollectionPlan;
use crate::sample::{self, Relation, sample};

/// Which rows are compared with what.
pub(super) struct Asked<'a> {
    pub(super) client: &'a Client,
    pub(super) plan: &'a CollectionPlan,
    pub(super) ids: &'a Ids<'a>,
    /// The fields in Milvus.
    pub(super) fields: &'a Fields,
    /// About how many rows; all of them without a number.
    pub(super) sample_rows: Option<usize>,
    /// Is told how many rows were compared.
    pub(super) progress: &'a (dyn Fn(u64) + Send + Sync),
}

/// Compares rows with what Milvus answers.
pub(super) async fn compare(asked: &Asked<'_>, found: &mut CollectionVerification) -> Result<()> {
    let Some(id) = &asked.fields.id else { return Ok(()) };
    let table = Table { id, others: &asked.fields.others };
    found.fields =
        std::iter::once(id).chain(table.others.iter().map(|(_, field, _)| field)).cloned().collect();
    // What Milvus does not have is told already.
    let is_there = |at: &usize| {
        found.layout == Layout::Whole
            || found.partitions.get(*at).is_some_and(|one| one.target_rows.is_some())
    };
    let partitions: Vec<usize> = (0..found.partitions.len()).filter(is_there).collect();
    let comparison = Comparison { asked, table, places: places(found) };
    let rows = block_rows(asked.plan.row_bytes());
    let relation = asked.plan.relation(asked.plan.routes());
    match asked.sample_rows {
        Some(wanted) => {
            let sample = sample(asked.plan, asked.ids, wanted).await?;
            if let Some(seen) = sample.seen_rows {
                found.differences.extend(changed(found.rows(), seen, ""));
            }
            found.unseen_rows = asked.ids.facts().unseen_rows;
            comparison.run(blocks::of_sample(&sample, partitions, rows), found).await?;
        }
        None => {
            let read = comparison.run(blocks::of_all(&relation, partitions.clone(), rows), found).await?;
            for partition in
                partitions.iter().filter_map(|at| Some((found.partitions.get(*at)?, read.get(*at)?)))
            {
                let of = if partition.0.tag.is_empty() {
                    String::new()
                } else {
                    format!(" with tag `{}`", partition.0.tag)
                };
                found.differences.extend(changed(partition.0.rows, *partition.1, &of));
            }
        }
    }
    Ok(())
}

/// What is said of a source that has other rows than it had.
fn changed(counted: u64, read: u64, of: &str) -> Option<String> {
    (counted != read).then(|| {
        format!("the source had {counted} rows{of} when they were counted, and {read} when they were read: it changes")
    })
}

/// The name of each partition in Milvus; none where rows are looked for everywhere.
fn places(found: &CollectionVerification) -> Vec<Option<String>> {
    let is_place = |name: &String| found.layout == Layout::Partitions && !name.is_empty();
    found.partitions.iter().map(|partition| Some(partition.name.clone()).filter(is_place)).collect()
}

/// The comparison of a collection.
struct Comparison<'a> {
    asked: &'a Asked<'a>,
    table: Table<'a>,
    places: Vec<Option<String>>,
}

/// A row that differs from what Milvus shows, and its partition.
type Doubt = (usize, Difference);

impl Comparison<'_> {
    /// Compares blocks of rows. Returns how many rows each partition had.
    async fn run(&self, blocks: Blocks<'_>, found: &mut CollectionVerification) -> Result<Vec<u64>> {
        let (mut tally, mut doubts) = (Tally::default(), Vec::new());
        let (mut read, mut all_read) = (vec![0; self.places.len()], 0);
        let answers = blocks.map(|block| async move { self.of_block(block?).await });
        let mut answers = answers.buffered(QUESTIONS_AT_ONCE);
        while let Some((block, different)) = answers.try_next().await? {
            let counts = found.partitions.get_mut(block.partition).zip(read.get_mut(block.partition));
            let (counts, read) = counts.ok_or_else(|| wrong("partition"))?;
            *read += block.read;
            all_read += block.read;
            counts.compared_rows += block.rows.num_rows() as u64;
            // Where ids repeat, a row may differ because another one was shown.
            if self.asked.ids.facts().unseen_rows == 0 {
                different.into_iter().for_each(|difference| tally.add(difference));
            } else {
                doubts.extend(different.into_iter().map(|difference| (block.partition, difference)));
            }
            if doubts.len() >= IDS_AT_ONCE {
                self.settle(std::mem::take(&mut doubts), &mut tally, found).await?;
            }
            (self.asked.progress)(all_read);
        }
        self.settle(doubts, &mut tally, found).await?;
        found.compared_rows = found.partitions.iter().map(|partition| partition.compared_rows).sum();
        found.different_rows = tally.rows();
        found.differences.extend(tally.said(self.asked.sample_rows.is_some()));
        Ok(read)
    }

    async fn of_block(&self, block: Block) -> Result<(Block, Vec<Difference>)> {
        let place = self.places.get(block.partition).and_then(Option::as_deref);
        let different = self.of_rows(place, &block.rows).await?;
        Ok((block, different))
    }

    /// Says how rows differ from what Milvus shows of them.
    async fn of_rows(&self, place: Option<&str>, rows: &RecordBatch) -> Result<Vec<Difference>> {
        let (name, fields, ids) = (&self.asked.plan.target_name, self.table.asked(), sample::ids(rows)?);
        let answer = self.asked.client.query_block(name, place, self.table.id, &fields, ids).await?;
        self.table.differences(rows, &answer, place)
    }

    /// Looks which rows differ because Milvus shows another one with their id: it
    /// must be one of the source's.
    async fn settle(
        &self,
        doubts: Vec<Doubt>,
        tally: &mut Tally,
        found: &mut CollectionVerification,
    ) -> Result<()> {
        let ids: HashSet<i64> = doubts.iter().map(|(_, difference)| difference.id).collect();
        let repeated = self.asked.ids.incomparable(&ids).await?;
        let relation =
            self.asked.plan.relation(found.layout == Layout::Partitions && self.asked.plan.routes());
        let place_of = |partition: usize| if relation.tags.is_some() { partition } else { 0 };
        let mut asked = vec![HashSet::new(); relation.tags.as_ref().map_or(1, Vec::len)];
        for (partition, Difference { id, .. }) in doubts.iter().filter(|(_, one)| repeated.contains(&one.id))
        {
            if let Some(asked) = asked.get_mut(place_of(*partition)) {
                asked.insert(*id);
            }
        }
        let mut different = Vec::with_capacity(asked.len());
        for (at, ids) in asked.iter().enumerate() {
            different.push(self.unlike_all(&relation, at, ids).await?);
        }
        // An id is told once, however many rows have it.
        let mut told = HashSet::new();
        for (partition, difference) in doubts {
            let place = place_of(partition);
            if !repeated.contains(&difference.id) {
                tally.add(difference);
            } else if different.get(place).is_some_and(|ids| ids.contains(&difference.id)) {
                if told.insert((place, difference.id)) {
                    tally.add(difference);
                }
            } else {
                found.unseen_rows += 1;
                if let Some(counts) = found.partitions.get_mut(partition) {
                    counts.compared_rows = counts.compared_rows.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    /// Those of some repeated ids for which Milvus shows a row that is none of the source's.
    async fn unlike_all(
        &self,
        relation: &Relation<'_>,
        at: usize,
        ids: &HashSet<i64>,
    ) -> Result<HashSet<i64>> {
        let place = self.places.get(at).and_then(Option::as_deref);
        let mut unlike = ids.clone();
        let all: Vec<i64> = ids.iter().copied().collect();
        for some in all.chunks(block_rows(self.asked.plan.row_bytes())) {
            let mut chosen = vec![HashSet::new(); relation.tags.as_ref().map_or(1, Vec::len)];
            if let Some(chosen) = chosen.get_mut(at) {
                chosen.extend(some);
            }
            for rows in relation.read(&chosen).await?.iter().flatten() {
                let different = self.of_rows(place, rows).await?;
                let different: HashSet<usize> = different.iter().map(|difference| difference.row).collect();
                for (_, id) in
                    sample::ids(rows)?.iter().enumerate().filter(|(row, _)| !different.contains(row))
                {
                    unlike.remove(id);
                }
            }
        }
        Ok(unlike)
    }
}

/// The fields of both sides.
struct Table<'a> {
    /// The collection's name of the primary key.
    id: &'a str,
    /// The others: column of the source, field in Milvus, and its type.
    others: &'a [(String, String, FieldType)],
}

impl<'a> Table<'a> {
    fn asked(&self) -> Vec<&'a str> {
        self.others.iter().map(|(_, field, _)| field.as_str()).collect()
    }

    /// Says which rows are missing in an answer or have other values.
    fn differences(
        &self,
        expected: &RecordBatch,
        answer: &Rows,
        place: Option<&str>,
    ) -> Result<Vec<Difference>> {
        let place = place.map_or("Milvus".into(), |partition| format!("partition `{partition}` of Milvus"));
        let answered: HashMap<i64, usize> = answer.ids.iter().copied().zip(0..).collect();
        let mut different = Vec::new();
        for (row, id) in sample::ids(expected)?.iter().enumerate() {
            let difference = match answered.get(id) {
                None => Some("is missing".to_owned()),
                Some(at) => self.difference(expected, row, answer, *at)?,
            };
            different.extend(difference.map(|why| Difference {
                row,
                id: *id,
                said: format!("id {id} {why} in {place}"),
            }));
        }
        Ok(different)
    }

    /// How a row differs, if it does.
    fn difference(
        &self,
        expected: &RecordBatch,
        row: usize,
        answer: &Rows,
        at: usize,
    ) -> Result<Option<String>> {
        for (column, field, field_type) in self.others {
            let array = expected.column_by_name(column).ok_or_else(|| wrong("field"))?;
            let source = Value::of_source(array.as_ref(), *field_type, row).ok_or_else(|| wrong("field"))?;
            let target = answer.column(field).and_then(|column| Value::of_answer(column, at));
            let difference = match target {
                Some(target) if target.is_same(&source) => continue,
                Some(Value::Vector(_)) if field_type.vector().is_some() => "has another vector".to_owned(),
                Some(target) => format!("has {target} as `{field}`, expected {source},"),
                None => format!("has no `{field}`"),
            };
            return Ok(Some(difference));
        }
        Ok(None)
    }
}

fn wrong(column: &'static str) -> Error {
    Error::Answer { query: "sample", column }
}

#[cfg(test)]
mod tests;
