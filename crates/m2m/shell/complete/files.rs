// SPDX-License-Identifier: Apache-2.0
//! Names of files.

use std::path::{Path, PathBuf};

use super::Candidate;

/// The most entries of a folder that are looked at.
const MOST: usize = 10_000;

/// The files and folders that a path may become, and where its last part begins.
pub(super) fn complete(typed: &str) -> (usize, Vec<Candidate>) {
    let start = typed.rfind('/').map_or(0, |slash| slash + 1);
    let (folder, prefix) = typed.split_at(start);
    let folder = if folder.is_empty() { PathBuf::from(".") } else { expand(folder) };
    let Ok(entries) = std::fs::read_dir(folder) else { return (start, Vec::new()) };
    let mut found: Vec<Candidate> = entries
        .take(MOST)
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?;
            // Hidden ones are shown to those who ask for them.
            let is_meant = name.starts_with(prefix) && name.starts_with('.') == prefix.starts_with('.');
            is_meant.then(|| {
                let name = if path.is_dir() { format!("{name}/") } else { name.to_owned() };
                Candidate { shown: name.clone(), typed: name }
            })
        })
        .collect();
    found.sort_by(|one, other| one.typed.cmp(&other.typed));
    (start, found)
}

/// A path with the home folder in place of `~`.
pub(crate) fn expand(path: &str) -> PathBuf {
    let in_home = path.strip_prefix("~/").or_else(|| path.strip_prefix('~').filter(|rest| rest.is_empty()));
    match (in_home, std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => Path::new(path).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_are_found_by_the_beginning_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["one.sql", "other.sql", ".hidden", "two words.csv"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("on")).unwrap();
        let base = folder.path().to_str().unwrap();
        let found = |typed: &str| {
            let (start, found) = complete(&format!("{base}/{typed}"));
            assert_eq!(start, base.len() + 1);
            found.into_iter().map(|candidate| candidate.typed).collect::<Vec<_>>()
        };
        assert_eq!(found("o"), ["on/", "one.sql", "other.sql"]);
        assert_eq!(found(""), ["on/", "one.sql", "other.sql", "two words.csv"]);
        assert_eq!(found(".h"), [".hidden"]);
        assert_eq!(found("x"), Vec::<String>::new());
        assert!(complete(&format!("{base}/nowhere/x")).1.is_empty());
        assert!(complete("é").1.is_empty());
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let home = std::env::home_dir().unwrap();
        assert_eq!(expand("~/a.sql"), home.join("a.sql"));
        assert_eq!(expand("~"), home);
        assert_eq!(expand("~other/a"), Path::new("~other/a"));
        assert_eq!(expand("a~"), Path::new("a~"));
    }
}
