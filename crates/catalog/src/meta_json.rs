// SPDX-License-Identifier: Apache-2.0
//! `meta.json`: the inventory as one file.
//!
//! The form of milvus-migration has collections with their segments and nothing
//! else. Ours, `"version": 2`, is a superset: the same keys with the same
//! meaning, the segments of the default partition where that tool expects
//! segments, and the other partitions beside them.

use std::collections::{HashMap, HashSet};

use m2m_segment::names::is_safe_component;
use serde::{Deserialize, Deserializer, Serialize};

use crate::codes::{Engine, FileType, Metric};
use crate::error::{Error, Result};
use crate::examination::Trouble;
use crate::inventory::{Collection, DEFAULT_PARTITION, Inventory, Partition, Segment, layout};

/// The version that is written.
const VERSION: u64 = 2;

#[derive(Debug, Default, Deserialize, Serialize)]
struct Meta {
    #[serde(default = "first_version")]
    version: u64,
    #[serde(deserialize_with = "list")]
    collections: Vec<CollectionJson>,
    #[serde(default)]
    rows: i64,
    /// What is to be known of the rest. It is for people, and not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct CollectionJson {
    collection: String,
    metric: i64,
    #[serde(default)]
    rows: i64,
    dim: i64,
    #[serde(default, deserialize_with = "list")]
    segments: Vec<SegmentJson>,
    #[serde(default)]
    engine: Option<i64>,
    #[serde(default)]
    index_params: Option<String>,
    #[serde(default)]
    index_file_size: i64,
    #[serde(default)]
    flag: i64,
    #[serde(default)]
    created_on: i64,
    #[serde(default)]
    server_version: String,
    #[serde(default)]
    partitions: Vec<PartitionJson>,
}

#[derive(Debug, Deserialize, Serialize)]
struct PartitionJson {
    tag: String,
    table_id: String,
    #[serde(default)]
    segments: Vec<SegmentJson>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct SegmentJson {
    #[serde(default)]
    collection: String,
    segment: String,
    #[serde(default)]
    dim: i64,
    #[serde(default)]
    rows: Option<i64>,
    #[serde(default)]
    file_size: i64,
    #[serde(default)]
    file_types: Vec<String>,
}

fn first_version() -> u64 {
    1
}

/// Go writes a list without elements as `null`.
fn list<'de, D, T>(json: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(json)?.unwrap_or_default())
}

/// Reads the text of a `meta.json`, of milvus-migration or of m2m.
/// `location` names it in messages.
///
/// # Errors
///
/// When it is no JSON of this form, is of a newer version, or holds a value that
/// cannot be.
pub fn read(location: &str, text: &[u8]) -> Result<Inventory> {
    let (inventory, troubles) = look(location, text)?;
    match troubles.into_iter().next() {
        Some(trouble) => Err(trouble.error),
        None => Ok(inventory),
    }
}

/// Reads the text of a `meta.json`, and leaves out the collections that cannot
/// be. An error is one of the text as a whole.
pub(crate) fn look(metadata: &str, text: &[u8]) -> Result<(Inventory, Vec<Trouble>)> {
    let meta: Meta =
        serde_json::from_slice(text).map_err(|source| Error::Json { metadata: metadata.into(), source })?;
    if meta.version > VERSION {
        return Err(Error::JsonVersion { metadata: metadata.into(), found: meta.version });
    }
    let claims = Claims::of(&meta.collections);
    let (mut collections, mut troubles, mut left_out) = (Vec::new(), Vec::new(), HashSet::new());
    for json in meta.collections {
        let name = json.collection.clone();
        match of_json(metadata, json).and_then(|collection| claims.check(metadata, collection)) {
            Ok(collection) => collections.push(collection),
            Err(error) if left_out.insert(name.clone()) => {
                troubles.push(Trouble::of_collection(&name, error));
            }
            // The collection has its problem.
            Err(_) => {}
        }
    }
    collections.sort_by(|one, other| one.name.cmp(&other.name));
    Ok((Inventory { collections, ..Inventory::default() }, troubles))
}

/// How many collections have a name, and how many a directory.
#[derive(Default)]
struct Claims {
    names: HashMap<String, usize>,
    directories: HashMap<String, usize>,
}

impl Claims {
    fn of(collections: &[CollectionJson]) -> Self {
        let mut claims = Self::default();
        for collection in collections {
            *claims.names.entry(collection.collection.clone()).or_default() += 1;
            let partitions = collection.partitions.iter().map(|partition| &partition.table_id);
            let directories: HashSet<&String> = partitions.chain([&collection.collection]).collect();
            for directory in directories {
                *claims.directories.entry(directory.clone()).or_default() += 1;
            }
        }
        claims
    }

    /// Makes sure that no directory stands for two partitions, whose rows would
    /// then count twice.
    fn check(&self, metadata: &str, collection: Collection) -> Result<Collection> {
        let is_shared =
            |claims: &HashMap<String, usize>, name: &str| claims.get(name).is_some_and(|&n| n > 1);
        let name = &collection.name;
        if is_shared(&self.names, name) {
            return Err(wrong(metadata, name, "collection", "a name that comes once", "a second one"));
        }
        let mut directories = collection.partitions.iter().map(|partition| &partition.table_id);
        match directories.find(|directory| is_shared(&self.directories, directory)) {
            Some(directory) => {
                Err(wrong(metadata, name, "table_id", "a directory of one partition alone", directory))
            }
            None => Ok(collection),
        }
    }
}

/// Returns the inventory as the text of a `meta.json`.
///
/// # Errors
///
/// When it cannot be encoded.
pub fn write(inventory: &Inventory) -> Result<String> {
    write_with_notes(inventory, Vec::new())
}

/// Returns the inventory as the text of a `meta.json`, and with it what people
/// should know of it.
///
/// # Errors
///
/// When it cannot be encoded.
pub fn write_with_notes(inventory: &Inventory, notes: Vec<String>) -> Result<String> {
    let collections: Vec<CollectionJson> = inventory.collections.iter().map(to_json).collect();
    let rows = total(collections.iter().map(|one| one.rows));
    let meta = Meta { version: VERSION, rows, notes, collections };
    serde_json::to_string_pretty(&meta).map_err(|source| Error::Encode { source })
}

fn of_json(metadata: &str, json: CollectionJson) -> Result<Collection> {
    let name = json.collection;
    let metric = Metric::from_code(json.metric)
        .ok_or_else(|| wrong(metadata, &name, "metric", "1 to 7", &json.metric.to_string()))?;
    let expected = "1 to 32768, for binary vectors a multiple of 8";
    let layout = layout(metric, json.dim)
        .map_err(|_| wrong(metadata, &name, "dim", expected, &json.dim.to_string()))?;
    let mut partitions = vec![partition(metadata, &name, DEFAULT_PARTITION, &name, json.segments)?];
    for more in json.partitions {
        if partitions.iter().any(|known| known.tag == more.tag || known.table_id == more.table_id) {
            return Err(wrong(metadata, &name, "partitions", "tags and table ids that come once", &more.tag));
        }
        partitions.push(partition(metadata, &name, &more.tag, &more.table_id, more.segments)?);
    }
    if json.rows > 0 && partitions.iter().all(|partition| partition.segments.is_empty()) {
        let found = format!("{} rows", json.rows);
        return Err(wrong(metadata, &name, "segments", "the segments of its rows", &found));
    }
    let default_engine = if metric.is_binary() { Engine::BinFlat } else { Engine::Flat };
    Ok(Collection {
        layout,
        metric,
        engine: json.engine.map_or(default_engine, Engine::from_code),
        index_params: json.index_params.unwrap_or_else(|| "{}".into()),
        index_file_size: json.index_file_size,
        flag: json.flag,
        created_on: json.created_on,
        version: json.server_version,
        partitions,
        name,
    })
}

fn partition(
    metadata: &str,
    collection: &str,
    tag: &str,
    table_id: &str,
    json: Vec<SegmentJson>,
) -> Result<Partition> {
    if !is_safe_component(table_id) {
        return Err(wrong(metadata, collection, "table_id", "a name without a path", table_id));
    }
    let mut ids = HashSet::new();
    let mut segments = Vec::with_capacity(json.len());
    for one in json {
        if !is_safe_component(&one.segment) {
            return Err(wrong(metadata, collection, "segment", "a name without a path", &one.segment));
        }
        if !ids.insert(one.segment.clone()) {
            return Err(wrong(metadata, collection, "segment", "a segment that comes once", &one.segment));
        }
        segments.push(segment(metadata, collection, one)?);
    }
    Ok(Partition { tag: tag.into(), table_id: table_id.into(), segments })
}

fn segment(metadata: &str, collection: &str, json: SegmentJson) -> Result<Segment> {
    let kind = |name: &String| {
        let found = FileType::from_name(name);
        found.ok_or_else(|| wrong(metadata, collection, "fileTypes", "names such as `RAW`", name))
    };
    let mut file_types = json.file_types.iter().map(kind).collect::<Result<Vec<_>>>()?;
    if file_types.is_empty() {
        // milvus-migration names live raw segments and nothing else.
        file_types.push(FileType::Raw);
    }
    Ok(Segment {
        segment_id: json.segment,
        has_raw_row: file_types.iter().any(|kind| kind.is_raw()),
        file_types,
        row_count: json.rows,
        file_size: json.file_size,
    })
}

fn to_json(collection: &Collection) -> CollectionJson {
    let segments = |partition: &Partition| -> Vec<SegmentJson> {
        partition
            .segments
            .iter()
            .map(|segment| SegmentJson {
                collection: partition.table_id.clone(),
                segment: segment.segment_id.clone(),
                dim: i64::from(collection.dimension()),
                rows: segment.row_count,
                file_size: segment.file_size,
                file_types: segment.file_types.iter().map(|kind| kind.name().into()).collect(),
            })
            .collect()
    };
    let (default, others) = match collection.partitions.split_first() {
        Some((default, others)) => (segments(default), others),
        None => (Vec::new(), &[][..]),
    };
    CollectionJson {
        collection: collection.name.clone(),
        metric: collection.metric.code(),
        rows: total(collection.segments().filter_map(|(_, segment)| segment.row_count)),
        dim: i64::from(collection.dimension()),
        segments: default,
        engine: Some(collection.engine.code()),
        index_params: Some(collection.index_params.clone()),
        index_file_size: collection.index_file_size,
        flag: collection.flag,
        created_on: collection.created_on,
        server_version: collection.version.clone(),
        partitions: others
            .iter()
            .map(|partition| PartitionJson {
                tag: partition.tag.clone(),
                table_id: partition.table_id.clone(),
                segments: segments(partition),
            })
            .collect(),
    }
}

/// The sum of claims, each of which may be any number.
fn total(rows: impl Iterator<Item = i64>) -> i64 {
    rows.fold(0, i64::saturating_add)
}

fn wrong(metadata: &str, collection: &str, key: &str, expected: &'static str, found: &str) -> Error {
    Error::Value {
        metadata: metadata.into(),
        place: format!("collection `{collection}`, key `{key}`"),
        expected,
        found: format!("`{found}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Inventory> {
        read("meta.json", text.as_bytes())
    }

    const OLD: &str = r#"{"collections":[{"collection":"test1w","metric":1,"rows":10000,"dim":256,"segments":[
        {"collection":"test1w","segment":"1678354366132931000","dim":256,"rows":10000,"fileSize":10320000}]}],"rows":10000}"#;

    #[test]
    fn the_form_of_milvus_migration_is_read() {
        let inventory = parse(OLD).unwrap();
        let collection = &inventory.collections[0];
        assert_eq!((collection.name.as_str(), collection.dimension()), ("test1w", 256));
        assert_eq!(collection.partitions.len(), 1);
        let segment = &collection.partitions[0].segments[0];
        assert_eq!((segment.row_count, segment.has_raw_row), (Some(10_000), true));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut inventory = parse(OLD).unwrap();
        let collection = &mut inventory.collections[0];
        collection.engine = Engine::Hnsw;
        collection.index_params = r#"{"M":16}"#.into();
        let mut partition = collection.partitions[0].clone();
        (partition.tag, partition.table_id) = ("2020-Q1 报表/x".into(), "33".into());
        partition.segments[0].row_count = None;
        partition.segments[0].file_types = vec![FileType::Backup, FileType::Index];
        collection.partitions.push(partition);
        assert_eq!(parse(&write(&inventory).unwrap()).unwrap(), inventory);
    }

    #[test]
    fn notes_are_written_and_change_nothing() {
        let inventory = parse(OLD).unwrap();
        let text = write_with_notes(&inventory, vec!["metric: guessed".into()]).unwrap();
        assert!(text.contains(r#""metric: guessed""#), "{text}");
        assert_eq!(parse(&text).unwrap(), inventory);
        assert!(!write(&inventory).unwrap().contains("notes"));
    }

    #[test]
    fn what_is_written_has_every_key_of_milvus_migration_with_its_value() {
        let written: serde_json::Value = serde_json::from_str(&write(&parse(OLD).unwrap()).unwrap()).unwrap();
        let old: serde_json::Value = serde_json::from_str(OLD).unwrap();
        for at in ["", "/collections/0", "/collections/0/segments/0"] {
            for (key, value) in old.pointer(at).and_then(|object| object.as_object()).unwrap() {
                if !value.is_array() {
                    assert_eq!(written.pointer(&format!("{at}/{key}")), Some(value), "{at}/{key}");
                }
            }
        }
    }

    #[test]
    fn lists_that_go_writes_as_null_are_empty() {
        assert_eq!(parse(r#"{"collections":null,"rows":0}"#).unwrap(), Inventory::default());
        let empty = r#"{"collections":[{"collection":"c","metric":3,"dim":8,"rows":0,"segments":null}]}"#;
        assert_eq!(parse(empty).unwrap().collections[0].segments().count(), 0);
    }

    #[test]
    fn row_counts_that_overflow_do_not_panic() {
        let mut inventory = parse(&OLD.replace("10000", "9223372036854775807")).unwrap();
        let mut other = inventory.collections[0].clone();
        other.name = "other".into();
        inventory.collections.push(other);
        assert!(write(&inventory).unwrap().contains("9223372036854775807"));
    }

    #[test]
    fn a_directory_that_two_collections_name_is_refused() {
        let two = r#"{"collections":[{"collection":"a","metric":1,"dim":4},
            {"collection":"b","metric":1,"dim":4,"partitions":[{"tag":"x","table_id":"a"}]}]}"#;
        assert!(parse(two).unwrap_err().to_string().contains("`table_id`"));
    }

    #[test]
    fn rows_without_segments_are_not_taken_for_an_empty_collection() {
        for segments in ["[]", "null"] {
            let text = format!(
                r#"{{"collections":[{{"collection":"c","metric":1,"rows":7,"dim":2,"segments":{segments}}}]}}"#
            );
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains("`c`") && error.contains("7 rows"), "{error}");
            assert!(parse(&text.replace("\"rows\":7", "\"rows\":0")).is_ok());
        }
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        for (from, to, word) in [
            ("\"metric\":1", "\"metric\":9", "metric"),
            ("\"dim\":256,\"segments\"", "\"dim\":0,\"segments\"", "dim"),
            ("\"segment\":\"1678354366132931000\"", "\"segment\":\"../x\"", "segment"),
            ("\"collection\":\"test1w\",\"metric\"", "\"collection\":\"a/b\",\"metric\"", "table_id"),
            ("{\"collections\"", "{\"version\":3,\"collections\"", "version 3"),
        ] {
            let text = OLD.replace(from, to);
            assert_ne!(text, OLD);
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(parse("{").is_err());
        assert!(parse("{}").is_err());
    }

    #[test]
    fn collections_that_cannot_be_are_left_out_each_once() {
        let of = |more: &str| {
            let text = format!(r#"{{"collections":[{{"collection":"a","metric":1,"dim":4}},{more}]}}"#);
            let (inventory, troubles) = look("meta.json", text.as_bytes()).unwrap();
            let names =
                inventory.collections.into_iter().map(|collection| collection.name).collect::<Vec<_>>();
            (
                names.join(","),
                troubles.into_iter().map(|trouble| trouble.collection.unwrap()).collect::<Vec<_>>(),
            )
        };
        for more in [
            r#"{"collection":"bad","metric":9,"dim":4}"#,
            r#"{"collection":"bad","metric":1,"dim":0}"#,
            r#"{"collection":"bad","metric":1,"dim":4,"rows":3}"#,
            r#"{"collection":"bad","metric":1,"dim":4},{"collection":"bad","metric":1,"dim":4}"#,
        ] {
            assert_eq!(of(more), ("a".into(), vec!["bad".to_owned()]), "{more}");
        }
        let shared = r#"{"collection":"b","metric":1,"dim":4,"partitions":[{"tag":"x","table_id":"7"}]},
            {"collection":"c","metric":1,"dim":4,"partitions":[{"tag":"x","table_id":"7"}]}"#;
        assert_eq!(of(shared), ("a".into(), vec!["b".to_owned(), "c".to_owned()]));
        assert!(matches!(look("meta.json", b"{\"collections\": 7}"), Err(Error::Json { .. })));
    }
}
