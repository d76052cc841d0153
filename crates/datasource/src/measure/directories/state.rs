// SPDX-License-Identifier: Apache-2.0
//! What the metadata says of the folder of a segment.

use std::collections::BTreeMap;

use m2m_catalog::{DEFAULT_PARTITION, FileType, Inventory, TableRow};

/// State of a row of `Tables` that is not dropped.
const NORMAL: i64 = 0;

/// What the metadata says of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) state: &'static str,
    /// Where the table is live.
    pub(super) collection: Option<String>,
    pub(super) partition_tag: Option<String>,
}

/// What the metadata says of tables and segments.
#[derive(Debug, Default)]
pub(super) struct States {
    tables: BTreeMap<String, Table>,
    /// By table and segment.
    segments: BTreeMap<(String, String), Segment>,
}

#[derive(Debug)]
enum Table {
    Live { collection: String, partition_tag: String },
    Dropped,
}

/// What rows of a segment the metadata has.
#[derive(Clone, Copy, Debug, Default)]
struct Segment {
    is_live: bool,
    is_replaced: bool,
}

impl States {
    pub(super) fn of(inventory: &Inventory) -> Self {
        let mut states = Self::default();
        for table in &inventory.tables {
            states.tables.insert(table.table_id.clone(), Table::of(table, &inventory.tables));
        }
        for file in &inventory.files {
            let kind = file.file_type.and_then(FileType::from_code);
            let segment =
                states.segments.entry((file.table_id.clone(), file.segment_id.clone())).or_default();
            segment.is_live |= kind.is_some_and(FileType::is_live);
            segment.is_replaced |= kind == Some(FileType::ToDelete);
        }
        // A `meta.json` has these alone.
        for collection in &inventory.collections {
            for partition in &collection.partitions {
                let (name, tag) = (collection.name.clone(), partition.tag.clone());
                let table = Table::Live { collection: name, partition_tag: tag };
                states.tables.insert(partition.table_id.clone(), table);
                for segment in &partition.segments {
                    let key = (partition.table_id.clone(), segment.segment_id.clone());
                    states.segments.entry(key).or_default().is_live = true;
                }
            }
        }
        states
    }

    /// What the metadata says of a segment's folder, under whichever root it is: an index
    /// may have been put under another than the ids.
    pub(super) fn of_segment(&self, table_id: &str, segment_id: &str) -> Known {
        let without_table = |state| Known { state, collection: None, partition_tag: None };
        let (collection, partition_tag) = match self.tables.get(table_id) {
            None => return without_table("ghost"),
            Some(Table::Dropped) => return without_table("dropped"),
            Some(Table::Live { collection, partition_tag }) => (collection, partition_tag),
        };
        let state = match self.segments.get(&(table_id.to_owned(), segment_id.to_owned())) {
            None => "unknown",
            Some(segment) if segment.is_live => "live",
            Some(segment) if segment.is_replaced => "replaced",
            Some(_) => "unfinished",
        };
        Known { state, collection: Some(collection.clone()), partition_tag: Some(partition_tag.clone()) }
    }
}

impl Table {
    /// A table is live when it is not dropped, and its owner neither.
    fn of(table: &TableRow, all: &[TableRow]) -> Self {
        let is_normal = |table: &TableRow| table.state == Some(NORMAL);
        let is_owner =
            |other: &&TableRow| other.table_id == table.owner_table && other.owner_table.is_empty();
        if !is_normal(table) {
            return Self::Dropped;
        }
        if table.owner_table.is_empty() {
            return Self::Live {
                collection: table.table_id.clone(),
                partition_tag: DEFAULT_PARTITION.into(),
            };
        }
        match all.iter().find(is_owner) {
            Some(owner) if is_normal(owner) => {
                Self::Live { collection: owner.table_id.clone(), partition_tag: table.partition_tag.clone() }
            }
            _ => Self::Dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use m2m_catalog::FileRow;

    use super::*;

    fn inventory() -> Inventory {
        let table = |table_id: &str, state, owner: &str, tag: &str| TableRow {
            table_id: table_id.into(),
            state: Some(state),
            owner_table: owner.into(),
            partition_tag: tag.into(),
            ..TableRow::default()
        };
        let file = |table_id: &str, segment_id: &str, kind| FileRow {
            table_id: table_id.into(),
            segment_id: segment_id.into(),
            file_type: Some(kind),
            ..FileRow::default()
        };
        Inventory {
            tables: vec![
                table("c", 0, "", ""),
                table("7", 0, "c", "p"),
                table("8", 1, "c", "q"),
                table("gone", 1, "", ""),
                table("9", 0, "gone", "p"),
                table("10", 0, "never", "p"),
            ],
            files: vec![
                file("c", "1", 1),
                file("c", "1", 4),
                file("c", "2", 4),
                file("c", "3", 0),
                file("c", "3", 6),
                file("c", "4", 6),
                file("c", "4", 4),
                file("7", "5", 3),
                file("9", "6", 1),
            ],
            ..Inventory::default()
        }
    }

    #[test]
    fn the_state_of_a_folder_follows_from_its_rows() {
        let states = States::of(&inventory());
        for (table, segment, state) in [
            ("c", "1", "live"),
            ("c", "2", "replaced"),
            ("c", "3", "unfinished"),
            ("c", "4", "replaced"),
            ("c", "9", "unknown"),
            ("7", "5", "live"),
            ("7", "1", "unknown"),
            ("8", "1", "dropped"),
            ("gone", "1", "dropped"),
            ("9", "6", "dropped"),
            ("10", "1", "dropped"),
            ("never", "1", "ghost"),
        ] {
            assert_eq!(states.of_segment(table, segment).state, state, "{table}/{segment}");
        }
        let known = states.of_segment("7", "1");
        assert_eq!((known.collection.as_deref(), known.partition_tag.as_deref()), (Some("c"), Some("p")));
        assert_eq!(states.of_segment("9", "6").collection, None);
    }
}
