// SPDX-License-Identifier: Apache-2.0

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::*;
use crate::session::{SessionOptions, session};
use crate::source::Source;
use crate::testing::{Numbers, TestInstall, chain, numbers, session_over, write};

/// Partition, segment and rows of each segment; the second's id is less than the first's.
const SEGMENTS: [(&str, u32, u64); 6] =
    [("_default", 5, 60), ("_default", 2, 40), ("z", 3, 70), ("a", 4, 30), ("a", 9, 0), ("a", 1, 1)];

const ROWS: i64 = 400_000;

/// An installation with other ids than its vectors say.
fn with_ids(ids: &[Vec<i64>], deleted: &[Vec<i32>]) -> TestInstall {
    let mut install = TestInstall::float(2);
    for ((tag, segment, rows), deleted) in SEGMENTS.iter().zip(deleted) {
        install = install.segment(tag, *segment, *rows, deleted);
    }
    for ((_, segment, _), ids) in SEGMENTS.iter().zip(ids) {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        write(&install.file(*segment, &format!("{segment}.uid")), &bytes);
    }
    install
}

fn some_ids(random: &mut Numbers, different: u64) -> Vec<Vec<i64>> {
    let mut id = || match random.below(different) {
        0 => i64::MIN,
        1 => i64::MAX,
        id => i64::try_from(id).unwrap() - 3,
    };
    SEGMENTS.iter().map(|(.., rows)| (0..*rows).map(|_| id()).collect()).collect()
}

fn some_deleted(random: &mut Numbers) -> Vec<Vec<i32>> {
    let of = |rows: u64| (0..i32::try_from(rows).unwrap()).filter(|_| random.below(9) == 0).collect();
    SEGMENTS.iter().map(|(.., rows)| *rows).map(of).collect()
}

/// Rows by id in the canonical order, as place of segment and offset.
type ById = BTreeMap<i64, Vec<(usize, usize)>>;

/// The live rows that pass, found without a query.
fn by_id(ids: &[Vec<i64>], deleted: &[Vec<i32>], passes: impl Fn(i64, usize) -> bool) -> ById {
    let mut rows = ById::new();
    for (segment, ids) in ids.iter().enumerate() {
        for (offset, &id) in ids.iter().enumerate() {
            let is_deleted = deleted[segment].contains(&i32::try_from(offset).unwrap());
            if !is_deleted && passes(id, offset) {
                rows.entry(id).or_default().push((segment, offset));
            }
        }
    }
    rows
}

fn check(found: &(ExcludedRows, RepeatedIds), rows: &ById, keep: Keep, context: &str) {
    let mut expected = RepeatedIds::default();
    let mut out = BTreeSet::new();
    for places in rows.values().filter(|places| places.len() > 1) {
        expected.ids += 1;
        expected.rows += places.len() as u64;
        let partitions: BTreeSet<&str> = places.iter().map(|(segment, _)| SEGMENTS[*segment].0).collect();
        expected.across_partitions += u64::from(partitions.len() > 1);
        let left = match keep {
            Keep::First => &places[1..],
            Keep::Last => &places[..places.len() - 1],
        };
        out.extend(left.iter().copied());
    }
    assert_eq!(found.1, expected, "{context}");
    assert_eq!(found.0.len(), out.len() as u64, "{context}");
    for (segment, offset) in out {
        let (offset, segment) = (u32::try_from(offset).unwrap(), SEGMENTS[segment].1.to_string());
        assert!(found.0.contains(&segment, offset), "{segment} {offset} {context}");
    }
}

#[tokio::test]
async fn all_but_one_row_of_each_id_are_found_in_the_order_of_the_collection() {
    let mut random = Numbers(11);
    for different in [2, 3, 10, 90, 300, 1 << 40] {
        let (ids, deleted) = (some_ids(&mut random, different), some_deleted(&mut random));
        let install = with_ids(&ids, &deleted);
        let source = install.open().await;
        let table = source.collection("c").unwrap();
        let order: Vec<_> =
            table.segments().await.unwrap().iter().map(|segment| segment.segment_id.clone()).collect();
        assert_eq!(order, SEGMENTS.map(|(_, segment, _)| segment.to_string()));
        let ctx = session_over(&source);
        for keep in [Keep::First, Keep::Last] {
            let found = repeated_rows(&ctx, &table, None, keep).await.unwrap();
            check(&found, &by_id(&ids, &deleted, |_, _| true), keep, &format!("of {different}"));
            let filter = "segment_offset % 3 <> 1 -- behind it is a remark";
            let found = repeated_rows(&ctx, &table, Some(filter), keep).await.unwrap();
            check(&found, &by_id(&ids, &deleted, |_, offset| offset % 3 != 1), keep, filter);
            let filter = "id = 5 OR id = 9223372036854775807";
            let found = repeated_rows(&ctx, &table, Some(filter), keep).await.unwrap();
            check(&found, &by_id(&ids, &deleted, |id, _| id == 5 || id == i64::MAX), keep, filter);
        }
    }
}

#[tokio::test]
async fn without_repeated_rows_every_id_is_there_once() {
    let mut random = Numbers(5);
    let (ids, deleted) = (some_ids(&mut random, 50), some_deleted(&mut random));
    let install = with_ids(&ids, &deleted);
    let source = install.open().await;
    let table = source.collection("c").unwrap();
    let ctx = session_over(&source);
    let different = numbers(&ctx, "SELECT DISTINCT id FROM c").await;
    for keep in [Keep::First, Keep::Last] {
        let (rows, _) = repeated_rows(&ctx, &table, None, keep).await.unwrap();
        let left = Arc::new(table.excluding(&rows).await.unwrap());
        let source = source.with_tables(vec![Arc::clone(&left)]);
        assert_eq!(numbers(&session_over(&source), "SELECT id FROM c").await, different);
        // The table counts, not what the session knows by its name.
        let (rows, repeated) = repeated_rows(&ctx, &left, None, keep).await.unwrap();
        assert!(rows.is_empty());
        assert_eq!(repeated, RepeatedIds::default());
        let among = "id IN (SELECT id FROM milvus.collections.c GROUP BY id HAVING count(*) > 1)";
        let (rows, _) = repeated_rows(&ctx, &table, Some(among), keep).await.unwrap();
        assert!(!rows.is_empty());
        assert!(repeated_rows(&ctx, &left, Some(among), keep).await.unwrap().0.is_empty());
    }
}

#[tokio::test]
async fn rows_are_sorted_with_little_memory() {
    // Vectors are not read, and so need not be there.
    let install = TestInstall::float(1).segment("_default", 1, 0, &[]).segment("p", 2, 0, &[]);
    // A row of the one has the id of a row of the other.
    let ids =
        |first: i64| (0..ROWS).flat_map(|row| (first + row * 7919 % ROWS).to_le_bytes()).collect::<Vec<u8>>();
    write(&install.file(1, "1.uid"), &ids(0));
    write(&install.file(2, "2.uid"), &ids(ROWS / 2));
    let source = install.open().await;
    let table = source.collection("c").unwrap();
    // All ids and places are 13 MB.
    let ctx = session(SessionOptions { workers: 2, memory_bytes: 6 << 20 }).unwrap();
    source.register(&ctx).unwrap();
    let (rows, repeated) = repeated_rows(&ctx, &table, None, Keep::First).await.unwrap();
    assert_eq!(repeated, RepeatedIds { ids: 200_000, rows: 400_000, across_partitions: 200_000 });
    assert_eq!(rows.len(), 200_000);
    let left = source.with_tables(vec![Arc::new(table.excluding(&rows).await.unwrap())]);
    let ctx = session_over(&left);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM c WHERE partition_tag = 'p'").await, [ROWS / 2]);
    assert_eq!(numbers(&ctx, "SELECT count(DISTINCT id) FROM c").await, [ROWS + ROWS / 2]);
}

/// Sets a component of the vector of a row of two components.
fn set(install: &TestInstall, segment: u32, row: usize, component: usize, value: f32) {
    let path = install.file(segment, &format!("{segment}.rv"));
    let mut bytes = fs::read(&path).unwrap();
    let at = 8 + (row * 2 + component) * 4;
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn exactly_the_live_rows_with_an_invalid_vector_are_found() {
    let install = TestInstall::float(2).segment("_default", 1, 10, &[3]).segment("p", 2, 5, &[]).segment(
        "q",
        3,
        5,
        &[],
    );
    for (segment, row, component, value) in
        [(1, 0, 0, f32::NAN), (1, 3, 0, f32::NAN), (1, 9, 1, f32::INFINITY), (2, 4, 1, f32::NEG_INFINITY)]
    {
        set(&install, segment, row, component, value);
    }
    let source = install.open().await;
    let table = source.collection("c").unwrap();
    let ctx = session_over(&source);
    let found = async |filter| {
        let rows = invalid_rows(&ctx, &table, filter).await.unwrap();
        let all = [("1", 0), ("1", 3), ("1", 9), ("2", 4)];
        let found: Vec<_> =
            all.into_iter().filter(|(segment, offset)| rows.contains(segment, *offset)).collect();
        assert_eq!(found.len() as u64, rows.len());
        found
    };
    assert_eq!(found(None).await, [("1", 0), ("1", 9), ("2", 4)]);
    assert_eq!(found(Some("id > 1000 AND partition_tag <> 'p'")).await, [("1", 9)]);
    assert_eq!(found(Some("partition_tag = 'p' OR segment_offset = 0")).await, [("1", 0), ("2", 4)]);
    assert_eq!(found(Some("partition_tag = 'q'")).await, []);
}

#[tokio::test]
async fn binary_vectors_are_never_invalid() {
    let install = TestInstall::binary(16).segment("_default", 1, 10, &[]);
    let source = install.open().await;
    let table = source.collection("c").unwrap();
    assert!(invalid_rows(&session_over(&source), &table, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn names_and_filters_are_what_they_are() {
    let source = TestInstall::float(2).named(&["It's {where}"]).open().await;
    let table = source.collection("It's {where}").unwrap();
    let ctx = session_over(&source);
    assert!(invalid_rows(&ctx, &table, Some("id <> 0 OR '{collection}' = ''")).await.unwrap().is_empty());
    let error = chain(&invalid_rows(&ctx, &table, Some("idd > 0")).await.unwrap_err());
    assert!(error.starts_with("cannot look through the rows of collection `It's {where}`: "), "{error}");
    assert!(error.contains("idd"), "{error}");
    let error = chain(&repeated_rows(&ctx, &table, Some("id >"), Keep::First).await.unwrap_err());
    assert!(error.contains("cannot look through"), "{error}");
}

#[tokio::test]
async fn ids_that_cannot_be_read_are_an_error() {
    let install = TestInstall::float(2).segment("_default", 1, 10, &[]);
    let source: Source = install.open().await;
    let table = source.collection("c").unwrap();
    table.segments().await.unwrap();
    fs::remove_file(install.file(1, "1.uid")).unwrap();
    let ctx = session_over(&source);
    let error = chain(&repeated_rows(&ctx, &table, None, Keep::First).await.unwrap_err());
    assert!(error.contains("1/1.uid` is missing"), "{error}");
}
