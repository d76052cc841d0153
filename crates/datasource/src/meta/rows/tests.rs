// SPDX-License-Identifier: Apache-2.0

use std::fs;

use datafusion::arrow::array::AsArray;

use super::*;
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

#[test]
fn codes_are_named_and_an_unknown_one_is_shown_as_such() {
    let table = |state, engine, metric| TableRow {
        id: 1,
        table_id: "c".into(),
        state,
        dimension: Some(4),
        created_on: None,
        flag: None,
        index_file_size: None,
        engine_type: engine,
        index_params: String::new(),
        metric_type: metric,
        owner_table: String::new(),
        partition_tag: String::new(),
        version: String::new(),
        flush_lsn: None,
    };
    let rows = [
        table(Some(0), Some(1), Some(2)),
        table(Some(1), Some(0), Some(0)),
        table(Some(7), Some(-3), Some(i64::MAX)),
        table(None, None, None),
    ];
    let batch = tables(&rows).unwrap();
    let column = |name: &str| -> Vec<Option<String>> {
        let column = batch.column_by_name(name).unwrap();
        column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    };
    let texts = |all: [&str; 3]| -> Vec<Option<String>> {
        all.iter().map(|text| Some((*text).to_owned())).chain([None]).collect()
    };
    assert_eq!(column("state_name"), texts(["NORMAL", "TO_DELETE", "UNKNOWN (7)"]));
    assert_eq!(column("engine_name"), texts(["FLAT", "INVALID", "UNKNOWN (-3)"]));
    assert_eq!(column("metric_name"), texts(["IP", "UNKNOWN (0)", "UNKNOWN (9223372036854775807)"]));
}
