// SPDX-License-Identifier: Apache-2.0
//! What is wrong around an installation, each told within seconds, with its
//! place and what to do, and without a secret.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::command::{Run, m2m, run_command};
use crate::support::fixtures;
use crate::support::services::{self, Target};

/// Longer than any limit of ours, shorter than anybody's patience.
const SOON: Duration = Duration::from_secs(30);

fn soon(args: &[&str], command: Command) -> Run {
    let began = Instant::now();
    let run = run_command(args, command);
    assert!(began.elapsed() < SOON, "it took {:?}\n{}", began.elapsed(), run.observation(&[]));
    services::assert_no_secret(&run);
    run
}

/// Dumps into a bucket, with `changes` to the environment.
fn dump(target: &Target, out: &str, changes: &[(&str, &str)]) -> Run {
    let root = fixtures::install("test1w");
    let args = ["dump", "--install", root.to_str().unwrap(), "--out", out];
    let mut command = target.m2m(&args);
    command.envs(changes.iter().copied());
    soon(&args, command).ends_with(1)
}

#[test]
fn a_bucket_that_cannot_be_used_is_named_with_its_reason() {
    let target = services::open();
    let out = format!("s3://{}/{}", target.bucket, services::unique("never"));
    dump(&target, "s3://no-such-bucket-here/x", &[]).says(&["no-such-bucket-here", "create it"]);
    dump(&target, &out, &[("M2M_S3_ENDPOINT", "127.0.0.1:9")]).says(&["127.0.0.1:9", "cannot reach"]);
    dump(&target, &out, &[("M2M_S3_ENDPOINT", "m2m.invalid:9000")]).says(&["m2m.invalid", "cannot reach"]);
    let wrong = [("M2M_S3_SECRET_KEY", services::WRONG)];
    dump(&target, &out, &wrong).says(&[&target.bucket, "secret key"]);
    let unknown = [("M2M_S3_ACCESS_KEY", services::WRONG)];
    dump(&target, &out, &unknown).says(&[&target.bucket, "access key"]);
}

#[test]
fn a_bucket_that_can_only_be_read_is_told_before_anything_is_read() {
    let target = services::open();
    let out = format!("s3://{}/{}", target.bucket, services::unique("never"));
    let (access, secret) = services::read_only_keys();
    dump(&target, &out, &[("M2M_S3_ACCESS_KEY", &access), ("M2M_S3_SECRET_KEY", &secret)])
        .says(&[&target.bucket, "write"]);
}

#[test]
fn credentials_that_have_expired_are_told() {
    let target = services::open();
    let out = format!("s3://{}/{}", target.bucket, services::unique("never"));
    let root = fixtures::install("test1w");
    let args = ["dump", "--install", root.to_str().unwrap(), "--out", &out];
    let mut command = m2m(&args);
    command
        .env("M2M_S3_ENDPOINT", &target.s3_endpoint)
        .env("AWS_ACCESS_KEY_ID", services::s3_access())
        .env("AWS_SECRET_ACCESS_KEY", services::s3_secret())
        .env("AWS_SESSION_TOKEN", services::WRONG);
    soon(&args, command).ends_with(1).says(&[&target.bucket]);
}

#[test]
fn a_milvus_that_cannot_be_used_is_named_with_its_reason() {
    let target = services::with_auth();
    let out = format!("s3://{}/{}", target.bucket, services::unique("never"));
    let root = fixtures::install("test1w");
    let args = ["migrate", "--install", root.to_str().unwrap(), "--out", &out];
    let with = |name: &str, value: &str| {
        let mut command = target.m2m(&args);
        command.env(name, value);
        soon(&args, command).ends_with(1)
    };
    with("M2M_MILVUS_PASSWORD", services::WRONG).says(&["127.0.0.1", "password"]);
    with("M2M_MILVUS", "127.0.0.1:9").says(&["127.0.0.1:9"]);
    // An S3 server is no Milvus.
    with("M2M_MILVUS", &target.s3_endpoint).says(&["127.0.0.1"]);
}

#[test]
fn a_database_that_cannot_be_used_is_named_with_its_reason() {
    let mariadb = services::mariadb();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let export = |dsn: &str| {
        let args = ["export", "-m", dsn, "-o", out];
        soon(&args, m2m(&args)).ends_with(1)
    };
    let dsn = |user: &str, password: &str, address: &str, database: &str| {
        format!("{user}:{password}@tcp({address})/{database}")
    };
    let (user, password, address) =
        (&mariadb.user, &mariadb.password, &format!("127.0.0.1:{}", mariadb.port));
    export(&dsn(user, services::WRONG, address, "milvus"))
        .says(&[address, "refuses the user or the password"]);
    export(&dsn(user, password, "127.0.0.1:9", "milvus")).says(&["127.0.0.1:9", "nothing listens there"]);
    export(&dsn(user, password, address, "milvus_nowhere")).says(&["milvus_nowhere", "no such database"]);
    export(&dsn(user, password, address, "milvus_other")).says(&["milvus_other", "`Tables`"]);
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "a failed export left something");
}

#[test]
fn a_folder_is_loaded_from_only_where_the_server_sees_it() {
    let target = services::open();
    let root = fixtures::install("test1w");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let args = ["migrate", "--install", root.to_str().unwrap(), "--out", out.to_str().unwrap()];
    soon(&args, target.m2m(&args)).ends_with(2).says(&["m2m.serverPath", "storageType: local"]);
    assert!(!out.exists());
}
