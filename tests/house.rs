// SPDX-License-Identifier: Apache-2.0
//! Rules of the project that a compiler does not check.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::command::run;
use crate::support::fixtures::{self, project};

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<PathBuf> {
    ["crates", "tests", "benches", "examples"]
        .iter()
        .flat_map(|folder| files(&project().join(folder), "rs"))
        .collect()
}

#[test]
fn every_source_file_names_its_licence() {
    let header = "// SPDX-License-Identifier: Apache-2.0\n";
    let sources = sources();
    assert!(sources.len() > 50, "only {} files found", sources.len());
    let without: Vec<_> =
        sources.iter().filter(|path| !fs::read_to_string(path).unwrap().starts_with(header)).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn no_test_is_ignored_and_nothing_is_left_to_do() {
    let ignored = concat!("#[", "ignore");
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!("), concat!("unimplemented", "!(")];
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        for mark in marks.iter().chain(&[ignored]) {
            assert!(!text.contains(mark), "{} holds `{mark}`", path.display());
        }
    }
}

#[test]
fn no_source_file_is_longer_than_700_lines() {
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 700, "{} has {lines} lines", path.display());
    }
}

#[test]
fn every_shipped_inspection_view_answers_for_every_fixture() {
    let views = files(&project().join("sql/inspect"), "sql");
    assert!(views.len() >= 10, "{views:?}");
    let select = |view: &PathBuf| format!("SELECT * FROM inspect.{};", view.file_stem().unwrap().display());
    let all: String = views.iter().map(select).collect();
    for install in fixtures::INSTALLS {
        let install = fixtures::install(install);
        let args = ["sql", "--install", install.to_str().unwrap(), "--format", "table", &all];
        let shown = run(&args).ends_with(0).stdout;
        let counts = shown.lines().filter(|line| line.ends_with(" rows") || *line == "1 row").count();
        assert_eq!(counts, views.len(), "{shown}");
    }
}

#[test]
fn every_check_of_the_audit_is_in_the_guide() {
    let guide = fs::read_to_string(project().join("sql/README.md")).unwrap();
    let checks = m2m_migration::audit::shipped_checks().unwrap();
    assert_eq!(checks.len(), files(&project().join("sql/audit"), "sql").len());
    for check in checks {
        let row = format!("| `{}` | {} | {} |", check.id, check.severity.name(), check.title);
        assert!(guide.contains(&row), "sql/README.md lacks the line\n{row}");
    }
}

#[test]
fn every_fixture_is_described() {
    let readme = fs::read_to_string(project().join("tests/fixtures/README.md")).unwrap();
    for archive in files(&project().join("tests/fixtures"), "xz") {
        let name = archive.file_name().unwrap().to_string_lossy().replace(".tar.xz", "");
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_binary_starts_with_a_short_main() {
    let main = fs::read_to_string(project().join("crates/m2m/main.rs")).unwrap();
    assert!(main.lines().count() <= 40);
}
