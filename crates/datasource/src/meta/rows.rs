// SPDX-License-Identifier: Apache-2.0
//! The rows of the tables of schema `meta`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::error::Result as DFResult;
use m2m_catalog::{
    Collection, Engine, EnvironmentRow, FieldsRow, FileRow, FileType, MetaSource, Metadata, Metric,
    Partition, Problem, ServerSigns, TableRow, Unflushed,
};

pub(crate) fn text<T: AsRef<str>>(values: impl Iterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

pub(crate) fn maybe_text(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

pub(crate) fn numbers(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

pub(crate) fn maybe_numbers(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

/// Counts of this size do not occur; were there one, it would be shown as the largest.
pub(crate) fn count(value: u64) -> i64 {
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

pub(crate) fn batch(columns: Vec<(&str, ArrayRef)>) -> DFResult<RecordBatch> {
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

/// What of the metadata and the log cannot be read, one row for each problem.
pub(super) fn problems(all: &[Problem]) -> DFResult<RecordBatch> {
    batch(vec![
        ("place", text(all.iter().map(|one| one.place.name()))),
        ("collection", maybe_text(all.iter().map(|one| one.collection.clone()))),
        ("subject", text(all.iter().map(|one| &one.subject))),
        ("message", text(all.iter().map(|one| &one.message))),
        ("remedy", text(all.iter().map(|one| &one.remedy))),
    ])
}

/// Where the metadata and the log are, and whether the old server seems to run:
/// one row.
pub(super) fn server(one: Option<(&Metadata, &ServerSigns)>) -> DFResult<RecordBatch> {
    let wal = |metadata: &Metadata| metadata.wal.as_ref().map(|folder| folder.display().to_string());
    let running = one.iter().map(|(_, signs)| Some(signs.is_running));
    batch(vec![
        ("metadata", text(one.iter().map(|(metadata, _)| metadata.source.to_string()))),
        ("kind", maybe_text(one.iter().map(|(metadata, _)| kind(&metadata.source).map(str::to_owned)))),
        ("wal", maybe_text(one.iter().map(|(metadata, _)| wal(metadata)))),
        ("is_running", Arc::new(running.collect::<BooleanArray>())),
        ("sign", maybe_text(one.iter().map(|(_, signs)| signs.sign.clone()))),
    ])
}

fn kind(source: &MetaSource) -> Option<&'static str> {
    match source {
        MetaSource::Sqlite(_) => Some("sqlite"),
        MetaSource::MySql(_) => Some("mysql"),
        MetaSource::MetaJson { .. } => Some("meta.json"),
        MetaSource::Unread(_) => None,
    }
}

/// Every row of `Fields`.
pub(super) fn fields(all: &[FieldsRow]) -> DFResult<RecordBatch> {
    batch(vec![
        ("collection_id", text(all.iter().map(|row| &row.collection_id))),
        ("field_name", text(all.iter().map(|row| &row.field_name))),
        ("field_type", maybe_numbers(all.iter().map(|row| row.field_type))),
        ("field_params", text(all.iter().map(|row| &row.field_params))),
    ])
}

#[cfg(test)]
mod tests;
