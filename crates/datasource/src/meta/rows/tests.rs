// SPDX-License-Identifier: Apache-2.0

use datafusion::arrow::array::AsArray;

use super::*;

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
