// SPDX-License-Identifier: Apache-2.0
//! What is in Milvus under a collection's name, and what is done about it.

use std::collections::{BTreeMap, HashSet};

use m2m_milvus::{Client, CollectionInfo, IndexInfo, compare, mapping};

use super::{Mapping, Wanted, count, count_each};
use crate::error::{Error, Result};
use crate::memory::{Memory, memory_of};
use crate::settings::IfExists;

/// What becomes of what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// Nothing is there: the collection is created.
    Absent,
    /// It is left alone.
    Skip,
    /// It is dropped, and created anew.
    Replace,
    /// It takes more rows.
    Append(Appended),
}

/// A collection that takes more rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its own names of the wanted fields, in their order.
    pub field_names: Vec<String>,
    /// Rows that it has.
    pub rows: u64,
    /// Rows of those wanted partitions that it has; the others are missing.
    pub partition_rows: BTreeMap<String, u64>,
    /// Whether it is in memory: then `rows` are those of now, otherwise those
    /// that were stored, deleted ones among them.
    pub is_loaded: bool,
    /// The index of its vectors, if there is one.
    pub index: Option<IndexInfo>,
    /// Rows that the index knows of; what is imported comes on top of them.
    pub index_rows: u64,
}

/// Looks what is in Milvus under the collection's name. Nothing is changed.
///
/// # Errors
///
/// When there is something and `if_exists` says that nothing is done then,
/// when it cannot take the rows that are to be appended (all differences are
/// named), or when the server cannot be asked.
pub async fn inspect(
    client: &Client,
    wanted: &Wanted,
    mapping: &Mapping,
    if_exists: IfExists,
) -> Result<TargetState> {
    let Some(info) = client.describe_collection(&wanted.name).await? else {
        return Ok(TargetState::Absent);
    };
    match if_exists {
        IfExists::Fail => Err(Error::CollectionExists { collection: wanted.name.clone() }),
        IfExists::Skip => Ok(TargetState::Skip),
        IfExists::Replace => Ok(TargetState::Replace),
        IfExists::Append => Ok(TargetState::Append(appended(client, wanted, mapping, &info).await?)),
    }
}

async fn appended(
    client: &Client,
    wanted: &Wanted,
    mapping: &Mapping,
    info: &CollectionInfo,
) -> Result<Appended> {
    let existing = client.list_partitions(&wanted.name).await?;
    let names = compare(&wanted.fields, info);
    let index = match vector_name(wanted, names.as_deref().ok(), info) {
        Some(vector) => client.index_info(&wanted.name, vector).await?,
        None => None,
    };
    let limit = mapping::limits(client.version()).partitions;
    let others = metric_difference(&mapping.metric.value, index.as_ref())
        .into_iter()
        .chain(partition_difference(wanted, &existing, limit));
    let field_names = match names {
        Ok(names) => no_differences(wanted, &Vec::from_iter(others)).map(|()| names)?,
        Err(differences) => {
            return Err(different(wanted, &differences.into_iter().chain(others).collect::<Vec<_>>()));
        }
    };
    let is_loaded = memory_of(client, &wanted.name).await? == Memory::Loaded;
    let common = wanted.partitions.iter().filter(|name| existing.contains(name)).map(String::as_str);
    let rows = count(client, &wanted.name, None, is_loaded).await?;
    let partition_rows = count_each(client, &wanted.name, common, is_loaded).await?;
    let vector = wanted.vector_field().and_then(|(at, ..)| field_names.get(at));
    let index_rows = match (&index, vector) {
        (Some(_), Some(vector)) => client.index_progress(&wanted.name, vector).await?.total_rows,
        _ => 0,
    };
    Ok(Appended { field_names, rows, partition_rows, is_loaded, index, index_rows })
}

/// The collection's own name of the vector field, as far as it can be told.
fn vector_name<'a>(
    wanted: &Wanted,
    names: Option<&'a [String]>,
    info: &'a CollectionInfo,
) -> Option<&'a str> {
    match names {
        Some(names) => wanted.vector_field().and_then(|(at, ..)| names.get(at)).map(String::as_str),
        None => info.vector().ok().map(|(field, _)| field.name.as_str()),
    }
}

fn no_differences(wanted: &Wanted, differences: &[String]) -> Result<()> {
    if differences.is_empty() { Ok(()) } else { Err(different(wanted, differences)) }
}

fn different(wanted: &Wanted, differences: &[String]) -> Error {
    Error::TargetDiffers { collection: wanted.name.clone(), differences: differences.join("; ") }
}

/// An index knows its metric; without one there is nothing to compare.
fn metric_difference(wanted: &str, index: Option<&IndexInfo>) -> Option<String> {
    let found = index?.metric.as_deref()?;
    (!found.eq_ignore_ascii_case(wanted)).then(|| format!("its metric is {found}, expected {wanted}"))
}

fn partition_difference(wanted: &Wanted, existing: &[String], limit: usize) -> Option<String> {
    let all: HashSet<&String> = existing.iter().chain(&wanted.partitions).collect();
    let is_too_much = !wanted.partitions.is_empty() && all.len() > limit;
    is_too_much.then(|| {
        format!("it has {} partitions and would get {}, the server allows {limit}", existing.len(), all.len())
    })
}

#[cfg(test)]
mod tests;
