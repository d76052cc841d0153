// SPDX-License-Identifier: Apache-2.0
//! The whole way, on a real Milvus 2.3.5 and a real S3 server.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::command::{Run, run_command};
use crate::support::fixtures::{self, CollectionTruth};
use crate::support::services::{self, Target, unique};

fn run(target: &Target, args: &[&str]) -> Run {
    let run = run_command(args, target.m2m(args));
    services::assert_no_secret(&run);
    run
}

/// Migrates an installation into a database of its own and checks everything.
fn migrate(target: &Target, install: &str, more: &[&str]) -> (String, Run) {
    let database = unique("it");
    let out = format!("s3://{}/{database}", target.bucket);
    let root = fixtures::install(install);
    let mut args = vec![
        "migrate",
        "--install",
        root.to_str().unwrap(),
        "--out",
        &out,
        "--milvus-database",
        &database,
        "--sample",
        "100000",
    ];
    args.extend(more);
    let run = run(target, &args);
    (database, run)
}

/// What Milvus holds, read by pymilvus and compared with the truth. A dump on
/// this machine tells the tool which ids repeat, and the partitions' new names.
fn check_in_milvus(target: &Target, database: &str, install: &str) {
    let dump = tempfile::tempdir().unwrap();
    let root = fixtures::install(install);
    let args = [
        "dump",
        "--allow-unflushed",
        "--install",
        root.to_str().unwrap(),
        "--out",
        dump.path().to_str().unwrap(),
    ];
    crate::support::command::run(&args).ends_with(0);
    let mut command = Command::new(services::python());
    command
        .arg(fixtures::project().join("tests/tools/milvus_digest.py"))
        .args(["--uri", &target.milvus, "--db", database, "--no-others", "--truth"])
        .arg(fixtures::truth_file(install))
        .arg("--dump")
        .arg(dump.path());
    if target.auth {
        command.args(["--user", "root", "--password", "Milvus"]);
    }
    let output = command.output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{install}: {said}");
}

fn names(collections: &[CollectionTruth]) -> impl Iterator<Item = &str> {
    collections.iter().map(|collection| collection.collection.as_str())
}

#[test]
fn an_installation_of_1_1_1_is_migrated_and_milvus_holds_exactly_its_truth() {
    let target = services::open();
    let (database, run) = migrate(&target, "install-1.1.1", &[]);
    let run = run.ends_with(0);
    for name in names(&fixtures::truth("install-1.1.1").collections) {
        assert!(run.stderr.contains(&format!("load: {name} is queryable")), "{}", run.stderr);
    }
    // What Milvus cannot show is named, not passed over.
    let run = run.says(&["note: float_l2", "compared by count only", "JACCARD", "2020-Q1", "verified"]);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    check_in_milvus(&target, &database, "install-1.1.1");
}

#[test]
fn an_installation_of_1_0_0_is_migrated_with_authentication_on() {
    let target = services::with_auth();
    let (database, run) = migrate(&target, "install-1.0.0", &[]);
    run.ends_with(0);
    check_in_milvus(&target, &database, "install-1.0.0");
}

#[test]
fn unflushed_rows_are_left_behind_only_when_asked() {
    let target = services::open();
    let (_, run) = migrate(&target, "install-1.1.1-unflushed", &[]);
    run.ends_with(1).says(&["float_l2", "--allow-unflushed"]);
    let (database, run) = migrate(&target, "install-1.1.1-unflushed", &["--allow-unflushed"]);
    run.ends_with(0).says(&["5 inserted rows are left behind", "1 deleted rows come back"]);
    check_in_milvus(&target, &database, "install-1.1.1-unflushed");
}

#[test]
fn a_configuration_file_migrates_as_flags_do() {
    let target = services::with_auth();
    let database = unique("cfg");
    let root = fixtures::install("test1w");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("migration.yaml");
    let example = fs::read_to_string(fixtures::project().join("examples/migration.yaml")).unwrap();
    let text = example
        .replace("mode: sqlite ", "mode: local ")
        .replace(
            "sqliteFile: /var/lib/milvus/db/meta.sqlite",
            &format!("localFile: {}/meta.json", root.display()),
        )
        .replace("/var/lib/milvus/db/tables", &format!("{}/tables", root.display()))
        .replace("outputDir: from-1x", &format!("outputDir: {database}"))
        .replace("endpoint: 127.0.0.1:9000", &format!("endpoint: {}", target.s3_endpoint))
        .replace("bucket: a-bucket", &format!("bucket: {}", target.bucket))
        .replace("ak: minioadmin", &format!("ak: {}", std::env::var("S3_ACCESS_KEY").unwrap()))
        .replace("sk: minioadmin", &format!("sk: {}", services::s3_secret()))
        .replace("endpoint: 127.0.0.1:19530", &format!("endpoint: {}", target.milvus))
        + &format!("    database: {database}\n");
    fs::write(&file, text).unwrap();
    let args = ["start", "-c", file.to_str().unwrap()];
    let run = run_command(&args, crate::support::command::m2m(&args)).ends_with(0);
    run.says(&["verified 1 collection", "1,000 rows compared bit for bit"]);
}

#[test]
fn dump_load_and_verify_are_the_same_as_migrate() {
    let target = services::open();
    let database = unique("steps");
    let out = format!("s3://{}/{database}", target.bucket);
    let root = fixtures::install("install-1.1.1");
    let (root, db) = (root.to_str().unwrap(), ["--milvus-database", &database]);
    let col = ["--col", "bin_ivf,indexed_ip_hnsw"];
    run(&target, &[&["dump", "--install", root, "--out", &out][..], &col].concat()).ends_with(0);
    let load = [&["load", "--out", &out][..], &db].concat();
    let expecting = |what: &str| run(&target, &[&load[..], &["--set", what]].concat()).ends_with(2);
    expecting("target.create.collection.dim=9").says(&["dimension", "expected 9"]);
    expecting("target.create.collection.name=other").says(&["`other`", "2 are selected"]);
    run(&target, &load).ends_with(0);
    let verified =
        run(&target, &[&["verify", "--json", "--install", root][..], &db, &col].concat()).ends_with(0);
    let report: Value = serde_json::from_str(&verified.stdout).unwrap();
    assert_eq!(report["collections"].as_array().unwrap().len(), 2);
    assert_eq!(report["collections"][0]["differences"].as_array().unwrap().len(), 0);

    // A second load must not double the rows.
    let again = run(&target, &[&["load", "--out", &out][..], &db].concat()).ends_with(0);
    again.says(&["bin_ivf", "nothing is imported again"]);
    run(&target, &[&["verify", "--install", root][..], &db, &col].concat()).ends_with(0);
}

#[test]
fn verify_ends_with_3_when_milvus_holds_something_else() {
    let target = services::open();
    let database = unique("other");
    let out = format!("s3://{}/{database}", target.bucket);
    let folder = tempfile::tempdir().unwrap();
    let write = |vector_of_5: f32, rows: i64| {
        let ids: Vec<i64> = (0..rows).collect();
        let mut vectors: Vec<f32> = ids.iter().flat_map(|&id| [id as f32, 0.5]).collect();
        vectors[10] = vector_of_5;
        let mut install = crate::support::install::Install::new(folder.path());
        install.collection("c", 2).segment("7", &ids, &vectors, &[]).finish();
    };
    let path = folder.path().to_str().unwrap();
    let verify = ["verify", "--install", path, "--milvus-database", &database];
    write(5.0, 100);
    run(&target, &["migrate", "--install", path, "--out", &out, "--milvus-database", &database]).ends_with(0);
    run(&target, &verify).ends_with(0);
    write(5.000_001, 100);
    run(&target, &verify).ends_with(3).says(&["id 5 has another vector"]);
    write(5.0, 101);
    run(&target, &verify)
        .ends_with(3)
        .says(&["Milvus counts 100 rows, the source has 101", "id 100 is missing"]);
}

#[test]
fn a_refused_file_is_reported_in_the_servers_own_words() {
    let target = services::open();
    let database = unique("refused");
    let folder = tempfile::tempdir().unwrap();
    let mut install = crate::support::install::Install::new(folder.path());
    install.collection("c", 2).segment("7", &[1, 2], &[0.0; 4], &[]).finish();
    let path = folder.path().to_str().unwrap();
    // A local folder is no place from which a Milvus on S3 can import, whatever the user says.
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    let seen = format!("m2m.serverPath={out}");
    let args = ["migrate", "--install", path, "--out", out, "--set", &seen, "--milvus-database", &database];
    run(&target, &args).ends_with(1).says(&["import job", "collection `c`", "failed", "c/_default/7"]);
}

#[test]
fn a_folder_is_imported_by_a_server_with_local_storage() {
    let target = services::with_local_storage();
    let database = unique("local");
    let root = fixtures::install("install-1.0.0");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    let seen = format!("m2m.serverPath={out}");
    let (root, col) = (root.to_str().unwrap(), ["--col", "float_l2"]);
    let args = ["migrate", "--install", root, "--out", out, "--set", &seen, "--milvus-database", &database];
    run(&target, &[&args[..], &col].concat()).ends_with(0).says(&["verified 1 collection"]);
}

#[test]
fn a_collection_gets_another_name_when_the_configuration_says_so() {
    let target = services::open();
    let database = unique("renamed");
    let folder = tempfile::tempdir().unwrap();
    let mut install = crate::support::install::Install::new(folder.path());
    install.collection("c", 2).segment("7", &[1, 2], &[0.0, 1.0, 2.0, 3.0], &[]);
    install.collection("d", 2).segment("8", &[3], &[0.0; 2], &[]).finish();
    let path = folder.path().to_str().unwrap();
    let out = format!("s3://{}/{database}", target.bucket);
    let create = |key: &str, value: &str| format!("target.create.collection.{key}={value}");
    let rename = create("name", "renamed");
    let args = |more: &[&str]| {
        let args = ["migrate", "--install", path, "--out", &out, "--milvus-database", &database];
        let set = ["--set", &rename];
        run(&target, &[&args[..], &set, more].concat())
    };
    args(&[]).ends_with(2).says(&["`renamed`", "2 are selected", "--col"]);
    args(&["--col", "c", "--set", &create("dim", "3")]).ends_with(2).says(&["dimension 2, expected 3"]);
    args(&["--col", "c", "--set", &create("metricType", "IP")])
        .ends_with(2)
        .says(&["metric L2, expected IP"]);
    let fits = [create("dim", "2"), create("metricType", "l2"), create("shardsNum", "2")];
    let fits: Vec<&str> = fits.iter().flat_map(|one| ["--set", one.as_str()]).collect();
    args(&[&["--col", "c"][..], &fits].concat()).ends_with(0).says(&["the collection becomes `renamed`"]);
    run(&target, &["verify", "--install", path, "--milvus-database", &database, "--col", "c"])
        .ends_with(3)
        .says(&["collection `c` does not exist"]);
}
