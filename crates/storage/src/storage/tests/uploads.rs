// SPDX-License-Identifier: Apache-2.0

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::UnfinishedUpload;

const PAGE: &str = "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextUploadIdMarker>m 1</NextUploadIdMarker>\
    <Upload><Key>dump/c/id.npy</Key><UploadId>1</UploadId></Upload></ListMultipartUploadsResult>";
const LAST_PAGE: &str = "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>\
    <Upload><Key>dump/c/id.npy</Key><UploadId>2</UploadId></Upload>\
    <Upload><Key>other/c/id.npy</Key><UploadId>3</UploadId></Upload></ListMultipartUploadsResult>";

fn shown(uploads: &[UnfinishedUpload]) -> Vec<String> {
    uploads.iter().map(|upload| format!("{}#{}", upload.path, upload.id())).collect()
}

#[tokio::test]
async fn uploads_of_a_folder_are_its_files_with_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let dump = folder.path().join("dump");
    fs::create_dir_all(dump.join("c/p")).unwrap();
    fs::create_dir_all(dump.join("folder#1")).unwrap();
    fs::write(outside.path().join("x#1"), "").unwrap();
    let left = ["a#b#2", "c/p/id.npy#1", "c/p/id.npy#12", "folder#1/ünï.npy#3", "x#18446744073709551615"];
    let others = [
        "c/p/id.npy",
        "id.npy#",
        "id.npy#x",
        "id.npy#0",
        "id.npy#01",
        "id.npy#+1",
        "id.npy# 1",
        "id.npy#1.bak",
        "#1",
        ".#1",
        "..#1",
        "line\nfeed#1",
        "x#18446744073709551616",
        "../id.npy#1",
    ];
    for name in left.iter().chain(&others) {
        fs::write(dump.join(name), "half").unwrap();
    }
    symlink(outside.path(), dump.join("link")).unwrap();
    symlink(outside.path().join("x#1"), dump.join("link#1")).unwrap();

    let storage = Storage::local(&dump).unwrap();
    let uploads = storage.unfinished_uploads().await.unwrap();
    let places = left.map(|name| {
        let (name, number) = name.rsplit_once('#').unwrap();
        // As the local store names it.
        format!("{}#{number}", Path::from_absolute_path(dump.join(name)).unwrap())
    });
    assert_eq!(shown(&uploads), places);
    // A path as a caller makes it is the same.
    assert_eq!(uploads[1].path, storage.child("c/p/id.npy"));

    for upload in &uploads {
        storage.abort_upload(upload).await.unwrap();
        // Nothing is there any more.
        storage.abort_upload(upload).await.unwrap();
    }
    assert_eq!(storage.unfinished_uploads().await.unwrap(), []);
    for name in others.iter().filter(|name| **name != "c/p/id.npy") {
        assert!(dump.join(name).exists(), "{name}");
    }
    assert!(outside.path().join("x#1").exists() && dump.join("c/p/id.npy").exists());
}

#[tokio::test]
async fn upload_of_the_store_is_found_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::local(folder.path()).unwrap();
    let path = storage.child("c/a b%ü*.npy");
    let mut upload = storage.store().put_multipart(&path).await.unwrap();
    upload.put_part("half".into()).await.unwrap();
    let parts = storage.parts(4);
    let id = parts.create_multipart(&path).await.unwrap();
    parts.put_part(&path, &id, 0, "half".into()).await.unwrap();
    std::mem::forget(upload);
    let uploads = storage.unfinished_uploads().await.unwrap();
    assert_eq!(uploads.iter().map(|upload| &upload.path).collect::<Vec<_>>(), [&path, &path]);
    for upload in &uploads {
        storage.abort_upload(upload).await.unwrap();
    }
    assert_eq!(fs::read_dir(folder.path().join("c")).unwrap().count(), 0);
}

#[tokio::test]
async fn folder_without_uploads_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Storage::local(&folder.path().join("missing")).unwrap();
    assert_eq!(missing.unfinished_uploads().await.unwrap(), []);
    fs::write(folder.path().join("file"), "").unwrap();
    let file = Storage::local(&folder.path().join("file")).unwrap();
    let error = file.unfinished_uploads().await.unwrap_err();
    assert!(matches!(error, Error::FolderNotReadable { .. }), "{error}");
}

#[tokio::test]
async fn folder_that_cannot_be_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let found = Storage::local(folder.path()).unwrap().unfinished_uploads().await;
    // The superuser reads it all the same.
    if fs::read_dir(&closed).is_err() {
        assert!(matches!(found, Err(Error::FolderNotReadable { .. })), "{found:?}");
    } else {
        assert_eq!(found.unwrap(), []);
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn every_page_is_asked_for_and_asked_for_again() {
    let tries = Mutex::new(0);
    let (endpoint, requests) = scripted(move |line| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        Some(match *tries {
            1 => ("503 Slow Down", "<Error><Code>SlowDown</Code></Error>"),
            2 => ("200 OK", PAGE),
            3 => ("429 Too Many Requests", ""),
            4 => ("500 Internal Server Error", ""),
            _ if line.contains("upload-id-marker=m%201 ") => ("200 OK", LAST_PAGE),
            _ => ("400 Bad Request", ""),
        })
    });
    let uploads = s3(&endpoint, "dump").unfinished_uploads().await.unwrap();
    assert_eq!(shown(&uploads), ["dump/c/id.npy#1", "dump/c/id.npy#2"]);
    let lines = requests.lock().unwrap();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0], "GET /bucket?max-uploads=1000&uploads=&prefix=dump%2F HTTP/1.1");
}

#[tokio::test]
async fn what_cannot_pass_is_asked_for_once() {
    for (status, body, expected) in [
        (
            "403 Forbidden",
            "<Error><Code>AccessDenied</Code></Error>",
            "refuses to list uploads below in bucket `bucket`; check the credentials, and their right to list uploads below there: AccessDenied",
        ),
        (
            "403 Forbidden",
            "<Error><Code>SignatureDoesNotMatch</Code></Error>",
            "the signature is not the expected one; check that the secret key is that of the access key: SignatureDoesNotMatch",
        ),
        (
            "404 Not Found",
            "<Error><Code>NoSuchBucket</Code></Error>",
            "check its name, or create it: NoSuchBucket",
        ),
        (
            "501 Not Implemented",
            "<Error><Code>NotImplemented</Code><Message>Not here.</Message></Error>",
            "cannot list uploads below `s3://bucket/dump`: NotImplemented: Not here",
        ),
        (
            "200 OK",
            "<html>",
            "cannot list uploads below `s3://bucket/dump`: the answer is no list of uploads",
        ),
    ] {
        let (endpoint, requests) = scripted(move |_| Some((status, body)));
        let error = chain(&s3(&endpoint, "dump").unfinished_uploads().await.unwrap_err());
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("swordfish"), "{error}");
        assert_eq!(requests.lock().unwrap().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn upload_of_a_bucket_is_ended_once() {
    let (endpoint, requests) = scripted(|line| {
        Some(match line {
            line if line.starts_with("GET") => ("200 OK", LAST_PAGE),
            _ => ("404 Not Found", "<Error><Code>NoSuchUpload</Code></Error>"),
        })
    });
    let storage = s3(&endpoint, "dump");
    let uploads = storage.unfinished_uploads().await.unwrap();
    storage.abort_upload(&uploads[0]).await.unwrap();
    let last = requests.lock().unwrap().last().cloned();
    assert_eq!(last.as_deref(), Some("DELETE /bucket/dump/c/id.npy?uploadId=2 HTTP/1.1"));
    // Keys that no path holds are not listed.
    let slash = storage.with_leading_slash().unwrap();
    assert_eq!(slash.unfinished_uploads().await.unwrap(), []);
}
