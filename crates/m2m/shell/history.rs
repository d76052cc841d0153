// SPDX-License-Identifier: Apache-2.0
//! What was typed before: where it is kept, and what is not.

use std::ffi::OsString;
use std::path::PathBuf;

/// The most inputs that are kept.
pub(super) const MOST: usize = 10_000;
/// The file in the home folder.
const FILE: &str = ".m2m_history";
/// Names another file; an empty one keeps nothing.
pub(super) const VARIABLE: &str = "M2M_HISTORY";

/// Parts of names that secrets are given under.
const SECRETS: &[&str] = &[
    "secret",
    "password",
    "passwd",
    "pwd",
    "token",
    "credential",
    "access_key",
    "accesskey",
    "account_key",
    "accountkey",
    "private_key",
    "privatekey",
    "api_key",
    "apikey",
    "signature",
    "sas_key",
    "bearer",
];

/// The file with the history, if there is one, by the value of [`VARIABLE`].
pub(super) fn file(variable: Option<OsString>) -> Option<PathBuf> {
    match variable {
        Some(name) if name.is_empty() => None,
        Some(name) => Some(PathBuf::from(name)),
        None => std::env::home_dir().filter(|home| !home.as_os_str().is_empty()).map(|home| home.join(FILE)),
    }
}

/// Whether an input may be kept in a file: not when it names something that is
/// a secret by its name, or a URL with a password.
pub(crate) fn may_be_kept(input: &str) -> bool {
    let lower = input.to_lowercase();
    // `aws.secret-access-key` is as good as `aws.secret_access_key`.
    let lower = lower.replace(['-', ' '], "_");
    !SECRETS.iter().any(|secret| lower.contains(secret)) && !has_password(input)
}

/// Whether there is a `user:password@` before a host, in a URL or a MySQL address.
fn has_password(input: &str) -> bool {
    let is_end = |c: char| c.is_whitespace() || "'\"`<>();,".contains(c);
    input.split(is_end).any(|word| {
        let address = word.split_once("://").map_or(word, |(_, address)| address);
        address.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_in_the_home_folder_unless_another_or_none_is_named() {
        assert_eq!(file(None), Some(std::env::home_dir().unwrap().join(".m2m_history")));
        assert_eq!(file(Some("/a/b".into())), Some(PathBuf::from("/a/b")));
        assert_eq!(file(Some("".into())), None);
    }

    #[test]
    fn what_may_hold_a_secret_is_not_kept() {
        for input in [
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 's3://b/t.csv' OPTIONS ('aws.secret_access_key' 'x');",
            "COPY t TO 's3://b/x' OPTIONS ('AWS.ACCESS_KEY_ID' 'x')",
            "SET aws.session_Token = 'x'",
            "SET a.secret-access-key = 'x'",
            "-- my PassWord is x",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'https://user:pw@host/t.csv'",
            "SELECT 'root:pw@tcp(host:3306)/milvus'",
            "SELECT 'mysql://root:p@w@host/db'",
            "COPY t TO 'az://c/x' OPTIONS ('azure.account key' 'x')",
        ] {
            assert!(!may_be_kept(input), "{input}");
        }
    }

    #[test]
    fn what_people_ask_is_kept() {
        for input in [
            "SELECT id, partition_tag FROM float_l2 ORDER BY l2_distance(vector, [0.1, 0.2]) LIMIT 10;",
            "SELECT * FROM 's3://bucket/key.parquet';",
            "SELECT 'me@example.org', '12:30', x::int FROM t;",
            "\\d float_l2",
            "COPY t TO 'a.csv' OPTIONS ('format.delimiter' ';')",
        ] {
            assert!(may_be_kept(input), "{input}");
        }
    }
}
