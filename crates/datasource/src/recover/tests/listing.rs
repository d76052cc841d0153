// SPDX-License-Identifier: Apache-2.0

use m2m_storage::BucketOptions;

use super::*;

#[tokio::test]
async fn links_are_followed_and_count_once() {
    let tables = Tables::new();
    let elsewhere = Tables::new();
    elsewhere.segment("a", "1", &ABC, &[]);
    symlink(elsewhere.path("a"), tables.path("a")).unwrap();
    symlink(elsewhere.path("a"), tables.path("b")).unwrap();
    symlink(elsewhere.path("a/1"), elsewhere.path("a/2")).unwrap();
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "a"), ["1"]);
    assert!(!recovered.report.is_incomplete);
    says(&recovered, &["`a/2`", "it is `a/1` by another name"]);
    says(&recovered, &["`b/1`", "it is `a/1` by another name"]);
    // Without the one, the rows of the other are there no more.
    let left_out = BTreeSet::from([("a".into(), None)]);
    let told = tables.recover(&Choices { left_out, ..l2() }).await;
    assert!(told.report.is_incomplete);
    says(&told, &["`b/1`", "by another name, which is left out: leave out both, or none"]);
    let left_out = BTreeSet::from([("a".into(), None), ("b".into(), None)]);
    assert!(!tables.recover(&Choices { left_out, ..l2() }).await.report.is_incomplete);
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
async fn what_has_several_names_goes_by_its_own() {
    let tables = Tables::new();
    tables.segment("b", "1", &ABC, &[]).segment("b", "3", &[(7, 7)], &[]);
    symlink(tables.path("b"), tables.path("a")).unwrap();
    symlink(tables.path("b/3"), tables.path("b/2")).unwrap();
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "b"), ["1", "3"]);
    for (link, own) in [("`a/1`", "`b/1`"), ("`a/3`", "`b/3`"), ("`b/2`", "`b/3`")] {
        says(&recovered, &[link, own, "by another name"]);
    }
    let left_out = BTreeSet::from([("a".into(), None)]);
    let told = tables.recover(&Choices { left_out, ..l2() }).await;
    assert_eq!(segments(&told, "b"), ["1", "3"]);
    assert!(!told.report.is_incomplete);
    // A folder of a name that no table has is another name, even when the rows are there.
    fs::rename(tables.path("b"), tables.path("copy of b")).unwrap();
    fs::remove_file(tables.path("a")).unwrap();
    symlink(tables.path("copy of b"), tables.path("z")).unwrap();
    let recovered = tables.recover(&l2()).await;
    assert_eq!(segments(&recovered, "z"), ["1", "3"]);
}

#[tokio::test]
async fn links_that_lead_nowhere_may_have_led_to_rows() {
    for (link, words) in [
        ("c", "folder `c`: it is a link that leads nowhere"),
        ("a/2", "segment `a/2`: it is a link that leads nowhere"),
        ("1620000033330064000", "folder `1620000033330064000`: it is a link"),
    ] {
        let tables = Tables::new();
        tables.segment("a", "1", &ABC, &[]);
        symlink("/nonexistent", tables.path(link)).unwrap();
        let recovered = tables.recover(&l2()).await;
        assert_eq!(segments(&recovered, "a"), ["1"]);
        assert!(recovered.report.is_incomplete, "{link}");
        says(&recovered, &[words]);
        let place = link.split_once('/').map_or((link, None), |(table, segment)| (table, Some(segment)));
        let left_out = BTreeSet::from([(place.0.into(), place.1.map(Into::into))]);
        assert!(!tables.recover(&Choices { left_out, ..l2() }).await.report.is_incomplete, "{link}");
    }
}

#[tokio::test]
async fn a_bucket_is_taken_alone() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]);
    let bucket = |name: &str| Storage::bucket(name, "tables", &BucketOptions::default()).unwrap();
    let local = Storage::local(tables.0.path()).unwrap();
    for roots in [vec![bucket("one"), bucket("two")], vec![local, bucket("two")]] {
        let error = Findings::read(roots).await.unwrap_err().to_string();
        assert!(error.starts_with("--tables: ") && error.contains("name that one alone"), "{error}");
    }
}
