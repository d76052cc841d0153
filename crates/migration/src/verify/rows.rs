// SPDX-License-Identifier: Apache-2.0
//! Comparing a sample of rows, field by field.

use std::collections::HashMap;

use datafusion::arrow::array::RecordBatch;
use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_milvus::{Client, FieldType, Rows};

use super::ids::Ids;
use super::values::Value;
use super::{CollectionVerification, QUESTIONS_AT_ONCE};
use crate::error::{Error, Result};
use crate::fields::PlannedField;
use crate::plan::CollectionPlan;
use crate::sample::{self, sample};

/// Differing rows that are named one by one.
const NAMED_DIFFERENCES: usize = 5;

/// Compares about so many rows with what Milvus answers; `names` are the
/// collection's own of the planned fields.
pub(super) async fn compare(
    client: &Client,
    plan: &CollectionPlan,
    ids: &Ids<'_>,
    names: &[String],
    sample_rows: usize,
    found: &mut CollectionVerification,
) -> Result<()> {
    let sample = sample(plan, ids, sample_rows).await?;
    if let Some(seen) = sample.seen_rows.filter(|seen| *seen != found.rows()) {
        let counted = found.rows();
        found.differences.push(format!(
            "the source had {counted} rows when they were counted, and {seen} when they were read: it changes"
        ));
    }
    found.fields = names.to_vec();
    let comparison = Comparison { client, name: &plan.target_name, table: Table::new(&plan.fields, names)? };
    let partitions = found.partitions.iter().zip(&sample.of_partitions);
    let asked = partitions.filter_map(|(counts, rows)| {
        let place = (!counts.name.is_empty()).then_some(counts.name.as_str());
        Some((place, rows.as_ref().filter(|_| counts.target_rows.is_some())?))
    });
    let compared = stream::iter(asked)
        .map(|(place, rows)| comparison.of_partition(place, rows))
        .buffered(QUESTIONS_AT_ONCE)
        .try_collect::<Vec<_>>();
    let mut different = Vec::new();
    for (rows, differences) in compared.await? {
        found.compared_rows += rows;
        different.extend(differences);
    }
    let more = different.len().saturating_sub(NAMED_DIFFERENCES);
    found.differences.extend(different.into_iter().take(NAMED_DIFFERENCES));
    if more > 0 {
        found.differences.push(format!("{more} more sampled rows differ"));
    }
    Ok(())
}

/// What the rows of all partitions are compared with.
struct Comparison<'a> {
    client: &'a Client,
    name: &'a str,
    table: Table<'a>,
}

impl Comparison<'_> {
    /// Returns how many rows were compared, and how they differ.
    async fn of_partition(&self, place: Option<&str>, rows: &RecordBatch) -> Result<(u64, Vec<String>)> {
        let ids = sample::ids(rows)?;
        let (id, fields) = (self.table.id, self.table.asked());
        let answer = self.client.query_by_ids(self.name, place, id, &fields, ids).await?;
        Ok((ids.len() as u64, self.table.differences(rows, &answer, place)?))
    }
}

/// The fields of both sides.
struct Table<'a> {
    /// The collection's name of the primary key.
    id: &'a str,
    /// The others: column of the source, field in Milvus, and its type.
    others: Vec<(&'a str, &'a str, FieldType)>,
}

impl<'a> Table<'a> {
    fn new(fields: &'a [PlannedField], names: &'a [String]) -> Result<Self> {
        let named = || fields.iter().zip(names);
        let id = named().find(|(planned, _)| planned.field.is_primary).map(|(_, name)| name.as_str());
        let others = named().filter(|(planned, _)| !planned.field.is_primary);
        let others =
            others.map(|(planned, name)| (planned.column.as_str(), name.as_str(), planned.field.field_type));
        Ok(Self { id: id.ok_or_else(|| wrong("id"))?, others: others.collect() })
    }

    fn asked(&self) -> Vec<&'a str> {
        self.others.iter().map(|(_, field, _)| *field).collect()
    }

    /// Says which rows are missing in an answer or have other values.
    fn differences(&self, expected: &RecordBatch, answer: &Rows, place: Option<&str>) -> Result<Vec<String>> {
        let place = place.map_or("Milvus".into(), |partition| format!("partition `{partition}` of Milvus"));
        let answered: HashMap<i64, usize> = answer.ids.iter().copied().zip(0..).collect();
        let mut different = Vec::new();
        for (row, id) in sample::ids(expected)?.iter().enumerate() {
            let difference = match answered.get(id) {
                None => Some("is missing".to_owned()),
                Some(at) => self.difference(expected, row, answer, *at)?,
            };
            different.extend(difference.map(|why| format!("id {id} {why} in {place}")));
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
        for (column, field, field_type) in &self.others {
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
