// SPDX-License-Identifier: Apache-2.0
//! For every check an installation that it finds, and its remedy, tried.

use std::fs;

use super::{data, files, installations, log, metadata, target};

/// Makes a test of each case, named after its check.
macro_rules! cases {
    ($($module:ident: $($check:ident)*;)*) => {
        const CASES: &[&str] = &[$($(stringify!($check)),*),*];

        $($(
            #[test]
            fn $check() {
                $module::$check();
            }
        )*)*
    };
}

cases! {
    files:
        bloom_filter_missing bloom_filter_wrong damaged_files deleted_docs_tail leftover_directories
        missing_deleted_docs missing_files secondary_paths temporary_files unknown_directories
        unreadable_data unreadable_files;
    metadata:
        collection_unreadable foreign_rows hybrid_collections index_only_segments metadata_unreadable
        no_collections ownerless_partitions row_count_differs;
    log: log_missing log_unreadable server_not_stopped server_running unflushed_rows;
    data:
        empty_collections invalid_vectors many_deleted_rows normalised_vectors not_normalised refused_ids
        repeated_deletes repeated_ids skipped_vectors unqueryable_ids zero_vectors;
    target:
        changed_indexes changed_metrics colliding_partitions estimate filtered_collections
        renamed_partitions server_limits;
}

#[test]
fn every_check_has_a_case() {
    let mut checks: Vec<String> = fs::read_dir(installations::project().join("sql/audit"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "sql"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    checks.sort();
    let mut cases: Vec<&str> = CASES.to_vec();
    cases.sort_unstable();
    assert_eq!(checks, cases);
}
