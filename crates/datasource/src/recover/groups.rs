// SPDX-License-Identifier: Apache-2.0
//! Which folders are which collection's, and what its vectors are.

use std::collections::BTreeMap;

use m2m_catalog::{DEFAULT_PARTITION, Metric};
use m2m_segment::VectorLayout;

use super::choices::{Choices, wrong};
use super::evidence::layouts;
use super::table::{Table, TableKind, is_collection};
use crate::error::{Error, Result};

/// The folders by collection.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) collections: BTreeMap<String, Group>,
    /// Partitions whose collection is not known, with those that can have them.
    pub(super) unowned: BTreeMap<String, Vec<String>>,
}

/// A collection in the making.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) partitions: Vec<Part>,
    pub(super) row_bytes: Option<u64>,
    /// What its vectors must be, and why.
    pub(super) is_binary: Option<(bool, String)>,
    /// Whether its index files contradict each other.
    pub(super) is_contradicted: bool,
    looks_binary: Option<bool>,
    pub(super) metric: Option<Metric>,
}

/// A folder of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) table: String,
    pub(super) tag: String,
    pub(super) is_guessed: bool,
    pub(super) is_tag_given: bool,
}

/// Whether the vectors of a collection are float or binary, and its metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The collection.
    pub collection: String,
    /// Bytes of one vector.
    pub row_bytes: u64,
    /// Components, if they are float.
    pub float_dimension: u32,
    /// Bits, if they are binary.
    pub binary_dimension: u32,
    /// What the values look like; a guess.
    pub looks_binary: Option<bool>,
}

impl Question {
    /// Returns the question in words.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { row_bytes, float_dimension, binary_dimension, .. } = self;
        let looks = match self.looks_binary {
            Some(true) => "; they look binary (a guess)",
            Some(false) => "; they look like floats (a guess)",
            None => "",
        };
        format!("{row_bytes} bytes a row: {float_dimension} floats, or {binary_dimension} bits{looks}")
    }

    pub(super) fn unanswered(&self) -> Error {
        let reason = format!("`{}` has {}: say which metric it has", self.collection, self.text());
        Error::Choice { option: "--metric", reason }
    }
}

impl Groups {
    pub(super) fn questions(&self) -> Vec<Question> {
        let question = |(name, group): (&String, &Group)| {
            let (float, binary) = group.row_bytes.map(layouts)?;
            let (float, binary) = (float?, binary?);
            let is_open = group.metric.is_none() && group.is_binary.is_none();
            is_open.then(|| Question {
                collection: name.clone(),
                row_bytes: group.row_bytes.unwrap_or(0),
                float_dimension: float.dimension(),
                binary_dimension: binary.dimension(),
                looks_binary: group.looks_binary,
            })
        };
        self.collections.iter().filter_map(question).collect()
    }

    /// The folders of all collections.
    pub(super) fn tables(&self) -> impl Iterator<Item = &str> {
        self.collections.values().flat_map(|group| &group.partitions).map(|part| part.table.as_str())
    }
}

impl Group {
    /// The metric, or the one that is guessed.
    pub(super) fn metric_or_guess(&self) -> Metric {
        let is_binary = self.is_binary.as_ref().is_some_and(|(is_binary, _)| *is_binary);
        self.metric.unwrap_or(if is_binary { Metric::Hamming } else { Metric::L2 })
    }

    /// The layout that goes with the metric.
    pub(super) fn layout(&self) -> Option<VectorLayout> {
        let (float, binary) = layouts(self.row_bytes?);
        if self.metric_or_guess().is_binary() { binary } else { float }
    }
}

/// Finds out which folders make which collection.
pub(super) fn group(tables: &BTreeMap<String, Table>, choices: &Choices) -> Result<Groups> {
    check_names(tables, choices)?;
    let mut groups = Groups::default();
    let taken = |table: &&Table| !choices.leaves_out(&table.id);
    for table in tables.values().filter(taken).filter(|table| table.kind == TableKind::Collection) {
        let own = Part {
            table: table.id.clone(),
            tag: DEFAULT_PARTITION.into(),
            is_guessed: false,
            is_tag_given: true,
        };
        let group = Group { partitions: vec![own], row_bytes: table.row_bytes, ..Group::default() };
        groups.collections.insert(table.id.clone(), group);
    }
    let is_partition = |table: &&Table| table.kind == TableKind::Partition;
    for table in tables.values().filter(taken).filter(is_partition) {
        if let Some(owner) = choices.owners.get(&table.id) {
            give(&mut groups, table, &owner.collection, owner.tag.as_deref())?;
        }
    }
    for table in tables.values().filter(taken).filter(is_partition) {
        if !choices.owners.contains_key(&table.id) {
            guess(&mut groups, tables, table);
        }
    }
    for (name, group) in &mut groups.collections {
        look(name, group, tables, choices)?;
    }
    Ok(groups)
}

/// Gives a partition to the collection that was named.
fn give(groups: &mut Groups, table: &Table, owner: &str, tag: Option<&str>) -> Result<()> {
    let option = "--owner";
    let group = groups.collections.entry(owner.to_owned()).or_default();
    if group.partitions.is_empty() {
        // In a bucket, a collection whose rows are all in partitions has no folder.
        let own = Part {
            table: owner.to_owned(),
            tag: DEFAULT_PARTITION.into(),
            is_guessed: false,
            is_tag_given: true,
        };
        group.partitions.push(own);
    }
    if let (Some(expected), Some(found)) = (group.row_bytes, table.row_bytes)
        && expected != found
    {
        let reason =
            format!("rows of `{}` have {found} bytes, those of collection `{owner}` {expected}", table.id);
        return wrong(option, reason);
    }
    group.row_bytes = group.row_bytes.or(table.row_bytes);
    let tag_or_id = tag.unwrap_or(&table.id);
    if group.partitions.iter().any(|part| part.tag == tag_or_id) {
        return wrong(option, format!("collection `{owner}` would have two partitions `{tag_or_id}`"));
    }
    group.partitions.push(Part {
        table: table.id.clone(),
        tag: tag_or_id.to_owned(),
        is_guessed: false,
        is_tag_given: tag.is_some(),
    });
    Ok(())
}

/// Gives a partition to the only collection that can have it, when that is older.
fn guess(groups: &mut Groups, tables: &BTreeMap<String, Table>, table: &Table) {
    let is_possible = |group: &Group| group.row_bytes.is_none() || group.row_bytes == table.row_bytes;
    let possible: Vec<String> = groups
        .collections
        .iter()
        .filter(|(_, group)| table.row_bytes.is_none() || is_possible(group))
        .map(|(name, _)| name.clone())
        .collect();
    let created = super::table::number(&table.id);
    let is_older = |name: &String| {
        let oldest = tables.get(name).and_then(|owner| owner.segments.first()).map(|first| first.number);
        oldest.is_some() && oldest < created
    };
    match possible.as_slice() {
        [only] if table.row_bytes.is_some() && is_older(only) => {
            let part = Part {
                table: table.id.clone(),
                tag: table.id.clone(),
                is_guessed: true,
                is_tag_given: false,
            };
            if let Some(group) = groups.collections.get_mut(only) {
                // Another partition of another width is not its.
                group.row_bytes = group.row_bytes.or(table.row_bytes);
                group.partitions.push(part);
            }
        }
        _ => drop(groups.unowned.insert(table.id.clone(), possible)),
    }
}

/// Looks what the vectors of a collection are.
fn look(name: &str, group: &mut Group, tables: &BTreeMap<String, Table>, choices: &Choices) -> Result<()> {
    let parts: Vec<&Table> = group.partitions.iter().filter_map(|part| tables.get(&part.table)).collect();
    group.looks_binary = parts.iter().find_map(|table| table.looks_binary);
    let Some(row_bytes) = group.row_bytes else { return Ok(()) };
    let indexes: Vec<_> = parts.iter().flat_map(|table| &table.indexes).collect();
    let (float, binary) = layouts(row_bytes);
    group.is_binary = match (float, binary) {
        (Some(_), None) => Some((false, format!("a binary vector cannot have {row_bytes} bytes"))),
        (None, Some(_)) => Some((true, format!("a float vector cannot have {row_bytes} bytes"))),
        _ => match indexes.first() {
            Some(first) if indexes.iter().all(|index| index.is_binary == first.is_binary) => {
                Some((first.is_binary, format!("it has an index file of type {}", first.name)))
            }
            first => {
                group.is_contradicted = first.is_some();
                None
            }
        },
    };
    group.metric = choices.metric(name, group.is_binary.as_ref().map(|(is_binary, _)| *is_binary));
    match (&group.is_binary, group.metric) {
        (Some((is_binary, why)), Some(metric)) if metric.is_binary() != *is_binary => {
            let kind = if *is_binary { "binary" } else { "float" };
            let reason = format!(
                "collection `{name}` cannot have {}: its vectors are {kind}, because {why}",
                metric.name()
            );
            wrong("--metric", reason)
        }
        _ => Ok(()),
    }
}

/// Makes sure that what the choices name is there.
fn check_names(tables: &BTreeMap<String, Table>, choices: &Choices) -> Result<()> {
    let is_known = |name: &str| tables.get(name).is_some_and(|table| table.kind == TableKind::Collection);
    let owners = || choices.owners.values().map(|owner| owner.collection.as_str());
    for name in choices.metrics.keys() {
        if !is_known(name) && !owners().any(|owner| owner == name) {
            return wrong("--metric", format!("there is no collection `{name}`"));
        }
    }
    for (id, owner) in &choices.owners {
        if tables.get(id).is_none_or(|table| table.kind != TableKind::Partition) {
            return wrong("--owner", format!("there is no partition `{id}`"));
        }
        let name = &owner.collection;
        if !is_collection(name) || choices.leaves_out(name) {
            return wrong("--owner", format!("`{name}` is no collection that is recovered"));
        }
    }
    for (id, segment) in &choices.left_out {
        let table = known(tables, "--leave-out", id)?;
        let has = |segment: &String| {
            table.segments.iter().any(|known| known.id == *segment)
                || table.left_out.iter().any(|known| known.segment.as_ref() == Some(segment))
        };
        if let Some(segment) = segment.as_ref().filter(|segment| !has(segment)) {
            return wrong("--leave-out", format!("folder `{id}` has no segment `{segment}`"));
        }
    }
    for (id, segment) in &choices.kept {
        check_kept(known(tables, "--keep", id)?, segment, choices)?;
    }
    Ok(())
}

/// The folder that an option names.
fn known<'t>(tables: &'t BTreeMap<String, Table>, option: &'static str, id: &str) -> Result<&'t Table> {
    tables.get(id).map_or_else(|| wrong(option, format!("there is no folder `{id}`")), Ok)
}

/// Makes sure that a segment can be kept.
fn check_kept(table: &Table, segment: &str, choices: &Choices) -> Result<()> {
    let id = &table.id;
    if let Some(damaged) = table.left_out.iter().find(|known| known.segment.as_deref() == Some(segment)) {
        return wrong("--keep", format!("segment `{id}/{segment}` cannot count: {}", damaged.why));
    }
    if table.segments.iter().all(|known| known.id != segment) {
        return wrong("--keep", format!("folder `{id}` has no segment `{segment}`"));
    }
    if choices.leaves_out(id) || choices.leaves_out_segment(id, segment) {
        return wrong("--keep", format!("segment `{id}/{segment}` is also left out with `--leave-out`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
