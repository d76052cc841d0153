// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::dump::testing::{manifest, set};

fn told(ready: &[Ready]) -> Vec<String> {
    let one = |ready: &Ready| match ready {
        Ready::Set { place, set } => format!("{place:?} {}", set.name),
        Ready::Collection(at) => format!("all of {at}"),
    };
    ready.iter().map(one).collect()
}

#[tokio::test]
async fn a_set_is_told_when_it_is_written_down_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let target = Storage::local(folder.path()).unwrap();
    let journal = Journal::new(&target, manifest());
    assert!(!journal.is_due());
    journal.add((0, 1), set("films/p/7", 5), true);
    assert!(journal.is_due());
    assert_eq!(told(&journal.save().await.unwrap()), ["(0, 1) films/p/7"]);
    assert!(!journal.is_due());
    let written = Manifest::read_unfinished(&target).await.unwrap();
    assert_eq!((written.collections[0].rows, written.collections[0].partitions[1].rows), (5, 5));
    assert_eq!(written.collections[0].partitions[1].sets, [set("films/p/7", 5)]);
    assert_eq!(journal.written().0, 5);
    // It is told once.
    journal.add((0, 1), set("films/p/7", 5), true);
    assert_eq!(told(&journal.save().await.unwrap()), Vec::<String>::new());
}

#[tokio::test]
async fn sets_that_are_not_known_by_their_names_are_told_with_their_partition() {
    let folder = tempfile::tempdir().unwrap();
    let target = Storage::local(folder.path()).unwrap();
    let journal = Journal::new(&target, manifest());
    journal.add((1, 0), set("songs/_default/2", 1), false);
    assert_eq!(told(&journal.save().await.unwrap()), Vec::<String>::new());
    journal.add((1, 0), set("songs/_default/1", 1), false);
    journal.end((1, 0), vec![set("songs/_default/1", 1), set("songs/_default/2", 1)], false);
    let ready = told(&journal.save().await.unwrap());
    assert_eq!(ready, ["(1, 0) songs/_default/1", "(1, 0) songs/_default/2", "all of 1"]);
    let written = Manifest::read_unfinished(&target).await.unwrap();
    assert!(!written.collections[1].partitions[0].unfinished);
    assert!(written.collections[0].partitions[0].unfinished);
}

#[tokio::test]
async fn a_collection_is_ready_with_its_last_partition() {
    let folder = tempfile::tempdir().unwrap();
    let target = Storage::local(folder.path()).unwrap();
    let journal = Journal::new(&target, manifest());
    journal.end((0, 0), Vec::new(), true);
    assert_eq!(told(&journal.save().await.unwrap()), Vec::<String>::new());
    journal.end((0, 1), Vec::new(), true);
    let (manifest, ready) = journal.into_parts();
    assert_eq!(told(&ready), ["all of 0"]);
    assert!(is_finished(&manifest.collections[0]) && !is_finished(&manifest.collections[1]));
}

#[tokio::test]
async fn what_is_written_again_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let target = Storage::local(folder.path()).unwrap();
    let journal = Journal::new(&target, manifest());
    journal.add((0, 0), set("films/_default/7", 3), true);
    journal.add((0, 1), set("films/p/7", 5), true);
    journal.forget((0, 1));
    journal.save().await.unwrap();
    let written = Manifest::read_unfinished(&target).await.unwrap();
    assert_eq!(written.collections[0].rows, 3);
    assert!(written.collections[0].partitions[1].sets.is_empty());
}
