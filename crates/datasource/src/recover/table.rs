// SPDX-License-Identifier: Apache-2.0
//! The folder of a collection or partition, and its segments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_catalog::{Collection, DEFAULT_PARTITION, Engine, FileType, Metric, Partition, Segment};
use m2m_segment::ids::ID_BYTES;
use m2m_segment::{HEADER_LEN, VectorElement, VectorLayout, names};
use m2m_storage::Storage;
use object_store::path::Path;

use super::Findings;
use super::evidence::{self, IndexKind, index_of, layouts};
use super::listing::{File, Listing, shown_name};
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

/// A segment that is not taken.
#[derive(Clone, Debug)]
pub(super) struct LeftOut {
    pub(super) segment: String,
    pub(super) why: String,
    /// Whether it has, or may have, rows that nothing else has.
    pub(super) is_loss: bool,
}

/// A segment before its files are opened.
struct Candidate {
    table: String,
    id: String,
    number: u64,
    row_bytes: Option<u64>,
    layout: VectorLayout,
    /// Whether its files have more bytes than those of no row.
    has_rows: bool,
    vectors: Path,
    indexes: Vec<File>,
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

impl Candidate {
    /// A collection of nothing but this segment.
    fn probe(&self) -> Collection {
        let found = Found { id: self.id.clone(), number: self.number, rows: 0, live: 0, row_bytes: None };
        empty(&self.table).collection(self.layout, &[&found])
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

fn kind(name: &str) -> TableKind {
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
        let why = format!("it is `{other}` by another name");
        if let Some(table) = tables.get_mut(&table) {
            table.left_out.push(LeftOut { segment, why, is_loss: false });
        }
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

/// A segment by what its folder lists, or why it is none.
fn candidate(table: &Table, segment: &str, files: &[File]) -> Result<Candidate, LeftOut> {
    let (ids, vectors) = (names::ids_file(segment), names::vectors_file(segment));
    let is_data =
        |file: &File| [names::IDS_ENDING, names::VECTORS_ENDING].iter().any(|one| file.name.ends_with(one));
    let left_out = |why: String, is_loss| LeftOut { segment: shown_name(segment), why, is_loss };
    let loss = |why: String| Err(left_out(why, true));
    if !files.iter().any(is_data) {
        return Err(left_out("it has neither ids nor vectors".into(), false));
    }
    let number = match number(segment) {
        Some(number) if table.kind != TableKind::Foreign => number,
        Some(_) => return loss(format!("no collection has the name `{}`", shown_name(&table.id))),
        None => return loss("no segment has this name".into()),
    };
    let Some(ids) = files.iter().filter(|file| file.name == ids).max_by_key(|file| file.size) else {
        return loss(format!("its ids `{ids}` are missing"));
    };
    // Those in another folder of tables belong to other ids.
    let beside = |file: &&File| file.name == vectors && folder(&file.path) == folder(&ids.path);
    let Some(vectors) = files.iter().find(beside) else {
        return loss(format!("its vectors `{vectors}` are missing"));
    };
    let own = [&ids.name, &vectors.name].map(String::as_str);
    let irregular = files.iter().find(|file| {
        !file.is_regular && (own.contains(&file.name.as_str()) || file.name == names::DELETED_DOCS)
    });
    if let Some(file) = irregular {
        return loss(format!("`{}` is no regular file", file.name));
    }
    let rows = ids.size.saturating_sub(HEADER_LEN) / ID_BYTES;
    let bytes = vectors.size.saturating_sub(HEADER_LEN);
    let row_bytes = bytes.checked_div(rows);
    if rows.checked_mul(row_bytes.unwrap_or(0)) != Some(bytes) {
        return loss(format!("{bytes} bytes of vectors are no whole number for each of {rows} rows"));
    }
    // Rows that are not there can be of any width.
    let (float, binary) = layouts(row_bytes.unwrap_or(4));
    let Some(layout) = binary.or(float) else {
        return loss(format!("no vector has {} bytes", row_bytes.unwrap_or(0)));
    };
    let is_index = |file: &&File| file.is_regular && self::number(&file.name).is_some();
    Ok(Candidate {
        table: table.id.clone(),
        id: segment.to_owned(),
        number,
        row_bytes,
        layout,
        has_rows: ids.size.max(vectors.size) > HEADER_LEN,
        vectors: vectors.path.clone(),
        indexes: files.iter().filter(is_index).cloned().collect(),
    })
}

/// The folder of a file.
fn folder(path: &Path) -> &str {
    path.as_ref().rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Opens a segment. What is damaged is left out; what cannot be read is an error.
async fn open(locator: &SegmentLocator, candidate: &Candidate) -> Result<Result<Found, LeftOut>> {
    let opened = async {
        let files = locator.files(&candidate.table, &candidate.id).await?;
        let (rows, _) = files.rows(None).await?;
        files.check_vectors(rows, candidate.layout).await?;
        let (deleted, _) = files.deleted_docs(rows).await?;
        Ok(Found {
            id: candidate.id.clone(),
            number: candidate.number,
            rows,
            live: rows.saturating_sub(deleted.len()),
            row_bytes: candidate.row_bytes,
        })
    };
    match opened.await {
        Ok(found) => Ok(Ok(found)),
        Err(
            error @ (Error::Missing { .. }
            | Error::MissingDeletedDocs { .. }
            | Error::Damaged { .. }
            | Error::Milvus011 { .. }
            | Error::SegmentsTwice { .. }),
        ) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            let why = format!("{error}{}", cause.unwrap_or_default());
            Ok(Err(LeftOut { segment: candidate.id.clone(), why, is_loss: candidate.has_rows }))
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
            LeftOut { segment: segment.id, why, is_loss: true }
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
