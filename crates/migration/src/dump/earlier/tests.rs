// SPDX-License-Identifier: Apache-2.0

use m2m_sink::manifest::FileEntry;

use super::*;
use crate::dump::testing::{manifest, set};

fn differs(change: impl FnOnce(&mut Manifest)) -> String {
    let mut plan = manifest();
    change(&mut plan);
    difference(&manifest(), &plan).unwrap_or_default()
}

#[test]
fn what_decides_over_rows_and_files_must_be_the_same() {
    assert_eq!(differs(|_| {}), "");
    // When it was begun, and where the files were, says nothing of the rows.
    assert_eq!(differs(|plan| (plan.id, plan.created_on) = ("1".into(), "now".into())), "");
    let films = |change: fn(&mut CollectionEntry)| differs(|plan| change(&mut plan.collections[0]));
    for (difference, expected) in [
        (films(|entry| entry.filter = Some("id > 3".into())), "had the condition none, and now has `id > 3`"),
        (films(|entry| entry.query = Some("SELECT 1".into())), "had the query none, and now has `SELECT 1`"),
        (films(|entry| entry.target_name = "x".into()), "had the name films, and now has x"),
        (films(|entry| entry.fingerprint = "6".into()), "has changed in the source since"),
        (films(|entry| entry.fields[1].dimension = Some(3)), "had the fields"),
        (films(|entry| entry.partitions[1].name = "q".into()), "had the partitions `_default`, `p`"),
        (films(|entry| entry.cosine = true), "had the cosine false, and now has true"),
        (
            films(|entry| drop(entry.choices.insert("format".into(), "parquet".into()))),
            "had `format` npy, and now has parquet",
        ),
        (films(|entry| drop(entry.choices.remove("workers"))), "had `workers` 2, and now has "),
    ] {
        assert!(
            difference.starts_with("collection `films` ") && difference.contains(expected),
            "{difference}"
        );
    }
    let difference = differs(|plan| drop(plan.collections.pop()));
    assert_eq!(difference, "it has collections `films`, `songs`, and this is of `films`");
}

/// A dump of which one file set has files as it should.
async fn half(target: &Storage, is_complete: bool) -> Earlier {
    let path = "films/p/7/id.npy";
    let mut id = set("films/p/7", 2);
    let header = m2m_sink::npy::header(m2m_sink::npy::NpyType::Int64, 2, None).unwrap();
    let bytes = [&header[..], &[0; 16]].concat();
    id.files.push(FileEntry {
        path: path.into(),
        field: "id".into(),
        rows: 2,
        bytes: bytes.len() as u64,
        crc32c: 0,
        sha256: None,
        dtype: "<i8".into(),
    });
    target.put_atomic(&target.child(path), bytes.into()).await.unwrap();
    let mut earlier = manifest();
    for (collection, partition) in [(0, 0), (0, 1), (1, 0)] {
        earlier.collections[collection].partitions[partition].unfinished = false;
    }
    earlier.collections[0].partitions[1].sets = vec![id];
    earlier.collections[0].partitions[1].rows = 2;
    earlier.collections[0].rows = 2;
    match is_complete {
        true => earlier.write(target).await.unwrap(),
        false => earlier.write_unfinished(target).await.unwrap(),
    }
    Earlier::look(target).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_file_set_whose_files_are_whole_is_not_written_again() {
    for is_complete in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let target = Storage::local(folder.path()).unwrap();
        let earlier = half(&target, is_complete).await.confirmed(&target).await.unwrap();
        assert_eq!(earlier.is_complete, is_complete);
        assert_eq!(earlier.manifest.collections[0].rows, 2);
        assert!(!earlier.manifest.collections[0].partitions[1].unfinished);
    }
}

#[tokio::test]
async fn a_file_set_that_lost_a_file_or_a_part_of_one_is_written_again() {
    for damage in [None, Some(0), Some(143)] {
        let folder = tempfile::tempdir().unwrap();
        let target = Storage::local(folder.path()).unwrap();
        let earlier = half(&target, true).await;
        let file = folder.path().join("films/p/7/id.npy");
        match damage {
            None => std::fs::remove_file(&file).unwrap(),
            Some(bytes) => std::fs::File::options().write(true).open(&file).unwrap().set_len(bytes).unwrap(),
        }
        let earlier = earlier.confirmed(&target).await.unwrap();
        assert!(!earlier.is_complete && earlier.manifest.collections[0].partitions[1].unfinished);
        assert_eq!(earlier.manifest.collections[0].rows, 0);
        // From now on there is no dump, for whoever comes after us.
        let again = Earlier::look(&target).await.unwrap().unwrap();
        assert!(!again.is_complete);
        assert!(again.manifest.collections[0].partitions[1].sets.is_empty());
    }
}

#[tokio::test]
async fn all_of_an_earlier_dump_is_removed_and_nothing_else() {
    for is_complete in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let target = Storage::local(folder.path()).unwrap();
        let earlier = half(&target, is_complete).await;
        // Of a set that was not written down.
        target.put_atomic(&target.child("songs/_default/8/vector.npy"), "x".into()).await.unwrap();
        target.put_atomic(&target.child("notes.txt"), "x".into()).await.unwrap();
        earlier.remove(&target).await.unwrap();
        let files: Vec<_> = walk(folder.path());
        assert_eq!(files, ["notes.txt"]);
        assert!(Earlier::look(&target).await.unwrap().is_none());
    }
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(walk(&path)),
            false => files.push(path.file_name().unwrap().to_string_lossy().into_owned()),
        }
    }
    files
}

#[tokio::test]
async fn what_cuts_file_sets_is_taken_over_from_a_dump_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let target = Storage::local(folder.path()).unwrap();
    let workers = async |overwrite| {
        let mut settings = DumpSettings { workers: 7, overwrite, ..DumpSettings::default() };
        take_up(&target, &mut settings).await.unwrap();
        settings.workers
    };
    assert_eq!(workers(false).await, 7);
    half(&target, false).await;
    assert_eq!((workers(false).await, workers(true).await), (2, 2));
    half(&target, true).await;
    assert_eq!((workers(false).await, workers(true).await), (2, 7));
}
