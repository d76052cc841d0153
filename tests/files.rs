// SPDX-License-Identifier: Apache-2.0
//! The command writes data files that others read as the truth, and reads what
//! it wrote, on this machine and in a bucket.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use futures::TryStreamExt;
use m2m_storage::{BucketOptions, Secret, Storage};
use serde::Deserialize;

use crate::support::command::{Run, m2m, run_command};
use crate::support::fixtures;
use crate::support::services::{self, unique};

const INSTALL: &str = "install-1.1.1";

/// Runs statements over the fixture, with the keys of the S3 server.
fn sql(options: &[&str], statements: &str) -> Run {
    let install = fixtures::install(INSTALL);
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

/// What statements return: an object for each row.
#[track_caller]
fn answers(statements: &str) -> Vec<String> {
    let run = sql(&["--format", "ndjson"], statements).ends_with(0);
    run.stdout.lines().map(str::to_owned).collect()
}

/// Where files go: a folder of this machine, or a prefix of a bucket.
enum Place {
    Folder(tempfile::TempDir),
    Bucket { storage: Storage, url: String },
}

impl Place {
    fn both(name: &str) -> [Self; 2] {
        let url = format!("s3://{}/files/{}", services::open().bucket, unique(name));
        let options = BucketOptions {
            endpoint: Some(services::open().s3_endpoint),
            access_key: Some(services::s3_access().into()),
            secret_key: Some(Secret::from(services::s3_secret())),
            ..BucketOptions::default()
        };
        let storage = Storage::open(&url, &options).unwrap();
        [Self::Folder(tempfile::tempdir().unwrap()), Self::Bucket { storage, url }]
    }

    /// The path or URL of a file.
    fn of(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => format!("{}/{name}", folder.path().display()),
            Self::Bucket { url, .. } => format!("{url}/{name}"),
        }
    }

    /// A folder of this machine that has all files.
    async fn fetch(self) -> tempfile::TempDir {
        let (storage, folder) = match self {
            Self::Folder(folder) => return folder,
            Self::Bucket { storage, .. } => (storage, tempfile::tempdir().unwrap()),
        };
        let files: Vec<_> = storage.store().list(Some(storage.prefix())).try_collect().await.unwrap();
        for file in files {
            let name = file.location.as_ref().strip_prefix(storage.prefix().as_ref()).unwrap();
            let path = folder.path().join(name.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, storage.get(&file.location).await.unwrap()).unwrap();
        }
        folder
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) {
        match self {
            Self::Folder(folder) => fs::write(folder.path().join(name), bytes).unwrap(),
            Self::Bucket { storage, .. } => {
                storage.put_atomic(&storage.child(name), bytes.into()).await.unwrap();
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Digests {
    rows: u64,
    sorted_rows_sha256: String,
}

/// Has numpy and pyarrow read files, and compares each with the truth of a collection of one partition.
#[track_caller]
fn compare(folder: &Path, names: &[String], collection: &str) {
    let paths: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    let script = fixtures::project().join("tests/tools/data_files.py");
    let output = Command::new(services::python()).arg(script).args(&paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: HashMap<String, Digests> = serde_json::from_slice(&output.stdout).unwrap();
    let truth = fixtures::truth(INSTALL);
    let truth = truth.collections.iter().find(|truth| truth.collection == collection).unwrap();
    let [partition] = &truth.partitions[..] else { panic!("{collection} has more than one partition") };
    for path in paths {
        let found = &found[path.to_str().unwrap()];
        let expected = (partition.live_rows, &partition.sorted_rows_sha256);
        assert_eq!((found.rows, &found.sorted_rows_sha256), expected, "{}", path.display());
    }
}

/// A float and a binary collection of one partition, with their rows.
const COLLECTIONS: [(&str, u64); 2] = [("float_l2", 687), ("bin_hamming", 120)];

#[tokio::test]
async fn results_in_every_form_of_file_are_the_truth() {
    for (collection, _) in COLLECTIONS {
        for place in Place::both(&format!("forms_{collection}")) {
            let mut names = vec!["x.parquet", "x.arrow", "x.ndjson", "dir/"];
            if matches!(place, Place::Folder(_)) {
                names.extend(["x.csv", "x.json"]);
            }
            for name in &names {
                let query = format!("SELECT id, vector FROM {collection}");
                let run = sql(&["-o", &place.of(name)], &query).ends_with(0);
                assert_eq!(run.stdout, "", "{name}");
            }
            let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
            compare(place.fetch().await.path(), &names, collection);
        }
    }
}

#[tokio::test]
async fn column_in_one_array_is_the_truth() {
    for (collection, statement) in [
        ("compacted_l2", "vector.dtype.str == '<f4' and vector.shape == (407, 16)"),
        ("bin_hamming", "vector.dtype.str == '|u1' and vector.shape == (120, 16)"),
    ] {
        for place in Place::both(&format!("column_{collection}")) {
            for column in ["id", "vector"] {
                let query = format!("SELECT {column} FROM {collection} ORDER BY id");
                sql(&["-o", &place.of(&format!("{column}.npy"))], &query).ends_with(0);
            }
            let folder = place.fetch().await;
            let script = fixtures::project().join("tests/tools/numpy_copy.py");
            let mut python = Command::new(services::python());
            let output = python.arg(script).arg(folder.path()).arg(statement).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            compare(folder.path(), &[String::new()], collection);
        }
    }
}

/// What a table holds that a query does not return, and the other way round.
fn differences(table: &str, query: &str) -> String {
    format!(
        "SELECT count(*) AS n FROM {table}; SELECT count(*) AS n FROM (SELECT * FROM {table} EXCEPT {query}); \
         SELECT count(*) AS n FROM ({query} EXCEPT SELECT * FROM {table})"
    )
}

/// What a session answers that copied `rows` and finds all of them again.
fn same(rows: u64) -> Vec<String> {
    vec![format!("{{\"count\":{rows}}}"), format!("{{\"n\":{rows}}}"), "{\"n\":0}".into(), "{\"n\":0}".into()]
}

#[test]
fn copied_arrays_are_a_table_of_the_same_session() {
    for (collection, rows) in COLLECTIONS {
        for place in Place::both(&format!("arrays_{collection}")) {
            let (query, to) = (format!("SELECT id, vector FROM {collection}"), place.of("a folder/"));
            let options = if collection == "bin_hamming" { "OPTIONS ('binary' 'true')" } else { "" };
            let session = format!(
                "COPY ({query}) TO '{to}' STORED AS NPY; \
                 CREATE EXTERNAL TABLE back STORED AS NPY LOCATION '{to}' {options}; {}",
                differences("back", &query)
            );
            assert_eq!(answers(&session), same(rows), "{to}");
        }
    }
}

/// Forms of files, and what of a collection to compare with a table of them.
const FORMS: [(&str, &str, &str, &str); 6] = [
    ("float_l2", "PARQUET", "SELECT id, vector, partition_tag FROM float_l2", "back"),
    ("bin_hamming", "PARQUET", "SELECT id, vector, partition_tag FROM bin_hamming", "back"),
    (
        "float_l2",
        "JSON",
        "SELECT id, vector, partition_tag FROM float_l2",
        "(SELECT id, arrow_cast(vector, 'FixedSizeList(16, Float32)'), partition_tag FROM back)",
    ),
    (
        "bin_hamming",
        "JSON",
        "SELECT id, vector, partition_tag FROM bin_hamming",
        "(SELECT id, arrow_cast(decode(vector, 'hex'), 'FixedSizeBinary(16)'), partition_tag FROM back)",
    ),
    (
        "float_l2",
        "CSV",
        "SELECT id, array_to_string(vector, ' ') AS vector, partition_tag FROM float_l2",
        "back",
    ),
    (
        "bin_hamming",
        "CSV",
        "SELECT id, vector, partition_tag FROM bin_hamming",
        "(SELECT id, arrow_cast(decode(vector, 'hex'), 'FixedSizeBinary(16)'), partition_tag FROM back)",
    ),
];

#[test]
fn copied_files_of_other_forms_are_tables_of_the_same_session() {
    for place in Place::both("tables") {
        for (collection, form, query, back) in FORMS {
            let (_, rows) = COLLECTIONS.into_iter().find(|(name, _)| *name == collection).unwrap();
            // One file, and a folder of files with names of their own.
            for name in [format!("{collection}.{}", form.to_lowercase()), format!("{collection} {form}/")] {
                let to = place.of(&name);
                let session = format!(
                    "COPY ({query}) TO '{to}' STORED AS {form}; \
                     CREATE EXTERNAL TABLE back STORED AS {form} LOCATION '{to}'; {}",
                    differences(back, query)
                );
                assert_eq!(answers(&session), same(rows), "{to}");
            }
        }
    }
}

#[test]
fn vectors_of_a_table_from_json_are_searched() {
    let place = Place::Folder(tempfile::tempdir().unwrap());
    let to = place.of("x.json");
    let session = format!(
        "COPY (SELECT id, vector FROM compacted_l2) TO '{to}'; \
         CREATE EXTERNAL TABLE back STORED AS JSON LOCATION '{to}'; \
         SELECT count(*) AS n FROM back b JOIN compacted_l2 c ON b.id = c.id WHERE l2_distance(b.vector, c.vector) = 0"
    );
    assert_eq!(answers(&session), ["{\"count\":407}", "{\"n\":407}"]);
}

#[test]
fn csv_has_no_form_for_vectors_of_numbers() {
    for place in Place::both("csv") {
        let to = place.of("x.csv");
        sql(&[], &format!("COPY (SELECT id, vector FROM float_l2) TO '{to}' STORED AS CSV"))
            .ends_with(1)
            .says(&["Nested type FixedSizeList", "not supported in CSV"]);
    }
}

#[tokio::test]
async fn compressed_files_are_read_and_written() {
    const COMPRESSED: &str = "OPTIONS ('format.compression' 'gzip')";
    let query = "SELECT id, vector FROM bin_hamming";
    let decoded = "(SELECT id, arrow_cast(decode(vector, 'hex'), 'FixedSizeBinary(16)') FROM back)";
    for place in Place::both("gzip") {
        let mut names = Vec::new();
        for (form, ending) in [("CSV", "csv"), ("JSON", "ndjson")] {
            let plain = tempfile::tempdir().unwrap();
            let path = plain.path().join(format!("x.{ending}"));
            sql(&["-o", path.to_str().unwrap()], query).ends_with(0);
            let gzip = Command::new("gzip").arg("--stdout").arg(&path).output().unwrap();
            assert!(gzip.status.success());
            // One that gzip itself compressed is read, one that is written is read again.
            let (theirs, ours) = (format!("theirs.{ending}.gz"), format!("ours.{ending}.gz"));
            place.put(&theirs, gzip.stdout).await;
            let (theirs, to) = (place.of(&theirs), place.of(&ours));
            let session = format!(
                "COPY ({query}) TO '{to}' STORED AS {form} {COMPRESSED}; \
                 CREATE EXTERNAL TABLE back STORED AS {form} LOCATION '{theirs}' {COMPRESSED}; {}; \
                 CREATE OR REPLACE EXTERNAL TABLE back STORED AS {form} LOCATION '{to}' {COMPRESSED}; {}",
                differences(decoded, query),
                differences(decoded, query)
            );
            assert_eq!(answers(&session), [&same(120)[..], &same(120)[1..]].concat(), "{to}");
            names.push(ours);
        }
        compare(place.fetch().await.path(), &names, "bin_hamming");
    }
}

#[test]
fn partition_tags_of_any_letters_are_folders_and_columns_again() {
    for place in Place::both("tags") {
        let (query, to) = ("SELECT id, vector, partition_tag FROM ip_parts", place.of("parts/"));
        let session = format!(
            "COPY ({query}) TO '{to}' STORED AS PARQUET PARTITIONED BY (partition_tag); \
             CREATE EXTERNAL TABLE back STORED AS PARQUET PARTITIONED BY (partition_tag) LOCATION '{to}'; \
             {}; SELECT count(*) AS n FROM back WHERE partition_tag = '2020-Q1 报表/x'",
            differences("back", query)
        );
        assert_eq!(answers(&session), [same(566), vec!["{\"n\":64}".to_owned()]].concat(), "{to}");
    }
}
