// SPDX-License-Identifier: Apache-2.0
//! What `COPY … STORED AS NPY` writes, here and into buckets, is what numpy reads.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::object_store::path::Path as StorePath;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::TryStreamExt;
use m2m_catalog::Install;
use m2m_datasource::{SessionOptions, Source, session};
use m2m_sink::{OpenStorage, OutputStorages, register_formats};
use m2m_storage::{BucketOptions, Secret, Storage};
use url::Url;

use crate::support::fixtures;
use crate::support::services::{self, unique};

/// Rows of each kind that NumPy has, made of the numbers from 0.
const KINDS: &str = "SELECT value AS n, value % 2 = 0 AS even,
    arrow_cast(value % 100, 'Int8') AS i1, arrow_cast(-value % 30000, 'Int16') AS i2, arrow_cast(value, 'Int32') AS i4,
    arrow_cast(value % 256, 'UInt8') AS u1, arrow_cast(value % 65536, 'UInt16') AS u2,
    arrow_cast(value, 'UInt32') AS u4, arrow_cast(value, 'UInt64') AS u8,
    arrow_cast(value % 2048, 'Float16') AS f2, arrow_cast(value / 4.0, 'Float32') AS f4, sqrt(value) AS f8,
    arrow_cast(arrow_cast(value, 'Int32'), 'Date32') AS day,
    arrow_cast(value * 1000003, 'Timestamp(Microsecond, None)') AS us,
    arrow_cast(value, 'Timestamp(Second, Some(\"+01:00\"))') AS s,
    arrow_cast([value, value + 1, value * 2], 'FixedSizeList(3, Float32)') AS vector,
    [value, -value] AS list,
    CASE WHEN value = 1 THEN 'NaN'::double WHEN value = 2 THEN '-inf'::double ELSE 0.0 END AS special
  FROM generate_series(0, 99999)";

/// What numpy is to say of them.
const OF_KINDS: &[&str] = &[
    "n.dtype.str == '<i8' and len(n) == 100000 and set(n.tolist()) == set(range(100000))",
    "even.dtype == bool and (even == (n % 2 == 0)).all()",
    "i1.dtype.str == '|i1' and (i1 == n % 100).all()",
    "i2.dtype.str == '<i2' and (-i2.astype('<i8') == n % 30000).all()",
    "i4.dtype.str == '<i4' and (i4 == n).all()",
    "u1.dtype.str == '|u1' and (u1 == n % 256).all()",
    "u2.dtype.str == '<u2' and (u2 == n % 65536).all()",
    "u4.dtype.str == '<u4' and (u4 == n).all()",
    "u8.dtype.str == '<u8' and (u8 == n.astype('<u8')).all()",
    "f2.dtype.str == '<f2' and (f2 == n % 2048).all()",
    "f4.dtype.str == '<f4' and (f4 == n / 4).all()",
    "f8.dtype.str == '<f8' and (f8 == np.sqrt(n)).all()",
    "day.dtype.str == '<M8[D]' and (day == np.datetime64('1970-01-01') + n).all()",
    "us.dtype.str == '<M8[us]' and (us.astype('<i8') == n * 1000003).all()",
    "s.dtype.str == '<M8[s]' and (s.astype('<i8') == n).all()",
    "vector.dtype.str == '<f4' and (vector == np.stack([n, n + 1, n * 2], 1).astype('<f4')).all()",
    "list.dtype.str == '<i8' and (list == np.stack([n, -n], 1)).all()",
    "np.isnan(special[n == 1]).all() and (special[n == 2] == -np.inf).all() and special[n > 2].sum() == 0",
];

/// Buckets of the servers of these tests.
#[derive(Debug)]
struct Buckets(BucketOptions);

impl OpenStorage for Buckets {
    fn open(&self, bucket: &Url) -> m2m_storage::Result<Storage> {
        assert_eq!(bucket.path(), "/", "the bucket alone is asked for");
        Storage::open(bucket.as_str(), &self.0)
    }
}

fn s3() -> BucketOptions {
    BucketOptions {
        endpoint: Some(services::open().s3_endpoint),
        access_key: Some(services::s3_access().into()),
        secret_key: Some(Secret::from(services::s3_secret())),
        ..BucketOptions::default()
    }
}

/// A session that can write arrays here and to the S3 server.
fn plain() -> SessionContext {
    let storages = OutputStorages::new(Arc::new(Buckets(s3())));
    let config = SessionConfig::new().with_target_partitions(3).with_extension(Arc::new(storages));
    let ctx = SessionContext::new_with_config(config);
    register_formats(&ctx).unwrap();
    ctx
}

/// A session that knows an installation too.
async fn over(install: &str) -> SessionContext {
    let ctx = session(SessionOptions { workers: 3, ..SessionOptions::default() }).unwrap();
    register_formats(&ctx).unwrap();
    let storages = OutputStorages::new(Arc::new(Buckets(s3())));
    ctx.state_ref().write().config_mut().set_extension(Arc::new(storages));
    let source = Source::open(&Install::locate(&fixtures::install(install)).unwrap()).await.unwrap();
    source.register(&ctx).unwrap();
    ctx
}

async fn copy(ctx: &SessionContext, query: &str, to: &str) -> Result<u64, String> {
    let sql = format!("COPY ({query}) TO '{to}' STORED AS NPY");
    let frame = ctx.sql(&sql).await.map_err(|error| error.to_string())?;
    let batches = frame.collect().await.map_err(|error| error.to_string())?;
    Ok(batches[0].column(0).as_primitive::<UInt64Type>().value(0))
}

/// Has numpy read a folder and say that all of this is true.
#[track_caller]
fn numpy(folder: &Path, statements: &[&str]) {
    let script = fixtures::project().join("tests/tools/numpy_copy.py");
    let mut python = Command::new(services::python());
    let output = python.arg(script).arg(folder).args(statements).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A prefix in the S3 server's bucket, of this call alone.
struct Prefix {
    storage: Storage,
    url: String,
}

impl Prefix {
    fn new(name: &str) -> Self {
        let url = format!("s3://{}/copy/{}", services::open().bucket, unique(name));
        Self { storage: Storage::open(&url, &s3()).unwrap(), url }
    }

    async fn files(&self) -> Vec<(StorePath, u64)> {
        let files = self.storage.store().list(Some(self.storage.prefix()));
        let mut files: Vec<_> = files.map_ok(|file| (file.location, file.size)).try_collect().await.unwrap();
        files.sort();
        files
    }

    /// Fetches all files into a folder of this machine.
    async fn download(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (file, _) in self.files().await {
            let name = file.filename().unwrap().to_owned();
            fs::write(folder.path().join(name), self.storage.get(&file).await.unwrap()).unwrap();
        }
        folder
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arrays_of_every_type_are_what_numpy_saves() {
    let folder = tempfile::tempdir().unwrap();
    let ctx = plain();
    let to = folder.path().join("all").to_str().unwrap().to_owned();
    assert_eq!(copy(&ctx, KINDS, &to).await, Ok(100_000));
    numpy(Path::new(&to), OF_KINDS);
    copy(&ctx, &KINDS.replace("99999", "-1"), &to).await.unwrap();
    numpy(
        Path::new(&to),
        &["len(n) == 0", "vector.shape == (0, 3)", "list.shape == (0, 0)", "day.shape == (0,)"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_of_every_collection_are_copied_as_the_truth_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let ctx = over("install-1.1.1").await;
    for (at, collection) in fixtures::truth("install-1.1.1").collections.iter().enumerate() {
        for (number, partition) in collection.partitions.iter().enumerate() {
            let (name, tag) = (&collection.collection, &partition.tag);
            let query =
                format!("SELECT id, vector FROM \"{name}\" WHERE partition_tag = '{tag}' ORDER BY id");
            let to = folder.path().join(format!("{at}/{number}"));
            assert_eq!(
                copy(&ctx, &query, to.to_str().unwrap()).await,
                Ok(partition.live_rows),
                "{name} {tag}"
            );
            let digest = &partition.sorted_rows_sha256;
            let same = format!("d.digests(id, vector)['sorted_rows_sha256'] == '{digest}'");
            numpy(&to, &[&same, "(np.diff(id) >= 0).all()"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_takes_long_and_short_files() {
    let prefix = Prefix::new("long");
    let ctx = plain();
    // 24 000 000 and 36 000 000 bytes: two and three parts; one byte a row is one request.
    let query = "SELECT value AS n, arrow_cast([value, 1, -value], 'FixedSizeList(3, Float32)') AS vector,
        value % 2 = 0 AS even FROM generate_series(1, 3000000) ORDER BY n DESC";
    assert_eq!(copy(&ctx, query, &format!("{}/a folder/", prefix.url)).await, Ok(3_000_000));
    let expected = ["a folder/even.npy", "a folder/n.npy", "a folder/vector.npy"];
    let files = prefix.files().await;
    let names: Vec<_> = files.iter().map(|(file, _)| file.clone()).collect();
    assert_eq!(names, expected.map(|name| prefix.storage.child(name)));
    assert_eq!(files.iter().map(|(_, size)| *size).collect::<Vec<_>>(), [3_000_128, 24_000_128, 36_000_128]);
    let folder = prefix.download().await;
    numpy(
        folder.path(),
        &[
            "(n == np.arange(3000000, 0, -1)).all()",
            "(vector == np.stack([n, n * 0 + 1, -n], 1).astype('<f4')).all()",
            "(even == (n % 2 == 0)).all()",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn file_in_a_bucket_is_replaced_as_a_whole() {
    let prefix = Prefix::new("single");
    let ctx = plain();
    let to = format!("{}/x.npy", prefix.url);
    for rows in [3_000_000_u64, 10, 2_500_000] {
        let query = format!("SELECT value FROM generate_series(1, {rows}) ORDER BY value");
        assert_eq!(copy(&ctx, &query, &to).await, Ok(rows));
        let folder = prefix.download().await;
        numpy(folder.path(), &[&format!("(x == np.arange(1, {})).all()", rows + 1)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_that_fails_leaves_no_file_in_the_bucket() {
    let prefix = Prefix::new("failed");
    let ctx = plain();
    // The last row divides by zero, when parts of both files were sent.
    let query = "SELECT value AS a, 1 / (3000000 - value) AS b FROM generate_series(1, 3000000)";
    let error = copy(&ctx, query, &format!("{}/", prefix.url)).await.unwrap_err();
    assert!(error.to_lowercase().contains("divide by zero"), "{error}");
    assert_eq!(prefix.files().await, []);
    let query =
        "SELECT value AS a, nullif(value, 2999999) AS b FROM generate_series(1, 3000000) ORDER BY value";
    let error = copy(&ctx, query, &format!("{}/", prefix.url)).await.unwrap_err();
    assert!(error.contains("`b`") && error.contains("null in row 2999998"), "{error}");
    assert_eq!(prefix.files().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_that_is_cancelled_leaves_no_file_in_the_bucket() {
    let prefix = Prefix::new("cancelled");
    let ctx = plain();
    let query = "SELECT value AS a, -value AS b FROM generate_series(1, 100000000000)";
    let to = format!("{}/", prefix.url);
    let copy = tokio::time::timeout(Duration::from_secs(3), copy(&ctx, query, &to));
    assert!(copy.await.is_err(), "there is more than can be written in this time");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(prefix.files().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_that_cannot_be_written_to_is_named() {
    let (access, secret) = services::read_only_keys();
    let options = BucketOptions { access_key: Some(access.into()), secret_key: Some(secret.into()), ..s3() };
    let ctx = plain();
    ctx.state_ref()
        .write()
        .config_mut()
        .set_extension(Arc::new(OutputStorages::new(Arc::new(Buckets(options)))));
    let prefix = Prefix::new("refused");
    for rows in [1, 3_000_000] {
        let query = format!("SELECT value AS a FROM generate_series(1, {rows})");
        let error = copy(&ctx, &query, &format!("{}/", prefix.url)).await.unwrap_err();
        assert!(error.contains(&format!("{}/a.npy", prefix.url)), "{error}");
        assert!(!error.contains(&services::read_only_keys().1), "a secret was printed");
    }
    assert_eq!(prefix.files().await, []);
}
