// SPDX-License-Identifier: Apache-2.0
//! What a user should know before anything is written.

use m2m_catalog::{Collection, MetaSource};
use m2m_datasource::{SEGMENT_ID, SegmentStats, Source};
use m2m_milvus::FieldType;

use super::CollectionPlan;
use crate::error::{Error, Result};
use crate::fields::Derived;

/// Ends with an error when rows of what is planned stand only in the write-ahead log.
pub(super) fn refuse_unflushed(source: &Source, plans: &[CollectionPlan]) -> Result<()> {
    let mut collections = Vec::new();
    let (mut rows, mut deletes) = (0, 0);
    for unflushed in &source.inventory().unflushed {
        if plans.iter().any(|plan| plan.rows.read.contains(&unflushed.collection)) {
            rows += unflushed.inserted_rows;
            deletes += unflushed.deleted_rows;
            collections.push(format!("`{}`", unflushed.collection));
        }
    }
    collections.dedup();
    if collections.is_empty() {
        return Ok(());
    }
    Err(Error::Unflushed { rows, deletes, collections: collections.join(", ") })
}

/// Makes sure that the vectors are of the kind that the collection's metric compares.
pub(super) fn check_vector_kind(name: &str, derived: &Derived, collection: &Collection) -> Result<()> {
    let is_binary =
        derived.fields.iter().any(|field| matches!(field.field.field_type, FieldType::BinaryVector(_)));
    if is_binary == collection.metric.is_binary() {
        return Ok(());
    }
    let word = |binary| if binary { "binary" } else { "float" };
    Err(Error::VectorKind {
        name: name.into(),
        found: word(is_binary),
        metric: collection.metric.name(),
        expected: word(collection.metric.is_binary()),
    })
}

/// What is not migrated because it stands only in the write-ahead log, or
/// cannot be told because there is none.
pub(super) fn of_install(source: &Source) -> Vec<String> {
    let metadata = source.metadata();
    let unknown = "rows that were never flushed cannot be told";
    let mut notes = match (&metadata.source, &metadata.wal) {
        (MetaSource::MetaJson { .. }, _) => {
            vec![format!("a `meta.json` says nothing of the write-ahead log: {unknown}")]
        }
        (_, None) => {
            vec![format!("no write-ahead log was found: {unknown} (`--wal` names it)")]
        }
        (_, Some(_)) => Vec::new(),
    };
    notes.extend(source.inventory().unflushed.iter().map(|unflushed| {
        format!(
            "collection `{}`, partition `{}`: {} inserted rows are left behind and {} deleted rows come back, because they stand only in the write-ahead log",
            unflushed.collection, unflushed.partition_tag, unflushed.inserted_rows, unflushed.deleted_rows
        )
    }));
    notes
}

/// What a user should know of one collection.
pub(super) fn of(plan: &CollectionPlan, segments: &[SegmentStats]) -> Vec<String> {
    let mut notes: Vec<String> = plan
        .partitions
        .iter()
        .filter(|partition| partition.tag != partition.name)
        .map(|partition| format!("partition `{}` becomes `{}`", partition.tag, partition.name))
        .collect();
    if plan.left_out.invalid == 0 && plan.left_out.repeated == 0 {
        notes.extend(segments.iter().filter_map(row_count));
    }
    notes.extend(plan.collection().segments().filter(|(_, segment)| !segment.has_raw_row).map(
        |(_, segment)| {
            format!(
                "segment `{}` has an index row but no raw row in the metadata; its raw file is read",
                segment.segment_id
            )
        },
    ));
    notes.extend(of_query(plan));
    notes.extend(of_left_out(plan));
    notes.extend(plan.norms.map(|report| report.sentence()));
    if plan.target_name != plan.name {
        notes.push(format!("the collection becomes `{}`", plan.target_name));
    }
    notes
}

fn of_query(plan: &CollectionPlan) -> Vec<String> {
    let mut notes = Vec::new();
    if plan.query.is_none() {
        return notes;
    }
    notes.push(format!("metric and index are those of collection `{}`", plan.collection().name));
    if !plan.derived.has_tags {
        notes.push("the query has no `partition_tag`: all rows go to partition `_default`".into());
    }
    if plan.rows.frame.schema().has_column_with_unqualified_name(SEGMENT_ID) {
        notes.push(
            "`segment_id` and `segment_offset` say where a row was stored and are not migrated; another name keeps them"
                .into(),
        );
    }
    notes
}

fn of_left_out(plan: &CollectionPlan) -> Vec<String> {
    let mut notes = Vec::new();
    if plan.left_out.invalid > 0 {
        notes.push(format!(
            "{} rows with NaN or infinity are left out and go to a quarantine file",
            plan.left_out.invalid
        ));
    }
    if plan.left_out.repeated > 0 {
        notes.push(format!("{} rows that repeat an id are left out", plan.left_out.repeated));
    }
    notes
}

fn row_count(segment: &SegmentStats) -> Option<String> {
    let live = segment.live();
    match segment.row_count {
        Some(claimed) if u64::try_from(claimed) == Ok(live) => None,
        Some(claimed) => Some(format!(
            "segment `{}` holds {live} live rows, its metadata says {claimed}; the files are right",
            segment.segment_id
        )),
        None => Some(format!(
            "segment `{}` holds {live} live rows, its metadata has no usable row count",
            segment.segment_id
        )),
    }
}
