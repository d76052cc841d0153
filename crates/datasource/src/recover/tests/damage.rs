// SPDX-License-Identifier: Apache-2.0

use super::*;

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
            fs::write(folder.join("2.uid"), b"Milvus_format_version=1.0;size=8").unwrap();
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
async fn a_folder_that_cannot_be_read_is_an_error_that_names_it() {
    for (name, place) in [("a/2", "a/2"), ("b", "b"), ("a/1/9", "a/1/9")] {
        let tables = Tables::new();
        tables.segment("a", "1", &ABC, &[]);
        // A link to itself: nobody may follow it, whatever their rights.
        symlink(tables.path(name), tables.path(name)).unwrap();
        let error = tables.find().await.unwrap_err();
        assert!(matches!(error, Error::ListFolder { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.starts_with("cannot list") && error.contains(place), "{error}");
    }
    let nowhere = Tables::new();
    let nowhere = Findings::read(vec![Storage::local(&nowhere.path("nowhere")).unwrap()]).await;
    assert!(nowhere.unwrap_err().to_string().contains("nowhere"));
}

#[tokio::test]
async fn a_folder_with_anything_of_a_segment_had_rows() {
    let files: [(&str, &[u8], bool); 8] = [
        ("1620000000417262000", b"index", true),
        ("bloom_filter", b"", true),
        ("deleted_docs", &[0; 12], true),
        ("price.ra", b"", true),
        ("temp_del", b"", true),
        ("deleted_docs", &[0; 8], false),
        ("deleted_docs", b"", false),
        (".nfs0001", b"x", false),
    ];
    for (name, bytes, is_loss) in files {
        let tables = Tables::new();
        tables.segment("a", "1", &ABC, &[]);
        fs::create_dir(tables.path("a/2")).unwrap();
        fs::write(tables.path("a/2").join(name), bytes).unwrap();
        let recovered = tables.recover(&l2()).await;
        assert_eq!(recovered.report.is_incomplete, is_loss, "{name}: {bytes:?}");
        says(&recovered, &["left out", "`a/2`", "neither ids nor vectors", if is_loss { name } else { "" }]);
        let left_out = BTreeSet::from([("a".into(), Some("2".into()))]);
        assert!(!tables.recover(&Choices { left_out, ..l2() }).await.report.is_incomplete);
    }
}
