// SPDX-License-Identifier: Apache-2.0
//! Queries for users, shipped with the program.

use crate::session::{CATALOG, COLLECTIONS};

/// The shipped queries: their names, and their SQL with an explanation on top.
pub const QUERIES: &[(&str, &str)] = &[
    ("collections", include_str!("../../../sql/inspect/collections.sql")),
    ("deletes", include_str!("../../../sql/inspect/deletes.sql")),
    ("files", include_str!("../../../sql/inspect/files.sql")),
    ("largest_segments", include_str!("../../../sql/inspect/largest_segments.sql")),
    ("partitions", include_str!("../../../sql/inspect/partitions.sql")),
    ("segments", include_str!("../../../sql/inspect/segments.sql")),
    ("wal", include_str!("../../../sql/inspect/wal.sql")),
];

/// Queries over one collection, whose place is held by `{collection}`:
/// [`for_collection`] fills it in.
pub const COLLECTION_QUERIES: &[(&str, &str)] = &[
    ("id_ranges", include_str!("../sql/id_ranges.sql")),
    ("repeated_ids", include_str!("../sql/repeated_ids.sql")),
];

/// Returns a query of [`COLLECTION_QUERIES`] over this collection, whatever the
/// letters of its name.
///
/// ```
/// use m2m_datasource::inspect::for_collection;
///
/// let sql = for_collection("SELECT count(*) FROM {collection}", "Faces");
/// assert_eq!(sql, r#"SELECT count(*) FROM "milvus"."collections"."Faces""#);
/// ```
#[must_use]
pub fn for_collection(sql: &str, collection: &str) -> String {
    let quoted = collection.replace('"', "\"\"");
    sql.replace("{collection}", &format!("\"{CATALOG}\".\"{COLLECTIONS}\".\"{quoted}\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestInstall, numbers};

    #[test]
    fn every_file_is_shipped_under_its_name_and_explains_itself() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sql/inspect");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        files.sort();
        let names: Vec<&str> = QUERIES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, files);
        assert!(QUERIES.iter().all(|(_, sql)| sql.starts_with("-- ")));
    }

    #[tokio::test]
    async fn every_query_answers_for_a_damaged_installation_too() {
        let install = TestInstall::float(2).segment("_default", 1, 4, &[2]).segment("p", 2, 3, &[]);
        std::fs::remove_file(install.file(1, "1.uid")).unwrap();
        let ctx = install.session().await;
        for (name, sql) in QUERIES {
            let answer = ctx.sql(sql).await.unwrap().collect().await;
            assert!(answer.is_ok(), "{name}: {answer:?}");
        }
    }

    #[tokio::test]
    async fn queries_over_one_collection_answer_for_it() {
        let install = TestInstall::float(2).segment("_default", 1, 4, &[2]).segment("p", 2, 3, &[0, 1, 2]);
        std::fs::copy(install.file(1, "1.uid"), install.file(2, "2.uid")).unwrap();
        crate::testing::write(&install.file(2, "2.rv"), &[0; 32]);
        crate::testing::write(&install.file(2, "deleted_docs"), &[]);
        let ctx = install.session().await;
        assert!(COLLECTION_QUERIES.iter().all(|(_, sql)| sql.starts_with("-- ")));
        let answer = |name: &str, columns: &str| {
            let (_, sql) = COLLECTION_QUERIES.iter().find(|(known, _)| *known == name).unwrap();
            format!("SELECT {columns} FROM ({})", for_collection(sql, "C"))
        };
        // Row 1002 is deleted in one of the two segments, so it is not repeated.
        assert_eq!(numbers(&ctx, &answer("repeated_ids", "id")).await, [1000, 1001, 1003]);
        assert_eq!(
            numbers(&ctx, &answer("repeated_ids", "rows * 100 + segments * 10 + partitions")).await,
            [222; 3]
        );
        assert_eq!(numbers(&ctx, &answer("id_ranges", "min_id")).await, [1000, 1000]);
        assert_eq!(numbers(&ctx, &answer("id_ranges", "max_id")).await, [1003, 1003]);
        assert_eq!(numbers(&ctx, &answer("id_ranges", "live_rows")).await, [3, 4]);
    }
}
