// SPDX-License-Identifier: Apache-2.0
//! The shipped checks, and those of a user.

use std::fs;
use std::path::{Path, PathBuf};

use super::check::Check;
use super::views::FINDINGS;
use crate::error::{Error, Result};

/// The shipped checks: their ids, and their files.
const SHIPPED: &[(&str, &str)] = &[
    ("bloom_filter_missing", include_str!("../../../../sql/audit/bloom_filter_missing.sql")),
    ("bloom_filter_wrong", include_str!("../../../../sql/audit/bloom_filter_wrong.sql")),
    ("changed_indexes", include_str!("../../../../sql/audit/changed_indexes.sql")),
    ("changed_metrics", include_str!("../../../../sql/audit/changed_metrics.sql")),
    ("collection_unreadable", include_str!("../../../../sql/audit/collection_unreadable.sql")),
    ("colliding_partitions", include_str!("../../../../sql/audit/colliding_partitions.sql")),
    ("damaged_files", include_str!("../../../../sql/audit/damaged_files.sql")),
    ("deleted_docs_tail", include_str!("../../../../sql/audit/deleted_docs_tail.sql")),
    ("empty_collections", include_str!("../../../../sql/audit/empty_collections.sql")),
    ("estimate", include_str!("../../../../sql/audit/estimate.sql")),
    ("filtered_collections", include_str!("../../../../sql/audit/filtered_collections.sql")),
    ("foreign_rows", include_str!("../../../../sql/audit/foreign_rows.sql")),
    ("hybrid_collections", include_str!("../../../../sql/audit/hybrid_collections.sql")),
    ("index_only_segments", include_str!("../../../../sql/audit/index_only_segments.sql")),
    ("invalid_vectors", include_str!("../../../../sql/audit/invalid_vectors.sql")),
    ("leftover_directories", include_str!("../../../../sql/audit/leftover_directories.sql")),
    ("log_missing", include_str!("../../../../sql/audit/log_missing.sql")),
    ("log_unreadable", include_str!("../../../../sql/audit/log_unreadable.sql")),
    ("many_deleted_rows", include_str!("../../../../sql/audit/many_deleted_rows.sql")),
    ("metadata_unreadable", include_str!("../../../../sql/audit/metadata_unreadable.sql")),
    ("missing_deleted_docs", include_str!("../../../../sql/audit/missing_deleted_docs.sql")),
    ("missing_files", include_str!("../../../../sql/audit/missing_files.sql")),
    ("no_collections", include_str!("../../../../sql/audit/no_collections.sql")),
    ("normalised_vectors", include_str!("../../../../sql/audit/normalised_vectors.sql")),
    ("not_normalised", include_str!("../../../../sql/audit/not_normalised.sql")),
    ("ownerless_partitions", include_str!("../../../../sql/audit/ownerless_partitions.sql")),
    ("refused_ids", include_str!("../../../../sql/audit/refused_ids.sql")),
    ("renamed_partitions", include_str!("../../../../sql/audit/renamed_partitions.sql")),
    ("repeated_deletes", include_str!("../../../../sql/audit/repeated_deletes.sql")),
    ("repeated_ids", include_str!("../../../../sql/audit/repeated_ids.sql")),
    ("row_count_differs", include_str!("../../../../sql/audit/row_count_differs.sql")),
    ("secondary_paths", include_str!("../../../../sql/audit/secondary_paths.sql")),
    ("server_limits", include_str!("../../../../sql/audit/server_limits.sql")),
    ("server_not_stopped", include_str!("../../../../sql/audit/server_not_stopped.sql")),
    ("server_running", include_str!("../../../../sql/audit/server_running.sql")),
    ("skipped_vectors", include_str!("../../../../sql/audit/skipped_vectors.sql")),
    ("temporary_files", include_str!("../../../../sql/audit/temporary_files.sql")),
    ("unflushed_rows", include_str!("../../../../sql/audit/unflushed_rows.sql")),
    ("unknown_directories", include_str!("../../../../sql/audit/unknown_directories.sql")),
    ("unqueryable_ids", include_str!("../../../../sql/audit/unqueryable_ids.sql")),
    ("unreadable_data", include_str!("../../../../sql/audit/unreadable_data.sql")),
    ("unreadable_files", include_str!("../../../../sql/audit/unreadable_files.sql")),
    ("zero_vectors", include_str!("../../../../sql/audit/zero_vectors.sql")),
];

/// Returns the checks that m2m brings along: errors first, then warnings, then notes,
/// each by id.
///
/// # Errors
///
/// None, as long as the files are checks.
pub fn shipped_checks() -> Result<Vec<Check>> {
    let checks = SHIPPED.iter().map(|(id, sql)| Check::parse(id, sql));
    Ok(sorted(checks.collect::<Result<_>>()?))
}

/// Returns these checks, and with them every file of SQL in a folder; the name of the
/// file is the id.
///
/// # Errors
///
/// When the folder has none, or it or a file cannot be read, is no check, or has the id of
/// another one.
pub fn with_own_checks(mut checks: Vec<Check>, folder: &Path) -> Result<Vec<Check>> {
    let files = files(folder)?;
    if files.is_empty() {
        return Err(Error::NoChecks { path: folder.into() });
    }
    for path in files {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let sql = fs::read_to_string(&path).map_err(|source| Error::Checks { path: path.clone(), source })?;
        if name == FINDINGS || checks.iter().any(|known| known.id == name) {
            let reason = format!("there is a check of this name already; rename `{}`", path.display());
            return Err(Error::Check { id: name, reason });
        }
        let check = Check::parse(&name, &sql).map_err(|error| located(error, &path))?;
        checks.push(Check { is_own: true, ..check });
    }
    Ok(sorted(checks))
}

/// Says which file is no check.
fn located(error: Error, path: &Path) -> Error {
    match error {
        Error::Check { id, reason } => {
            Error::Check { id, reason: format!("{reason}, in `{}`", path.display()) }
        }
        error => error,
    }
}

fn sorted(mut checks: Vec<Check>) -> Vec<Check> {
    checks.sort_by(|one, other| (one.severity, &one.id).cmp(&(other.severity, &other.id)));
    checks
}

/// The files of SQL in a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::Checks { path: folder.into(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("sql")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Severity;

    #[test]
    fn every_shipped_check_says_what_it_is() {
        let checks = shipped_checks().unwrap();
        assert_eq!(checks.len(), SHIPPED.len());
        assert!(
            checks.windows(2).all(|pair| (pair[0].severity, &pair[0].id) < (pair[1].severity, &pair[1].id))
        );
        for check in checks {
            assert!(check.title.ends_with('.') && check.remedy.ends_with('.'), "{}", check.id);
            assert!(check.sql.contains("message"), "{}", check.id);
        }
    }

    #[test]
    fn own_checks_are_added_and_never_replace_one() {
        let folder = tempfile::tempdir().unwrap();
        let sql = "-- Mine.\n--\n-- severity: warning\n-- remedy: None.\nSELECT 1 AS message";
        fs::write(folder.path().join("mine.sql"), sql).unwrap();
        fs::write(folder.path().join("notes.txt"), "no check").unwrap();
        let checks = with_own_checks(shipped_checks().unwrap(), folder.path()).unwrap();
        assert_eq!(checks.len(), SHIPPED.len() + 1);
        assert!(checks.iter().any(|check| check.id == "mine" && check.severity == Severity::Warning));
        fs::write(folder.path().join("estimate.sql"), sql).unwrap();
        let error = with_own_checks(shipped_checks().unwrap(), folder.path()).unwrap_err().to_string();
        assert!(error.contains("of this name already"), "{error}");
        fs::write(folder.path().join("mine.sql"), "SELECT 1 AS message").unwrap();
        let error = with_own_checks(Vec::new(), folder.path()).unwrap_err().to_string();
        assert!(error.contains("no `severity:`") && error.contains("mine.sql"), "{error}");
        fs::write(folder.path().join("estimate.sql"), [0xff]).unwrap();
        assert!(with_own_checks(Vec::new(), folder.path()).is_err());
        let empty = tempfile::tempdir().unwrap();
        assert!(with_own_checks(Vec::new(), empty.path()).unwrap_err().to_string().contains("no check"));
        assert!(with_own_checks(Vec::new(), &folder.path().join("none")).is_err());
    }
}
