// SPDX-License-Identifier: Apache-2.0
//! Segments in object storage are read as those on disk are.

use std::fs;
use std::path::{Path, PathBuf};

use m2m_storage::{BucketOptions, Secret, Storage};

use crate::numpy::compare;
use crate::support::command::{Run, m2m, run_command};
use crate::support::fixtures;
use crate::support::services::{self, unique};

const INSTALL: &str = "install-1.1.1";

/// The files below a folder, each with its path from there.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let relative = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.push((path, relative));
            }
        }
    }
    files
}

/// How the first S3 server is reached.
fn first() -> BucketOptions {
    BucketOptions {
        endpoint: Some(services::open().s3_endpoint),
        access_key: Some(services::s3_access().into()),
        secret_key: Some(Secret::from(services::s3_secret())),
        ..BucketOptions::default()
    }
}

/// Uploads the segments of the installation, and returns their prefix.
pub(crate) async fn upload() -> String {
    let prefix = unique("var/lib/milvus/db/tables");
    let storage = Storage::bucket(&services::open().bucket, &prefix, &first()).unwrap();
    for (file, relative) in files(&fixtures::install(INSTALL).join("db/tables")) {
        storage.put_atomic(&storage.child(&relative), fs::read(file).unwrap().into()).await.unwrap();
    }
    prefix
}

/// The environment of a source in the bucket of the first server.
pub(crate) fn of_first(prefix: &str) -> Vec<(&'static str, String)> {
    let target = services::open();
    let meta = fixtures::install(INSTALL).join("db/meta.sqlite");
    vec![
        ("M2M_SOURCE_MODE", "remote".into()),
        ("M2M_SOURCE_REMOTE_TABLES_DIR", prefix.into()),
        ("M2M_SOURCE_REMOTE_ENDPOINT", target.s3_endpoint),
        ("M2M_SOURCE_REMOTE_BUCKET", target.bucket),
        ("M2M_SOURCE_REMOTE_AK", services::s3_access()),
        ("M2M_SOURCE_REMOTE_SK", services::s3_secret()),
        ("M2M_META_SQLITE_FILE", meta.to_str().unwrap().into()),
    ]
}

fn run(args: &[&str], variables: &[(&'static str, String)]) -> Run {
    let mut command = m2m(args);
    command.envs(variables.iter().map(|(name, value)| (*name, value)));
    let run = run_command(args, command);
    services::assert_no_secret(&run);
    run
}

fn dump(variables: &[(&'static str, String)]) {
    let out = tempfile::tempdir().unwrap();
    run(&["dump", "--out", out.path().to_str().unwrap()], variables).ends_with(0);
    compare(out.path(), INSTALL);
}

#[tokio::test]
async fn a_dump_from_a_bucket_equals_the_truth() {
    let prefix = upload().await;
    let mut variables = of_first(&prefix);
    dump(&variables);
    // With a `/` before the prefix, with small blocks, and with metadata in the bucket too.
    variables[1].1 = format!("/{prefix}/");
    variables.push(("M2M_DUMPER_WORKER_READER_BUFFER_SIZE", "64".into()));
    let meta = tempfile::tempdir().unwrap();
    let folder = meta.path().to_str().unwrap();
    run(&["export", "--out", folder], &variables).ends_with(0);
    let key = format!("{prefix}/meta.json");
    let storage = Storage::bucket(&services::open().bucket, "", &first()).unwrap();
    let text = fs::read(meta.path().join("meta.json")).unwrap();
    storage.put_atomic(&storage.child(&key), text.into()).await.unwrap();
    variables.retain(|(name, _)| *name != "M2M_META_SQLITE_FILE");
    variables.extend([("M2M_META_MODE", "remote".into()), ("M2M_META_REMOTE_META_FILE", key)]);
    dump(&variables);
}

#[test]
fn keys_that_begin_with_a_slash_are_found() {
    let prefix = unique("/var/lib/milvus/db/tables");
    let segments = files(&fixtures::install(INSTALL).join("db/tables"));
    let keyed: Vec<_> =
        segments.into_iter().map(|(file, relative)| (file, format!("{prefix}/{relative}"))).collect();
    services::put_in_second_s3("m2m-slash", &keyed);
    let mut variables = of_first(&prefix);
    for (name, value) in &mut variables {
        match *name {
            "M2M_SOURCE_REMOTE_ENDPOINT" => *value = services::second_s3(),
            "M2M_SOURCE_REMOTE_BUCKET" => *value = "m2m-slash".into(),
            _ => {}
        }
    }
    dump(&variables);
    let shown = run(&["sql", "--format", "csv", "SELECT path FROM meta.segments LIMIT 1"], &variables);
    assert!(shown.stdout.contains(&format!("s3://m2m-slash/{prefix}/")), "{}{}", shown.stdout, shown.stderr);
}

/// Two servers often have a bucket of the same name, `milvus-bucket`.
#[tokio::test]
async fn a_bucket_of_the_same_name_on_another_server_is_another_bucket() {
    let prefix = upload().await;
    let bucket = services::open().bucket;
    let made = std::process::Command::new("curl")
        .args(["--silent", "--fail", "--request", "PUT", &format!("{}/{bucket}", services::second_s3())])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let mut variables = of_first(&prefix);
    variables.extend([
        ("M2M_S3_ENDPOINT", services::second_s3()),
        ("M2M_S3_ACCESS_KEY", "any".into()),
        ("M2M_S3_SECRET_KEY", "any".into()),
    ]);
    let out = format!("s3://{bucket}/{}", unique("same"));
    run(&["dump", "--out", &out], &variables).ends_with(0);
    // What was written is a source of files again: read it back to this machine.
    let second = BucketOptions {
        endpoint: Some(services::second_s3()),
        access_key: Some("any".into()),
        secret_key: Some(Secret::from("any")),
        ..BucketOptions::default()
    };
    let written = Storage::open(&out, &second).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let manifest = m2m_sink::manifest::Manifest::read(&written).await.unwrap();
    let names: Vec<String> = manifest.files().map(|file| file.path.clone()).collect();
    for name in names.iter().map(String::as_str).chain(["manifest.json", "meta.json"]) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, written.get(&written.child(name)).await.unwrap()).unwrap();
    }
    compare(folder.path(), INSTALL);
}

#[tokio::test]
async fn what_is_missing_in_a_bucket_is_named() {
    let prefix = upload().await;
    let variables = of_first(&prefix);
    let sql = ["sql", "--format", "csv", "SELECT count(*) AS n FROM float_l2 WHERE id > 0"];
    let target = services::open();
    let storage = Storage::bucket(&target.bucket, &prefix, &first()).unwrap();
    let gone = storage.child("float_l2/1620000000417262000/deleted_docs");
    assert!(storage.exists(&gone).await.unwrap());
    storage.delete(&gone).await.unwrap();
    run(&sql, &variables).ends_with(1).says(&[&storage.display(&gone)]);

    let with = |name: &'static str, value: &str| {
        let mut variables = variables.clone();
        variables.push((name, value.into()));
        run(&sql, &variables).ends_with(1)
    };
    with("M2M_SOURCE_REMOTE_TABLES_DIR", "no/such/prefix").says(&["no/such/prefix", "no segment"]);
    with("M2M_SOURCE_REMOTE_BUCKET", "no-such-bucket").says(&["no-such-bucket"]);
    with("M2M_SOURCE_REMOTE_ENDPOINT", "127.0.0.1:9").says(&["127.0.0.1:9", "cannot reach"]);
    with("M2M_SOURCE_REMOTE_SK", services::WRONG).says(&[&target.bucket, "secret key"]);
}

/// To read is enough for a source.
#[tokio::test]
async fn a_source_is_read_with_keys_that_cannot_write() {
    let prefix = upload().await;
    let mut variables = of_first(&prefix);
    let (access, secret) = services::read_only_keys();
    variables.extend([("M2M_SOURCE_REMOTE_AK", access), ("M2M_SOURCE_REMOTE_SK", secret)]);
    dump(&variables);
}
