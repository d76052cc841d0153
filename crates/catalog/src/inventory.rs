// SPDX-License-Identifier: Apache-2.0
//! What the metadata says an installation holds.

use std::collections::BTreeMap;

use m2m_segment::{Error as LayoutError, VectorElement, VectorLayout};

use crate::codes::{Engine, FileType, Metric};
use crate::resolve;
use crate::wal::Unflushed;

/// The tag of the partition that every collection has.
pub const DEFAULT_PARTITION: &str = "_default";

/// Live collections, partitions and segments, and the rows they come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Live collections, by name.
    pub collections: Vec<Collection>,
    /// Every row of `Tables`, by id. Empty for a `meta.json`.
    pub tables: Vec<TableRow>,
    /// Every row of `TableFiles`, by id. Empty for a `meta.json`.
    pub files: Vec<FileRow>,
    /// Every row of `Environment`. Empty for a `meta.json`.
    pub environment: Vec<EnvironmentRow>,
    /// Rows and deletes that stand only in the write-ahead log.
    pub unflushed: Vec<Unflushed>,
}

impl Inventory {
    /// Returns what each table is that the metadata names, by its id.
    #[must_use]
    pub fn table_states(&self) -> BTreeMap<&str, TableState<'_>> {
        resolve::states(&self.tables, &self.collections)
    }
}

/// What a table of the metadata is, whose segments are in the folder of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableState<'a> {
    /// A partition of a live collection.
    Live {
        /// The collection.
        collection: &'a str,
        /// The partition's tag.
        partition_tag: &'a str,
    },
    /// It is dropped, or its collection is.
    Dropped,
    /// Its rows, or those of its collection, cannot be: whether it lives cannot be told.
    Unclear,
}

/// A live collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Its name, which is also the table id of its default partition.
    pub name: String,
    /// How wide its vectors are.
    pub layout: VectorLayout,
    /// How its vectors are compared.
    pub metric: Metric,
    /// Its index.
    pub engine: Engine,
    /// Parameters of the index, JSON as the client sent it.
    pub index_params: String,
    /// Bytes at which the old server built an index.
    pub index_file_size: i64,
    /// Bit 0: the server made ids; bit 1: clients gave them. 0: no row yet.
    pub flag: i64,
    /// Microseconds since 1970.
    pub created_on: i64,
    /// Version of the server that created it.
    pub version: String,
    /// Its partitions: `_default`, then the others in order of creation.
    pub partitions: Vec<Partition>,
}

/// A live partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The tag; `_default` for rows without one.
    pub tag: String,
    /// The name of its directory.
    pub table_id: String,
    /// Its live segments, in order of creation (by `TableFiles.id`).
    pub segments: Vec<Segment>,
}

/// A live segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The name of its directory and the stem of its files.
    pub segment_id: String,
    /// The types of its live rows in the metadata, in order of creation.
    pub file_types: Vec<FileType>,
    /// Live rows that the metadata claims; `None` when it is no number. It may be wrong.
    pub row_count: Option<i64>,
    /// Bytes of ids and vectors that the metadata claims.
    pub file_size: i64,
    /// Whether a row for raw vectors makes it live, and not one for an index alone.
    pub has_raw_row: bool,
}

/// A row of `Tables`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableRow {
    /// Row id.
    pub id: i64,
    /// Name of the collection, or a number for a partition.
    pub table_id: String,
    /// 0 normal, 1 to be deleted.
    pub state: Option<i64>,
    /// Components of a vector; bits for binary ones.
    pub dimension: Option<i64>,
    /// Microseconds since 1970.
    pub created_on: Option<i64>,
    /// Origin of the ids.
    pub flag: Option<i64>,
    /// Bytes at which an index is built.
    pub index_file_size: Option<i64>,
    /// Index type.
    pub engine_type: Option<i64>,
    /// Index parameters, JSON.
    pub index_params: String,
    /// Metric.
    pub metric_type: Option<i64>,
    /// Empty, or the collection that the partition belongs to.
    pub owner_table: String,
    /// Partition tag.
    pub partition_tag: String,
    /// Version of the server that created the row.
    pub version: String,
    /// WAL position that is flushed, unsigned.
    pub flush_lsn: Option<i64>,
}

/// A row of `TableFiles`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileRow {
    /// Row id.
    pub id: i64,
    /// Collection or partition.
    pub table_id: String,
    /// Directory.
    pub segment_id: String,
    /// Index type of the collection when the row was made.
    pub engine_type: Option<i64>,
    /// Own name; of raw files the segment id.
    pub file_id: String,
    /// What the row stands for.
    pub file_type: Option<i64>,
    /// Bytes, headers not counted.
    pub file_size: Option<i64>,
    /// Live rows, as far as the server counted right.
    pub row_count: Option<i64>,
    /// Microseconds since 1970.
    pub updated_time: Option<i64>,
    /// Microseconds since 1970.
    pub created_on: Option<i64>,
    /// (year − 1900) · 10000 + (month − 1) · 100 + day.
    pub date: Option<i64>,
    /// WAL position; always 0.
    pub flush_lsn: Option<i64>,
}

/// A row of `Environment`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentRow {
    /// WAL position up to which everything is flushed, unsigned.
    pub global_lsn: Option<i64>,
}

impl Collection {
    /// Returns the number of components of a vector.
    #[must_use]
    pub fn dimension(&self) -> u32 {
        self.layout.dimension()
    }

    /// Returns whether the server made the ids.
    #[must_use]
    pub fn auto_id(&self) -> bool {
        self.flag & 1 == 1
    }

    /// Returns all segments, in order of partitions, each with its partition.
    pub fn segments(&self) -> impl Iterator<Item = (&Partition, &Segment)> {
        self.partitions
            .iter()
            .flat_map(|partition| partition.segments.iter().map(move |segment| (partition, segment)))
    }
}

/// The layout of vectors by metric and dimension.
pub(crate) fn layout(metric: Metric, dimension: i64) -> Result<VectorLayout, LayoutError> {
    let element = if metric.is_binary() { VectorElement::Bit } else { VectorElement::Float32 };
    VectorLayout::try_new(element, u32::try_from(dimension).unwrap_or(0))
}
