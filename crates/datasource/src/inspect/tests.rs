// SPDX-License-Identifier: Apache-2.0

use std::fs;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Float64Type;

use super::*;
use crate::testing::{TestInstall, failure, numbers, plan, query, write};

/// Views that read no file of ids or vectors.
const OF_METADATA: [&str; 10] = [
    "collections",
    "deletes",
    "files",
    "indexes",
    "largest_segments",
    "partitions",
    "segments",
    "sizes",
    "versions",
    "wal",
];

fn install() -> TestInstall {
    TestInstall::float(2).segment("_default", 1, 4, &[2]).segment("p", 2, 3, &[])
}

/// An installation with collections of these names, which have the same two rows.
fn alike(names: &[&str]) -> TestInstall {
    let install = TestInstall::float(2).named(names).segment("_default", 1, 2, &[]);
    for name in names {
        let folder = install.tables().join(name).join("1");
        fs::create_dir_all(&folder).unwrap();
        for file in ["1.uid", "1.rv", "deleted_docs"] {
            fs::copy(install.file(1, file), folder.join(file)).unwrap();
        }
    }
    install
}

#[test]
fn every_file_is_shipped_under_its_name() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sql/inspect");
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let names: Vec<&str> = VIEWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, files);
}

#[tokio::test]
async fn every_view_says_what_it_shows_with_which_columns_and_when_it_is_worth_a_look() {
    let ctx = install().session().await;
    for (name, sql) in VIEWS {
        let comment: Vec<&str> = sql.lines().take_while(|line| line.starts_with("--")).collect();
        let comment = comment.join("\n");
        assert!(comment.starts_with("-- ") && comment.contains("\n-- Worth a look "), "{name}");
        assert!(!comment.contains('{'), "{name}: a placeholder in a comment would be filled too");
        let (_, columns) = comment.split_once("\n-- Columns: ").unwrap();
        let view = ctx.table(format!("inspect.{name}")).await.unwrap();
        for field in view.schema().fields() {
            assert!(columns.contains(&format!("`{}`", field.name())), "{name}: `{}`", field.name());
        }
    }
}

#[tokio::test]
async fn every_view_answers_and_keeps_the_types_of_its_columns() {
    let install = install();
    let ctx = install.session().await;
    for (name, _) in VIEWS {
        let view = ctx.table(format!("inspect.{name}")).await.unwrap();
        let promised = view.schema().as_arrow().clone();
        for batch in view.collect().await.unwrap() {
            for (promised, found) in promised.fields().iter().zip(batch.schema().fields()) {
                assert_eq!(promised.data_type(), found.data_type(), "{name}: `{}`", found.name());
            }
        }
    }
}

#[tokio::test]
async fn a_damaged_installation_answers_the_views_of_its_metadata() {
    let install = install();
    fs::remove_file(install.file(1, "1.uid")).unwrap();
    fs::write(install.file(2, "2.rv"), [0; 8]).unwrap();
    let ctx = install.session().await;
    for name in OF_METADATA {
        let answer = ctx.sql(&format!("SELECT * FROM inspect.{name}")).await.unwrap().collect().await;
        assert!(answer.is_ok(), "{name}: {answer:?}");
    }
    assert_eq!(numbers(&ctx, "SELECT problems FROM inspect.collections").await, [2]);
    assert_eq!(numbers(&ctx, "SELECT problems FROM inspect.sizes").await, [1, 1]);
    let error = failure(&ctx, "SELECT * FROM inspect.id_ranges").await;
    assert!(error.contains("1.uid` is missing"), "{error}");
}

#[tokio::test]
async fn views_are_planned_without_reading_anything() {
    let install = install();
    let ctx = install.session().await;
    fs::remove_dir_all(install.tables()).unwrap();
    for (name, _) in VIEWS {
        assert!(!ctx.table(format!("inspect.{name}")).await.unwrap().schema().fields().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn names_of_views_are_found_without_regard_to_case() {
    let install = install();
    let ctx = install.session().await;
    assert_eq!(numbers(&ctx, "SELECT min_id FROM inspect.\"Id_Ranges\"").await, [1000, 2000]);
    assert!(failure(&ctx, "SELECT * FROM inspect.nothing").await.contains("not found"));
    assert!(failure(&ctx, "CREATE VIEW inspect.mine AS SELECT 1").await.contains("not support"));
}

#[tokio::test]
async fn names_of_collections_are_quoted() {
    let odd = "it's {table} --";
    let install = alike(&[odd, "Plain"]);
    let ctx = install.session().await;
    let named = "SELECT min_id FROM inspect.id_ranges WHERE collection = 'it''s {table} --'";
    assert_eq!(numbers(&ctx, named).await, [1000]);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM inspect.id_ranges").await, [2]);
}

#[tokio::test]
async fn a_filter_over_the_collection_leaves_one_branch_in_the_plan() {
    let install = alike(&["one", "two", "three"]);
    let ctx = install.session().await;
    for view in ["id_ranges", "duplicates", "norms", "not_finite"] {
        let all = plan(&ctx, &format!("SELECT * FROM inspect.{view}")).await;
        assert_eq!(all.matches("DataSourceExec").count(), 3, "{all}");
        let only = plan(&ctx, &format!("SELECT * FROM inspect.{view} WHERE collection = 'two'")).await;
        assert_eq!(only.matches("DataSourceExec").count(), 1, "{only}");
        let none = plan(&ctx, &format!("SELECT * FROM inspect.{view} WHERE collection = 'four'")).await;
        assert!(none.contains("EmptyExec"), "{none}");
    }
}

#[tokio::test]
async fn without_collections_a_view_has_its_columns_and_no_rows() {
    for install in [TestInstall::float(2).named(&[]), TestInstall::binary(8).segment("_default", 1, 2, &[])] {
        let ctx = install.session().await;
        for view in ["norms", "not_finite"] {
            assert_eq!(numbers(&ctx, &format!("SELECT count(*) FROM inspect.{view}")).await, [0]);
            let found = ctx.table(format!("inspect.{view}")).await.unwrap();
            let full = self::install().session().await.table(format!("inspect.{view}")).await.unwrap();
            assert_eq!(found.schema().as_arrow(), full.schema().as_arrow(), "{view}");
        }
    }
}

#[tokio::test]
async fn a_session_that_ends_leaves_nothing_behind() {
    let install = install();
    let source = install.open().await;
    let ctx = crate::testing::session_over(&source);
    query(&ctx, "SELECT * FROM inspect.segments").await;
    let schema = ctx.catalog(CATALOG).unwrap().schema(crate::session::INSPECT).unwrap();
    let weak = Arc::downgrade(&schema);
    drop((schema, ctx));
    assert!(weak.upgrade().is_none());
}

#[tokio::test]
async fn ids_that_several_live_rows_have_are_duplicates_across_partitions() {
    let install = install();
    let ids = |ids: &[i64]| ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>();
    // The row at offset 2 is deleted: 9 lives once in this segment, 5 twice.
    write(&install.file(1, "1.uid"), &ids(&[5, 5, 9, 9]));
    write(&install.file(2, "2.uid"), &ids(&[5, 6, 7]));
    let ctx = install.session().await;
    assert_eq!(numbers(&ctx, "SELECT id FROM inspect.duplicates").await, [5]);
    assert_eq!(numbers(&ctx, "SELECT rows FROM inspect.duplicates").await, [3]);
    assert_eq!(numbers(&ctx, "SELECT partitions FROM inspect.duplicates").await, [2]);
}

#[tokio::test]
async fn vectors_that_are_not_finite_are_named_and_spoil_no_length() {
    let install = install();
    let values = [3.0, 4.0, f32::NAN, 1.0, 0.6, 0.8, f32::NEG_INFINITY, 0.0];
    let vectors: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    // The row at offset 2 is deleted.
    write(&install.file(1, "1.rv"), &vectors);
    let ctx = install.session().await;
    assert_eq!(numbers(&ctx, "SELECT id FROM inspect.not_finite").await, [1001, 1003]);
    let of_segment =
        |columns: &str| format!("SELECT {columns} FROM inspect.norms WHERE partition_tag = '_default'");
    assert_eq!(numbers(&ctx, &of_segment("rows")).await, [3]);
    assert_eq!(numbers(&ctx, &of_segment("not_finite")).await, [2]);
    let norms = query(&ctx, &of_segment("min_norm, avg_norm, max_norm, unit_share")).await;
    let norms: Vec<f64> =
        norms[0].columns().iter().map(|column| column.as_primitive::<Float64Type>().value(0)).collect();
    assert_eq!(norms, [5.0, 5.0, 5.0, 0.0]);
}
