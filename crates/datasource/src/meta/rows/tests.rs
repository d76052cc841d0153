// SPDX-License-Identifier: Apache-2.0

use std::fs;

use crate::testing::{TestInstall, numbers};

fn install() -> TestInstall {
    TestInstall::float(4).segment("_default", 1, 10, &[3, 0, 3]).segment("p", 2, 6, &[])
}

#[tokio::test]
async fn segments_tell_rows_and_sizes_of_their_files() {
    let install = install();
    let ctx = install.session().await;
    for (column, expected) in [
        ("rows", [6, 10]),
        ("deleted", [0, 2]),
        ("live", [6, 8]),
        ("deleted_entries", [0, 3]),
        ("ids_bytes", [56, 88]),
        ("vectors_bytes", [104, 168]),
    ] {
        assert_eq!(numbers(&ctx, &format!("SELECT {column} FROM meta.segments")).await, expected, "{column}");
    }
    assert_eq!(numbers(&ctx, "SELECT count(problem) FROM meta.segments").await, [0]);
}

#[tokio::test]
async fn a_damaged_segment_keeps_its_row_and_says_what_is_wrong() {
    let install = install();
    fs::remove_file(install.file(1, "1.uid")).unwrap();
    fs::write(install.file(2, "2.rv"), [0; 8]).unwrap();
    let ctx = install.session().await;
    let problem = |segment: u32, words: &str| {
        format!(
            "SELECT count(*) FROM meta.segments WHERE segment_id = '{segment}' AND problem LIKE '%{words}%'"
        )
    };
    assert_eq!(numbers(&ctx, &problem(1, "1.uid` is missing")).await, [1]);
    assert_eq!(numbers(&ctx, &problem(2, "2.rv` are damaged: ")).await, [1]);
    let known = "SELECT live FROM meta.segments WHERE live IS NOT NULL";
    assert_eq!(numbers(&ctx, known).await, [6]);
    assert_eq!(numbers(&ctx, "SELECT count(vectors_bytes) FROM meta.segments").await, [0]);
}

#[tokio::test]
async fn columns_of_the_metadata_need_no_file() {
    let install = install();
    let ctx = install.session().await;
    fs::remove_dir_all(install.tables()).unwrap();
    let claimed = "SELECT row_count FROM meta.segments WHERE file_types = 'RAW' ORDER BY segment_id";
    assert_eq!(numbers(&ctx, claimed).await, [6, 10]);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM meta.segments").await, [2]);
    assert_eq!(numbers(&ctx, "SELECT count(problem) FROM meta.segments").await, [2]);
}
