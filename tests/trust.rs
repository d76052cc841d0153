// SPDX-License-Identifier: Apache-2.0
//! An object store behind TLS, whose certificate an authority of one's own has signed.

use std::path::PathBuf;

use m2m_storage::{BucketOptions, Cloud, Error, Secret, Storage};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};

use crate::support::services::{unique, variable};

fn open(cloud: Cloud, ca_file: Option<PathBuf>) -> Storage {
    let options = BucketOptions {
        cloud: Some(cloud),
        endpoint: Some(variable("M2M_TEST_TLS_S3")),
        region: Some("us-east-1".to_owned()),
        access_key: Some(Secret::from("any")),
        secret_key: Some(Secret::from("any")),
        virtual_hosted: Some(false),
        ca_file,
        ..BucketOptions::default()
    };
    Storage::bucket("m2m-second", &unique("trust"), &options).unwrap()
}

fn authority() -> PathBuf {
    variable("M2M_TEST_TLS_S3_CA").into()
}

#[tokio::test]
async fn server_of_a_trusted_authority_is_used() {
    // Files are removed one by one with Google's keys, by requests of our own.
    for cloud in [Cloud::Aws, Cloud::Gcp] {
        let storage = open(cloud, Some(authority()));
        storage.check_readable().await.unwrap();
        storage.check_bucket().await.unwrap();
        let file = storage.child("a b.npy");
        storage.put_atomic(&file, "whole".into()).await.unwrap();
        assert_eq!(storage.get(&file).await.unwrap(), "whole");
        storage.delete(&file).await.unwrap();
        assert!(!storage.exists(&file).await.unwrap());
        let mut upload = storage.store().put_multipart(&file).await.unwrap();
        upload.put_part(PutPayload::from_static(b"half")).await.unwrap();
        let uploads = storage.unfinished_uploads().await.unwrap();
        assert_eq!(uploads.iter().map(|upload| &upload.path).collect::<Vec<_>>(), [&file]);
        storage.abort_upload(&uploads[0]).await.unwrap();
        assert_eq!(storage.unfinished_uploads().await.unwrap(), []);
    }
}

#[tokio::test]
async fn server_of_an_unknown_authority_is_refused() {
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join("ca.pem");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/crates/storage/src/authorities/test_ca.pem"), &file)
        .unwrap();
    for ca_file in [None, Some(file)] {
        let error = open(Cloud::Aws, ca_file).check_bucket().await.unwrap_err();
        let Error::Untrusted { endpoint, bucket, source } = &error else { panic!("{error}") };
        assert_eq!((endpoint.as_str(), bucket.as_str()), (&*variable("M2M_TEST_TLS_S3"), "m2m-second"));
        assert!(source.to_string().contains("UnknownIssuer"), "{source}");
    }
}

#[tokio::test]
async fn plain_words_to_a_server_that_encrypts_are_reported() {
    let plain = variable("M2M_TEST_TLS_S3").replace("https://", "http://");
    let options = BucketOptions {
        endpoint: Some(plain.clone()),
        access_key: Some(Secret::from("any")),
        secret_key: Some(Secret::from("any")),
        ..BucketOptions::default()
    };
    let storage = Storage::bucket("m2m-second", &unique("trust"), &options).unwrap();
    let error = storage.check_bucket().await.unwrap_err();
    let expected = "check its host, its port and whether it speaks http or https";
    assert!(error.to_string().contains(&plain) && error.to_string().contains(expected), "{error}");
}
