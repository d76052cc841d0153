// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::{
    CatalogProvider, MemTable, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider,
};
use datafusion::sql::parser::DFParser;
use m2m_datasource::{SessionOptions, session};

use super::*;

fn ctx() -> SessionContext {
    let ctx = session(SessionOptions::default()).unwrap();
    let catalog = MemoryCatalogProvider::new();
    for (name, tables) in [("collections", ["photos", "faces"]), ("meta", ["segments", "files"])] {
        let schema = MemorySchemaProvider::new();
        for table in tables {
            let columns = Schema::new(vec![
                Field::new("id", DataType::Int64, false),
                Field::new("partition_tag", DataType::Utf8, false),
            ]);
            let rows = MemTable::try_new(Arc::new(columns), vec![vec![]]).unwrap();
            schema.register_table(table.into(), Arc::new(rows)).unwrap();
        }
        catalog.register_schema(name, Arc::new(schema)).unwrap();
    }
    ctx.register_catalog(CATALOG, Arc::new(catalog));
    ctx
}

async fn fault(script: &str) -> String {
    let ctx = ctx();
    let plan = async {
        let statement = DFParser::parse_sql(script)?.pop_back().unwrap();
        ctx.state().statement_to_plan(statement).await
    };
    explain(plan.await.unwrap_err(), &Script::typed(script), &ctx).to_string()
}

#[tokio::test]
async fn a_syntax_error_is_marked_where_it_stands() {
    let expected =
        "syntax error: expected: an SQL statement, found: SELEC\n  line 2, column 3:\n    SELEC 1\n    ^";
    assert_eq!(fault("SELECT 1;\n  SELEC 1").await, expected);
    let open = fault("SELECT 'abc").await;
    assert!(open.starts_with("syntax error: ") && open.contains("line 1, column 8"), "{open}");
    let end = "syntax error: expected: an expression, found: EOF\n  line 2, column 4:\n    1 +\n       ^";
    assert_eq!(fault("SELECT\n1 +\n\n").await, end);
}

#[tokio::test]
async fn an_unknown_column_is_marked_and_the_nearest_is_named() {
    let expected = "there is no column `partition_tags`\n  line 2, column 8:\n    WHERE  partition_tags = 'a'\n           \
                    ^^^^^^^^^^^^^^\nhint: the nearest column is `partition_tag`";
    assert_eq!(fault("SELECT id FROM photos\nWHERE  partition_tags = 'a'").await, expected);
    let none = fault("SELECT zebra FROM photos").await;
    assert!(none.ends_with("hint: the columns are `id`, `partition_tag`"), "{none}");
    let of_table = fault("SELECT p.idd FROM photos p JOIN faces f ON p.id = f.id").await;
    assert!(of_table.starts_with("there is no column `idd` in `p`\n  line 1, column "), "{of_table}");
}

#[tokio::test]
async fn an_unknown_table_is_marked_and_the_nearest_is_named() {
    let expected = "there is no table `photo`\n  line 1, column 15:\n    SELECT * FROM photo\n                  \
                    ^^^^^\nhint: the nearest table is `photos`";
    assert_eq!(fault("SELECT * FROM photo").await, expected);
    let other = fault("SELECT * FROM meta.segment").await;
    assert!(other.ends_with("hint: the nearest tables are `meta.segments`, `meta.files`"), "{other}");
    let far = fault("SELECT * FROM zebra").await;
    assert!(far.ends_with("hint: the tables are `faces`, `meta.files`, `meta.segments`, `photos`"), "{far}");
    let target = fault("SELECT * FROM milvus2x.collections").await;
    assert!(target.contains("hint: name Milvus 2.x with `--milvus`"), "{target}");
}

#[tokio::test]
async fn an_unknown_function_is_marked_and_the_nearest_is_named() {
    let text = fault("SELECT l2_distanc(1, 2) FROM photos").await;
    let expected =
        "there is no function `l2_distanc`\n  line 1, column 8:\n    SELECT l2_distanc(1, 2) FROM photos\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("hint: the nearest functions are `l2_distance`"), "{text}");
}

#[test]
fn a_place_in_a_long_line_shows_what_is_around_it() {
    let line = format!("{}x{}", "a ".repeat(200), " b".repeat(200));
    let place = Place::new(&Script::typed(&line), 1, 401, 1).unwrap();
    assert_eq!((place.indent, place.excerpt.chars().nth(place.indent)), (AROUND, Some('x')));
    assert!(place.excerpt.chars().count() <= 2 * AROUND);
}

#[test]
fn places_beyond_the_script_are_never_a_panic() {
    for script in ["", "a", "ä\tö\n\n", "\n"] {
        for line in 0..4 {
            for column in 0..6 {
                for width in [0, 1, 9, u64::MAX] {
                    if let Some(place) = Place::new(&Script::typed(script), line, column, width) {
                        assert!(place.indent <= place.excerpt.chars().count() + 1, "{place:?}");
                    }
                }
            }
        }
    }
    assert_eq!(Place::new(&Script::typed("a"), u64::MAX, 1, 1), None);
}
