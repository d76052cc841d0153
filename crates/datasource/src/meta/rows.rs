// SPDX-License-Identifier: Apache-2.0
//! The rows of the tables of schema `meta`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::error::Result as DFResult;
use futures::stream::{self, StreamExt};
use m2m_catalog::{
    Collection, Engine, EnvironmentRow, FileRow, FileType, Metric, Partition, Segment, TableRow, Unflushed,
};
use m2m_segment::HEADER_LEN;

use crate::locator::SegmentLocator;
use crate::source::Inner;
use crate::stats::{self, SegmentStats};

fn text<T: AsRef<str>>(values: impl Iterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn maybe_text(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn numbers(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn maybe_numbers(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

/// Counts of this size do not occur; were there one, it would be shown as the largest.
fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The names of codes; a code that has none is shown as such.
fn names(codes: impl Iterator<Item = Option<i64>>, name: fn(i64) -> Option<&'static str>) -> ArrayRef {
    let text = |code| name(code).map_or_else(|| format!("UNKNOWN ({code})"), str::to_owned);
    maybe_text(codes.map(|code| code.map(text)))
}

/// The name of a `Tables.state` (`db/meta/MetaTypes.h`, v0.9.0 to v1.1.1).
fn state_name(code: i64) -> Option<&'static str> {
    match code {
        0 => Some("NORMAL"),
        1 => Some("TO_DELETE"),
        _ => None,
    }
}

fn metric_name(code: i64) -> Option<&'static str> {
    Metric::from_code(code).map(Metric::name)
}

fn engine_name(code: i64) -> Option<&'static str> {
    match Engine::from_code(code) {
        // The server has a name for 0, and for no other code that is unknown here.
        Engine::Unknown(code) if code != 0 => None,
        engine => Some(engine.name()),
    }
}

fn file_type_name(code: i64) -> Option<&'static str> {
    FileType::from_code(code).map(FileType::name)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> DFResult<RecordBatch> {
    Ok(RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )?)
}

/// One row for each live collection.
pub(super) fn collections(all: &[Collection]) -> DFResult<RecordBatch> {
    batch(vec![
        ("collection", text(all.iter().map(|one| &one.name))),
        ("dimension", numbers(all.iter().map(|one| i64::from(one.dimension())))),
        ("metric", text(all.iter().map(|one| one.metric.name()))),
        ("engine", text(all.iter().map(|one| one.engine.name()))),
        ("index_params", text(all.iter().map(|one| &one.index_params))),
        ("index_file_size", numbers(all.iter().map(|one| one.index_file_size))),
        ("auto_id", Arc::new(all.iter().map(|one| Some(one.auto_id())).collect::<BooleanArray>())),
        ("flag", numbers(all.iter().map(|one| one.flag))),
        ("created_on", numbers(all.iter().map(|one| one.created_on))),
        ("version", text(all.iter().map(|one| &one.version))),
        ("partitions", numbers(all.iter().map(|one| count(one.partitions.len() as u64)))),
        ("segments", numbers(all.iter().map(|one| count(one.segments().count() as u64)))),
    ])
}

/// One row for each live partition.
pub(super) fn partitions(all: &[Collection]) -> DFResult<RecordBatch> {
    let rows: Vec<(&Collection, &Partition)> =
        all.iter().flat_map(|one| one.partitions.iter().map(move |partition| (one, partition))).collect();
    batch(vec![
        ("collection", text(rows.iter().map(|(one, _)| &one.name))),
        ("partition_tag", text(rows.iter().map(|(_, partition)| &partition.tag))),
        ("table_id", text(rows.iter().map(|(_, partition)| &partition.table_id))),
        ("segments", numbers(rows.iter().map(|(_, partition)| count(partition.segments.len() as u64)))),
    ])
}

/// A live segment, with what its files say.
pub(super) struct SegmentRow<'a> {
    collection: &'a Collection,
    partition: &'a Partition,
    segment: &'a Segment,
    stats: Option<SegmentStats>,
    /// Why its files, or its vectors alone, cannot be read.
    problem: Option<String>,
}

/// Columns of [`segments`] that need no file.
const OF_METADATA: [&str; 6] =
    ["collection", "partition_tag", "segment_id", "row_count", "file_size", "file_types"];

/// Whether these columns of [`segments`], all if none are named, come from files.
pub(super) fn needs_files(schema: &Schema, projection: Option<&Vec<usize>>) -> bool {
    let of_files = |field: &FieldRef| !OF_METADATA.contains(&field.name().as_str());
    match projection {
        None => true,
        Some(places) => places.iter().filter_map(|&place| schema.fields().get(place)).any(of_files),
    }
}

/// All live segments; with `files`, their headers are read. A damaged segment has its row too.
pub(super) async fn read_segments(source: &Inner, files: bool) -> Vec<SegmentRow<'_>> {
    // A store that cannot be reached is asked once, not for every segment.
    let locator =
        if files { Some(source.roots.locator().await.map_err(|error| chain(&error))) } else { None };
    let mut rows = Vec::new();
    for collection in &source.inventory.collections {
        for (partition, segment) in collection.segments() {
            rows.push(read_segment(locator.as_ref(), collection, partition, segment));
        }
    }
    stream::iter(rows).buffered(source.roots.headers_at_once()).collect().await
}

async fn read_segment<'a>(
    locator: Option<&Result<&SegmentLocator, String>>,
    collection: &'a Collection,
    partition: &'a Partition,
    segment: &'a Segment,
) -> SegmentRow<'a> {
    let row = SegmentRow { collection, partition, segment, stats: None, problem: None };
    let locator = match locator {
        None => return row,
        Some(Err(problem)) => return SegmentRow { problem: Some(problem.clone()), ..row },
        Some(Ok(locator)) => locator,
    };
    match stats::read_one(locator, 0, partition, segment).await {
        Err(error) => SegmentRow { problem: Some(chain(&error)), ..row },
        Ok(stats) => {
            let checked = stats.files.check_vectors(stats.rows, collection.layout).await;
            let problem = checked.err().map(|error| chain(&error));
            SegmentRow { stats: Some(stats), problem, ..row }
        }
    }
}

impl SegmentRow<'_> {
    /// Bytes of the file of vectors, which is as long as it must be unless there is a problem.
    fn vectors_bytes(&self) -> Option<i64> {
        let stats = self.stats.as_ref().filter(|_| self.problem.is_none())?;
        let width = self.collection.layout.row_bytes() as u64;
        Some(count(stats.rows.saturating_mul(width).saturating_add(HEADER_LEN)))
    }
}

/// One row for each live segment.
pub(super) fn segments(all: &[SegmentRow<'_>]) -> DFResult<RecordBatch> {
    let stats = |get: fn(&SegmentStats) -> u64| {
        maybe_numbers(all.iter().map(move |row| row.stats.as_ref().map(|stats| count(get(stats)))))
    };
    let kinds = |kinds: &[FileType]| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join("+");
    let path = |row: &SegmentRow<'_>| row.stats.as_ref().map(|stats| stats.files.display_folder());
    batch(vec![
        ("collection", text(all.iter().map(|row| &row.collection.name))),
        ("partition_tag", text(all.iter().map(|row| &row.partition.tag))),
        ("segment_id", text(all.iter().map(|row| &row.segment.segment_id))),
        ("rows", stats(|stats| stats.rows)),
        ("deleted", stats(|stats| stats.deleted.len())),
        ("live", stats(SegmentStats::live)),
        ("row_count", maybe_numbers(all.iter().map(|row| row.segment.row_count))),
        ("file_size", numbers(all.iter().map(|row| row.segment.file_size))),
        ("file_types", text(all.iter().map(|row| kinds(&row.segment.file_types)))),
        ("ids_bytes", stats(|stats| stats.ids.size)),
        ("vectors_bytes", maybe_numbers(all.iter().map(SegmentRow::vectors_bytes))),
        ("deleted_entries", stats(|stats| stats.deleted.stored_entries())),
        ("path", maybe_text(all.iter().map(path))),
        ("problem", maybe_text(all.iter().map(|row| row.problem.clone()))),
    ])
}

/// Every row of `TableFiles`.
pub(super) fn files(all: &[FileRow]) -> DFResult<RecordBatch> {
    batch(vec![
        ("id", numbers(all.iter().map(|row| row.id))),
        ("table_id", text(all.iter().map(|row| &row.table_id))),
        ("segment_id", text(all.iter().map(|row| &row.segment_id))),
        ("file_id", text(all.iter().map(|row| &row.file_id))),
        ("file_type", maybe_numbers(all.iter().map(|row| row.file_type))),
        ("file_type_name", names(all.iter().map(|row| row.file_type), file_type_name)),
        ("engine_type", maybe_numbers(all.iter().map(|row| row.engine_type))),
        ("engine_name", names(all.iter().map(|row| row.engine_type), engine_name)),
        ("file_size", maybe_numbers(all.iter().map(|row| row.file_size))),
        ("row_count", maybe_numbers(all.iter().map(|row| row.row_count))),
        ("updated_time", maybe_numbers(all.iter().map(|row| row.updated_time))),
        ("created_on", maybe_numbers(all.iter().map(|row| row.created_on))),
        ("date", maybe_numbers(all.iter().map(|row| row.date))),
        ("flush_lsn", maybe_numbers(all.iter().map(|row| row.flush_lsn))),
    ])
}

/// Every row of `Tables`.
pub(super) fn tables(all: &[TableRow]) -> DFResult<RecordBatch> {
    batch(vec![
        ("id", numbers(all.iter().map(|row| row.id))),
        ("table_id", text(all.iter().map(|row| &row.table_id))),
        ("state", maybe_numbers(all.iter().map(|row| row.state))),
        ("state_name", names(all.iter().map(|row| row.state), state_name)),
        ("dimension", maybe_numbers(all.iter().map(|row| row.dimension))),
        ("created_on", maybe_numbers(all.iter().map(|row| row.created_on))),
        ("flag", maybe_numbers(all.iter().map(|row| row.flag))),
        ("index_file_size", maybe_numbers(all.iter().map(|row| row.index_file_size))),
        ("engine_type", maybe_numbers(all.iter().map(|row| row.engine_type))),
        ("engine_name", names(all.iter().map(|row| row.engine_type), engine_name)),
        ("index_params", text(all.iter().map(|row| &row.index_params))),
        ("metric_type", maybe_numbers(all.iter().map(|row| row.metric_type))),
        ("metric_name", names(all.iter().map(|row| row.metric_type), metric_name)),
        ("owner_table", text(all.iter().map(|row| &row.owner_table))),
        ("partition_tag", text(all.iter().map(|row| &row.partition_tag))),
        ("version", text(all.iter().map(|row| &row.version))),
        ("flush_lsn", maybe_numbers(all.iter().map(|row| row.flush_lsn))),
    ])
}

/// Every row of `Environment`.
pub(super) fn environment(all: &[EnvironmentRow]) -> DFResult<RecordBatch> {
    batch(vec![("global_lsn", maybe_numbers(all.iter().map(|row| row.global_lsn)))])
}

/// What stands only in the write-ahead log, one row for each partition.
pub(super) fn wal(all: &[Unflushed]) -> DFResult<RecordBatch> {
    batch(vec![
        ("collection", text(all.iter().map(|row| &row.collection))),
        ("partition_tag", text(all.iter().map(|row| &row.partition_tag))),
        ("inserted_rows", numbers(all.iter().map(|row| count(row.inserted_rows)))),
        ("deleted_rows", numbers(all.iter().map(|row| count(row.deleted_rows)))),
        ("records", numbers(all.iter().map(|row| count(row.records)))),
    ])
}

/// An error and its causes in one line.
fn chain(error: &crate::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
