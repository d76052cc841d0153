// SPDX-License-Identifier: Apache-2.0
//! Dumps, read by numpy and not by m2m, hold what the truth files say.

use std::path::Path;
use std::process::Command;

use crate::support::command::run;
use crate::support::fixtures::{self, INSTALLS};
use crate::support::services;

/// Dumps an installation with more arguments and compares it by numpy.
fn check(install: &str, more: &[&str]) {
    let out = tempfile::tempdir().unwrap();
    let root = fixtures::install(install);
    let mut args = vec!["dump", "--install", root.to_str().unwrap(), "--out", out.path().to_str().unwrap()];
    args.extend(more);
    run(&args).ends_with(0);
    compare(out.path(), install);
}

/// Compares a dump on this machine with the truth of an installation.
pub(crate) fn compare(dump: &Path, install: &str) {
    let output = Command::new(services::python())
        .arg(fixtures::project().join("tests/tools/numpy_digest.py"))
        .arg(dump)
        .arg("--truth")
        .arg(fixtures::truth_file(install))
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{install}: {said}");
}

#[test]
fn every_fixture_dumped_to_numpy_equals_its_truth() {
    for install in INSTALLS {
        check(install, &["--allow-unflushed"]);
    }
}

#[test]
fn small_file_sets_and_one_writer_change_nothing_in_what_is_dumped() {
    check("install-1.1.1", &["--file-size", "1", "--workers", "1"]);
    check("install-1.1.1", &["--file-size", "1", "--workers", "7"]);
}

#[test]
fn a_complete_dump_is_not_written_over_unless_asked() {
    let out = tempfile::tempdir().unwrap();
    let root = fixtures::install("install-1.1.1");
    let args = ["dump", "--install", root.to_str().unwrap(), "--out", out.path().to_str().unwrap()];
    run(&args).ends_with(0);
    run(&args).ends_with(0).says(&["holds this dump already"]);
    let part = [&args[..], &["--col", "float_l2"]].concat();
    run(&part).ends_with(1).says(&["complete dump", "--overwrite"]);
    run(&[&args[..], &["--overwrite", "--col", "float_l2"]].concat()).ends_with(0);
    assert!(out.path().join("float_l2/_default/1620000000417262000/id.npy").is_file());
    assert!(
        !out.path().join("ip_parts/a_b/1620000051049561000/id.npy").exists(),
        "files of the old dump are gone"
    );
}
