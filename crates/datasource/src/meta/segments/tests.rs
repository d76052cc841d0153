// SPDX-License-Identifier: Apache-2.0

use std::fs;

use datafusion::arrow::array::AsArray;

use crate::source::Source;
use crate::testing::{TestInstall, failure, numbers, query, session_over};

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
        ("deleted_docs_bytes", [8, 20]),
    ] {
        assert_eq!(numbers(&ctx, &format!("SELECT {column} FROM meta.segments")).await, expected, "{column}");
    }
    let problems = "SELECT count(problem) + count(problem_kind) FROM meta.segments";
    assert_eq!(numbers(&ctx, problems).await, [0]);
}

#[tokio::test]
async fn the_kind_of_a_problem_is_told() {
    let kind_of = async |install: &TestInstall| {
        let rows = query(&install.session().await, "SELECT problem_kind FROM meta.segments ORDER BY 1").await;
        rows[0].column(0).as_string::<i32>().value(0).to_owned()
    };
    for (file, kind) in
        [("1.uid", "missing ids"), ("1.rv", "missing vectors"), ("deleted_docs", "missing deleted docs")]
    {
        let install = install();
        fs::remove_file(install.file(1, file)).unwrap();
        assert_eq!(kind_of(&install).await, kind);
        fs::write(install.file(1, file), [7; 7]).unwrap();
        assert_eq!(kind_of(&install).await, "damaged", "{file}");
    }
}

#[tokio::test]
async fn a_segment_that_is_there_twice_is_told() {
    let install = install();
    let other = install.root().join("other");
    fs::create_dir_all(other.join("c/1")).unwrap();
    fs::copy(install.file(1, "1.uid"), other.join("c/1/1.uid")).unwrap();
    let mut both = install.install();
    both.tables.push(other);
    let ctx = session_over(&Source::open(&both).await.unwrap());
    let twice = "SELECT count(*) FROM meta.segments WHERE problem_kind = 'twice' AND segment_id = '1'";
    assert_eq!(numbers(&ctx, twice).await, [1]);
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
    let claimed = "SELECT row_count FROM meta.segments WHERE file_types = 'RAW' AND has_raw_row";
    assert_eq!(numbers(&ctx, claimed).await, [6, 10]);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM meta.segments").await, [2]);
    assert_eq!(numbers(&ctx, "SELECT count(problem) FROM meta.segments").await, [2]);
}

#[tokio::test]
async fn headers_are_read_of_the_segments_that_a_filter_leaves() {
    let (source, bucket) = install().open_in_bucket().await;
    let ctx = session_over(&source);
    numbers(&ctx, "SELECT rows FROM meta.segments").await;
    let (all, _) = bucket.asked();
    assert_eq!(numbers(&ctx, "SELECT rows FROM meta.segments").await, [6, 10]);
    let (both, _) = bucket.asked();
    assert!(both <= all && both % 2 == 0, "{both} of {all}");
    for filter in ["segment_id = '2'", "collection = 'c' AND partition_tag LIKE 'p%'", "row_count < 7"] {
        let sql = format!("SELECT rows FROM meta.segments WHERE {filter}");
        assert_eq!(numbers(&ctx, &sql).await, [6], "{filter}");
        assert_eq!(bucket.asked().0, both / 2, "{filter}");
    }
    assert_eq!(numbers(&ctx, "SELECT rows FROM meta.segments WHERE collection = 'x'").await, [0; 0]);
    assert_eq!(bucket.asked().0, 0);
}

#[tokio::test]
async fn a_filter_that_the_metadata_cannot_decide_is_left_to_the_engine() {
    let install = install();
    let ctx = install.session().await;
    for (filter, rows) in [
        ("live < 8", vec![6]),
        ("segment_id = '1' OR rows = 6", vec![6, 10]),
        ("segment_id = (SELECT max(segment_id) FROM meta.segments)", vec![6]),
        ("row_count <> NULL", vec![]),
        ("random() < 0", vec![]),
        ("partition_tag = 'p' AND rows = 6", vec![6]),
    ] {
        let sql = format!("SELECT rows FROM meta.segments WHERE {filter}");
        assert_eq!(numbers(&ctx, &sql).await, rows, "{filter}");
    }
    let sql = "SELECT rows FROM meta.segments WHERE CAST(partition_tag AS BIGINT) = 1";
    assert!(failure(&ctx, sql).await.contains("Cannot cast string"));
}
