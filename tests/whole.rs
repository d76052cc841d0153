// SPDX-License-Identifier: Apache-2.0
//! Statements that write Parquet, CSV, JSON and Arrow leave whole files or none,
//! on this machine and in a bucket.

use std::fs;
use std::path::Path;

use futures::TryStreamExt;
use m2m_storage::{BucketOptions, Secret, Storage};

use crate::support::command::{Run, m2m, run_command};
use crate::support::fixtures;
use crate::support::services::{self, unique};

const FORMATS: [&str; 4] = ["parquet", "csv", "json", "arrow"];
/// The last row divides by zero, when parts of the file were sent.
const BROKEN: &str =
    "SELECT value AS n, value % 3 AS k, 1 / (1200000 - value) AS x FROM generate_series(1, 1200000)";

/// Runs statements with the keys of the S3 server.
fn sql(options: &[&str], statements: &str) -> Run {
    let install = fixtures::install("install-1.1.1");
    let mut args = vec!["sql", "--install", install.to_str().unwrap()];
    args.extend(options);
    args.push(statements);
    let mut command = m2m(&args);
    command
        .env("M2M_S3_ENDPOINT", services::open().s3_endpoint)
        .env("M2M_S3_ACCESS_KEY", services::s3_access())
        .env("M2M_S3_SECRET_KEY", services::s3_secret());
    let run = run_command(&args, command);
    services::assert_no_secret(&run);
    run
}

/// A prefix in the S3 server's bucket, of this call alone.
fn bucket(name: &str) -> (Storage, String) {
    let url = format!("s3://{}/whole/{}", services::open().bucket, unique(name));
    let options = BucketOptions {
        endpoint: Some(services::open().s3_endpoint),
        access_key: Some(services::s3_access().into()),
        secret_key: Some(Secret::from(services::s3_secret())),
        ..BucketOptions::default()
    };
    (Storage::open(&url, &options).unwrap(), url)
}

async fn objects(storage: &Storage) -> Vec<(String, u64)> {
    let files = storage.store().list(Some(storage.prefix()));
    let files = files.map_ok(|file| (file.location.filename().unwrap_or_default().to_owned(), file.size));
    files.try_collect().await.unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The ends of statements that write one file, a folder, and a folder for each value.
fn targets(place: &str, format: &str) -> [String; 3] {
    [
        format!("TO '{place}/x.{format}' STORED AS {format}"),
        format!("TO '{place}/new/' STORED AS {format}"),
        format!("TO '{place}/new/' STORED AS {format} PARTITIONED BY (k)"),
    ]
}

#[test]
fn failed_statement_leaves_a_folder_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    for format in FORMATS {
        let old = folder.path().join(format!("x.{format}"));
        fs::write(&old, "old").unwrap();
        for to in targets(&place, format) {
            let run = sql(&[], &format!("COPY ({BROKEN}) {to}")).ends_with(1);
            assert!(run.stderr.to_lowercase().contains("divide by zero"), "{}", run.stderr);
            assert_eq!(names(folder.path()), [format!("x.{format}")], "{to}");
            assert_eq!(fs::read_to_string(&old).unwrap(), "old", "{to}");
        }
        fs::remove_file(old).unwrap();
    }
}

#[tokio::test]
async fn failed_statement_leaves_a_bucket_as_it_was() {
    let (storage, url) = bucket("copy");
    for format in FORMATS {
        let old = storage.child(&format!("x.{format}"));
        storage.put_atomic(&old, "old".into()).await.unwrap();
        for to in targets(&url, format) {
            let run = sql(&[], &format!("COPY ({BROKEN}) {to}")).ends_with(1);
            assert!(run.stderr.to_lowercase().contains("divide by zero"), "{}", run.stderr);
            assert_eq!(objects(&storage).await, [(format!("x.{format}"), 3)], "{to}");
        }
        storage.delete(&old).await.unwrap();
    }
}

#[tokio::test]
async fn failed_output_leaves_a_bucket_as_it_was() {
    let (storage, url) = bucket("output");
    for format in ["csv", "parquet", "arrow", "ndjson"] {
        let to = format!("{url}/y.{format}");
        sql(&["-o", &to], BROKEN).ends_with(1);
        assert_eq!(objects(&storage).await, [], "{to}");
        let sound = BROKEN.replace("1200000 - value", "value");
        sql(&["-o", &to], &sound).ends_with(0);
        let whole = objects(&storage).await;
        assert!(whole.len() == 1 && whole[0].1 > 1_000_000, "{whole:?}");
        sql(&["-o", &to], BROKEN).ends_with(1);
        assert_eq!(objects(&storage).await, whole, "{to}");
        storage.delete(&storage.child(&format!("y.{format}"))).await.unwrap();
    }
}

#[tokio::test]
async fn copied_rows_come_back_from_a_bucket() {
    let (storage, url) = bucket("back");
    let folder = tempfile::tempdir().unwrap();
    let sound = BROKEN.replace("1200000 - value", "value");
    for format in FORMATS {
        let name = format!("x.{format}");
        let run = sql(&["--format", "ndjson"], &format!("COPY ({sound}) TO '{url}/{name}'")).ends_with(0);
        assert_eq!(run.stdout.trim(), "{\"count\":1200000}", "{name}");
        let here = folder.path().join(&name);
        fs::write(&here, storage.get(&storage.child(&name)).await.unwrap()).unwrap();
        let statements = format!(
            "CREATE EXTERNAL TABLE back STORED AS {format} LOCATION '{}'; \
             SELECT count(*) AS n, sum(n) AS s, sum(k) AS k, sum(x) AS x FROM back",
            here.display()
        );
        let run = sql(&["--format", "ndjson"], &statements).ends_with(0);
        let sums = "{\"n\":1200000,\"s\":720000600000,\"k\":1200000,\"x\":1}";
        assert_eq!(run.stdout.trim(), sums, "{name}");
    }
}
