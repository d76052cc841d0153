// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use m2m_catalog::{Collection, Metric};
use tempfile::TempDir;

use super::*;
use crate::error::Error;
use crate::session::{SessionOptions, session};
use crate::testing::write;

/// A `tables` folder that is written byte by byte.
struct Tables(TempDir);

impl Tables {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Adds a segment of rows of 8 bytes: ids, each with the first byte of its vector.
    fn segment(&self, table: &str, segment: &str, rows: &[(i64, u8)], deleted: &[i32]) -> &Self {
        let folder = self.path(table).join(segment);
        fs::create_dir_all(&folder).unwrap();
        let ids: Vec<u8> = rows.iter().flat_map(|(id, _)| id.to_le_bytes()).collect();
        let vectors: Vec<u8> = rows.iter().flat_map(|(_, first)| [*first, 0, 0, 63, 0, 0, 0, 63]).collect();
        write(&folder.join(format!("{segment}.uid")), &ids);
        write(&folder.join(format!("{segment}.rv")), &vectors);
        let deleted: Vec<u8> = deleted.iter().flat_map(|offset| offset.to_le_bytes()).collect();
        write(&folder.join("deleted_docs"), &deleted);
        self
    }

    async fn find(&self) -> Result<Findings> {
        Findings::read(vec![Storage::local(self.0.path()).unwrap()]).await
    }

    async fn recover(&self, choices: &Choices) -> Recovered {
        let ctx = session(SessionOptions { workers: 2, ..SessionOptions::default() }).unwrap();
        self.find().await.unwrap().recover(&ctx, choices).await.unwrap()
    }
}

fn l2() -> Choices {
    Choices { float_metric: Some(Metric::L2), ..Choices::default() }
}

fn collection<'a>(recovered: &'a Recovered, name: &str) -> &'a Collection {
    recovered.inventory.collections.iter().find(|collection| collection.name == name).unwrap()
}

fn segments(recovered: &Recovered, name: &str) -> Vec<String> {
    collection(recovered, name).segments().map(|(_, segment)| segment.segment_id.clone()).collect()
}

#[track_caller]
fn says(recovered: &Recovered, words: &[&str]) {
    let text = recovered.report.to_string();
    assert!(text.lines().any(|line| words.iter().all(|word| line.contains(word))), "{words:?} in\n{text}");
}

const ABC: [(i64, u8); 3] = [(1, 1), (2, 2), (3, 3)];

#[tokio::test]
async fn collections_rows_and_dimension_are_in_the_files() {
    let tables = Tables::new();
    tables.segment("a", "1620000000417262000", &ABC, &[1]).segment("a", "1620000000417263000", &[], &[]);
    let recovered = tables.recover(&l2()).await;
    let a = collection(&recovered, "a");
    assert_eq!((a.dimension(), a.metric, a.created_on), (2, Metric::L2, 1_620_000_000_417_262));
    let rows: Vec<_> = a.segments().map(|(_, segment)| (segment.row_count, segment.file_size)).collect();
    assert_eq!(rows, [(Some(2), 48), (Some(0), 0)]);
    assert!(!recovered.report.is_incomplete);
    says(&recovered, &["certain", "8 bytes a row"]);
    says(&recovered, &["given", "float vectors of dimension 2"]);
    let binary = Choices { binary_metric: Some(Metric::Jaccard), ..Choices::default() };
    assert_eq!(collection(&tables.recover(&binary).await, "a").dimension(), 64);
}

#[tokio::test]
async fn an_open_question_is_an_error() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]);
    let findings = tables.find().await.unwrap();
    let question = findings.questions(&Choices::default()).unwrap().remove(0);
    assert_eq!(question.text(), "8 bytes a row: 2 floats, or 64 bits; they look like floats (a guess)");
    let ctx = session(SessionOptions::default()).unwrap();
    let error = findings.recover(&ctx, &Choices::default()).await.unwrap_err();
    assert!(error.to_string().starts_with("--metric: `a` has 8 bytes"), "{error}");
}

#[tokio::test]
async fn a_segment_that_was_merged_does_not_count_and_its_deleted_rows_stay_deleted() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[1]).segment("a", "2", &[(4, 4)], &[]);
    // After the merge, row 3 was deleted; the sources know nothing of it.
    tables.segment("a", "3", &[(1, 1), (3, 3), (4, 4)], &[1]);
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "a"), ["3"]);
    assert_eq!(recovered.report.collections[0].live_rows, 2);
    assert!(!recovered.report.is_incomplete);
    says(&recovered, &["left out", "segment `a/1` (2 live rows of 3 stored)", "merged into `3`"]);
    let kept = BTreeSet::from([("a".into(), "1".into())]);
    let recovered = tables.recover(&Choices { kept, ..l2() }).await;
    assert_eq!(segments(&recovered, "a"), ["1", "3"]);
    says(&recovered, &["warning", "1 id in common", "that the newer one has deleted"]);
}

#[tokio::test]
async fn a_merge_that_was_not_finished_does_not_bring_deleted_rows_back() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[1]).segment("a", "2", &[(4, 4)], &[]);
    tables.segment("a", "3", &[(1, 1), (2, 2), (3, 3), (4, 4)], &[]);
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "a"), ["1", "2"]);
    assert!(recovered.report.is_incomplete, "one row would be lost if the guess were wrong");
    says(&recovered, &["left out", "`a/3`", "not finished", "--leave-out a/3"]);
    let left_out = BTreeSet::from([("a".into(), Some("3".into()))]);
    let recovered = tables.recover(&Choices { left_out, ..l2() }).await;
    assert_eq!(segments(&recovered, "a"), ["1", "2"]);
    assert!(!recovered.report.is_incomplete);
}

#[tokio::test]
async fn a_merge_of_a_row_that_was_deleted_and_inserted_again_is_one() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[1]).segment("a", "2", &[(2, 2)], &[]);
    tables.segment("a", "3", &[(1, 1), (3, 3), (2, 2)], &[]);
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "a"), ["3"]);
    assert!(!recovered.report.is_incomplete);
}

#[tokio::test]
async fn merges_of_merges_leave_the_last_one() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]).segment("a", "2", &[(1, 1), (2, 2), (3, 3), (4, 4)], &[0]);
    tables.segment("a", "3", &[(2, 2), (3, 3), (4, 4)], &[]);
    assert_eq!(segments(&tables.recover(&l2()).await, "a"), ["3"]);
}

#[tokio::test]
async fn equal_ids_with_other_vectors_stay_and_are_told() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]).segment("a", "2", &[(1, 9), (2, 9), (3, 9)], &[]);
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "a"), ["1", "2"]);
    says(&recovered, &["warning", "`a/1` and the newer `a/2` have 3 live ids in common"]);
}

#[tokio::test]
async fn equal_rows_of_different_folders_have_nothing_to_do_with_each_other() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]).segment("b", "2", &ABC, &[]);
    let recovered = tables.recover(&l2()).await;
    assert_eq!((segments(&recovered, "a").len(), segments(&recovered, "b").len()), (1, 1));
}

#[tokio::test]
async fn wide_vectors_are_compared_too() {
    let tables = Tables::new();
    for (segment, last) in [("1", 5_u8), ("2", 5), ("3", 6)] {
        tables.segment("a", segment, &[(1, 1)], &[]);
        let mut vector = vec![0; 4100];
        vector[4099] = last;
        write(&tables.path(&format!("a/{segment}/{segment}.rv")), &vector);
    }
    let recovered = tables.recover(&Choices::default()).await;
    assert_eq!(segments(&recovered, "a"), ["2", "3"]);
    says(&recovered, &["guessed", "metric L2"]);
}

#[tokio::test]
async fn damaged_segments_are_left_out_and_told() {
    let damage: [(&str, fn(&Path)); 8] = [
        ("`2.uid` are missing", |folder| fs::remove_file(folder.join("2.uid")).unwrap()),
        ("`2.rv` are missing", |folder| fs::remove_file(folder.join("2.rv")).unwrap()),
        ("write a file of 8 zero bytes", |folder| fs::remove_file(folder.join("deleted_docs")).unwrap()),
        ("no whole number", |folder| write(&folder.join("2.rv"), &[0; 23])),
        ("expected a file of", |folder| fs::write(folder.join("2.rv"), [1; 32]).unwrap()),
        ("expected deleted offsets", |folder| write(&folder.join("deleted_docs"), &[9, 0, 0, 0])),
        ("its rows have 4 bytes, most rows beside it 8", |folder| write(&folder.join("2.rv"), &[0; 12])),
        ("Milvus 0.11", |folder| {
            fs::write(folder.join("2.uid"), b"Milvus_format_version=1.0;size=8").unwrap()
        }),
    ];
    for (words, damage) in damage {
        let tables = Tables::new();
        tables.segment("a", "1", &[(1, 1), (2, 2), (3, 3), (4, 4)], &[]);
        tables.segment("a", "2", &[(7, 7), (8, 8), (9, 9)], &[]);
        damage(&tables.path("a/2"));
        let recovered = tables.recover(&l2()).await;
        assert_eq!(segments(&recovered, "a"), ["1"], "{words}");
        assert!(recovered.report.is_incomplete, "{words}");
        says(&recovered, &["left out", "`a/2`", words]);
        let left_out = BTreeSet::from([("a".into(), Some("2".into()))]);
        let told = tables.recover(&Choices { left_out, ..l2() }).await;
        assert!(!told.report.is_incomplete, "{words}");
    }
}

#[tokio::test]
async fn what_has_no_rows_is_left_out_without_loss() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]);
    fs::create_dir_all(tables.path("a/2")).unwrap();
    fs::create_dir_all(tables.path("empty")).unwrap();
    fs::create_dir_all(tables.path("1620000052089008000")).unwrap();
    fs::write(tables.path(".DS_Store"), "x").unwrap();
    let recovered = tables.recover(&l2()).await;
    assert!(!recovered.report.is_incomplete);
    for words in [
        ["`a/2`", "neither ids nor vectors"],
        ["`empty`", "dimension cannot be told"],
        ["`1620000052089008000`", "its collection cannot be told"],
        [".DS_Store", "no folder of an installation"],
    ] {
        says(&recovered, &words);
    }
}

#[tokio::test]
async fn names_that_nothing_of_an_installation_has_are_told_without_control_characters() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]);
    tables.segment("b\u{1b}[2J", "1", &ABC, &[]).segment("c d", "1", &ABC, &[]).segment("a", "x", &ABC, &[]);
    fs::create_dir(tables.path("back\\slash")).unwrap();
    let recovered = tables.recover(&l2()).await;
    assert_eq!(recovered.inventory.collections.len(), 1);
    assert!(recovered.report.is_incomplete);
    let text = recovered.report.to_string();
    assert!(!text.contains('\u{1b}') && text.contains("b\\u{1b}[2J") && text.contains("`c d`"), "{text}");
    says(&recovered, &["`a/x`", "no segment has this name"]);
}

#[tokio::test]
async fn links_are_followed_and_count_once() {
    let tables = Tables::new();
    let elsewhere = Tables::new();
    elsewhere.segment("a", "1", &ABC, &[]);
    symlink(elsewhere.path("a"), tables.path("a")).unwrap();
    symlink(elsewhere.path("a"), tables.path("b")).unwrap();
    symlink(elsewhere.path("a/1"), elsewhere.path("a/2")).unwrap();
    symlink("/nonexistent", tables.path("c")).unwrap();
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "a"), ["1"]);
    assert!(!recovered.report.is_incomplete);
    says(&recovered, &["`a/2`", "it is `a/1` by another name"]);
    says(&recovered, &["`b/1`", "it is `a/1` by another name"]);
    says(&recovered, &["leads nowhere"]);
}

#[tokio::test]
async fn a_pipe_is_never_opened() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]).segment("a", "2", &ABC, &[]);
    for name in ["a/2/deleted_docs", "a/1/9"] {
        drop(fs::remove_file(tables.path(name)));
        let made = std::process::Command::new("mkfifo").arg(tables.path(name)).status().unwrap();
        assert!(made.success());
    }
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "a"), ["1"]);
    says(&recovered, &["`deleted_docs` is no regular file"]);
}

#[tokio::test]
async fn a_folder_that_may_not_be_read_is_an_error_that_names_it() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]);
    let folder = tables.path("a/1");
    let rights = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    rights(0o000);
    let may_read_all = fs::read_dir(&folder).is_ok();
    let found = tables.find().await;
    rights(0o755);
    if !may_read_all {
        let error = found.unwrap_err().to_string();
        assert!(error.starts_with("cannot list") && error.contains("a/1"), "{error}");
    }
    let nowhere = Findings::read(vec![Storage::local(&tables.path("nowhere")).unwrap()]).await;
    assert!(nowhere.unwrap_err().to_string().contains("nowhere"));
}

#[tokio::test]
async fn a_folder_without_a_segment_is_refused() {
    let tables = Tables::new();
    fs::create_dir(tables.path("a")).unwrap();
    assert!(matches!(tables.find().await.unwrap_err(), Error::NothingToRecover { .. }));
}

#[tokio::test]
async fn segments_of_several_folders_come_together() {
    let (first, second) = (Tables::new(), Tables::new());
    first.segment("a", "1", &ABC, &[]).segment("a", "3", &ABC, &[]);
    second.segment("a", "2", &[(8, 8)], &[]).segment("a", "3", &ABC, &[]);
    // Of 0.9: an index in a folder of its own.
    fs::create_dir_all(second.path("a/1")).unwrap();
    let index =
        [&101_i32.to_le_bytes()[..], &1_u64.to_le_bytes(), b"I", &4_u64.to_le_bytes(), &[0; 4]].concat();
    fs::write(second.path("a/1/99"), index).unwrap();
    let roots = [&first, &second].map(|tables| Storage::local(tables.0.path()).unwrap());
    let findings = Findings::read(roots.to_vec()).await.unwrap();
    let ctx = session(SessionOptions::default()).unwrap();
    let recovered = findings.recover(&ctx, &Choices::default()).await.unwrap();
    assert_eq!(segments(&recovered, "a"), ["1", "2"]);
    assert_eq!(collection(&recovered, "a").dimension(), 64);
    says(&recovered, &["certain", "BIN_IVF_FLAT"]);
    says(&recovered, &["`a/3`", "both"]);
    assert!(recovered.report.is_incomplete);
}

#[tokio::test]
async fn partitions_come_with_their_owners() {
    let tables = Tables::new();
    let partition = "1620000033330064000";
    tables.segment("a", "1620000000000000000", &ABC, &[]).segment(
        partition,
        "1620000034858568000",
        &ABC,
        &[0],
    );
    let guessed = tables.recover(&l2()).await;
    let tags = |recovered: &Recovered| -> Vec<String> {
        collection(recovered, "a").partitions.iter().map(|partition| partition.tag.clone()).collect()
    };
    assert_eq!(tags(&guessed), ["_default", partition]);
    says(&guessed, &["guessed", "no other collection has rows of this width"]);
    let owner = Owner { collection: "a".into(), tag: Some("p 1".into()) };
    let given = Choices { owners: BTreeMap::from([(partition.into(), owner)]), ..l2() };
    assert_eq!(tags(&tables.recover(&given).await), ["_default", "p 1"]);
    tables.segment("b", "1620000000000000001", &ABC, &[]);
    let open = tables.recover(&l2()).await;
    assert_eq!(tags(&open), ["_default"]);
    assert!(open.report.is_incomplete);
    says(
        &open,
        &["left out", "3 stored rows", "any of `a`, `b`", "`--owner 1620000033330064000=COLLECTION[:TAG]`"],
    );
    let left_out = BTreeSet::from([(partition.into(), None)]);
    assert!(!tables.recover(&Choices { left_out, ..l2() }).await.report.is_incomplete);
}
