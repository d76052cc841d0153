// SPDX-License-Identifier: Apache-2.0
//! From rows of `Tables` and `TableFiles` to live collections.
//!
//! * A collection is a row of `Tables` with state 0 and no owner; a partition
//!   one with state 0 whose owner is such a collection (`SqliteMetaImpl.cpp`, v1.1.1).
//! * A segment is live when a row of type RAW, TO_INDEX, INDEX or BACKUP names
//!   it. Rows of other types neither add it nor take it away.

use std::collections::{BTreeMap, HashMap, HashSet};

use m2m_segment::names::is_safe_component;

use crate::codes::{Engine, FileType, Metric};
use crate::error::{Error, Result};
use crate::examination::Trouble;
use crate::inventory::{
    Collection, DEFAULT_PARTITION, FileRow, Partition, Segment, TableRow, TableState, layout,
};

/// State of a row of `Tables` that is not dropped.
const NORMAL: i64 = 0;
/// State of one that is.
const DROPPED: i64 = 1;

/// Returns the live collections, by name, without those that cannot be, and why
/// these cannot. `metadata` names it in messages.
pub(crate) fn collections(
    metadata: &str,
    tables: &[TableRow],
    files: &[FileRow],
) -> (Vec<Collection>, Vec<Trouble>) {
    let resolver = Resolver { metadata, tables, live: live(tables), files: by_table(files) };
    let (mut collections, mut troubles, mut left_out) = (Vec::new(), Vec::new(), HashSet::new());
    for table in tables {
        match resolver.collection_of(table) {
            Ok(collection) => collections.extend(collection),
            Err(error) => {
                let name = if is_partition(table) { &table.owner_table } else { &table.table_id };
                // Of two rows with one name, each has the same problem.
                if left_out.insert(name) {
                    troubles.push(Trouble::of_collection(name, error));
                }
            }
        }
    }
    collections.sort_by(|one, other| one.name.cmp(&other.name));
    (collections, troubles)
}

/// Returns what each table that rows of `Tables` name is, by its id. Live are the
/// partitions of `collections` alone: a table that rows call live, or whose rows cannot
/// be, is unclear when its collection is left out.
pub(crate) fn states<'a>(
    tables: &'a [TableRow],
    collections: &'a [Collection],
) -> BTreeMap<&'a str, TableState<'a>> {
    let mut owners: HashMap<&str, bool> = HashMap::new();
    for table in tables.iter().filter(|table| !is_partition(table)) {
        *owners.entry(&table.table_id).or_insert(true) &= table.state == Some(DROPPED);
    }
    let mut states = BTreeMap::new();
    for table in tables {
        let is_dropped = match table.state {
            Some(DROPPED) => true,
            // A partition goes with its collection.
            Some(NORMAL) => is_partition(table) && owners.get(table.owner_table.as_str()) != Some(&false),
            _ => false,
        };
        let state = if is_dropped { TableState::Dropped } else { TableState::Unclear };
        let known = states.entry(table.table_id.as_str()).or_insert(state);
        if *known != state {
            *known = TableState::Unclear;
        }
    }
    for collection in collections {
        for partition in &collection.partitions {
            let state = TableState::Live { collection: &collection.name, partition_tag: &partition.tag };
            states.insert(&partition.table_id, state);
        }
    }
    states
}

fn is_partition(table: &TableRow) -> bool {
    !table.owner_table.is_empty()
}

fn by_table(files: &[FileRow]) -> HashMap<&str, Vec<&FileRow>> {
    let mut of_table: HashMap<&str, Vec<&FileRow>> = HashMap::new();
    for file in files {
        of_table.entry(&file.table_id).or_default().push(file);
    }
    of_table
}

/// The rows of live collections and partitions, by table id.
fn live(tables: &[TableRow]) -> HashMap<&str, Vec<&TableRow>> {
    let normal = || tables.iter().filter(|table| table.state == Some(NORMAL));
    let owners = normal().filter(|table| !is_partition(table));
    let owners: HashSet<&str> = owners.map(|table| table.table_id.as_str()).collect();
    let mut of_table: HashMap<&str, Vec<&TableRow>> = HashMap::new();
    for table in normal().filter(|table| !is_partition(table) || owners.contains(table.owner_table.as_str()))
    {
        of_table.entry(&table.table_id).or_default().push(table);
    }
    of_table
}

struct Resolver<'a> {
    metadata: &'a str,
    tables: &'a [TableRow],
    live: HashMap<&'a str, Vec<&'a TableRow>>,
    files: HashMap<&'a str, Vec<&'a FileRow>>,
}

impl Resolver<'_> {
    /// The collection that a row stands for, if it stands for a live one.
    fn collection_of(&self, table: &TableRow) -> Result<Option<Collection>> {
        if is_partition(table) {
            // It is looked at with its collection, if that is a live one.
            let owners = self.live.get(table.owner_table.as_str());
            let has_owner = owners.is_some_and(|owners| owners.iter().any(|owner| !is_partition(owner)));
            return if has_owner { Ok(None) } else { self.is_normal(table).map(|_| None) };
        }
        if self.is_normal(table)? { self.collection(table).map(Some) } else { Ok(None) }
    }

    fn is_normal(&self, table: &TableRow) -> Result<bool> {
        match table.state {
            Some(NORMAL) => Ok(true),
            Some(DROPPED) => Ok(false),
            other => Err(self.wrong(table, "state", "0 or 1", other)),
        }
    }

    fn collection(&self, table: &TableRow) -> Result<Collection> {
        let metric = table.metric_type.and_then(Metric::from_code);
        let metric = metric.ok_or_else(|| self.wrong(table, "metric_type", "1 to 7", table.metric_type))?;
        let dimension = table.dimension.unwrap_or(0);
        let expected = "1 to 32768, for binary vectors a multiple of 8";
        let layout = layout(metric, dimension)
            .map_err(|_| self.wrong(table, "dimension", expected, table.dimension))?;
        Ok(Collection {
            name: table.table_id.clone(),
            layout,
            metric,
            engine: Engine::from_code(table.engine_type.unwrap_or(0)),
            index_params: table.index_params.clone(),
            index_file_size: table.index_file_size.unwrap_or(0),
            flag: table.flag.unwrap_or(0),
            created_on: table.created_on.unwrap_or(0),
            version: table.version.clone(),
            partitions: self.partitions(table)?,
        })
    }

    fn partitions(&self, collection: &TableRow) -> Result<Vec<Partition>> {
        let mut partitions = vec![self.partition(collection, DEFAULT_PARTITION)?];
        let mut tags = HashSet::from([DEFAULT_PARTITION]);
        for table in self.tables {
            if table.owner_table != collection.table_id || !self.is_normal(table)? {
                continue;
            }
            if !tags.insert(&table.partition_tag) {
                let found = Some(&table.partition_tag);
                return Err(self.wrong(table, "partition_tag", "a tag that no other partition has", found));
            }
            if table.dimension != collection.dimension || table.metric_type != collection.metric_type {
                let found = table.dimension.zip(table.metric_type).map(|both| format!("{both:?}"));
                return Err(self.wrong(table, "dimension and metric_type", "those of its collection", found));
            }
            partitions.push(self.partition(table, &table.partition_tag)?);
        }
        Ok(partitions)
    }

    fn partition(&self, table: &TableRow, tag: &str) -> Result<Partition> {
        if !is_safe_component(&table.table_id) {
            return Err(self.wrong(table, "table_id", "a name without a path", Some(&table.table_id)));
        }
        self.once(table)?;
        let files = self.files.get(table.table_id.as_str()).map(Vec::as_slice).unwrap_or_default();
        Ok(Partition { tag: tag.into(), table_id: table.table_id.clone(), segments: self.segments(files)? })
    }

    fn segments(&self, files: &[&FileRow]) -> Result<Vec<Segment>> {
        let mut of_segment: BTreeMap<&str, Vec<(&FileRow, FileType)>> = BTreeMap::new();
        for file in files {
            let kind = file.file_type.and_then(FileType::from_code);
            let kind = kind.ok_or_else(|| self.wrong_file(file, "file_type", "0 to 7", file.file_type))?;
            if kind.is_live() {
                if !is_safe_component(&file.segment_id) {
                    let found = Some(&file.segment_id);
                    return Err(self.wrong_file(file, "segment_id", "a name without a path", found));
                }
                of_segment.entry(&file.segment_id).or_default().push((file, kind));
            }
        }
        let mut segments: Vec<(i64, Segment)> =
            of_segment.into_values().filter_map(|rows| segment(&rows)).collect();
        segments.sort_by_key(|(id, _)| *id);
        Ok(segments.into_iter().map(|(_, segment)| segment).collect())
    }

    /// Makes sure that no directory stands for two live partitions, whose rows
    /// would then count twice. The old server's own index sees to that; a copy
    /// of the tables may have lost it.
    fn once(&self, table: &TableRow) -> Result<()> {
        match self.live.get(table.table_id.as_str()).and_then(|rows| rows.get(1)) {
            Some(second) => {
                let expected = "a name that no other live row has";
                Err(self.wrong(second, "table_id", expected, Some(&table.table_id)))
            }
            None => Ok(()),
        }
    }

    fn wrong(
        &self,
        table: &TableRow,
        column: &str,
        expected: &'static str,
        found: Option<impl ToString>,
    ) -> Error {
        let place = format!("table `Tables`, row {} (`{}`), column `{column}`", table.id, table.table_id);
        self.value(place, expected, found)
    }

    fn wrong_file(
        &self,
        file: &FileRow,
        column: &str,
        expected: &'static str,
        found: Option<impl ToString>,
    ) -> Error {
        let place = format!("table `TableFiles`, row {} (`{}`), column `{column}`", file.id, file.file_id);
        self.value(place, expected, found)
    }

    fn value(&self, place: String, expected: &'static str, found: Option<impl ToString>) -> Error {
        let found =
            found.map_or_else(|| "no usable value".into(), |found| format!("`{}`", found.to_string()));
        Error::Value { metadata: self.metadata.into(), place, expected, found }
    }
}

/// The segment of its live rows, with the id of the first. The counts are those
/// of the raw row, where there is one.
fn segment(rows: &[(&FileRow, FileType)]) -> Option<(i64, Segment)> {
    let (first, _) = rows.iter().min_by_key(|(file, _)| file.id)?;
    let raw = rows.iter().find(|(_, kind)| kind.is_raw());
    let (counted, kind) = raw.or_else(|| rows.first())?;
    let mut kinds: Vec<(i64, FileType)> = rows.iter().map(|(file, kind)| (file.id, *kind)).collect();
    kinds.sort_by_key(|(id, _)| *id);
    let file_size = if kind.is_raw() { counted.file_size.unwrap_or(0) } else { 0 };
    let segment = Segment {
        segment_id: first.segment_id.clone(),
        file_types: kinds.into_iter().map(|(_, kind)| kind).collect(),
        row_count: counted.row_count,
        file_size,
        has_raw_row: raw.is_some(),
    };
    Some((first.id, segment))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inventory::Inventory;
    use crate::meta_json;

    fn table(id: i64, table_id: &str) -> TableRow {
        TableRow {
            id,
            table_id: table_id.into(),
            state: Some(0),
            dimension: Some(16),
            metric_type: Some(1),
            engine_type: Some(1),
            ..TableRow::default()
        }
    }

    fn partition(id: i64, table_id: &str, owner: &str, tag: &str) -> TableRow {
        TableRow { owner_table: owner.into(), partition_tag: tag.into(), ..table(id, table_id) }
    }

    fn file(id: i64, table_id: &str, segment_id: &str, kind: i64) -> FileRow {
        FileRow {
            id,
            table_id: table_id.into(),
            segment_id: segment_id.into(),
            file_type: Some(kind),
            row_count: Some(id * 10),
            ..FileRow::default()
        }
    }

    fn resolve(tables: &[TableRow], files: &[FileRow]) -> Result<Vec<Collection>> {
        let (collections, troubles) = collections("meta.sqlite", tables, files);
        troubles.into_iter().next().map_or(Ok(collections), |trouble| Err(trouble.error))
    }

    fn ids(partition: &Partition) -> Vec<&str> {
        partition.segments.iter().map(|segment| segment.segment_id.as_str()).collect()
    }

    #[test]
    fn dropped_and_ownerless_tables_are_not_live() {
        let dropped = TableRow { state: Some(1), ..table(1, "dropped") };
        let tables =
            [dropped, table(2, "kept"), partition(3, "33", "dropped", "p"), partition(4, "44", "gone", "p")];
        let found = resolve(&tables, &[file(1, "dropped", "a", 1), file(2, "ghost", "b", 1)]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].partitions.len()), ("kept", 1));
    }

    #[test]
    fn partitions_stand_under_their_owner_after_the_default_one() {
        let tables = [table(1, "c"), partition(5, "55", "c", "späte"), partition(3, "33", "c", "a-b")];
        let found = resolve(&tables, &[file(1, "33", "s", 1)]).unwrap();
        let tags: Vec<_> = found[0].partitions.iter().map(|partition| partition.tag.as_str()).collect();
        assert_eq!(tags, ["_default", "späte", "a-b"]);
        assert_eq!(ids(&found[0].partitions[2]), ["s"]);
    }

    #[test]
    fn segments_live_once_by_their_live_rows_in_order_of_creation() {
        let files = [
            file(1, "c", "late", 4),
            file(2, "c", "indexed", 7),
            file(3, "c", "raw", 1),
            file(4, "c", "indexed", 3),
            file(5, "c", "indexed", 4),
            file(6, "c", "new", 0),
            file(7, "c", "merging", 5),
            file(8, "c", "building", 6),
            file(9, "c", "waiting", 2),
            file(10, "c", "late", 1),
        ];
        let found = resolve(&[table(1, "c")], &files).unwrap();
        assert_eq!(ids(&found[0].partitions[0]), ["indexed", "raw", "waiting", "late"]);
        let indexed = &found[0].partitions[0].segments[0];
        assert_eq!(indexed.file_types, [FileType::Backup, FileType::Index]);
        assert_eq!((indexed.row_count, indexed.has_raw_row), (Some(20), true));
    }

    #[test]
    fn a_segment_with_an_index_row_alone_is_live_and_marked() {
        let found = resolve(&[table(1, "c")], &[file(1, "c", "s", 3)]).unwrap();
        assert!(!found[0].partitions[0].segments[0].has_raw_row);
    }

    #[test]
    fn a_live_row_with_an_impossible_value_is_refused_and_a_dropped_one_is_not() {
        let damage: [fn(&mut TableRow); 6] = [
            |row| row.metric_type = Some(8),
            |row| row.metric_type = None,
            |row| row.dimension = Some(0),
            |row| row.dimension = Some(-16),
            |row| row.dimension = Some(1 << 40),
            |row| row.table_id = "../up".into(),
        ];
        for damage in damage {
            let mut row = table(7, "c");
            damage(&mut row);
            let error = resolve(std::slice::from_ref(&row), &[]).unwrap_err().to_string();
            assert!(error.contains("`Tables`, row 7") && error.contains("expected"), "{error}");
            row.state = Some(1);
            assert_eq!(resolve(&[row], &[]).unwrap(), []);
        }
        let bits = TableRow { metric_type: Some(3), dimension: Some(12), ..table(1, "c") };
        assert!(resolve(&[bits], &[]).is_err());
        let state = TableRow { state: Some(9), ..table(1, "c") };
        assert!(resolve(&[state], &[]).is_err());
    }

    #[test]
    fn a_segment_id_that_leads_elsewhere_is_refused() {
        let error = resolve(&[table(1, "c")], &[file(4, "c", "../../etc", 1)]).unwrap_err().to_string();
        assert!(error.contains("`TableFiles`, row 4") && error.contains("../../etc"), "{error}");
        assert!(resolve(&[table(1, "c")], &[file(4, "c", "", 1)]).is_err());
        assert!(resolve(&[table(1, "c")], &[file(4, "c", "s", 8)]).is_err());
    }

    #[test]
    fn two_partitions_with_one_tag_are_refused() {
        let tables = [table(1, "c"), partition(2, "22", "c", "p"), partition(3, "33", "c", "p")];
        assert!(resolve(&tables, &[]).unwrap_err().to_string().contains("partition_tag"));
        assert!(resolve(&[table(1, "c"), partition(2, "22", "c", "_default")], &[]).is_err());
    }

    #[test]
    fn two_live_rows_with_one_table_id_are_refused() {
        let twice = [
            vec![table(1, "c"), table(2, "c")],
            vec![table(1, "c"), partition(3, "33", "c", "p"), partition(2, "33", "c", "q")],
            vec![table(1, "c"), partition(2, "c", "c", "p")],
            vec![table(1, "a"), table(2, "b"), partition(3, "b", "a", "p")],
        ];
        for tables in twice {
            let error = resolve(&tables, &[]).unwrap_err().to_string();
            assert!(error.contains("column `table_id`") && error.contains("no other live row"), "{error}");
        }
        let dropped = TableRow { state: Some(1), ..table(2, "c") };
        assert_eq!(resolve(&[table(1, "c"), dropped], &[]).unwrap().len(), 1);
    }

    /// The names of the collections that are left, and of those that have a problem.
    fn names(tables: &[TableRow], files: &[FileRow]) -> (Vec<String>, Vec<String>) {
        let (collections, troubles) = collections("meta.sqlite", tables, files);
        let left_out = troubles.into_iter().map(|trouble| trouble.collection.unwrap()).collect();
        (collections.into_iter().map(|collection| collection.name).collect(), left_out)
    }

    #[test]
    fn a_collection_that_cannot_be_is_left_out_alone() {
        let damaged = |damage: fn(&mut TableRow)| {
            let mut row = table(3, "bad");
            damage(&mut row);
            row
        };
        let good = || [table(1, "a"), table(9, "z")];
        let of = |more: Vec<TableRow>, files: &[FileRow]| {
            let tables: Vec<_> = good().into_iter().chain(more).collect();
            let (left, left_out) = names(&tables, files);
            assert_eq!(left, ["a", "z"]);
            left_out
        };
        let damages: [fn(&mut TableRow); 4] = [
            |row| row.state = None,
            |row| row.state = Some(9),
            |row| row.metric_type = None,
            |row| row.dimension = Some(0),
        ];
        for damage in damages {
            assert_eq!(of(vec![damaged(damage)], &[]), ["bad"]);
        }
        assert_eq!(of(vec![table(3, "bad")], &[file(1, "bad", "s", 8), file(2, "a", "s", 1)]), ["bad"]);
        assert_eq!(of(vec![table(3, "bad")], &[file(1, "bad", "..", 1)]), ["bad"]);
        let tags = vec![table(3, "bad"), partition(4, "44", "bad", "p"), partition(5, "55", "bad", "p")];
        assert_eq!(of(tags, &[]), ["bad"]);
        let state = TableRow { state: None, ..partition(2, "22", "bad", "p") };
        assert_eq!(of(vec![state.clone(), table(3, "bad")], &[]), ["bad"]);
        assert_eq!(of(vec![state], &[]), ["bad"], "whose owner is gone");
    }

    #[test]
    fn all_collections_that_share_a_directory_are_left_out_once() {
        let tables = [table(1, "a"), table(2, "b"), table(3, "c"), partition(4, "b", "a", "p")];
        assert_eq!(names(&tables, &[]), (vec!["c".into()], vec!["a".into(), "b".into()]));
        let twice = [table(1, "a"), table(2, "a"), table(3, "c")];
        assert_eq!(names(&twice, &[]), (vec!["c".into()], vec!["a".into()]));
        // A partition that is not live has no directory.
        let gone = [table(1, "a"), partition(2, "a", "gone", "p")];
        assert_eq!(names(&gone, &[]), (vec!["a".into()], vec![]));
    }

    #[test]
    fn a_table_is_dropped_when_nothing_says_otherwise() {
        let with_state = |state, table| TableRow { state, ..table };
        let tables = [
            table(1, "c"),
            partition(2, "22", "c", "p"),
            with_state(Some(1), table(3, "gone")),
            partition(4, "44", "gone", "p"),
            partition(5, "55", "never", "p"),
            with_state(Some(9), table(6, "odd")),
            partition(7, "77", "odd", "p"),
            with_state(None, partition(8, "88", "gone", "q")),
            with_state(Some(1), partition(9, "99", "odd", "q")),
            with_state(Some(1), table(10, "again")),
            table(11, "again"),
            with_state(Some(1), table(12, "twice")),
            with_state(None, table(13, "twice")),
            TableRow { dimension: Some(0), ..table(14, "flat") },
            partition(15, "15", "flat", "p"),
            // A dropped partition's name, which is no collection.
            with_state(Some(1), partition(16, "16", "c", "q")),
            partition(17, "17", "16", "p"),
        ];
        let (collections, _) = collections("meta.sqlite", &tables, &[]);
        let states = states(&tables, &collections);
        let live = |collection, partition_tag| TableState::Live { collection, partition_tag };
        for (table, state) in [
            ("c", live("c", "_default")),
            ("22", live("c", "p")),
            ("gone", TableState::Dropped),
            ("44", TableState::Dropped),
            ("55", TableState::Dropped),
            ("odd", TableState::Unclear),
            ("77", TableState::Unclear),
            ("88", TableState::Unclear),
            ("99", TableState::Dropped),
            ("again", live("again", "_default")),
            ("twice", TableState::Unclear),
            ("flat", TableState::Unclear),
            ("15", TableState::Unclear),
            ("16", TableState::Dropped),
            ("17", TableState::Dropped),
        ] {
            assert_eq!(states.get(table), Some(&state), "{table}");
        }
        assert_eq!(states.get("ghost"), None);
    }

    /// One of a few names, so that rows have some in common.
    fn name() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["a", "b", "c", "33", "44", "", "..", "x/y", "_default"])
            .prop_map(str::to_owned)
    }

    /// A number that means something, or another, or none.
    fn number(usual: std::ops::Range<i64>) -> impl Strategy<Value = Option<i64>> {
        prop_oneof![30 => usual.prop_map(Some), 1 => any::<i64>().prop_map(Some), 1 => Just(None)]
    }

    fn any_table() -> impl Strategy<Value = TableRow> {
        let owner = prop_oneof![2 => Just(String::new()), 2 => name()];
        let columns = (any::<i64>(), name(), number(0..2), number(8..9), number(1..4), owner, name());
        columns.prop_map(|(id, table_id, state, dimension, metric_type, owner_table, partition_tag)| {
            TableRow {
                id,
                table_id,
                state,
                dimension,
                metric_type,
                owner_table,
                partition_tag,
                ..TableRow::default()
            }
        })
    }

    fn any_file() -> impl Strategy<Value = FileRow> {
        let columns = (any::<i64>(), name(), name(), number(0..8), any::<Option<i64>>());
        columns.prop_map(|(id, table_id, segment_id, file_type, row_count)| FileRow {
            id,
            table_id,
            segment_id,
            file_type,
            row_count,
            ..FileRow::default()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn whatever_the_rows_are_no_directory_counts_twice(
            tables in prop::collection::vec(any_table(), 0..8), files in prop::collection::vec(any_file(), 0..12),
        ) {
            let (found, troubles) = collections("meta.sqlite", &tables, &files);
            let left_out: HashSet<_> = troubles.iter().map(|trouble| trouble.collection.clone()).collect();
            prop_assert_eq!(left_out.len(), troubles.len(), "a collection is left out once");
            let mut directories = HashSet::new();
            for collection in &found {
                for partition in &collection.partitions {
                    prop_assert!(is_safe_component(&partition.table_id) && directories.insert(&partition.table_id));
                    let is_live = |file: &&FileRow| {
                        let kind = file.file_type.and_then(FileType::from_code);
                        file.table_id == partition.table_id && kind.is_some_and(FileType::is_live)
                    };
                    let named: HashSet<_> = files.iter().filter(is_live).map(|file| &file.segment_id).collect();
                    let segments: Vec<_> = partition.segments.iter().map(|segment| &segment.segment_id).collect();
                    prop_assert_eq!(segments.len(), named.len(), "a segment counts once");
                    prop_assert_eq!(segments.into_iter().collect::<HashSet<_>>(), named);
                }
            }
            let states = states(&tables, &found);
            for table in tables.iter().filter(|table| table.state == Some(NORMAL) && table.owner_table.is_empty()) {
                let state = states.get(table.table_id.as_str());
                prop_assert!(state.is_some_and(|state| *state != TableState::Dropped), "{} is lost", table.table_id);
            }
        }

        #[test]
        fn what_is_resolved_is_written_and_read(
            tables in prop::collection::vec(any_table(), 0..8), files in prop::collection::vec(any_file(), 0..12),
        ) {
            let (collections, _) = collections("meta.sqlite", &tables, &files);
            let inventory = Inventory { collections, ..Inventory::default() };
            let written = meta_json::write(&inventory).unwrap();
            prop_assert_eq!(meta_json::read("meta.json", written.as_bytes()).unwrap(), inventory);
        }
    }
}
