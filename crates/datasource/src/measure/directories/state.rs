// SPDX-License-Identifier: Apache-2.0
//! What the metadata says of the folder of a segment.

use std::collections::BTreeMap;

use m2m_catalog::{FileType, Inventory, TableState};

/// State of the folder of a live segment.
pub(super) const LIVE: &str = "live";

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
pub(super) struct States<'a> {
    tables: BTreeMap<&'a str, TableState<'a>>,
    /// By table and segment.
    segments: BTreeMap<(&'a str, &'a str), Segment>,
}

/// What rows of a segment the metadata has.
#[derive(Clone, Copy, Debug, Default)]
struct Segment {
    is_live: bool,
    is_replaced: bool,
    /// A row is of a type that there is not.
    is_unclear: bool,
}

impl<'a> States<'a> {
    pub(super) fn of(inventory: &'a Inventory) -> Self {
        let mut segments: BTreeMap<_, Segment> = BTreeMap::new();
        for file in &inventory.files {
            let kind = file.file_type.and_then(FileType::from_code);
            let segment = segments.entry((file.table_id.as_str(), file.segment_id.as_str())).or_default();
            segment.is_live |= kind.is_some_and(FileType::is_live);
            segment.is_replaced |= kind == Some(FileType::ToDelete);
            segment.is_unclear |= kind.is_none();
        }
        // A `meta.json` has these alone.
        let partitions = inventory.collections.iter().flat_map(|collection| &collection.partitions);
        for partition in partitions {
            for segment in &partition.segments {
                segments.entry((&partition.table_id, &segment.segment_id)).or_default().is_live = true;
            }
        }
        Self { tables: inventory.table_states(), segments }
    }

    /// What the metadata says of a segment's folder, under whichever root it is: an index
    /// may have been put under another than the ids.
    pub(super) fn of_segment(&self, table_id: &str, segment_id: &str) -> Known {
        let without_table = |state| Known { state, collection: None, partition_tag: None };
        let (collection, partition_tag) = match self.tables.get(table_id) {
            None => return without_table("ghost"),
            Some(TableState::Dropped) => return without_table("dropped"),
            Some(TableState::Unclear) => return without_table("unknown"),
            Some(TableState::Live { collection, partition_tag }) => (collection, partition_tag),
        };
        let state = match self.segments.get(&(table_id, segment_id)) {
            None => "unknown",
            Some(segment) if segment.is_live => LIVE,
            Some(segment) if segment.is_unclear => "unknown",
            Some(segment) if segment.is_replaced => "replaced",
            Some(_) => "unfinished",
        };
        let (collection, partition_tag) = (Some((*collection).into()), Some((*partition_tag).into()));
        Known { state, collection, partition_tag }
    }
}

#[cfg(test)]
mod tests {
    use m2m_catalog::{Collection, Engine, FileRow, Metric, Partition, TableRow};
    use m2m_segment::{VectorElement, VectorLayout};

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
        let partition = |tag: &str, table_id: &str| Partition {
            tag: tag.into(),
            table_id: table_id.into(),
            segments: Vec::new(),
        };
        let collection = Collection {
            name: "c".into(),
            layout: VectorLayout::try_new(VectorElement::Float32, 2).unwrap(),
            metric: Metric::L2,
            engine: Engine::Flat,
            index_params: String::new(),
            index_file_size: 0,
            flag: 0,
            created_on: 0,
            version: String::new(),
            partitions: vec![partition("_default", "c"), partition("p", "7")],
        };
        Inventory {
            collections: vec![collection],
            tables: vec![
                table("c", 0, "", ""),
                table("7", 0, "c", "p"),
                table("8", 1, "c", "q"),
                table("gone", 1, "", ""),
                table("9", 0, "gone", "p"),
                table("10", 0, "never", "p"),
                table("odd", 9, "", ""),
                table("11", 0, "odd", "p"),
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
                file("c", "7", 8),
                file("c", "7", 4),
                file("11", "8", 4),
            ],
            ..Inventory::default()
        }
    }

    #[test]
    fn the_state_of_a_folder_follows_from_its_rows() {
        let inventory = inventory();
        let states = States::of(&inventory);
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
            ("c", "7", "unknown"),
            ("odd", "1", "unknown"),
            ("11", "8", "unknown"),
        ] {
            assert_eq!(states.of_segment(table, segment).state, state, "{table}/{segment}");
        }
        let known = states.of_segment("7", "1");
        assert_eq!((known.collection.as_deref(), known.partition_tag.as_deref()), (Some("c"), Some("p")));
        assert_eq!(states.of_segment("9", "6").collection, None);
    }
}
