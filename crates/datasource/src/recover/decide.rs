// SPDX-License-Identifier: Apache-2.0
//! Which segments count, and the metadata that they make.

mod doubts;
mod verdicts;

use std::collections::{BTreeMap, BTreeSet};

use m2m_catalog::{Collection, Engine, Inventory, Partition};
use m2m_segment::VectorElement;

use doubts::warn;
use verdicts::{Verdict, verdicts};

use super::Recovered;
use super::choices::Choices;
use super::groups::{Group, Groups, Part};
use super::listing::shown_name;
use super::overlap::{Overlaps, segment};
use super::report::{Certainty, CollectionReport, Remarks, Report, count};
use super::table::{Found, Table, TableKind, number};

/// Collections that are named as possible owners of a partition.
const NAMES_SHOWN: usize = 20;

/// Makes the metadata and says what it rests on.
pub(super) fn decide(
    tables: &BTreeMap<String, Table>,
    groups: &Groups,
    overlaps: &BTreeMap<String, Overlaps>,
    choices: &Choices,
    strays: &[String],
) -> Recovered {
    let mut making = Making { tables, overlaps, choices, report: Report::default() };
    let mut remarks = Remarks::default();
    let mut collections = Vec::new();
    for (name, group) in &groups.collections {
        match making.collection(name, group) {
            Some(collection) => collections.push(collection),
            None => making.empty(name, group, &mut remarks),
        }
    }
    making.unowned(groups, &mut remarks);
    making.others(&mut remarks);
    for stray in strays {
        remarks.add(Certainty::LeftOut, stray.clone());
    }
    making.report.remarks = remarks.0;
    let inventory = Inventory { collections, ..Inventory::default() };
    Recovered { inventory, report: making.report }
}

/// A report in the making.
struct Making<'a> {
    tables: &'a BTreeMap<String, Table>,
    overlaps: &'a BTreeMap<String, Overlaps>,
    choices: &'a Choices,
    report: Report,
}

impl Making<'_> {
    /// A collection that has rows or can have them, as far as its width is known.
    fn collection(&mut self, name: &str, group: &Group) -> Option<Collection> {
        let layout = group.layout()?;
        let mut remarks = Remarks::default();
        of_vectors(group, &mut remarks);
        let mut report = CollectionReport { name: name.to_owned(), ..CollectionReport::default() };
        let mut partitions = Vec::new();
        let mut oldest = None;
        for part in &group.partitions {
            let table = self.tables.get(&part.table);
            if part.table != name {
                of_partition(part, table, &mut remarks);
                oldest = oldest.into_iter().chain(number(&part.table)).min();
            }
            let taken = table.map_or_else(Vec::new, |table| self.segments(table, &mut remarks));
            let numbers = taken.iter().map(|segment| segment.number);
            oldest = oldest.into_iter().chain(numbers).min();
            report.live_rows += taken.iter().map(|segment| segment.live).sum::<u64>();
            report.stored_rows += taken.iter().map(|segment| segment.rows).sum::<u64>();
            report.segments += taken.len();
            let segments = taken.into_iter().map(Found::metadata).collect();
            partitions.push(Partition { tag: part.tag.clone(), table_id: part.table.clone(), segments });
        }
        report.partitions = partitions.len();
        report.remarks = remarks.0;
        self.report.collections.push(report);
        let is_binary = layout.element() == VectorElement::Bit;
        Some(Collection {
            name: name.to_owned(),
            layout,
            metric: group.metric_or_guess(),
            engine: if is_binary { Engine::BinFlat } else { Engine::Flat },
            index_params: "{}".into(),
            index_file_size: 0,
            flag: 0,
            // An id is microseconds and three more digits.
            created_on: oldest.and_then(|oldest| i64::try_from(oldest / 1000).ok()).unwrap_or(0),
            version: String::new(),
            partitions,
        })
    }

    /// The segments of a folder that count; of the others it is said why they do not.
    fn segments<'t>(&mut self, table: &'t Table, remarks: &mut Remarks) -> Vec<&'t Found> {
        self.left_out(table, remarks);
        let none = Overlaps::default();
        let overlaps = self.overlaps.get(&table.id).unwrap_or(&none);
        let verdicts = verdicts(table, overlaps, self.choices);
        let id = |place: u32| segment(table, place).map_or("", |segment| segment.id.as_str());
        let mut taken = BTreeSet::new();
        for (place, segment) in (0_u32..).zip(&table.segments) {
            let name = format!("segment `{}/{}` ({})", table.id, segment.id, rows(segment));
            if self.choices.leaves_out_segment(&table.id, &segment.id) {
                remarks.add(Certainty::LeftOut, format!("{name}, as was told"));
                continue;
            }
            match verdicts.get(&place) {
                None => drop(taken.insert(place)),
                Some(Verdict::Replaced(newer)) => remarks.add(
                    Certainty::LeftOut,
                    format!(
                        "{name}: guessed to be merged into `{}`, which has all its live rows, vectors and all; if the same rows were inserted twice, keep it with `--keep {}/{}`",
                        id(*newer), table.id, segment.id
                    ),
                ),
                Some(Verdict::Unfinished(older)) => {
                    self.report.is_incomplete = true;
                    remarks.add(
                        Certainty::LeftOut,
                        format!(
                            "{name}: guessed to be a merge that was not finished: all its rows are in older segments, and it has rows that are deleted in `{}`; say so with `--leave-out {2}/{1}`, or keep it with `--keep {2}/{1}` and leave the older ones out",
                            id(*older), segment.id, table.id
                        ),
                    );
                }
            }
        }
        self.report.is_doubtful |= warn(table, overlaps, &taken, self.choices, remarks);
        taken.into_iter().filter_map(|place| segment(table, place)).collect()
    }

    fn left_out(&mut self, table: &Table, remarks: &mut Remarks) {
        let folder = shown_name(&table.id);
        for left_out in &table.left_out {
            let segment = left_out.segment.as_ref();
            let is_told = segment.is_some_and(|segment| self.choices.leaves_out_segment(&table.id, segment));
            self.report.is_incomplete |= left_out.loses(self.choices) && !is_told;
            let told = if is_told { ", as was told" } else { "" };
            let name = match segment {
                Some(segment) => format!("segment `{folder}/{segment}`"),
                None => format!("folder `{folder}`"),
            };
            let is_lost_by_choice = left_out.loses(self.choices) && !left_out.is_loss && !is_told;
            let both = if is_lost_by_choice { ", which is left out: leave out both, or none" } else { "" };
            remarks.add(Certainty::LeftOut, format!("{name}{told}: {}{both}", left_out.why));
        }
    }

    /// Says why a collection is not recovered.
    fn empty(&mut self, name: &str, group: &Group, remarks: &mut Remarks) {
        let tables = || group.partitions.iter().filter_map(|part| self.tables.get(&part.table));
        let rows: u64 = tables().map(Table::stored_rows).sum();
        let why = match rows {
            0 => "without rows its dimension cannot be told".into(),
            _ => format!("the dimension of its {} cannot be told", count(rows, "stored row")),
        };
        remarks.add(Certainty::LeftOut, format!("collection `{name}`: {why}"));
        let tables: Vec<&Table> = tables().collect();
        self.report.is_incomplete |= rows > 0;
        for table in tables {
            self.left_out(table, remarks);
        }
    }

    /// Says which partitions nobody has.
    fn unowned(&mut self, groups: &Groups, remarks: &mut Remarks) {
        for (id, possible) in &groups.unowned {
            let Some(table) = self.tables.get(id) else { continue };
            let rows = table.stored_rows();
            self.report.is_incomplete |= rows > 0;
            let width = table.row_bytes.map(|width| format!(" of {width} bytes")).unwrap_or_default();
            let whose = match possible.as_slice() {
                // Any collection can have a partition without rows.
                _ if rows == 0 => String::new(),
                [] => ": no collection has rows of this width".into(),
                [only] => format!(": `{only}` can have it, but is not known to be older"),
                several => format!(": any of {} can have it", list(several)),
            };
            remarks.add(
                Certainty::LeftOut,
                format!(
                    "partition `{id}` ({}{width}): its collection cannot be told{whose}; name it with `--owner {id}=COLLECTION[:TAG]`, or leave it out with `--leave-out {id}`",
                    count(rows, "stored row")
                ),
            );
            self.left_out(table, remarks);
        }
    }

    /// Says which folders are nobody's, and which were not to be recovered.
    fn others(&mut self, remarks: &mut Remarks) {
        for table in self.tables.values() {
            let name = shown_name(&table.id);
            if self.choices.leaves_out(&table.id) {
                let rows = count(table.stored_rows(), "stored row");
                remarks.add(Certainty::LeftOut, format!("folder `{name}` ({rows}), as was told"));
            } else if table.kind == TableKind::Foreign {
                remarks.add(
                    Certainty::LeftOut,
                    format!("folder `{name}`: nothing of an installation has this name"),
                );
                self.left_out(table, remarks);
            }
        }
    }
}

/// Says what the vectors of a collection are, and how that is known.
fn of_vectors(group: &Group, remarks: &mut Remarks) {
    let Some(layout) = group.layout() else { return };
    let kind = match layout.element() {
        VectorElement::Float32 => "float vectors of dimension",
        VectorElement::Bit => "binary vectors of dimension",
    };
    remarks.add(Certainty::Certain, format!("{} bytes a row", layout.row_bytes()));
    let kind = format!("{kind} {}", layout.dimension());
    match &group.is_binary {
        Some((_, why)) => remarks.add(Certainty::Certain, format!("{kind}: {why}")),
        None => remarks.add(Certainty::Given, format!("{kind}, by the metric")),
    }
    let metric = group.metric_or_guess().name();
    match group.metric {
        Some(_) => remarks.add(Certainty::Given, format!("metric {metric}")),
        None => remarks.add(Certainty::Guessed, format!("metric {metric}; name another with `--metric`")),
    }
    if group.is_contradicted {
        remarks.add(Certainty::Warning, "it has index files of float and of binary vectors");
    }
}

/// Says whose a partition is, and how that is known.
fn of_partition(part: &Part, table: Option<&Table>, remarks: &mut Remarks) {
    let rows = count(table.map_or(0, Table::stored_rows), "stored row");
    if part.is_guessed {
        remarks.add(
            Certainty::Guessed,
            format!(
                "partition `{}` ({rows}) is its own: no other collection has rows of this width",
                part.table
            ),
        );
    } else {
        remarks.add(Certainty::Given, format!("partition `{}` ({rows}) is its own", part.table));
    }
    if part.is_tag_given {
        remarks.add(Certainty::Given, format!("the tag of `{}` is {:?}", part.table, part.tag));
    } else {
        remarks.add(
            Certainty::Guessed,
            format!("the tag of `{}` is written as its number, since it stands in no file", part.table),
        );
    }
}

/// Names in a sentence, the first ones of many.
fn list(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES_SHOWN).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(NAMES_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn rows(segment: &Found) -> String {
    format!("{} of {} stored", count(segment.live, "live row"), segment.rows)
}

#[cfg(test)]
mod tests;
