// SPDX-License-Identifier: Apache-2.0
//! The partitions of a plan, and how each is written.

use std::sync::Arc;

use m2m_catalog::Collection;
use m2m_datasource::{Piece, SegmentStats};
use m2m_milvus::mapping;
use m2m_sink::{ImportFormat, PlannedSet, SegmentRows, plan_file_sets};

use super::{CollectionPlan, Shape};
use crate::error::{Error, Result};
use crate::measure::Measurement;
use crate::settings::{DumpSettings, Partitions};

/// What will be dumped of one partition.
#[derive(Debug)]
pub struct PartitionPlan {
    /// The tag in Milvus 1.x; empty when a partition key decides.
    pub tag: String,
    /// The name in Milvus 2.x; empty when a partition key decides.
    pub name: String,
    /// Live rows before any condition; none for the rows of a query.
    pub live_rows: Option<u64>,
    /// Rows that will be written, where that is known.
    pub rows: Option<u64>,
    pub(crate) work: Work,
}

/// How a partition is written.
#[derive(Debug)]
pub(crate) enum Work {
    /// It has no rows.
    Nothing,
    /// File sets that are known to the row, one group for each writer.
    Planned {
        groups: Vec<Vec<PlannedSet>>,
        /// For each segment of the partition, its place among all of the collection.
        segments: Vec<usize>,
    },
    /// File sets that are cut while rows arrive.
    Streamed,
}

impl PartitionPlan {
    /// Rows that will be written, as many as they can be where that is not known.
    #[must_use]
    pub fn rows_at_most(&self) -> u64 {
        self.rows.or(self.live_rows).unwrap_or(0)
    }
}

/// The stored rows that each writer's scan partition reads, in order.
pub(crate) fn pieces(groups: &[Vec<PlannedSet>], segments: &[usize]) -> Vec<Vec<Piece>> {
    let of_set = |planned: &PlannedSet| -> Vec<Piece> {
        let pieces = planned.pieces.iter().filter_map(|(segment, rows)| {
            segments.get(*segment).map(|&segment| Piece { segment, rows: rows.clone() })
        });
        pieces.collect()
    };
    groups.iter().map(|group| group.iter().flat_map(of_set).collect()).collect()
}

/// The names that the partitions of a collection get in Milvus 2.x, in order.
pub(crate) fn partition_names(collection: &Collection) -> Vec<String> {
    let tags: Vec<&str> = collection.partitions.iter().map(|partition| partition.tag.as_str()).collect();
    mapping::partition_names(&tags)
}

/// Plans the partitions of a collection.
pub(super) fn of(
    plan: &CollectionPlan,
    segments: &[SegmentStats],
    measured: Option<&Measurement>,
    settings: &DumpSettings,
) -> Result<Vec<PartitionPlan>> {
    if plan.choices.partitions == Partitions::Key {
        return Ok(vec![keyed(plan.query.is_some(), segments, measured)]);
    }
    match (&plan.query, measured) {
        (Some(_), Some(measured)) => of_query(plan, measured),
        _ => of_collection(&plan.shape(), plan.filter.is_some(), segments, settings),
    }
}

/// The partitions of a collection whose rows are all migrated.
pub(crate) fn of_whole(
    shape: &Shape<'_>,
    segments: &[SegmentStats],
    settings: &DumpSettings,
) -> Result<Vec<PartitionPlan>> {
    match shape.choices.partitions {
        Partitions::Key => Ok(vec![keyed(false, segments, None)]),
        Partitions::Keep => of_collection(shape, false, segments, settings),
    }
}

/// All rows in one: the server spreads them.
fn keyed(is_query: bool, segments: &[SegmentStats], measured: Option<&Measurement>) -> PartitionPlan {
    let live_rows = (!is_query).then(|| segments.iter().map(SegmentStats::live).sum::<u64>());
    let rows = measured.map(|measured| measured.rows.values().sum());
    let work = if rows == Some(0) || live_rows == Some(0) { Work::Nothing } else { Work::Streamed };
    PartitionPlan { tag: String::new(), name: String::new(), live_rows, rows, work }
}

/// The tags that a query yields. Those of its collection take part in the naming,
/// so that a tag has one name whatever a query selects.
fn of_query(plan: &CollectionPlan, measured: &Measurement) -> Result<Vec<PartitionPlan>> {
    if !plan.routes() {
        let rows = measured.rows.values().sum();
        return Ok(vec![one_of_query(mapping::DEFAULT_PARTITION, mapping::DEFAULT_PARTITION, rows)]);
    }
    if let Some(rows) = measured.rows.get(&None) {
        return Err(Error::NullTags { name: plan.name.clone(), rows: *rows });
    }
    let of_base = plan.collection().partitions.iter().map(|partition| partition.tag.as_str());
    let found: Vec<&str> = measured.rows.keys().flatten().map(String::as_str).collect();
    let mut tags: Vec<&str> = of_base.collect();
    tags.extend(
        found.iter().filter(|tag| !plan.collection().partitions.iter().any(|known| known.tag == **tag)),
    );
    let names = mapping::partition_names(&tags);
    let mut partitions: Vec<PartitionPlan> = Vec::new();
    for (tag, name) in tags.iter().zip(names) {
        let rows = measured.rows.get(&Some((*tag).to_owned())).copied();
        if rows.is_some() || *tag == mapping::DEFAULT_PARTITION {
            partitions.push(one_of_query(tag, &name, rows.unwrap_or(0)));
        }
    }
    Ok(partitions)
}

fn one_of_query(tag: &str, name: &str, rows: u64) -> PartitionPlan {
    let work = if rows == 0 { Work::Nothing } else { Work::Streamed };
    PartitionPlan { tag: tag.into(), name: name.into(), live_rows: None, rows: Some(rows), work }
}

fn of_collection(
    shape: &Shape<'_>,
    has_filter: bool,
    segments: &[SegmentStats],
    settings: &DumpSettings,
) -> Result<Vec<PartitionPlan>> {
    let names = partition_names(shape.collection);
    let partitions = shape.collection.partitions.iter().zip(names).enumerate();
    partitions
        .map(|(index, (partition, name))| {
            let of_partition =
                || segments.iter().enumerate().filter(|(_, segment)| segment.partition == index);
            let live: u64 = of_partition().map(|(_, segment)| segment.live()).sum();
            let is_planned = !has_filter && shape.choices.format == ImportFormat::Npy;
            let work = match live {
                0 => Work::Nothing,
                _ if is_planned => planned(shape, &name, of_partition(), settings)?,
                _ => Work::Streamed,
            };
            let rows = (!has_filter || live == 0).then_some(live);
            Ok(PartitionPlan { tag: partition.tag.clone(), name, live_rows: Some(live), rows, work })
        })
        .collect()
}

fn planned<'a>(
    shape: &Shape<'_>,
    name: &str,
    segments: impl Iterator<Item = (usize, &'a SegmentStats)>,
    settings: &DumpSettings,
) -> Result<Work> {
    let (segments, rows): (Vec<usize>, Vec<SegmentRows>) = segments
        .map(|(at, segment)| {
            let rows = SegmentRows {
                segment_id: segment.segment_id.clone(),
                rows: segment.rows,
                deleted: Arc::clone(&segment.deleted),
            };
            (at, rows)
        })
        .unzip();
    let folder = format!("{}/{name}", shape.name);
    let row_bytes = shape.collection.layout.row_bytes();
    let groups = plan_file_sets(&folder, &rows, row_bytes, settings.file_bytes, settings.workers)?;
    Ok(Work::Planned { groups, segments })
}
