// SPDX-License-Identifier: Apache-2.0
//! Files that users of milvus-migration have: the examples of its guide and
//! README, with nothing but addresses and secrets filled in.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::command::{Run, m2m, run_command};
use crate::support::fixtures;
use crate::support::services::{self, Target};

/// A collection with partitions, deletes and an index.
const COLLECTION: &str = "parts_only";

/// The example of this name, filled in.
fn configuration(
    example: &str,
    folder: &Path,
    target: &Target,
    prefix: &str,
    more: &[(&str, &str)],
) -> PathBuf {
    let example = fixtures::project().join("tests/config").join(example);
    let mut text = fs::read_to_string(example).unwrap();
    let install = fixtures::install("install-1.1.1");
    let (tables, meta) = (install.join("db/tables"), install.join("db/meta.sqlite"));
    let without_scheme = |url: &str| url.trim_start_matches("http://").to_owned();
    let (s3, milvus) = (without_scheme(&target.s3_endpoint), without_scheme(&target.milvus));
    let (ak, sk) = (services::s3_access(), services::s3_secret());
    let known = [
        ("tables", tables.to_str().unwrap()),
        ("meta.sqlite", meta.to_str().unwrap()),
        ("prefix", prefix),
        ("s3", &s3),
        ("bucket", &target.bucket),
        ("ak", &ak),
        ("sk", &sk),
        ("milvus", &milvus),
        ("username", "root"),
        ("password", "Milvus"),
    ];
    for (name, value) in known.iter().chain(more) {
        text = text.replace(&format!("<{name}>"), value);
    }
    assert!(!text.lines().any(|line| !line.starts_with('#') && line.contains('<')), "{text}");
    let file = folder.join("migration.yaml");
    fs::write(&file, text).unwrap();
    file
}

/// Runs `m2m` in `folder`, where it finds its configuration itself.
fn run_in(folder: &Path, args: &[&str]) -> Run {
    let mut command = m2m(args);
    command.current_dir(folder);
    let run = run_command(args, command);
    services::assert_no_secret(&run);
    run
}

/// Drops the collection in Milvus, because the examples name no database.
fn drop_collection(target: &Target) {
    let script = "import sys; from pymilvus import connections, utility\n\
        connections.connect(uri=sys.argv[1], user='root', password='Milvus')\n\
        utility.drop_collection(sys.argv[2])";
    let mut python = std::process::Command::new(services::python());
    assert!(python.args(["-c", script, &target.milvus, COLLECTION]).status().unwrap().success());
}

/// The examples name no database, so they take turns.
static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[test]
fn the_guides_example_runs_command_by_command() {
    let _alone = alone();
    let target = services::with_auth();
    let folder = tempfile::tempdir().unwrap();
    let sqlite = fixtures::install("install-1.1.1").join("db/meta.sqlite");
    let folder_name = folder.path().to_str().unwrap();
    run_in(folder.path(), &["export", "-s", sqlite.to_str().unwrap(), "-o", folder_name]).ends_with(0);
    let meta = folder.path().join("meta.json");
    let prefix = services::unique("migration/test");
    configuration("guide.yaml", folder.path(), &target, &prefix, &[("meta.json", meta.to_str().unwrap())]);

    run_in(folder.path(), &["config", "check"]).ends_with(0);
    drop_collection(&target);
    run_in(folder.path(), &["dump", "--col", COLLECTION]).ends_with(0);
    run_in(folder.path(), &["load"]).ends_with(0);
    run_in(folder.path(), &["verify", "--col", COLLECTION]).ends_with(0).says(&["verified 1 collection"]);
}

#[test]
fn the_readmes_example_with_sqlite_runs() {
    let _alone = alone();
    let target = services::with_auth();
    let folder = tempfile::tempdir().unwrap();
    configuration("sqlite.yaml", folder.path(), &target, &services::unique("output"), &[]);
    drop_collection(&target);
    run_in(folder.path(), &["start", "--col", COLLECTION]).ends_with(0).says(&["verified 1 collection"]);
}

#[test]
fn the_readmes_example_with_mysql_runs() {
    let _alone = alone();
    let target = services::with_auth();
    let mariadb = services::mariadb();
    let folder = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", mariadb.port);
    let more = [
        ("user", mariadb.user.as_str()),
        ("mysql password", &mariadb.password),
        ("mysql", &address),
        ("database", "milvus_1_1_1"),
    ];
    configuration("mysql.yaml", folder.path(), &target, &services::unique("output"), &more);
    drop_collection(&target);
    run_in(folder.path(), &["start", "--col", COLLECTION]).ends_with(0).says(&["verified 1 collection"]);
}
