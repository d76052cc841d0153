// SPDX-License-Identifier: Apache-2.0
//! What a dump will write, decided before anything is written.

use std::sync::Arc;

use m2m_catalog::{Collection, MetaSource};
use m2m_datasource::{CollectionTable, Piece, SegmentStats, Source};
use m2m_milvus::mapping;
use m2m_segment::VectorElement;
use m2m_sink::{PlannedSet, SegmentRows, plan_file_sets};

use crate::error::{Error, Result};
use crate::select::{Selected, select};
use crate::settings::{DumpSettings, Selection};

/// Bytes of one id in an import file.
const ID_BYTES: u64 = 8;

/// What will be dumped.
#[derive(Debug)]
pub struct DumpPlan {
    /// The collections, by name.
    pub collections: Vec<CollectionPlan>,
    /// What the user should know of the installation as a whole.
    pub notes: Vec<String>,
}

/// What will be dumped of one collection.
#[derive(Debug)]
pub struct CollectionPlan {
    /// The table that is read.
    pub table: Arc<CollectionTable>,
    /// The collection's name in Milvus 2.x.
    pub target_name: String,
    /// Its partitions, `_default` first.
    pub partitions: Vec<PartitionPlan>,
    /// What the user should know, one sentence each.
    pub notes: Vec<String>,
}

/// What will be dumped of one partition.
#[derive(Debug)]
pub struct PartitionPlan {
    /// The tag in Milvus 1.x.
    pub tag: String,
    /// The name in Milvus 2.x.
    pub name: String,
    /// Live rows.
    pub rows: u64,
    /// The file sets, one group for each writer.
    pub groups: Vec<Vec<PlannedSet>>,
    /// For each segment of the partition, its place among all of the collection.
    segments: Vec<usize>,
}

impl DumpPlan {
    /// Plans the dump of the selected collections.
    ///
    /// # Errors
    ///
    /// When a collection does not exist or is not what is expected of it, when a segment's files are missing or
    /// contradict each other, or when rows stand only in the write-ahead log.
    pub async fn new(source: &Source, selection: &Selection, settings: &DumpSettings) -> Result<Self> {
        // A name that Milvus refuses must not cost a dump first.
        mapping::check_field_name(&settings.id_field)?;
        mapping::check_field_name(&settings.vector_field)?;
        let selected = select(source, selection)?;
        if !settings.allow_unflushed {
            refuse_unflushed(source, &selected)?;
        }
        let mut plans = Vec::with_capacity(selected.len());
        for one in selected {
            plans.push(CollectionPlan::new(one, settings).await?);
        }
        Ok(Self { collections: plans, notes: install_notes(source) })
    }

    /// Live rows of all collections.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.collections.iter().map(CollectionPlan::rows).sum()
    }

    /// Bytes of ids and vectors that will be written, without headers.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.collections.iter().map(|plan| plan.rows() * (ID_BYTES + row_bytes(plan.collection()))).sum()
    }
}

impl CollectionPlan {
    async fn new(selected: Selected, settings: &DumpSettings) -> Result<Self> {
        let Selected { table, target_name } = selected;
        let stats = table.segments().await?;
        table.check_vectors().await?;
        let names = partition_names(table.collection());
        let partitions = table
            .collection()
            .partitions
            .iter()
            .zip(names)
            .enumerate()
            .map(|(index, (partition, name))| {
                PartitionPlan::new(&table, &stats, index, partition.tag.clone(), name, settings)
            })
            .collect::<Result<Vec<_>>>()?;
        let mut notes = notes(&table, &stats, &partitions);
        if target_name != table.collection().name {
            notes.push(format!("the collection becomes `{target_name}`"));
        }
        Ok(Self { table, target_name, partitions, notes })
    }

    /// The collection as its metadata describes it.
    #[must_use]
    pub fn collection(&self) -> &Collection {
        self.table.collection()
    }

    /// Live rows of all partitions.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.rows).sum()
    }
}

impl PartitionPlan {
    fn new(
        table: &CollectionTable,
        stats: &[SegmentStats],
        index: usize,
        tag: String,
        name: String,
        settings: &DumpSettings,
    ) -> Result<Self> {
        let (segments, rows): (Vec<usize>, Vec<SegmentRows>) = stats
            .iter()
            .enumerate()
            .filter(|(_, segment)| segment.partition == index)
            .map(|(at, segment)| {
                let rows = SegmentRows {
                    segment_id: segment.segment_id.clone(),
                    rows: segment.rows,
                    deleted: Arc::clone(&segment.deleted),
                };
                (at, rows)
            })
            .unzip();
        let collection = table.collection();
        let folder = format!("{}/{name}", collection.name);
        let groups = plan_file_sets(
            &folder,
            &rows,
            collection.layout.row_bytes(),
            settings.file_bytes,
            settings.workers,
        )?;
        let rows = groups.iter().flatten().map(|planned| planned.set.rows).sum();
        Ok(Self { tag, name, rows, groups, segments })
    }

    /// The stored rows that each writer's scan partition reads, in order.
    pub(crate) fn pieces(&self) -> Vec<Vec<Piece>> {
        let of_set = |planned: &PlannedSet| -> Vec<Piece> {
            planned
                .pieces
                .iter()
                .filter_map(|(segment, rows)| {
                    self.segments.get(*segment).map(|&segment| Piece { segment, rows: rows.clone() })
                })
                .collect()
        };
        self.groups.iter().map(|group| group.iter().flat_map(of_set).collect()).collect()
    }
}

/// The names that the partitions of a collection get in Milvus 2.x, in order.
#[must_use]
pub fn partition_names(collection: &Collection) -> Vec<String> {
    let tags: Vec<&str> = collection.partitions.iter().map(|partition| partition.tag.as_str()).collect();
    mapping::partition_names(&tags)
}

fn refuse_unflushed(source: &Source, selected: &[Selected]) -> Result<()> {
    let mut collections = Vec::new();
    let (mut rows, mut deletes) = (0, 0);
    for unflushed in &source.inventory().unflushed {
        if selected.iter().any(|one| one.table.collection().name == unflushed.collection) {
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

/// What is not migrated because it stands only in the write-ahead log, or
/// cannot be told because there is none.
fn install_notes(source: &Source) -> Vec<String> {
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

fn notes(table: &CollectionTable, stats: &[SegmentStats], partitions: &[PartitionPlan]) -> Vec<String> {
    let mut notes: Vec<String> = partitions
        .iter()
        .filter(|partition| partition.tag != partition.name)
        .map(|partition| format!("partition `{}` becomes `{}`", partition.tag, partition.name))
        .collect();
    notes.extend(stats.iter().filter_map(row_count_note));
    notes.extend(table.collection().segments().filter(|(_, segment)| !segment.has_raw_row).map(
        |(_, segment)| {
            format!(
                "segment `{}` has an index row but no raw row in the metadata; its raw file is read",
                segment.segment_id
            )
        },
    ));
    notes
}

fn row_count_note(segment: &SegmentStats) -> Option<String> {
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

/// Bytes of one vector.
pub(crate) fn row_bytes(collection: &Collection) -> u64 {
    collection.layout.row_bytes() as u64
}

/// The manifest's word for the kind of a collection's vectors.
pub(crate) fn vector_word(collection: &Collection) -> &'static str {
    match collection.layout.element() {
        VectorElement::Float32 => "float32",
        VectorElement::Bit => "binary",
    }
}
