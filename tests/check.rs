// SPDX-License-Identifier: Apache-2.0
//! `m2m check`: what it finds on real servers, within seconds, and that it
//! leaves nothing behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::command::{Run, run, run_command};
use crate::support::fixtures;
use crate::support::place::Place;
use crate::support::services::{self, Target, unique};

/// The longest of our limits is the minute of a probe's import, when the machine is busy.
const SOON: Duration = Duration::from_secs(100);

/// Compares an observation with its snapshot. Durations, versions and addresses differ from
/// run to run.
macro_rules! snapshot {
    ($name:literal, $run:expr, $folders:expr) => {{
        let observation = $run.observation($folders);
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true, filters => vec![
            (r"\d+\.\d s ", "0.0 s "),
            (r#""seconds": \d+\.[\de-]+"#, r#""seconds": 0.0"#),
            (r"\d+\.\d [GTM]iB are free", "1.0 GiB are free"),
            (r#""m2m_version": "[^"]+""#, r#""m2m_version": "0.0.0""#),
        ] }, {
            insta::assert_snapshot!($name, observation);
        });
    }};
}

fn install(name: &str) -> String {
    fixtures::install(name).to_str().unwrap().to_owned()
}

/// Checks a small installation against a server, with changes to the environment.
fn check(target: &Target, out: &str, more: &[&str], changes: &[(&str, &str)]) -> Run {
    let install = install("test1w");
    let args = [&["check", "--install", &install, "--out", out], more].concat();
    let mut command = target.m2m(&args);
    command.envs(changes.iter().copied());
    let began = Instant::now();
    let run = run_command(&args, command);
    assert!(began.elapsed() < SOON, "it took {:?}\n{}", began.elapsed(), run.observation(&[]));
    services::assert_no_secret(&run);
    run
}

/// The line of a step, and what stands below it.
#[track_caller]
fn step<'a>(run: &'a Run, name: &str) -> &'a str {
    let lines = || run.stdout.match_indices('\n').map(|(at, _)| at + 1);
    let starts: Vec<usize> = std::iter::once(0)
        .chain(lines())
        .filter(|at| !run.stdout[*at..].starts_with(' ') && *at < run.stdout.len())
        .collect();
    let of = |from: usize| {
        let end = starts.iter().copied().find(|start| *start > from).unwrap_or(run.stdout.len());
        &run.stdout[from..end]
    };
    let found = starts
        .iter()
        .map(|from| of(*from))
        .find(|text| text.get(10..).is_some_and(|text| text.starts_with(name)));
    found.unwrap_or_else(|| panic!("there is no step `{name}` in\n{}", run.observation(&[])))
}

/// Fails the test unless a step ended in a state, and says all of `words`.
#[track_caller]
fn ends(run: &Run, name: &str, state: &str, words: &[&str]) {
    let text = step(run, name);
    assert!(text.starts_with(state), "expected `{state}`\n{}", run.observation(&[]));
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in\n{text}");
    }
}

#[test]
fn what_is_not_configured_is_skipped() {
    let install = install("install-1.1.1");
    let folders: [(&Path, &str); 1] = [(fixtures::unpacked(), "<fixtures>")];
    let found = run(&["check", "--install", &install]).ends_with(0);
    snapshot!("check", found, &folders);
    let json = run(&["check", "--install", &install, "--col", "ip_parts", "--json"]).ends_with(0);
    snapshot!("check_json", json, &folders);
    snapshot!("help_check", run(&["check", "--help"]), &[]);
    run(&["check"]).ends_with(2).says(&["1.x installation is not given"]);
    run(&["check", "--install", &install, "--col", "nope"]).ends_with(2).says(&["nope"]);
}

#[test]
fn what_is_wrong_with_an_installation_is_told_and_the_rest_goes_on() {
    let copy = fixtures::copy("install-1.1.1");
    let root = copy.path().join("install-1.1.1");
    let out = copy.path().join("out");
    let args = ["check", "--install", root.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let vectors = walk(&root).into_iter().find(|path| path.ends_with("1620000007605600000.rv")).unwrap();
    fs::remove_file(&vectors).unwrap();
    let found = run(&args).ends_with(1);
    ends(&found, "metadata", "ok", &["13 collections"]);
    ends(&found, "segments", "failed", &["1620000007605600000", "remedy: ", "backup"]);
    ends(&found, "import files", "ok", &["can be written"]);
    ends(&found, "disk space", "ok", &["are free"]);
    assert!(!out.exists(), "a check makes no folder");
    fs::write(root.join("db/meta.sqlite"), "no database").unwrap();
    let found = run(&args).ends_with(1);
    ends(&found, "metadata", "failed", &["meta.sqlite", "remedy: "]);
    ends(&found, "segments", "skipped", &["metadata"]);
    let inside = root.join("db/tables/out");
    let args = ["check", "--install", root.to_str().unwrap(), "--out", inside.to_str().unwrap()];
    ends(&run(&args).ends_with(1), "import files", "failed", &["belongs to the 1.x installation"]);
}

#[test]
fn rows_that_stand_only_in_the_log_stand_in_the_way_unless_they_are_left_behind() {
    let install = install("install-1.1.1-unflushed");
    let found = run(&["check", "--install", &install]).ends_with(1);
    ends(&found, "write-ahead log", "failed", &["stand only in the write-ahead log", "--allow-unflushed"]);
    let found = run(&["check", "--install", &install, "--allow-unflushed"]).ends_with(0);
    ends(&found, "write-ahead log", "warned", &["stand only in the write-ahead log"]);
}

#[test]
fn files_that_lie_in_the_place_already_are_told() {
    let (install, folder) = (install("test1w"), tempfile::tempdir().unwrap());
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    let args = ["check", "--install", &install, "--out", out];
    ends(&run(&args).ends_with(0), "earlier dump", "ok", &["nothing lies there"]);
    run(&["dump", "--install", &install, "--out", out]).ends_with(0);
    ends(
        &run(&args).ends_with(0),
        "earlier dump",
        "ok",
        &["a complete dump of 10000 rows", "goes on with it"],
    );
    let other = fixtures::install("install-1.0.0");
    let of_other = ["check", "--install", other.to_str().unwrap(), "--out", out];
    ends(&run(&of_other).ends_with(0), "earlier dump", "warned", &["test1w/meta.json", "--overwrite"]);
    let replaced = [&of_other[..], &["--overwrite"]].concat();
    ends(&run(&replaced).ends_with(0), "earlier dump", "ok", &["is replaced"]);
    fs::remove_file(Path::new(out).join("manifest.json")).unwrap();
    ends(&run(&args).ends_with(0), "earlier dump", "warned", &["no dump"]);
    fs::write(Path::new(out).join("manifest.json"), "{}").unwrap();
    ends(&run(&args).ends_with(1), "earlier dump", "failed", &["manifest.json"]);
}

#[test]
fn a_probe_goes_all_the_way_and_leaves_nothing() {
    let place = Place::on_2_3("check");
    place.run_on(&fixtures::install("test1w"), "migrate", &[]).ends_with(0);
    let held = place.list();
    let out = format!("{}/elsewhere", place.out);
    let with_database = ["--milvus-database", &place.database, "--if-exists", "skip"];
    let found = check(&place.target, &out, &with_database, &[]).ends_with(0);
    ends(&found, "probe", "ok", &["imported one row"]);
    ends(&found, "milvus", "ok", &["2.3.5"]);
    ends(&found, "collections", "ok", &["left alone"]);
    assert_eq!(place.list(), held, "the collection of a probe is dropped");
    let again = check(&place.target, &out, &with_database, &[]).ends_with(0);
    ends(&again, "earlier dump", "ok", &["nothing lies there"]);
    // What is there already stands in the way, unless this very dump was loaded into it.
    let no_probe = ["--milvus-database", &place.database, "--no-probe"];
    let there = check(&place.target, &out, &no_probe, &[]).ends_with(1);
    ends(&there, "collections", "failed", &["exists in Milvus already", "--if-exists"]);
    let there = check(&place.target, &place.out, &no_probe, &[]).ends_with(0);
    ends(&there, "collections", "ok", &["loaded by an earlier run"]);
    ends(&there, "earlier dump", "ok", &["a complete dump"]);
    ends(&there, "probe", "skipped", &["--no-probe"]);
    // A dump that is begun anew is another one.
    let anew =
        check(&place.target, &place.out, &[&no_probe[..], &["--overwrite"]].concat(), &[]).ends_with(1);
    ends(&anew, "collections", "failed", &["exists in Milvus already"]);
}

#[test]
fn a_probe_that_is_interrupted_leaves_nothing() {
    let place = Place::on_2_3("check_interrupted");
    place.run_on(&fixtures::install("test1w"), "migrate", &[]).ends_with(0);
    let held = place.list();
    let (install, out) = (install("test1w"), format!("{}/elsewhere", place.out));
    let args = [
        "check",
        "--install",
        &install,
        "--out",
        &out,
        "--milvus-database",
        &place.database,
        "--if-exists",
        "skip",
    ];
    // Seldom the import is over before anybody has seen it in this state.
    let interrupted = (0..5).any(|_| {
        let mut command = place.target.m2m(&args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let is_written = said.any(|line| line.contains("written and not yet visible"));
        if is_written {
            let pid = child.id().to_string();
            assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        }
        assert_eq!(child.wait().unwrap().code(), Some(if is_written { 130 } else { 0 }));
        is_written
    });
    assert!(interrupted, "no probe was seen in the middle");
    assert_eq!(place.list(), held, "the collection of a probe is dropped");
    // A server that keeps its data node for a collection that is gone would not come to this one.
    let database = ["--milvus-database", &place.database, "--if-exists", "skip"];
    let again = check(&place.target, &out, &database, &[]).ends_with(0);
    ends(&again, "earlier dump", "ok", &["nothing lies there"]);
    ends(&again, "probe", "ok", &["imported one row"]);
}

#[test]
fn a_bucket_that_milvus_does_not_read_is_told_with_the_one_that_it_does() {
    let (target, other) = (services::open(), services::with_auth().bucket);
    let out = format!("s3://{other}/{}", unique("check"));
    let found = check(&target, &out, &[], &[]).ends_with(1);
    ends(&found, "import files", "ok", &[&other]);
    ends(&found, "probe", "failed", &["Milvus could not import", "minio.bucketName", &other]);
    ends(&check(&target, &out, &["--no-probe"], &[]), "earlier dump", "ok", &["nothing lies there"]);
}

#[test]
fn what_does_not_depend_on_a_failed_step_is_still_looked_at() {
    let target = services::open();
    let out = format!("s3://{}/{}", target.bucket, unique("check"));
    let (access, secret) = services::read_only_keys();
    let read_only = [("M2M_S3_ACCESS_KEY", access.as_str()), ("M2M_S3_SECRET_KEY", secret.as_str())];
    let found = check(&target, &out, &[], &read_only).ends_with(1);
    ends(&found, "import files", "failed", &["write", &target.bucket]);
    ends(&found, "milvus", "ok", &[]);
    ends(&found, "probe", "skipped", &["no import files can be written"]);
    let found = check(&target, &out, &[], &[("M2M_S3_SECRET_KEY", services::WRONG)]).ends_with(1);
    ends(&found, "import files", "failed", &["secret key"]);
    let found = check(&target, "s3://no-such-bucket-here/x", &[], &[]).ends_with(1);
    ends(&found, "import files", "failed", &["no-such-bucket-here", "create it"]);
    let nobody = [("M2M_MILVUS", "127.0.0.1:9"), ("M2M_RETRY", "2")];
    let found = check(&target, &out, &[], &nobody).ends_with(1);
    ends(&found, "milvus", "failed", &["127.0.0.1:9"]);
    ends(&found, "import files", "ok", &[]);
    ends(&found, "probe", "skipped", &["no Milvus can be asked"]);
}

#[test]
fn a_server_that_asks_who_asks_is_told_apart() {
    let target = services::with_auth();
    let out = format!("s3://{}/{}", target.bucket, unique("check"));
    ends(&check(&target, &out, &[], &[]).ends_with(0), "probe", "ok", &["imported one row"]);
    let found = check(&target, &out, &[], &[("M2M_MILVUS_PASSWORD", services::WRONG)]).ends_with(1);
    ends(&found, "milvus", "failed", &["password"]);
}

#[test]
fn a_folder_is_probed_by_the_path_that_the_server_knows() {
    for target in [services::with_local_storage(), services::of_2_2()] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new/out");
        let out = out.to_str().unwrap();
        let seen = format!("m2m.serverPath={out}");
        let found = check(&target, out, &["--set", &seen], &[]).ends_with(0);
        ends(&found, "probe", "ok", &["imported one row"]);
        let elsewhere = ["--set", "m2m.serverPath=/nowhere"];
        let found = check(&target, out, &elsewhere, &[]).ends_with(1);
        ends(&found, "probe", "failed", &["`/nowhere`", "storageType: local"]);
        ends(&check(&target, out, &[], &[]).ends_with(1), "probe", "failed", &["m2m.serverPath"]);
        assert_eq!(walk(folder.path()), Vec::<std::path::PathBuf>::new());
        assert!(!folder.path().join("new").exists(), "the folders of a probe are removed");
    }
}

#[test]
fn a_folder_of_a_server_that_keeps_its_data_in_a_bucket_is_told() {
    let (target, folder) = (services::open(), tempfile::tempdir().unwrap());
    let out = folder.path().to_str().unwrap();
    let seen = format!("m2m.serverPath={out}");
    let found = check(&target, out, &["--set", &seen], &[]).ends_with(1);
    ends(&found, "probe", "failed", &["in a bucket", "--out s3://"]);
}

#[test]
fn the_report_for_programs_has_every_step() {
    let target = services::open();
    let out = format!("s3://{}/{}", target.bucket, unique("check"));
    let found = check(&target, &out, &["--json", "--no-probe"], &[]).ends_with(0);
    let report: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(report["ready"], true);
    let steps: Vec<&str> =
        report["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(
        steps,
        [
            "metadata",
            "segments",
            "write-ahead log",
            "old server",
            "import files",
            "disk space",
            "earlier dump",
            "milvus",
            "database",
            "collections",
            "probe"
        ]
    );
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}
