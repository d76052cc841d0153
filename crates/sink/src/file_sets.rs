// SPDX-License-Identifier: Apache-2.0

use std::cmp::Reverse;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use m2m_segment::deleted_docs::DeletedDocs;
use m2m_segment::names::is_safe_component;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// File sets are made smaller than asked when a writer would be idle otherwise,
/// but never smaller than this for that reason.
const WORTH_A_WRITER_BYTES: u64 = 64 << 20;
/// A cut moves to the border of a segment when that is nearer than this part of a set.
const SNAP_DIVISOR: u64 = 8;

/// Files that together hold the same rows, one for each field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSet {
    /// Folder of the files, relative to the root of the dump:
    /// `<collection>/<partition>/<set>`.
    pub name: String,
    /// Live rows, at least one.
    pub rows: u64,
    /// Segment of the first live row.
    pub segment_id: String,
    /// Offset of the first live row in its segment.
    pub segment_offset: i64,
    /// Every segment that has a live row in the set.
    pub segments: Vec<String>,
}

/// A file set and the stored rows that its live rows are among.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSet {
    /// What is written.
    pub set: FileSet,
    /// What is read, in order: a segment by its place in the list that was
    /// planned, and a range of its stored rows.
    pub pieces: Vec<(usize, Range<u64>)>,
}

impl PlannedSet {
    /// Returns where the set's stored rows begin: sets sorted by this are in
    /// the order of the segments.
    pub fn first_piece(&self) -> Option<(usize, u64)> {
        self.pieces.first().map(|(segment, rows)| (*segment, rows.start))
    }
}

/// What planning must know of a segment.
#[derive(Clone, Debug)]
pub struct SegmentRows {
    /// The segment.
    pub segment_id: String,
    /// Stored rows, the deleted ones too.
    pub rows: u64,
    /// Which of them are deleted.
    pub deleted: Arc<DeletedDocs>,
}

impl SegmentRows {
    fn live(&self) -> u64 {
        self.rows.saturating_sub(self.deleted.count_in(0..self.rows))
    }

    /// Returns the stored offset of a live row, counted from 0.
    fn offset_of_live(&self, mut index: u64) -> Option<u64> {
        for run in self.deleted.live_runs(0..self.rows) {
            let len = run.end.saturating_sub(run.start);
            if index < len {
                return Some(run.start + index);
            }
            index -= len;
        }
        None
    }
}

/// Merges small segments and splits large ones into file sets of about
/// `target_bytes`, and hands these out to at most `writers` groups.
///
/// * Every set holds at least one live row; without live rows there is no set.
/// * The pieces of all sets together are every stored row exactly once, and a
///   set that begins inside a segment begins at a live row.
/// * Sets are of about the same size. There are more of them than
///   `target_bytes` asks for when a writer with 64 MiB to do would be idle
///   otherwise, and when their number divided by `writers` left a rest.
/// * A cut falls between two segments when that is near enough.
/// * A set is named after the segment it begins in: `<folder>/<segment>`, or
///   `<folder>/<segment>-<part>` when that segment is split. The same input
///   gives the same names.
/// * Groups are filled largest set first; inside a group sets keep the order of
///   the segments, and no group is empty.
///
/// # Errors
///
/// [`Error::InvalidPlan`] when a segment is named twice or by something that
/// cannot be a file name, or when two sets would have the same name.
pub fn plan_file_sets(
    folder: &str,
    segments: &[SegmentRows],
    row_bytes: usize,
    target_bytes: u64,
    writers: usize,
) -> Result<Vec<Vec<PlannedSet>>> {
    check_segments(folder, segments)?;
    let writers = writers.max(1);
    let layout = Layout::of(segments);
    let sets = number_of_sets(layout.rows, row_bytes, target_bytes, writers);
    let cuts = layout.cuts(sets);
    let sets = Cutter { folder, segments, layout: &layout }.sets(&cuts);
    check_names(folder, &sets)?;
    Ok(hand_out(sets, writers))
}

/// Where each segment's live rows stand among the live rows of all.
struct Layout {
    /// Live rows before each segment.
    starts: Vec<u64>,
    /// Live rows of all segments.
    rows: u64,
}

impl Layout {
    fn of(segments: &[SegmentRows]) -> Self {
        let mut rows = 0;
        let starts = segments
            .iter()
            .map(|segment| {
                let start = rows;
                rows += segment.live();
                start
            })
            .collect();
        Self { starts, rows }
    }

    /// Returns the first live row of every set, and the end of the last one.
    fn cuts(&self, sets: u64) -> Vec<u64> {
        if sets == 0 {
            return Vec::new();
        }
        let reach = self.rows / sets / SNAP_DIVISOR;
        let even = |set: u64| {
            let cut = u128::from(self.rows) * u128::from(set) / u128::from(sets);
            u64::try_from(cut).unwrap_or(self.rows)
        };
        let inner = (1..sets).map(|set| self.snap(even(set), reach));
        std::iter::once(0).chain(inner).chain(std::iter::once(self.rows)).collect()
    }

    fn snap(&self, cut: u64, reach: u64) -> u64 {
        let after = self.starts.partition_point(|&start| start < cut);
        let before = after.checked_sub(1).and_then(|before| self.starts.get(before));
        let near = [before, self.starts.get(after)].into_iter().flatten().copied();
        near.filter(|start| start.abs_diff(cut) <= reach)
            .min_by_key(|start| start.abs_diff(cut))
            .unwrap_or(cut)
    }
}

fn number_of_sets(rows: u64, row_bytes: usize, target_bytes: u64, writers: usize) -> u64 {
    let row_bytes = u64::try_from(row_bytes).unwrap_or(u64::MAX).max(1);
    let writers = u64::try_from(writers).unwrap_or(u64::MAX);
    let rows_of_set = (target_bytes / row_bytes).max(1);
    let wanted = rows.div_ceil(rows_of_set);
    let useful = rows.saturating_mul(row_bytes) / WORTH_A_WRITER_BYTES;
    let sets = if wanted > writers {
        wanted.checked_next_multiple_of(writers).unwrap_or(wanted)
    } else {
        wanted.max(useful.min(writers))
    };
    sets.min(rows)
}

/// Turns cuts between live rows into ranges of stored rows.
struct Cutter<'a> {
    folder: &'a str,
    segments: &'a [SegmentRows],
    layout: &'a Layout,
}

/// A segment and a stored row in it, where a set begins.
#[derive(Clone, Copy)]
struct Place {
    segment: usize,
    stored: u64,
    /// Whether this is the segment's first live row.
    first: bool,
}

impl Cutter<'_> {
    fn sets(&self, cuts: &[u64]) -> Vec<PlannedSet> {
        let places: Vec<_> = cuts.iter().filter_map(|&cut| self.place(cut)).collect();
        let mut part = 1;
        places
            .iter()
            .enumerate()
            .filter_map(|(at, place)| {
                let (start, end) = (*cuts.get(at)?, *cuts.get(at + 1)?);
                let next = places.get(at + 1);
                let split = next.is_some_and(|next| next.segment == place.segment);
                part = if place.first { 1 } else { self.part(&places, at, part) };
                let suffix = if split || !place.first { format!("-{part}") } else { String::new() };
                self.set(at == 0, *place, next.copied(), end - start, &suffix)
            })
            .collect()
    }

    /// The running number of a set that begins inside a segment.
    fn part(&self, places: &[Place], at: usize, part: u64) -> u64 {
        let segment = |at: Option<usize>| at.and_then(|at| places.get(at)).map(|place| place.segment);
        let same = segment(at.checked_sub(1)) == segment(Some(at));
        if same { part + 1 } else { 2 }
    }

    /// The place of a live row; none for the end of all rows.
    fn place(&self, live: u64) -> Option<Place> {
        if live >= self.layout.rows {
            return None;
        }
        // Segments without live rows begin where the next one does: the last counts.
        let segment = self.layout.starts.partition_point(|&start| start <= live).checked_sub(1)?;
        let within = live.checked_sub(*self.layout.starts.get(segment)?)?;
        let stored = self.segments.get(segment)?.offset_of_live(within)?;
        Some(Place { segment, stored, first: within == 0 })
    }

    fn set(
        &self,
        leads: bool,
        start: Place,
        next: Option<Place>,
        rows: u64,
        suffix: &str,
    ) -> Option<PlannedSet> {
        let first = self.segments.get(start.segment)?;
        let pieces = self.pieces(leads, start, next);
        let lives = |(segment, rows): &(usize, Range<u64>)| {
            let segment = self.segments.get(*segment)?;
            segment.deleted.live_runs(rows.clone()).next().map(|_| segment.segment_id.clone())
        };
        let set = FileSet {
            name: format!("{}/{}{suffix}", self.folder, first.segment_id),
            rows,
            segment_id: first.segment_id.clone(),
            segment_offset: i64::try_from(start.stored).ok()?,
            segments: pieces.iter().filter_map(lives).collect(),
        };
        Some(PlannedSet { set, pieces })
    }

    /// Stored rows from one set's beginning to the next one's. Deleted rows at
    /// the head of a segment belong to the set that begins with its first live
    /// row, segments without live rows to the set before them.
    fn pieces(&self, leads: bool, start: Place, next: Option<Place>) -> Vec<(usize, Range<u64>)> {
        let from = if leads { 0 } else { start.segment };
        let to = next.map_or(self.segments.len(), |next| next.segment + usize::from(!next.first));
        let range = |at: usize, segment: &SegmentRows| {
            let begins = at == start.segment && !start.first;
            let ends = next.filter(|next| next.segment == at);
            let first = if begins { start.stored } else { 0 };
            first..ends.map_or(segment.rows, |next| next.stored)
        };
        let of_set = self.segments.iter().enumerate().take(to).skip(from);
        of_set.map(|(at, segment)| (at, range(at, segment))).filter(|(_, rows)| !rows.is_empty()).collect()
    }
}

/// Gives each set, largest first, to the group that has the least to do.
fn hand_out(sets: Vec<PlannedSet>, writers: usize) -> Vec<Vec<PlannedSet>> {
    let mut largest_first: Vec<_> = sets.into_iter().enumerate().collect();
    largest_first.sort_by_key(|(_, planned)| Reverse(planned.set.rows));
    let mut groups: Vec<(u64, Vec<_>)> = vec![(0, Vec::new()); writers.min(largest_first.len())];
    for (at, planned) in largest_first {
        if let Some((rows, group)) = groups.iter_mut().min_by_key(|(rows, _)| *rows) {
            *rows += planned.set.rows;
            group.push((at, planned));
        }
    }
    groups.iter_mut().for_each(|(_, group)| group.sort_by_key(|(at, _)| *at));
    groups.sort_by_key(|(_, group)| group.first().map(|(at, _)| *at));
    groups.into_iter().map(|(_, group)| group.into_iter().map(|(_, planned)| planned).collect()).collect()
}

fn check_segments(folder: &str, segments: &[SegmentRows]) -> Result<()> {
    let fault = |reason| Err(Error::InvalidPlan { collection: folder.to_owned(), reason });
    let mut known = HashSet::new();
    for SegmentRows { segment_id, .. } in segments {
        if !is_safe_component(segment_id) {
            return fault(format!("expected a segment that can name a folder, found `{segment_id}`"));
        }
        if !known.insert(segment_id) {
            return fault(format!("segment `{segment_id}` is listed twice"));
        }
    }
    Ok(())
}

fn check_names(folder: &str, sets: &[PlannedSet]) -> Result<()> {
    let mut known = HashSet::new();
    match sets.iter().find(|planned| !known.insert(&planned.set.name)) {
        None => Ok(()),
        Some(PlannedSet { set, .. }) => Err(Error::InvalidPlan {
            collection: folder.to_owned(),
            reason: format!("two file sets would be named `{}`", set.name),
        }),
    }
}

#[cfg(test)]
mod tests;
