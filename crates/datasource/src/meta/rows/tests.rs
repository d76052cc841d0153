// SPDX-License-Identifier: Apache-2.0

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use m2m_catalog::MySql;

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

#[test]
fn fields_are_shown_as_they_are() {
    let row = |field_type| FieldsRow {
        collection_id: "c".into(),
        field_name: "price".into(),
        field_type,
        field_params: "{}".into(),
    };
    let batch = fields(&[row(Some(11)), row(None)]).unwrap();
    assert_eq!(batch.schema(), fields(&[]).unwrap().schema());
    let types = batch.column_by_name("field_type").unwrap();
    assert_eq!(types.as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(11), None]);
    assert_eq!(batch.column_by_name("field_name").unwrap().as_string::<i32>().value(1), "price");
}

#[test]
fn the_row_of_the_server_says_where_its_metadata_and_its_log_are() {
    let schema = server(None).unwrap();
    assert_eq!(schema.num_rows(), 0);
    let mysql = MySql::parse("reader:secret@tcp(127.0.0.1)/milvus").unwrap();
    for (source, kind, place) in [
        (MetaSource::Sqlite("/m/meta.sqlite".into()), Some("sqlite"), "/m/meta.sqlite"),
        (MetaSource::MySql(mysql), Some("mysql"), "mysql://reader@127.0.0.1:3306/milvus"),
        (MetaSource::Unread("/m/meta.json".into()), None, "/m/meta.json"),
    ] {
        let metadata = Metadata { source, wal: Some("/wal".into()) };
        let signs = ServerSigns { is_running: true, sign: Some("it runs".into()) };
        let batch = server(Some((&metadata, &signs))).unwrap();
        assert_eq!(batch.schema(), schema.schema());
        let cell = |name: &str| {
            let column = batch.column_by_name(name).unwrap().as_string::<i32>();
            column.iter().next().unwrap()
        };
        assert_eq!((cell("kind"), cell("metadata")), (kind, Some(place)));
        assert_eq!((cell("wal"), cell("sign")), (Some("/wal"), Some("it runs")));
        assert!(batch.column_by_name("is_running").unwrap().as_boolean().value(0));
    }
}
