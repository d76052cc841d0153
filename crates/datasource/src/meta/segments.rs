// SPDX-License-Identifier: Apache-2.0
//! The table `meta.segments`: what the metadata and the files say of live segments.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::error::Result as DFResult;
use datafusion::logical_expr::Expr;
use futures::stream::{self, StreamExt};
use m2m_catalog::{Collection, FileType, Partition, Segment};
use m2m_segment::HEADER_LEN;

use crate::error::Error;
use crate::files::{IDS, VECTORS};
use crate::locator::SegmentLocator;
use crate::meta::rows::{batch, count, maybe_numbers, maybe_text, numbers, text};
use crate::source::Inner;
use crate::stats::{self, SegmentStats};

/// A live segment, with what its files say.
pub(super) struct SegmentRow<'a> {
    collection: &'a Collection,
    partition: &'a Partition,
    segment: &'a Segment,
    stats: Option<SegmentStats>,
    /// Why its files, or its vectors alone, cannot be read.
    problem: Option<Problem>,
}

/// Why files cannot be read.
#[derive(Clone)]
struct Problem {
    kind: &'static str,
    text: String,
}

/// Columns of [`segments`] that need no file.
const OF_METADATA: [&str; 7] =
    ["collection", "partition_tag", "segment_id", "row_count", "file_size", "file_types", "has_raw_row"];

/// Whether these columns of [`segments`], all if none are named, come from files.
pub(super) fn needs_files(schema: &Schema, projection: Option<&Vec<usize>>) -> bool {
    let of_files = |field: &FieldRef| !OF_METADATA.contains(&field.name().as_str());
    match projection {
        None => true,
        Some(places) => places.iter().filter_map(|&place| schema.fields().get(place)).any(of_files),
    }
}

/// Whether a filter can be judged by columns of the metadata alone.
pub(super) fn is_of_metadata(filter: &Expr) -> bool {
    filter.column_refs().iter().all(|column| OF_METADATA.contains(&column.name.as_str()))
        && !filter.is_volatile()
}

/// All live segments, as the metadata has them.
pub(super) fn known(source: &Inner) -> Vec<SegmentRow<'_>> {
    let mut rows = Vec::new();
    for collection in &source.inventory.collections {
        for (partition, segment) in collection.segments() {
            rows.push(SegmentRow { collection, partition, segment, stats: None, problem: None });
        }
    }
    rows
}

/// Leaves out segments by filters over columns of the metadata. The engine
/// evaluates the filters once more: one that cannot be evaluated here leaves
/// nothing out.
pub(super) fn prune(rows: &mut Vec<SegmentRow<'_>>, state: &dyn Session, filters: &[Expr]) -> DFResult<()> {
    for filter in filters {
        let columns = segments(rows)?;
        if let Some(passes) = passes(filter, state, &columns) {
            let mut passes = passes.into_iter();
            rows.retain(|_| passes.next().unwrap_or(true));
        }
    }
    Ok(())
}

/// For each row, whether the filter lets it pass, if that can be told.
pub(crate) fn passes(filter: &Expr, state: &dyn Session, columns: &RecordBatch) -> Option<Vec<bool>> {
    let schema = DFSchema::try_from(columns.schema()).ok()?;
    let filter = state.create_physical_expr(filter.clone(), &schema).ok()?;
    let mask = filter.evaluate(columns).ok()?.into_array(columns.num_rows()).ok()?;
    Some(mask.as_boolean_opt()?.iter().map(|passes| passes == Some(true)).collect())
}

/// Reads the headers of the segments' files. A damaged segment has its row too.
pub(super) async fn read<'a>(source: &'a Inner, rows: Vec<SegmentRow<'a>>) -> Vec<SegmentRow<'a>> {
    if rows.is_empty() {
        return rows;
    }
    // A store that cannot be reached is asked once, not for every segment.
    let locator = source.roots.locator().await.map_err(|error| Problem::of(&error));
    let mut reads = Vec::with_capacity(rows.len());
    for row in rows {
        reads.push(read_one(locator.as_ref().copied(), row));
    }
    stream::iter(reads).buffered(source.roots.headers_at_once()).collect().await
}

async fn read_one<'a>(locator: Result<&SegmentLocator, &Problem>, row: SegmentRow<'a>) -> SegmentRow<'a> {
    let locator = match locator {
        Err(problem) => return SegmentRow { problem: Some(problem.clone()), ..row },
        Ok(locator) => locator,
    };
    match stats::read_one(locator, 0, row.partition, row.segment).await {
        Err(error) => SegmentRow { problem: Some(Problem::of(&error)), ..row },
        Ok(stats) => {
            let checked = stats.files.check_vectors(stats.rows, row.collection.layout).await;
            let problem = checked.err().map(|error| Problem::of(&error));
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
    let problem = |get: fn(&Problem) -> String| all.iter().map(move |row| row.problem.as_ref().map(get));
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
        ("deleted_docs_bytes", stats(|stats| stats.deleted_docs_bytes)),
        ("path", maybe_text(all.iter().map(path))),
        (
            "has_raw_row",
            Arc::new(all.iter().map(|row| Some(row.segment.has_raw_row)).collect::<BooleanArray>()),
        ),
        ("problem", maybe_text(problem(|problem| problem.text.clone()))),
        ("problem_kind", maybe_text(problem(|problem| problem.kind.to_owned()))),
    ])
}

impl Problem {
    fn of(error: &Error) -> Self {
        let kind = match error {
            Error::Missing { what, .. } if *what == IDS => "missing ids",
            Error::Missing { what, .. } if *what == VECTORS => "missing vectors",
            Error::MissingDeletedDocs { .. } => "missing deleted docs",
            Error::SegmentsTwice { .. } => "twice",
            error if error.is_damage() => "damaged",
            _ => "unreadable",
        };
        Self { kind, text: chain(error) }
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
