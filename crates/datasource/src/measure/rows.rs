// SPDX-License-Identifier: Apache-2.0
//! The rows of the tables of schema `measure`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch};
use datafusion::error::Result as DFResult;
use m2m_segment::VectorElement;

use super::SAMPLE;
use super::blooms::Bloom;
use super::lengths::Lengths;
use super::measurements::Place;
use super::pass::{Outcome, Unread};
use super::repeats::Repeats;
use super::tally::{InvalidRow, Tally};
use crate::meta::rows::{batch, count, maybe_numbers, maybe_text, numbers, text};
use crate::stats::SegmentStats;

/// The segments of a collection, and what was measured of each.
#[derive(Clone, Copy)]
pub(super) struct Of<'a, T> {
    pub(super) collection: &'a str,
    pub(super) element: VectorElement,
    pub(super) segments: &'a [SegmentStats],
    /// Segments whose headers could not be read.
    pub(super) unread: &'a [(Place, Unread)],
    pub(super) measured: T,
}

impl<'a, T> Of<'a, T> {
    /// Where all segments are, those whose headers could not be read last.
    fn places(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone + use<'a, T> {
        let unread = self.unread.iter().map(|((tag, segment), _)| (tag.as_str(), segment.as_str()));
        self.segments.iter().map(place).chain(unread)
    }

    /// What there is of each segment but those whose headers could not be read, of which
    /// there is nothing.
    fn without_unread<V>(&self, values: impl Iterator<Item = Option<V>>) -> impl Iterator<Item = Option<V>> {
        values.chain(self.unread.iter().map(|_| None))
    }

    /// Why each segment cannot be read, those whose headers could not be read last.
    fn problems(&self, of_read: impl Iterator<Item = Option<String>>) -> ArrayRef {
        maybe_text(of_read.chain(self.unread.iter().map(|(_, unread)| Some(unread.text.clone()))))
    }
}

fn place(segment: &SegmentStats) -> (&str, &str) {
    (&segment.partition_tag, &segment.segment_id)
}

impl<'a> Of<'a, ()> {
    /// Of no collection: the columns alone.
    pub(super) fn nothing() -> Self {
        Self { collection: "", element: VectorElement::Float32, segments: &[], unread: &[], measured: () }
    }

    pub(super) fn with<T>(self, measured: T) -> Of<'a, T> {
        let Self { collection, element, segments, unread, .. } = self;
        Of { collection, element, segments, unread, measured }
    }
}

fn floats(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

/// The first columns of what is told of segments.
fn places<'a>(
    collection: &str,
    segments: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("collection", text(segments.clone().map(|_| collection))),
        ("partition_tag", text(segments.clone().map(|(tag, _)| tag))),
        ("segment_id", text(segments.map(|(_, segment)| segment))),
    ]
}

/// One row for each segment that is not damaged.
pub(super) fn segments(of: Of<'_, &[Outcome]>) -> DFResult<RecordBatch> {
    let tallies = || of.without_unread(of.measured.iter().map(|outcome| outcome.as_ref().ok()));
    let ids = |get: fn(&super::tally::Ids) -> i64| {
        maybe_numbers(tallies().map(move |tally| tally?.ids.as_ref().map(get)))
    };
    let lengths = || tallies().map(|tally: Option<&Tally>| Some(&tally?.lengths));
    // Of binary vectors nothing is known: they are not read.
    let lengths = || lengths().map(|lengths| lengths.filter(|_| of.element == VectorElement::Float32));
    let counts = |get: fn(&Lengths) -> u64| maybe_numbers(lengths().map(move |all| Some(count(get(all?)))));
    let of_range = |get: fn((f64, f64)) -> f64| floats(lengths().map(move |all| all?.range.map(get)));
    let live = of.without_unread(of.segments.iter().map(|segment| Some(count(segment.live()))));
    let problems = of.measured.iter().map(|outcome| outcome.as_ref().err().map(|unread| unread.text.clone()));
    let mut columns = places(of.collection, of.places());
    columns.extend([
        ("live_rows", maybe_numbers(live)),
        ("min_id", ids(|ids| ids.least)),
        ("max_id", ids(|ids| ids.most)),
        ("not_finite_rows", counts(|lengths| lengths.not_finite)),
        ("zero_rows", counts(|lengths| lengths.zero)),
        ("unit_rows", counts(|lengths| lengths.unit)),
        ("min_norm", of_range(|(least, _)| least)),
        ("avg_norm", floats(lengths().map(|all| all?.mean()))),
        ("max_norm", of_range(|(_, most)| most)),
        ("problem", of.problems(problems)),
    ]);
    batch(columns)
}

/// One row for each range of lengths that vectors have.
pub(super) fn norms(of: Of<'_, &Lengths>) -> DFResult<RecordBatch> {
    let buckets: Vec<_> = of.measured.buckets().collect();
    batch(vec![
        ("collection", text(buckets.iter().map(|_| of.collection))),
        ("lower", floats(buckets.iter().map(|(lower, ..)| Some(*lower)))),
        ("upper", floats(buckets.iter().map(|(_, upper, _)| Some(*upper)))),
        ("rows", numbers(buckets.iter().map(|(.., rows)| count(*rows)))),
    ])
}

/// The first rows that are not finite.
pub(super) fn invalid_rows(of: Of<'_, &[Outcome]>) -> DFResult<RecordBatch> {
    let tallies = of.segments.iter().zip(of.measured);
    let rows = tallies.filter_map(|(segment, outcome)| Some((segment, outcome.as_ref().ok()?)));
    let rows = rows.flat_map(|(segment, tally)| tally.invalid.iter().map(move |row| (segment, row)));
    let rows: Vec<(&SegmentStats, &InvalidRow)> = rows.take(SAMPLE).collect();
    let mut columns = places(of.collection, rows.iter().map(|(segment, _)| place(segment)));
    columns.extend([
        ("segment_offset", numbers(rows.iter().map(|(_, row)| row.offset))),
        ("id", numbers(rows.iter().map(|(_, row)| row.id))),
        ("component", numbers(rows.iter().map(|(_, row)| row.component))),
    ]);
    batch(columns)
}

/// One row for a collection that has repeated ids.
pub(super) fn repeats(of: Of<'_, &Repeats>) -> DFResult<RecordBatch> {
    let all: Vec<&Repeats> = [of.measured].into_iter().filter(|repeats| repeats.ids > 0).collect();
    let counts = |get: fn(&Repeats) -> u64| numbers(all.iter().map(move |repeats| count(get(repeats))));
    batch(vec![
        ("collection", text(all.iter().map(|_| of.collection))),
        ("ids", counts(|repeats| repeats.ids)),
        ("rows", counts(|repeats| repeats.rows)),
        ("across_partitions", counts(|repeats| repeats.across_partitions)),
        ("different_vectors", counts(|repeats| repeats.different_vectors)),
    ])
}

/// The first ids that repeat.
pub(super) fn repeated_ids(of: Of<'_, &Repeats>) -> DFResult<RecordBatch> {
    let first = &of.measured.first;
    let is_different = first.iter().map(|repeated| Some(repeated.has_different_vectors));
    batch(vec![
        ("collection", text(first.iter().map(|_| of.collection))),
        ("id", numbers(first.iter().map(|repeated| repeated.id))),
        ("rows", numbers(first.iter().map(|repeated| count(repeated.rows)))),
        ("partitions", numbers(first.iter().map(|repeated| count(repeated.partitions as u64)))),
        ("has_different_vectors", Arc::new(is_different.collect::<BooleanArray>())),
    ])
}

/// One row for each segment that is not damaged.
pub(super) fn bloom_filters(of: Of<'_, &[Bloom]>) -> DFResult<RecordBatch> {
    let states = of.measured.iter().map(|bloom| bloom.state.map(str::to_owned));
    let missing = of.measured.iter().map(|bloom| bloom.missing_ids.map(count));
    let mut columns = places(of.collection, of.places());
    columns.extend([
        ("state", maybe_text(of.without_unread(states))),
        ("missing_ids", maybe_numbers(of.without_unread(missing))),
        ("problem", of.problems(of.measured.iter().map(|bloom| bloom.problem.clone()))),
    ]);
    batch(columns)
}
