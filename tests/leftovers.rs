// SPDX-License-Identifier: Apache-2.0
//! Uploads that a process leaves that is killed, on real servers.

use m2m_storage::{BucketOptions, Cloud, Secret, Storage, UnfinishedUpload};
use object_store::PutPayload;
use object_store::path::Path;

use crate::support::services::{second_s3, unique, variable};

/// Names that stand differently in a URL, in XML and in a query.
const NAMES: [&str; 6] =
    ["c/p/id.npy", "c/p/a b+c.npy", "c/p/100%25 & <x>.npy", "c/p/ünï=?.npy", "c/p/e#1", "c/p/id.npy"];

fn storage(endpoint: &str, bucket: &str, keys: [&str; 2]) -> Storage {
    let options = BucketOptions {
        cloud: Some(Cloud::Aws),
        endpoint: Some(endpoint.to_owned()),
        access_key: Some(Secret::from(keys[0])),
        secret_key: Some(Secret::from(keys[1])),
        ..BucketOptions::default()
    };
    Storage::bucket(bucket, &unique("leftovers"), &options).unwrap()
}

fn seaweedfs() -> Storage {
    let keys = [variable("S3_ACCESS_KEY"), variable("S3_SECRET_KEY")];
    storage(&variable("M2M_TEST_S3_ENDPOINT"), "m2m-test", [&keys[0], &keys[1]])
}

fn moto() -> Storage {
    storage(&second_s3(), "m2m-second", ["any", "any"])
}

/// Begins an upload with a part, and forgets it.
async fn begin(storage: &Storage, path: &Path) -> String {
    let parts = storage.parts(5 << 20);
    let id = parts.create_multipart(path).await.unwrap();
    parts.put_part(path, &id, 0, PutPayload::from_static(b"half of a file")).await.unwrap();
    id
}

fn sorted(uploads: Vec<UnfinishedUpload>) -> Vec<(String, String)> {
    let mut found: Vec<_> =
        uploads.into_iter().map(|upload| (upload.path.to_string(), upload.id().to_owned())).collect();
    found.sort();
    found
}

async fn leftovers_are_found_and_ended(storage: &Storage) {
    assert_eq!(storage.unfinished_uploads().await.unwrap(), []);
    let mut begun = Vec::new();
    for name in NAMES {
        let path = storage.child(name);
        let id = begin(storage, &path).await;
        begun.push((path.to_string(), id));
    }
    begun.sort();
    // Beside the prefix, though it begins with it.
    let beside = Path::from(format!("{}-beside/id.npy", storage.prefix()));
    let other = begin(storage, &beside).await;
    // A file that is complete under the name of an upload.
    let complete = storage.child(NAMES[0]);
    storage.put_atomic(&complete, "whole".into()).await.unwrap();

    let uploads = storage.unfinished_uploads().await.unwrap();
    assert_eq!(sorted(uploads.clone()), begun);
    for upload in &uploads {
        storage.abort_upload(upload).await.unwrap();
    }
    assert_eq!(storage.unfinished_uploads().await.unwrap(), []);
    assert_eq!(storage.get(&complete).await.unwrap(), "whole");
    // What is gone is gone.
    storage.abort_upload(&uploads[0]).await.unwrap();
    storage.delete(&complete).await.unwrap();
    storage.parts(5 << 20).abort_multipart(&beside, &other).await.unwrap();
}

#[tokio::test]
async fn seaweedfs_lists_and_ends_uploads() {
    leftovers_are_found_and_ended(&seaweedfs()).await;
}

#[tokio::test]
async fn second_s3_lists_and_ends_uploads() {
    leftovers_are_found_and_ended(&moto()).await;
}

/// More than stand in one page.
#[tokio::test]
async fn every_page_of_uploads_is_listed() {
    let storage = seaweedfs();
    let parts = storage.parts(5 << 20);
    let mut begun = Vec::new();
    for number in 0..1010 {
        let path = storage.child(&format!("c/p/{number}.npy"));
        begun.push((path.to_string(), parts.create_multipart(&path).await.unwrap()));
    }
    begun.sort();
    let uploads = storage.unfinished_uploads().await.unwrap();
    assert!(sorted(uploads.clone()) == begun, "{} uploads of {}", uploads.len(), begun.len());
    for upload in &uploads {
        storage.abort_upload(upload).await.unwrap();
    }
    assert_eq!(storage.unfinished_uploads().await.unwrap(), []);
}
