// SPDX-License-Identifier: Apache-2.0
//! What is said when a cluster is not there, must not, or meets rows that cannot be written.

use std::fs;
use std::path::Path;

use crate::support::cluster::{Cluster, free_port};
use crate::support::command::run;
use crate::support::fixtures;
use crate::support::install::Install;

/// An installation with a NaN in the row of entity 106.
fn with_nan(folder: &Path) {
    let ids: Vec<i64> = (100..110).collect();
    let mut vectors = [0.5; 40];
    vectors[6 * 4 + 2] = f32::NAN;
    Install::new(folder).collection("ten", 4).segment("7", &ids, &vectors, &[2, 4]).finish();
}

#[test]
fn a_scheduler_that_is_not_there_is_named() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let install = fixtures::install("install-1.1.1");
    let args =
        ["sql", "--install", install.to_str().unwrap(), "--cluster", &url, "SELECT count(*) FROM float_l2"];
    run(&args).ends_with(1).says(&["cannot reach the scheduler", &url, "m2m scheduler"]);
}

#[test]
fn an_executor_without_a_place_to_write_refuses_a_dump() {
    let folder = tempfile::tempdir().unwrap();
    let (install, out) = (fixtures::install("install-1.1.1"), folder.path().join("out"));
    let cluster = Cluster::start(1, &install, None);
    let args = ["dump", "--install", install.to_str().unwrap(), "--out", out.to_str().unwrap()];
    for format in ["npy", "parquet"] {
        let run = cluster.run(&[&args[..], &["--to-format", format, "--overwrite"]].concat());
        run.ends_with(1).says(&["does not write to", out.to_str().unwrap(), "was started without `--out`"]);
        assert!(!out.join("manifest.json").exists());
    }
}

#[test]
fn an_executor_does_not_write_beside_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (install, out) = (fixtures::install("install-1.1.1"), folder.path().join("other"));
    let cluster = Cluster::start(1, &install, Some(&folder.path().join("mine")));
    let args = ["dump", "--install", install.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let below = format!("was started to write below `{}`", folder.path().join("mine").display());
    cluster.run(&args).ends_with(1).says(&["does not write to", out.to_str().unwrap(), &below]);
    assert!(!out.join("manifest.json").exists());
}

#[test]
fn nan_is_named_by_its_row_as_by_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let install = folder.path().join("old");
    with_nan(&install);
    let cluster = Cluster::start(1, &install, Some(folder.path()));
    for (form, options) in [("npy", vec![]), ("parquet", vec!["--to-format", "parquet"])] {
        let [alone, on_cluster] = ["alone", "cluster"].map(|by| folder.path().join(format!("{form}-{by}")));
        let args = |out: &Path| {
            let args = ["dump", "--install", install.to_str().unwrap(), "--out", out.to_str().unwrap()];
            args.iter().chain(&options).map(|&arg| arg.to_owned()).collect::<Vec<_>>()
        };
        let (here, there) = (args(&alone), args(&on_cluster));
        let here = run(&here.iter().map(String::as_str).collect::<Vec<_>>()).ends_with(1);
        let there = cluster.run(&there.iter().map(String::as_str).collect::<Vec<_>>()).ends_with(1);
        let reason = reason(&here.stderr);
        assert!(reason.contains("106") && reason.contains("NaN"), "{reason}");
        println!("{form}: {}", there.stderr);
        let there = there.says(&[reason]);
        assert!(!there.stderr.contains("holds this dump"), "{}", there.stderr);
        for out in [alone, on_cluster] {
            assert!(!out.join("manifest.json").exists());
            assert!(fs::read_dir(&out).unwrap().all(|entry| !is_import_file(&entry.unwrap().path())));
        }
    }
}

fn is_import_file(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "npy" || ending == "parquet")
}

/// What an error says, without what it was that failed.
fn reason(stderr: &str) -> &str {
    let line = stderr.lines().find(|line| line.contains("NaN")).unwrap();
    line.trim_start_matches("error: ").trim_start()
}
