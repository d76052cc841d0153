// SPDX-License-Identifier: Apache-2.0
//! The folder of a collection or partition, and its segments.

mod candidate;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_catalog::{Collection, DEFAULT_PARTITION, Engine, FileType, Metric, Partition, Segment};
use m2m_segment::ids::ID_BYTES;
use m2m_segment::{VectorElement, VectorLayout};
use m2m_storage::Storage;

use candidate::{Candidate, candidate};

use super::Findings;
use super::choices::Choices;
use super::evidence::{self, IndexKind, index_of, layouts};
use super::listing::{Listing, shown_name};
use crate::error::{Error, Result};
use crate::locator::SegmentLocator;
use crate::read_options::ReadOptions;
use crate::roots::Roots;

/// Index files of a table that are looked at.
const INDEXES: usize = 8;

/// What the name of a folder in `tables` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableKind {
    Collection,
    /// A number, which is the time of its creation in nanoseconds.
    Partition,
    /// Neither can have this name.
    Foreign,
}

/// A folder in `tables`.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) id: String,
    pub(super) kind: TableKind,
    /// Those that can be read, oldest first.
    pub(super) segments: Vec<Found>,
    pub(super) left_out: Vec<LeftOut>,
    /// Bytes of a row, where there is one.
    pub(super) row_bytes: Option<u64>,
    /// Indexes of its segments, as far as they were looked at.
    pub(super) indexes: BTreeSet<IndexKind>,
    /// Whether the vectors look binary.
    pub(super) looks_binary: Option<bool>,
}

/// A segment that can be read.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: String,
    /// The time of its creation.
    pub(super) number: u64,
    pub(super) rows: u64,
    pub(super) live: u64,
    pub(super) row_bytes: Option<u64>,
}

/// A segment that is not taken, or a folder whose segments cannot be seen.
#[derive(Clone, Debug)]
pub(super) struct LeftOut {
    /// Its name, or none if it is all that the folder may have had.
    pub(super) segment: Option<String>,
    pub(super) why: String,
    /// Whether it has, or may have, rows that nothing else has.
    pub(super) is_loss: bool,
    /// The folder and segment that are the same by another name.
    pub(super) same_as: Option<(String, String)>,
}

impl Table {
    pub(super) fn stored_rows(&self) -> u64 {
        self.segments.iter().map(|segment| segment.rows).sum()
    }

    /// The layout that rows are read with before it is known what they are.
    pub(super) fn some_layout(&self) -> Option<VectorLayout> {
        let (float, binary) = layouts(self.row_bytes?);
        binary.or(float)
    }

    /// The metadata of some of its segments, to read them by.
    pub(super) fn collection(&self, layout: VectorLayout, segments: &[&Found]) -> Collection {
        let segments = segments.iter().map(|segment| segment.metadata()).collect();
        Collection {
            name: self.id.clone(),
            layout,
            metric: if layout.element() == VectorElement::Bit { Metric::Hamming } else { Metric::L2 },
            engine: Engine::Flat,
            index_params: "{}".into(),
            index_file_size: 0,
            flag: 0,
            created_on: 0,
            version: String::new(),
            partitions: vec![Partition {
                tag: DEFAULT_PARTITION.into(),
                table_id: self.id.clone(),
                segments,
            }],
        }
    }
}

impl LeftOut {
    pub(super) fn loss(segment: &str, why: String) -> Self {
        Self { is_loss: true, ..Self::without_loss(segment, why) }
    }

    pub(super) fn without_loss(segment: &str, why: String) -> Self {
        Self { segment: Some(shown_name(segment)), why, is_loss: false, same_as: None }
    }

    /// Whether rows are lost by it when these choices are followed.
    pub(super) fn loses(&self, choices: &Choices) -> bool {
        let leaves_out = |(table, segment): &(String, String)| {
            choices.leaves_out(table) || choices.leaves_out_segment(table, segment)
        };
        self.is_loss || self.same_as.as_ref().is_some_and(leaves_out)
    }
}

impl Found {
    pub(super) fn metadata(&self) -> Segment {
        let bytes = self.rows.saturating_mul(ID_BYTES.saturating_add(self.row_bytes.unwrap_or(0)));
        Segment {
            segment_id: self.id.clone(),
            file_types: vec![FileType::Raw],
            row_count: i64::try_from(self.live).ok(),
            file_size: i64::try_from(bytes).unwrap_or(i64::MAX),
            has_raw_row: true,
        }
    }
}

/// The time that a segment or partition was made at, which is its name.
pub(super) fn number(name: &str) -> Option<u64> {
    name.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.parse().ok()).flatten()
}

/// Whether a collection can have this name (`utils/ValidationUtil.cpp`, v1.1.1).
pub(super) fn is_collection(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.len() <= 255 && name.bytes().all(is_word) && name.starts_with(|one: char| !one.is_ascii_digit())
}

pub(super) fn kind(name: &str) -> TableKind {
    match number(name) {
        Some(_) => TableKind::Partition,
        None if is_collection(name) => TableKind::Collection,
        None => TableKind::Foreign,
    }
}

/// Reads the headers of all segments of a listing.
pub(super) async fn read(given: Vec<Storage>, listing: Listing) -> Result<Findings> {
    let mut tables = BTreeMap::new();
    let mut candidates = Vec::new();
    for (name, segments) in &listing.tables {
        let mut table = empty(name);
        for (segment, files) in segments {
            match candidate(&table, segment, files) {
                Ok(candidate) => candidates.push(candidate),
                Err(left_out) => table.left_out.push(left_out),
            }
        }
        tables.insert(name.clone(), table);
    }
    for (table, segment, other) in listing.links {
        let why = format!("it is `{}/{}` by another name", shown_name(&other.0), shown_name(&other.1));
        let table = tables.entry(table).or_insert_with_key(|name| empty(name));
        let left_out = LeftOut { same_as: Some(other), ..LeftOut::without_loss(&segment, why) };
        table.left_out.push(left_out);
    }
    for (table, segment) in listing.dangling {
        let why = "it is a link that leads nowhere".into();
        let segment = segment.as_deref().map(shown_name);
        let table = tables.entry(table).or_insert_with_key(|name| empty(name));
        table.left_out.push(LeftOut { segment, why, is_loss: true, same_as: None });
    }
    let names = || given.iter().map(|root| root.display(root.prefix())).collect::<Vec<_>>().join(", ");
    if candidates.is_empty() && tables.values().all(|table| table.left_out.is_empty()) {
        return Err(Error::NothingToRecover { place: names() });
    }
    // The locator finds in a bucket what these name.
    let probes: Vec<Collection> = candidates.iter().map(Candidate::probe).collect();
    let roots = Arc::new(Roots::new(given.clone(), ReadOptions::default(), &probes)?);
    let locator = roots.locator().await?;
    let opened = candidates.into_iter().map(async |candidate| {
        let found = open(locator, &candidate).await?;
        Ok::<_, Error>((candidate, found))
    });
    let mut opened = stream::iter(opened).buffered(roots.headers_at_once());
    let mut files: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    while let Some((candidate, found)) = opened.try_next().await? {
        let Some(table) = tables.get_mut(&candidate.table) else { continue };
        match found {
            Ok(found) => table.segments.push(found),
            Err(left_out) => table.left_out.push(left_out),
        }
        files.entry(candidate.table.clone()).or_default().push(candidate);
    }
    for (name, table) in &mut tables {
        table.finish();
        let files = files.remove(name).unwrap_or_default();
        table.look(locator, &files).await?;
    }
    drop(opened);
    Ok(Findings { roots, tables, strays: listing.strays })
}

fn empty(name: &str) -> Table {
    Table {
        id: name.to_owned(),
        kind: kind(name),
        segments: Vec::new(),
        left_out: Vec::new(),
        row_bytes: None,
        indexes: BTreeSet::new(),
        looks_binary: None,
    }
}

/// Opens a segment. What is damaged is left out; what cannot be read is an error.
async fn open(locator: &SegmentLocator, candidate: &Candidate) -> Result<Result<Found, LeftOut>> {
    let opened = async {
        let files = locator.files(&candidate.table, &candidate.id).await?;
        let (rows, _) = files.rows(None).await?;
        files.check_vectors(rows, candidate.layout).await?;
        let (deleted, _) = files.deleted_docs(rows).await?;
        Ok::<_, Error>(Found {
            id: candidate.id.clone(),
            number: candidate.number,
            rows,
            live: rows.saturating_sub(deleted.len()),
            row_bytes: candidate.row_bytes,
        })
    };
    match opened.await {
        Ok(found) => Ok(Ok(found)),
        Err(error) if error.is_damage() => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            let why = format!("{error}{}", cause.unwrap_or_default());
            let left_out = LeftOut::without_loss(&candidate.id, why);
            Ok(Err(LeftOut { is_loss: candidate.has_rows, ..left_out }))
        }
        Err(error) => Err(error),
    }
}

impl Table {
    /// Takes the width that most rows have; the segments of others are left out.
    fn finish(&mut self) {
        self.segments.sort_by(|one, other| (one.number, &one.id).cmp(&(other.number, &other.id)));
        let mut widths: BTreeMap<u64, u64> = BTreeMap::new();
        for segment in &self.segments {
            if let Some(width) = segment.row_bytes {
                let rows = widths.entry(width).or_default();
                *rows = rows.saturating_add(segment.rows);
            }
        }
        self.row_bytes = widths.iter().max_by_key(|(_, rows)| **rows).map(|(width, _)| *width);
        let Some(expected) = self.row_bytes else { return };
        let fits = |segment: &Found| segment.row_bytes.is_none_or(|found| found == expected);
        let (fitting, others) = std::mem::take(&mut self.segments).into_iter().partition(fits);
        self.segments = fitting;
        let of_others: Vec<Found> = others;
        self.left_out.extend(of_others.into_iter().map(|segment| {
            let found = segment.row_bytes.unwrap_or(0);
            let why = format!("its rows have {found} bytes, most rows beside it {expected}");
            LeftOut::loss(&segment.id, why)
        }));
    }

    /// Looks what its indexes and vectors say of what they are.
    async fn look(&mut self, locator: &SegmentLocator, files: &[Candidate]) -> Result<()> {
        let indexes = files.iter().flat_map(|segment| &segment.indexes).take(INDEXES);
        for index in indexes {
            self.indexes.extend(index_of(&locator.store, &index.path, index.size).await?);
        }
        let newest = self.segments.iter().rev().find(|segment| segment.rows > 0);
        let vectors = newest.and_then(|newest| files.iter().find(|segment| segment.id == newest.id));
        if let (Some(newest), Some(vectors)) = (newest, vectors) {
            let bytes = newest.rows.saturating_mul(newest.row_bytes.unwrap_or(0));
            self.looks_binary = evidence::looks_binary(&locator.store, &vectors.vectors, bytes).await?;
        }
        Ok(())
    }
}

/// A folder of segments of these live rows, which are `0`, `1` and so on.
#[cfg(test)]
pub(super) fn of_rows(name: &str, live: &[u64]) -> Table {
    let found = |(number, &live): (u64, &u64)| Found {
        id: number.to_string(),
        number,
        rows: live,
        live,
        row_bytes: Some(8),
    };
    Table { segments: (0..).zip(live).map(found).collect(), ..empty(name) }
}
