// SPDX-License-Identifier: Apache-2.0
//! What becomes of one collection, from its metadata and the headers of its segments.

use datafusion::catalog::TableProvider;
use m2m_catalog::Collection;
use m2m_datasource::{CollectionTable, PARTITION_TAG, ReadableSegments, SegmentStats, Source};
use m2m_milvus::ServerVersion;
use m2m_sink::ImportFormat;

use super::Facts;
use crate::error::Result;
use crate::fields::{Measured, PlannedField, derive};
use crate::plan::{Shape, of_whole};
use crate::settings::{Choices, CollectionSettings, Cosine, DumpSettings, Selection};
use crate::target::{Mapping, Wanted, map};

/// What becomes of a collection.
pub(crate) struct Outlook<'a> {
    pub(crate) collection: &'a Collection,
    pub(crate) target_name: String,
    pub(crate) live_rows: u64,
    pub(crate) unreadable: usize,
    /// What is chosen for it.
    pub(crate) choices: Choices,
    /// The condition of its rows, which is not applied here.
    pub(crate) filter: Option<String>,
    /// An error is one of what is chosen for the collection.
    pub(crate) planned: Result<Planned>,
}

/// What is known where the choices fit the collection.
pub(crate) struct Planned {
    pub(crate) wanted: Wanted,
    pub(crate) mapping: Mapping,
    /// Import files.
    pub(crate) files: u64,
    /// Import jobs.
    pub(crate) jobs: u64,
    /// Bytes of the import files, about.
    pub(crate) bytes: u64,
}

/// What becomes of every collection, in the order of the inventory.
pub(super) async fn of_all<'a>(facts: &'a Facts, version: &ServerVersion) -> Result<Vec<Outlook<'a>>> {
    let segments = facts.segments().await;
    let collections = facts.source.inventory().collections.iter().zip(segments);
    collections.map(|(collection, read)| of_collection(facts, collection, read, version)).collect()
}

fn of_collection<'a>(
    facts: &Facts,
    collection: &'a Collection,
    read: &ReadableSegments,
    version: &ServerVersion,
) -> Result<Outlook<'a>> {
    let table = facts.source.collection(&collection.name)?;
    let settings = settings(&facts.selection, &collection.name);
    let target_name = target_name(&facts.selection, &facts.source, &collection.name, &settings);
    Ok(Outlook {
        collection,
        live_rows: read.segments.iter().map(SegmentStats::live).sum(),
        unreadable: read.unreadable,
        choices: settings.choices.clone(),
        filter: settings.filter.clone(),
        planned: plan(&table, &target_name, &settings, &read.segments, version, &facts.dumping),
        target_name,
    })
}

/// What is chosen for a collection that is migrated whole.
pub(super) fn settings(selection: &Selection, name: &str) -> CollectionSettings {
    let settings = selection.settings(name);
    match settings.query {
        // Its columns are those of the query.
        Some(_) => CollectionSettings { query: None, fields: Default::default(), ..settings },
        None => settings,
    }
}

fn target_name(selection: &Selection, source: &Source, name: &str, settings: &CollectionSettings) -> String {
    let is_alone = || match selection.collections.as_slice() {
        [] => source.inventory().collections.len() == 1,
        [one] => source.collection(one).is_ok_and(|table| table.collection().name == name),
        _ => false,
    };
    let renamed = selection.rename.as_ref().filter(|_| is_alone());
    renamed.or(settings.target_name.as_ref()).map_or_else(|| name.to_owned(), Clone::clone)
}

fn plan(
    table: &CollectionTable,
    target_name: &str,
    settings: &CollectionSettings,
    segments: &[SegmentStats],
    version: &ServerVersion,
    dumping: &DumpSettings,
) -> Result<Planned> {
    let (collection, choices) = (table.collection(), &settings.choices);
    let mut fields = derive(&collection.name, &table.schema(), settings)?.fields;
    measure_tags(&collection.name, &mut fields, segments, choices.format)?;
    let shape = Shape {
        name: &collection.name,
        target_name,
        collection,
        choices,
        fields: &fields,
        // Where vectors are not normalised, nothing is migrated at all.
        cosine: choices.cosine != Cosine::Never && collection.metric.name() == "IP",
    };
    let partitions = of_whole(&shape, segments, dumping)?;
    let wanted = shape.wanted(&partitions, dumping);
    let jobs = partitions.iter().map(|partition| shape.file_sets(partition, dumping)).sum::<u64>();
    let rows = partitions.iter().map(|partition| partition.rows_at_most()).sum::<u64>();
    Ok(Planned {
        mapping: map(&wanted, version, choices.index),
        wanted,
        files: jobs * shape.files_of_a_set(),
        jobs,
        bytes: rows * shape.row_bytes(),
    })
}

/// A partition key is as long as the longest tag that has rows.
fn measure_tags(
    name: &str,
    fields: &mut [PlannedField],
    segments: &[SegmentStats],
    format: ImportFormat,
) -> Result<()> {
    let mut measured = Measured::default();
    for segment in segments.iter().filter(|segment| segment.live() > 0) {
        let (tag, rows) = (&segment.partition_tag, segment.live());
        let bytes = tag.len() as u64;
        measured.values += rows;
        measured.all_bytes += rows * bytes;
        measured.bytes = measured.bytes.max(bytes);
        measured.chars = measured.chars.max(tag.chars().count() as u64);
    }
    let key = fields.iter_mut().find(|field| field.column == PARTITION_TAG);
    key.map_or(Ok(()), |key| key.measure(name, measured, format == ImportFormat::Parquet))
}
