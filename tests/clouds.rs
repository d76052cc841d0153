// SPDX-License-Identifier: Apache-2.0
//! Storage on every kind of server that can be run here: one suite, all stores.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use datafusion::object_store::{ObjectStoreExt, PutPayload};
use m2m_storage::{BucketOptions, Cloud, Error, Secret, Storage};

use crate::support::command::{m2m, run_command};
use crate::support::fixtures;
use crate::support::services::{put_in_second_s3, second_s3, unique, variable};

/// The account of every Azure emulator, and its key, which are no secrets.
const AZURE_ACCOUNT: &str = "devstoreaccount1";
const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// A token of that account that may list and read until 2099.
const AZURE_READER: &str = "sv=2020-08-04&ss=b&srt=sco&sp=rl&se=2099-12-31T00:00:00Z&sig=yzgFRxn1n6et0cH8q1lZniY%2FSNSdSfVrBJujr9fU8vI%3D";

fn seaweedfs() -> BucketOptions {
    keys(
        Cloud::Aws,
        &variable("M2M_TEST_S3_ENDPOINT"),
        &variable("S3_ACCESS_KEY"),
        &variable("S3_SECRET_KEY"),
    )
}

/// The second S3 server looks at no keys.
fn second() -> BucketOptions {
    keys(Cloud::Aws, &second_s3(), "any", "any")
}

fn azurite() -> BucketOptions {
    keys(Cloud::Azure, &variable("M2M_TEST_AZURITE"), AZURE_ACCOUNT, AZURE_KEY)
}

fn keys(cloud: Cloud, endpoint: &str, access: &str, secret: &str) -> BucketOptions {
    BucketOptions {
        cloud: Some(cloud),
        endpoint: Some(endpoint.to_owned()),
        access_key: Some(Secret::from(access)),
        secret_key: Some(Secret::from(secret)),
        ..BucketOptions::default()
    }
}

/// A prefix of its own for each call: tests run at once, and look at what is there.
fn open(bucket: &str, options: &BucketOptions) -> Storage {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    Storage::bucket(bucket, &unique(&format!("clouds/{number}")), options).unwrap()
}

/// What every store must do.
async fn behaves(storage: &Storage) {
    storage.check_readable().await.unwrap();
    storage.check_bucket().await.unwrap();
    assert_eq!(names(storage).await, [""; 0], "the check left something behind");
    files_are_written_whole(storage).await;
    parts_become_one_file(storage).await;
    parts_in_any_order_become_one_file(storage).await;
    missing_file_is_not_a_missing_bucket(storage).await;
}

async fn files_are_written_whole(storage: &Storage) {
    let file = storage.child("a folder/id=1 & ünï.npy");
    storage.put_atomic(&file, "0123456789".into()).await.unwrap();
    storage.put_atomic(&file, "abcdefghij".into()).await.unwrap();
    assert!(storage.exists(&file).await.unwrap());
    assert_eq!(storage.get(&file).await.unwrap(), "abcdefghij");
    let store = storage.store();
    assert_eq!(store.head(&file).await.unwrap().size, 10);
    assert_eq!(store.get_range(&file, 2..5).await.unwrap(), "cde");
    let ranges = store.get_ranges(&file, &[0..1, 8..10]).await.unwrap();
    assert_eq!(ranges.iter().map(|part| part.to_vec()).collect::<Vec<_>>(), [b"a".to_vec(), b"ij".to_vec()]);
    assert_eq!(names(storage).await, [file.to_string()]);
    storage.check_readable().await.unwrap();
    storage.delete(&file).await.unwrap();
    storage.delete(&file).await.unwrap();
    assert!(!storage.exists(&file).await.unwrap());
}

async fn parts_become_one_file(storage: &Storage) {
    const PART: usize = 5 << 20;
    let file = storage.child("parts.npy");
    let mut upload = storage.store().put_multipart(&file).await.unwrap();
    for (byte, length) in [(b'a', PART), (b'b', PART), (b'c', 3)] {
        upload.put_part(PutPayload::from(vec![byte; length])).await.unwrap();
    }
    upload.complete().await.unwrap();
    let bytes = storage.get(&file).await.unwrap();
    assert_eq!(bytes.len(), 2 * PART + 3);
    let seams = [bytes[PART - 1], bytes[PART], bytes[2 * PART - 1], bytes[2 * PART]];
    assert_eq!(&seams, b"abbc");
    let mut dropped = storage.store().put_multipart(&storage.child("dropped.npy")).await.unwrap();
    dropped.put_part(PutPayload::from(vec![0; PART])).await.unwrap();
    dropped.abort().await.unwrap();
    assert_eq!(names(storage).await, [file.to_string()]);
    storage.delete(&file).await.unwrap();
}

async fn parts_in_any_order_become_one_file(storage: &Storage) {
    const PART: usize = 5 << 20;
    let file = storage.child("last first.npy");
    let store = storage.parts(PART as u64);
    let id = store.create_multipart(&file).await.unwrap();
    let mut parts = Vec::new();
    for (number, byte, length) in [(2, b'c', 3), (1, b'b', PART), (0, b'a', PART)] {
        let part = PutPayload::from(vec![byte; length]);
        parts.insert(0, store.put_part(&file, &id, number, part).await.unwrap());
    }
    assert!(!storage.exists(&file).await.unwrap());
    store.complete_multipart(&file, &id, parts).await.unwrap();
    let bytes = storage.get(&file).await.unwrap();
    assert_eq!(bytes.len(), 2 * PART + 3);
    let seams = [bytes[PART - 1], bytes[PART], bytes[2 * PART - 1], bytes[2 * PART]];
    assert_eq!(&seams, b"abbc");
    let dropped = storage.child("dropped.npy");
    let id = store.create_multipart(&dropped).await.unwrap();
    store.put_part(&dropped, &id, 1, PutPayload::from(vec![0; PART])).await.unwrap();
    store.abort_multipart(&dropped, &id).await.unwrap();
    assert_eq!(names(storage).await, [file.to_string()]);
    storage.delete(&file).await.unwrap();
}

async fn missing_file_is_not_a_missing_bucket(storage: &Storage) {
    let file = storage.child("missing.npy");
    assert!(!storage.exists(&file).await.unwrap());
    let error = storage.get(&file).await.unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    assert!(error.to_string().contains(&storage.display(&file)), "{error}");
}

async fn names(storage: &Storage) -> Vec<String> {
    use futures::TryStreamExt;
    let files = storage.store().list(Some(storage.prefix()));
    files.map_ok(|file| file.location.to_string()).try_collect().await.unwrap()
}

/// What every server must say of a bucket that is not there.
async fn missing_bucket_is_named(options: &BucketOptions) {
    let storage = open("m2m-no-such-bucket", options);
    let file = storage.child("x");
    for error in [
        storage.check_readable().await.unwrap_err(),
        storage.check_bucket().await.unwrap_err(),
        storage.get(&file).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::NoSuchBucket { .. }), "{error:?}");
        assert!(error.to_string().contains("`m2m-no-such-bucket`"), "{error}");
    }
}

async fn wrong_key_is_refused(bucket: &str, options: &BucketOptions, wrong: &str) {
    let options = BucketOptions { secret_key: Some(Secret::from(wrong)), ..options.clone() };
    let storage = open(bucket, &options);
    for error in [storage.check_readable().await.unwrap_err(), storage.check_bucket().await.unwrap_err()] {
        assert!(matches!(error, Error::CredentialsRefused { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(wrong), "a secret was printed");
    }
}

async fn writing_is_refused(storage: &Storage) {
    storage.check_readable().await.unwrap();
    let error = storage.check_bucket().await.unwrap_err();
    assert!(matches!(error, Error::Denied { action: "write", .. }), "{error:?}");
    assert!(error.to_string().contains("refuses to write"), "{error}");
    assert_eq!(names(storage).await, [""; 0], "the check left something behind");
}

#[tokio::test]
async fn seaweedfs_behaves() {
    let (options, bucket) = (seaweedfs(), variable("M2M_TEST_S3_BUCKET"));
    behaves(&open(&bucket, &options)).await;
    missing_bucket_is_named(&options).await;
    wrong_key_is_refused(&bucket, &options, "swordfish").await;
    let unknown = BucketOptions { access_key: Some(Secret::from("nobody")), ..options };
    wrong_key_is_refused(&bucket, &unknown, "swordfish").await;
    let (reader, secret) = (variable("S3_READONLY_ACCESS_KEY"), variable("S3_READONLY_SECRET_KEY"));
    let reader = keys(Cloud::Aws, &variable("M2M_TEST_S3_ENDPOINT"), &reader, &secret);
    writing_is_refused(&open(&bucket, &reader)).await;
}

#[tokio::test]
async fn second_s3_server_behaves() {
    let options = second();
    behaves(&open("m2m-second", &options)).await;
    missing_bucket_is_named(&options).await;
}

/// Nobody's name server knows `bucket.localhost`. The server is its own proxy here,
/// so that no name is looked up; the proxy is a variable, and therefore a process.
#[tokio::test]
async fn bucket_may_stand_in_the_host_name() {
    let server = second_s3();
    let prefix = unique("hosted");
    let (root, out) = (fixtures::install("test1w"), format!("s3://m2m-second/{prefix}"));
    let args = ["dump", "--install", root.to_str().unwrap(), "--out", &out];
    let mut command = m2m(&args);
    command
        .env("AWS_PROXY_URL", &server)
        .env("AWS_ENDPOINT_URL", server.replace("127.0.0.1", "localhost"))
        .env("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true")
        .env("AWS_ACCESS_KEY_ID", "any")
        .env("AWS_SECRET_ACCESS_KEY", "any");
    run_command(&args, command).ends_with(0);
    let storage = Storage::bucket("m2m-second", &prefix, &second()).unwrap();
    assert!(!names(&storage).await.is_empty(), "nothing was written where the path style looks");
}

#[tokio::test]
async fn clouds_that_speak_s3_behave_as_the_second_server() {
    for (cloud, scheme) in [(Cloud::Ali, "oss"), (Cloud::Tencent, "cos"), (Cloud::Gcp, "gs")] {
        let storage = open("m2m-second", &BucketOptions { cloud: Some(cloud), ..second() });
        assert!(storage.display(storage.prefix()).starts_with(&format!("{scheme}://m2m-second/clouds/")));
        behaves(&storage).await;
    }
}

#[tokio::test]
async fn azurite_behaves() {
    let options = azurite();
    behaves(&open("m2m-azure", &options)).await;
    missing_bucket_is_named(&options).await;
    wrong_key_is_refused("m2m-azure", &options, "c3dvcmRmaXNo").await;
    let reader = BucketOptions { secret_key: Some(Secret::from(AZURE_READER)), ..options };
    writing_is_refused(&open("m2m-azure", &reader)).await;
}

/// The emulator speaks Google's JSON interface and a part of the XML one, which
/// is what the client speaks: all but writing. When it learns that, this test
/// fails, and Google can join the suite.
#[tokio::test]
async fn google_emulator_can_be_read_and_not_written() {
    let endpoint = variable("M2M_TEST_GCS");
    let options = BucketOptions {
        cloud: Some(Cloud::Gcp),
        endpoint: Some(endpoint.clone()),
        ..BucketOptions::default()
    };
    let storage = open("m2m-gcs", &options);
    let file = storage.child("seeded.txt");
    seed_google(&endpoint, file.as_ref(), "abcdefghij");
    storage.check_readable().await.unwrap();
    assert!(storage.exists(&file).await.unwrap());
    assert_eq!(storage.get(&file).await.unwrap(), "abcdefghij");
    assert_eq!(storage.store().get_range(&file, 2..5).await.unwrap(), "cde");
    assert_eq!(storage.store().get_ranges(&file, &[0..1, 8..10]).await.unwrap().concat(), b"aij");
    assert_eq!(names(&storage).await, [file.to_string()]);
    missing_file_is_not_a_missing_bucket(&storage).await;
    for error in [
        storage.put_atomic(&storage.child("new"), "x".into()).await.unwrap_err(),
        storage.check_bucket().await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Store { action: "write", .. }), "{error:?}");
        assert!(format!("{error:?}").contains("invalid uploadType"), "{error:?}");
    }
    assert!(storage.store().put_multipart(&storage.child("parts")).await.is_err());
    storage.delete(&file).await.unwrap();
    assert!(!storage.exists(&file).await.unwrap());
    // Google itself answers 404 and `NoSuchBucket`.
    let error = open("m2m-no-such-bucket", &options).check_readable().await.unwrap_err();
    assert!(matches!(error, Error::Store { action: "list", .. }), "{error:?}");
}

/// Puts a file by the JSON interface.
fn seed_google(endpoint: &str, name: &str, text: &str) {
    use std::io::{Read, Write};
    let host = endpoint.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let path = format!("/upload/storage/v1/b/m2m-gcs/o?uploadType=media&name={}", name.replace('/', "%2F"));
    let length = text.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

async fn leading_slash_is_read(prefix: &str, options: &BucketOptions) {
    let plain = Storage::bucket("m2m-slash", prefix, options).unwrap();
    let slashed = plain.with_leading_slash().unwrap();
    let file = slashed.child("slash.txt");
    assert_eq!(slashed.display(&file), format!("s3://m2m-slash//{prefix}/slash.txt"));
    assert!(!plain.exists(&file).await.unwrap());
    assert!(slashed.exists(&file).await.unwrap());
    assert_eq!(slashed.get(&file).await.unwrap(), "0123456789");
    assert_eq!(slashed.store().get_range(&file, 2..5).await.unwrap(), "234");
    let ranges = slashed.store().get_ranges(&file, &[0..1, 8..10]).await.unwrap();
    assert_eq!(ranges.concat(), b"089");
    slashed.check_readable().await.unwrap();
    assert!(slashed.get(&slashed.child("missing")).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn file_with_a_leading_slash_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("slash.txt");
    std::fs::write(&text, "0123456789").unwrap();
    let prefix = unique("var/lib/milvus");
    put_in_second_s3("m2m-slash", &[(text, format!("/{prefix}/slash.txt"))]);
    leading_slash_is_read(&prefix, &second()).await;
    let (options, bucket) = (seaweedfs(), variable("M2M_TEST_S3_BUCKET"));
    // This server drops the slash, so both names are one file.
    let plain = open(&bucket, &options);
    let file = plain.child("slash.txt");
    plain.put_atomic(&file, "0123456789".into()).await.unwrap();
    let slashed = plain.with_leading_slash().unwrap();
    assert_eq!(slashed.get(&file).await.unwrap(), "0123456789");
    assert_eq!(slashed.store().get_range(&file, 2..5).await.unwrap(), "234");
    assert!(open("box", &azurite()).with_leading_slash().is_none());
}

#[tokio::test]
async fn unreachable_server_is_named_in_time() {
    for cloud in [Cloud::Aws, Cloud::Ali, Cloud::Tencent, Cloud::Gcp, Cloud::Azure] {
        // Port 9 is that of a service that nobody runs.
        let storage = open("bucket", &keys(cloud, "127.0.0.1:9", AZURE_ACCOUNT, AZURE_KEY));
        let start = Instant::now();
        let error = storage.check_readable().await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(16), "{cloud}: {:?}", start.elapsed());
        assert!(matches!(error, Error::Unreachable { .. }), "{cloud}: {error:?}");
        assert!(error.to_string().contains("127.0.0.1:9"), "{cloud}: {error}");
    }
}
