// SPDX-License-Identifier: Apache-2.0
//! Queries for users, shipped with the program.

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestInstall;

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
}
