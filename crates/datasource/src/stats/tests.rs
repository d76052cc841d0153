// SPDX-License-Identifier: Apache-2.0

use std::fs;

use m2m_catalog::Install;

use crate::source::Source;
use crate::testing::{TestInstall, chain, numbers};

fn install() -> TestInstall {
    TestInstall::float(2).segment("_default", 7, 10, &[4, 2, 4]).segment("p", 8, 3, &[])
}

#[tokio::test]
async fn headers_and_deletes_are_read_in_the_order_of_the_metadata() {
    let install = install();
    let table = install.open().await.collection("c").unwrap();
    let stats = table.segments().await.unwrap();
    let seen: Vec<_> = stats
        .iter()
        .map(|one| (one.partition, one.segment_id.as_str(), one.rows, one.live(), one.row_count))
        .collect();
    assert_eq!(seen, [(0, "7", 10, 8, Some(10)), (1, "8", 3, 3, Some(3))]);
    assert_eq!(stats[0].deleted.offsets(), [2, 4]);
}

#[tokio::test]
async fn damaged_segments_are_counted_and_the_others_are_read() {
    let damages: [(&str, &str); 4] =
        [("7.uid", "ids"), ("7.rv", "vectors"), ("deleted_docs", "deletes"), ("", "whole folder")];
    for (name, what) in damages {
        let install = install();
        let path = install.file(7, name);
        match name {
            "" => fs::remove_dir_all(&path).unwrap(),
            _ => fs::write(&path, [7; 7]).unwrap(),
        }
        let read = install.open().await.readable_segments().await;
        assert_eq!((read.len(), read[0].unreadable), (1, 1), "{what}");
        let seen: Vec<_> = read[0].segments.iter().map(|one| (one.partition, one.live())).collect();
        assert_eq!(seen, [(1, 3)], "{what}");
    }
    let whole = install().open().await.readable_segments().await;
    assert_eq!((whole[0].unreadable, whole[0].segments.len()), (0, 2));
    let empty = TestInstall::float(2).named(&["a", "b"]).open().await.readable_segments().await;
    assert!(empty.len() == 2 && empty.iter().all(|read| read.unreadable == 0 && read.segments.is_empty()));
}

/// What is written to a file, and what the error must say.
type Damage<'a> = (&'a str, Option<Vec<u8>>, &'a [&'a str]);

#[tokio::test]
async fn every_damage_is_an_error_that_names_file_expected_and_found() {
    let counted = |count: u64, payload: &[u8]| Some([&count.to_le_bytes(), payload].concat());
    let damages: &[Damage<'_>] = &[
        ("7.uid", None, &["is missing", "10 rows by the metadata", "backup"]),
        ("7.uid", Some(vec![]), &["8", "0"]),
        ("7.uid", Some(vec![0; 7]), &["8", "7"]),
        ("7.uid", counted(80, &[0; 79]), &["88", "87"]),
        ("7.uid", counted(80, &[0; 81]), &["88", "89"]),
        ("7.uid", counted(79, &[0; 79]), &["79"]),
        ("7.uid", counted(u64::MAX, &[0; 80]), &["88"]),
        ("7.uid", Some(b"Milvus 0.11 segment".to_vec()), &["Milvus 0.11"]),
        ("deleted_docs", None, &["missing", "10 stored rows", "8 zero bytes"]),
        ("deleted_docs", Some(vec![]), &["0"]),
        ("deleted_docs", counted(8, &[0; 7]), &["16", "15"]),
        ("deleted_docs", counted(5, &[0; 5]), &["5"]),
        ("deleted_docs", counted(4, &10_i32.to_le_bytes()), &["10"]),
        ("deleted_docs", counted(4, &(-1_i32).to_le_bytes()), &["-1"]),
        ("deleted_docs", Some(b"Milvus 0.11 deletes".to_vec()), &["Milvus 0.11"]),
    ];
    for (name, content, words) in damages {
        let install = install();
        let path = install.file(7, name);
        match content {
            Some(content) => fs::write(&path, content).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let table = install.open().await.collection("c").unwrap();
        let error = chain(&table.segments().await.unwrap_err());
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert!(words.iter().all(|word| error.contains(word)), "{words:?} in {error}");
    }
}

#[tokio::test]
async fn a_folder_in_place_of_a_file_is_an_error() {
    let install = install();
    let path = install.file(7, "7.uid");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let table = install.open().await.collection("c").unwrap();
    assert!(chain(&table.segments().await.unwrap_err()).contains("7.uid"));
}

#[tokio::test]
async fn a_failed_reading_is_tried_again_and_a_good_one_is_kept() {
    let install = install();
    let table = install.open().await.collection("c").unwrap();
    let path = install.file(7, "7.uid");
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(table.segments().await.is_err());
    fs::write(&path, bytes).unwrap();
    assert_eq!(table.segments().await.unwrap().len(), 2);
    fs::remove_file(&path).unwrap();
    assert_eq!(table.segments().await.unwrap().len(), 2);
}

/// Moves a segment of the default partition to another `tables` folder.
fn move_segment(install: &TestInstall, segment: u32) -> Install {
    let other = install.root().join("other/tables");
    fs::create_dir_all(other.join("c")).unwrap();
    fs::rename(install.file(segment, ""), other.join(format!("c/{segment}"))).unwrap();
    Install { tables: vec![install.tables(), other], ..install.install() }
}

#[tokio::test]
async fn a_segment_is_read_in_the_tables_folder_that_has_it() {
    let install = install();
    let source = Source::open(&move_segment(&install, 7)).await.unwrap();
    let ctx = crate::session(crate::SessionOptions::default()).unwrap();
    source.register(&ctx).unwrap();
    assert_eq!(numbers(&ctx, "SELECT id FROM c WHERE vector[1] = id").await.len(), 11);
}

#[tokio::test]
async fn a_segment_in_no_tables_folder_is_named_by_its_path_in_the_first() {
    let install = install();
    let found = move_segment(&install, 7);
    fs::remove_dir_all(install.root().join("other/tables/c/7")).unwrap();
    let table = Source::open(&found).await.unwrap().collection("c").unwrap();
    let error = chain(&table.segments().await.unwrap_err());
    assert!(error.contains(install.tables().join("c/7/7.uid").to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn a_segment_in_two_tables_folders_is_refused() {
    let install = install();
    let found = move_segment(&install, 7);
    let first = install.file(7, "7.uid");
    fs::create_dir_all(first.parent().unwrap()).unwrap();
    let second = install.root().join("other/tables/c/7/7.uid");
    let error = async || {
        let table = Source::open(&found).await.unwrap().collection("c").unwrap();
        chain(&table.segments().await.unwrap_err())
    };
    // A copy is not the same file, whatever it holds.
    fs::copy(&second, &first).unwrap();
    let named = format!("both `{}` and `{}` are there", first.display(), second.display());
    assert!(error().await.starts_with(&named), "{}", error().await);
    // What cannot be read may be the segment.
    fs::remove_file(&first).unwrap();
    std::os::unix::fs::symlink(&first, &first).unwrap();
    let unreadable = format!("cannot read ids `{}`", first.display());
    assert!(error().await.starts_with(&unreadable), "{}", error().await);
    // Other files of it mean nothing: indexes lie wherever there was room.
    fs::remove_file(&first).unwrap();
    fs::write(first.with_file_name("1600000000"), "an index").unwrap();
    let table = Source::open(&found).await.unwrap().collection("c").unwrap();
    assert_eq!(table.segments().await.unwrap()[0].rows, 10);
}

#[tokio::test]
async fn a_tables_folder_that_is_named_twice_is_one() {
    let install = install();
    let link = install.root().join("link");
    std::os::unix::fs::symlink(install.tables(), &link).unwrap();
    let twice = Install { tables: vec![install.tables(), install.tables(), link], ..install.install() };
    let table = Source::open(&twice).await.unwrap().collection("c").unwrap();
    assert_eq!(table.segments().await.unwrap().len(), 2);
}
