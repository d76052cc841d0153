// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::shell::testing;

/// What is offered at `|`, as it would be typed.
async fn offered(text: &str) -> Vec<String> {
    let names = Names::read(&testing::session().await).await;
    let cursor = text.find('|').unwrap();
    let line = text.replacen('|', "", 1);
    let (start, candidates) = complete(&names, &line, cursor);
    assert!(start <= cursor, "{text}");
    candidates.into_iter().map(|candidate| candidate.typed).collect()
}

/// The line after the only candidate at `|` was taken.
async fn completed(text: &str) -> String {
    let names = Names::read(&testing::session().await).await;
    let cursor = text.find('|').unwrap();
    let line = text.replacen('|', "", 1);
    let (start, candidates) = complete(&names, &line, cursor);
    assert_eq!(candidates.len(), 1, "{text}: {candidates:?}");
    format!("{}{}{}", &line[..start], candidates[0].typed, &line[cursor..])
}

fn has(offered: &[String], names: &[&str]) -> bool {
    names.iter().all(|name| offered.iter().any(|one| one == name))
}

#[tokio::test]
async fn statements_begin_with_words_in_the_case_that_is_typed() {
    assert!(has(&offered("|").await, &["SELECT", "SHOW", "WITH"]));
    assert_eq!(completed("sel|").await, "select");
    assert_eq!(completed("SEL|").await, "SELECT");
    assert_eq!(completed("SELECT 1; expl|").await, "SELECT 1; explain");
    assert_eq!(completed("EXPLAIN ANALYZE SEL|").await, "EXPLAIN ANALYZE SELECT");
    assert_eq!(completed("SELECT * FROM (SEL|").await, "SELECT * FROM (SELECT");
    assert_eq!(completed("show tab|").await, "show tables");
}

#[tokio::test]
async fn tables_and_schemas_follow_the_words_that_name_tables() {
    for text in ["SELECT * FROM |", "SELECT 1 FROM float_l2 a JOIN |", "DESCRIBE |", "DROP TABLE |", "COPY |"]
    {
        let offered = offered(text).await;
        assert!(
            has(&offered, &["float_l2", "\"Photos\"", "meta.", "information_schema."]),
            "{text}: {offered:?}"
        );
        assert!(!has(&offered, &["id"]), "{text}");
    }
    assert_eq!(completed("SELECT * FROM flo|").await, "SELECT * FROM float_l2");
    assert_eq!(completed("SELECT * FROM float_l2, flo|;").await, "SELECT * FROM float_l2, float_l2;");
    assert_eq!(completed("SELECT * FROM meta.s|").await, "SELECT * FROM meta.segments");
    assert_eq!(completed("SELECT * FROM milvus.meta.s|").await, "SELECT * FROM milvus.meta.segments");
    assert_eq!(
        completed("SELECT * FROM information_schema.df|").await,
        "SELECT * FROM information_schema.df_settings"
    );
    assert_eq!(offered("SELECT * FROM nothing.|").await, Vec::<String>::new());
    assert!(has(&offered("SELECT * FROM gen|").await, &["generate_series("]));
}

#[tokio::test]
async fn names_that_need_quotes_get_them() {
    assert_eq!(completed("SELECT * FROM ph|").await, "SELECT * FROM \"Photos\"");
    assert_eq!(completed("SELECT * FROM \"Ph|").await, "SELECT * FROM \"Photos\"");
    assert!(has(&offered("SELECT na| FROM \"Photos\"").await, &["\"Name\"", "nanvl("]));
    assert_eq!(completed("SELECT p.\"or|\" FROM \"Photos\" p").await, "SELECT p.\"order\" FROM \"Photos\" p");
    assert_eq!(completed("SELECT p.\"or| FROM \"Photos\" p").await, "SELECT p.\"order\" FROM \"Photos\" p");
}

#[tokio::test]
async fn columns_are_those_of_the_statements_tables() {
    let columns = offered("SELECT | FROM float_l2").await;
    assert_eq!(columns, ["id", "vector", "partition_tag", "float_l2"]);
    let columns = offered("SELECT | FROM float_l2 AS f, meta.segments s").await;
    assert!(has(&columns, &["id", "live", "f", "s"]), "{columns:?}");
    assert_eq!(
        completed("SELECT * FROM float_l2 WHERE partition_|").await,
        "SELECT * FROM float_l2 WHERE partition_tag"
    );
    assert_eq!(
        completed("SELECT s.li| FROM meta.segments AS s").await,
        "SELECT s.live FROM meta.segments AS s"
    );
    assert_eq!(completed("SELECT float_l2.v| FROM float_l2").await, "SELECT float_l2.vector FROM float_l2");
    assert_eq!(
        offered("SELECT s.| FROM meta.segments s JOIN float_l2 f ON true").await,
        ["collection", "live"]
    );
    assert!(!has(&offered("SELECT l| FROM float_l2; SELECT 1 FROM meta.segments").await, &["live"]));
}

#[tokio::test]
async fn functions_come_with_their_parenthesis() {
    let offered_here = offered("SELECT ab| FROM float_l2").await;
    assert_eq!(offered_here, ["abs("]);
    assert!(has(&offered("SELECT id FROM float_l2 ORDER BY coun|").await, &["count("]));
}

#[tokio::test]
async fn after_a_table_stands_what_may_follow_it() {
    let words = offered("SELECT * FROM float_l2 |").await;
    assert!(has(&words, &["WHERE", "JOIN", "LIMIT"]) && !has(&words, &["id"]), "{words:?}");
    assert_eq!(completed("select * from float_l2 wher|").await, "select * from float_l2 where");
    assert_eq!(completed("SELECT * FROM float_l2 ORDER |").await, "SELECT * FROM float_l2 ORDER BY");
    assert!(has(&offered("CREATE EXTERNAL TABLE x STORED AS |").await, &["PARQUET", "NPY"]));
}

#[tokio::test]
async fn queries_with_a_name_are_tables_too() {
    let tables = offered("WITH best AS (SELECT 1) SELECT * FROM b|").await;
    assert!(has(&tables, &["best"]), "{tables:?}");
}

#[tokio::test]
async fn nothing_is_offered_in_texts_numbers_and_comments() {
    for text in [
        "SELECT 'fl|",
        "SELECT 1|",
        "SELECT 1 -- fl|",
        "SELECT /* fl|",
        "SELECT 'a'|",
        "SELECT $$ sel|",
        "SELECT 1 AS |",
    ] {
        assert_eq!(offered(text).await, Vec::<String>::new(), "{text}");
    }
}

#[tokio::test]
async fn commands_and_their_arguments_are_completed() {
    assert!(has(&offered("\\|").await, &["\\?", "\\d", "\\timing"]));
    assert_eq!(completed("\\tim|").await, "\\timing");
    assert_eq!(completed("SELECT 1;\n\\tim|").await, "SELECT 1;\n\\timing");
    assert_eq!(completed("\\d flo|").await, "\\d float_l2");
    assert_eq!(completed("\\d meta.seg|").await, "\\d meta.segments");
    assert_eq!(completed("\\dt  ph|").await, "\\dt  \"Photos\"");
    assert_eq!(completed("\\df row_num|").await, "\\df row_number");
    assert_eq!(completed("\\dn me|").await, "\\dn meta");
    assert_eq!(completed("\\format cs|").await, "\\format csv");
    assert_eq!(offered("\\timing o|").await, ["on", "off"]);
    assert_eq!(offered("\\q |").await, Vec::<String>::new());
    assert_eq!(offered("\\nothing |").await, Vec::<String>::new());
}

#[tokio::test]
async fn files_are_completed_where_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rows.csv"), "").unwrap();
    let base = folder.path().to_str().unwrap();
    for before in ["\\i ", "\\o ", "COPY float_l2 TO '", "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '"] {
        assert_eq!(completed(&format!("{before}{base}/ro|")).await, format!("{before}{base}/rows.csv"));
    }
}

#[tokio::test]
async fn whatever_is_typed_the_place_to_replace_is_before_the_cursor() {
    let names = Names::read(&testing::session().await).await;
    for text in testing::texts(2000) {
        for (cursor, _) in text.char_indices().chain([(text.len(), ' ')]) {
            let (start, _) = complete(&names, &text, cursor);
            assert!(start <= cursor && text.is_char_boundary(start), "{text:?} at {cursor}");
        }
    }
    // A cursor inside of a character is nobody's.
    assert_eq!(complete(&names, "é", 1), (1, Vec::new()));
}
