// SPDX-License-Identifier: Apache-2.0

use std::error::Error as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::*;
use crate::{Cloud, Secret};

mod uploads;

fn options(endpoint: &str) -> BucketOptions {
    BucketOptions {
        endpoint: Some(endpoint.to_owned()),
        access_key: Some("key".into()),
        secret_key: Some(Secret::from("swordfish")),
        ..BucketOptions::default()
    }
}

fn s3(endpoint: &str, prefix: &str) -> Storage {
    Storage::bucket_in("bucket", prefix, &options(endpoint), &Environment::default()).unwrap()
}

/// Answers every request with one status and body, and returns the endpoint.
fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _read = stream.read(&mut [0; 4096]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    endpoint
}

/// Answers each request as the script says of its first line, with status and body,
/// or not at all. Returns the endpoint and the first lines.
fn scripted(
    script: impl Fn(&str) -> Option<(&'static str, &'static str)> + Send + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    thread::spawn(move || {
        let mut unanswered = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = [0; 8192];
            let length = stream.read(&mut bytes).unwrap();
            let line = String::from_utf8_lossy(&bytes[..length]).lines().next().unwrap_or("").to_owned();
            let answer = script(&line);
            seen.lock().unwrap().push(line);
            match answer {
                Some((status, body)) => write!(
                    stream,
                    "HTTP/1.1 {status}\r\nConnection: close\r\nETag: \"1\"\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
                .unwrap(),
                None => unanswered.push(stream),
            }
        }
    });
    (endpoint, requests)
}

const EMPTY_LIST: (&str, &str) = ("200 OK", "<ListBucketResult></ListBucketResult>");
const REMOVED: (&str, &str) = ("200 OK", "<DeleteResult><Deleted><Key>k</Key></Deleted></DeleteResult>");

fn removals(requests: &Mutex<Vec<String>>) -> usize {
    requests.lock().unwrap().iter().filter(|line| line.starts_with("POST /bucket?delete")).count()
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[test]
fn s3_paths_have_no_leading_slash_whatever_the_prefix() {
    for prefix in ["dump", "/dump", "dump/", "/dump/"] {
        let storage = s3("host:1", prefix);
        let path = storage.child("/c/p/1/id.npy");
        assert_eq!(storage.import_path(&path), "dump/c/p/1/id.npy");
        assert_eq!(storage.display(&path), "s3://bucket/dump/c/p/1/id.npy");
        assert_eq!(storage.base_url().as_str(), "s3://bucket/");
        assert!(!storage.is_local());
    }
    let root = s3("host:1", "");
    assert_eq!(root.import_path(&root.child("id.npy")), "id.npy");
}

#[test]
fn local_paths_are_absolute() {
    let storage = Storage::local(FsPath::new("/data/dump/")).unwrap();
    let path = storage.child("c/p/1/id.npy");
    assert_eq!(path.as_ref(), "data/dump/c/p/1/id.npy");
    assert_eq!(storage.import_path(&path), "/data/dump/c/p/1/id.npy");
    assert_eq!(storage.display(&path), "/data/dump/c/p/1/id.npy");
    assert_eq!(storage.base_url().as_str(), "file:///");
    assert_eq!(format!("{storage:?}"), "Storage(/data/dump)");
}

#[test]
fn relative_folder_is_taken_from_the_working_directory() {
    let here = std::env::current_dir().unwrap();
    let storage = Storage::local(FsPath::new("./out/x")).unwrap();
    assert_eq!(storage.display(storage.prefix()), here.join("out/x").display().to_string());
    let parent = Storage::local(FsPath::new("src/../out")).unwrap();
    assert_eq!(
        parent.display(parent.prefix()),
        here.canonicalize().unwrap().join("out").display().to_string()
    );
}

#[test]
fn parent_of_a_symbolic_link_is_the_parent_of_its_target() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().canonicalize().unwrap();
    fs::create_dir_all(real.join("a/b")).unwrap();
    std::os::unix::fs::symlink(real.join("a/b"), real.join("link")).unwrap();
    let storage = Storage::local(&real.join("link/../out")).unwrap();
    assert_eq!(storage.display(storage.prefix()), real.join("a/out").display().to_string());
    assert!(Storage::local(&real.join("missing/../out")).is_err());
}

#[test]
fn odd_characters_of_a_folder_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("50% & ünï #1~");
    fs::create_dir(&odd).unwrap();
    let storage = Storage::local(&odd).unwrap();
    let file = storage.child("id.npy");
    assert_eq!(storage.import_path(&file), odd.join("id.npy").display().to_string());
}

#[test]
fn child_never_leaves_the_root() {
    let storage = Storage::local(FsPath::new("/data")).unwrap();
    assert_eq!(storage.child("../etc/passwd").as_ref(), "data/%2E%2E/etc/passwd");
    assert_eq!(storage.child("a//b").as_ref(), "data/a/b");
    assert_eq!(storage.child("").as_ref(), "data");
}

#[test]
fn open_tells_urls_from_paths() {
    let options = options("host:1");
    let open = |text: &str| Storage::open(text, &options).map(|s| s.display(s.prefix()));
    assert_eq!(open("s3://bucket/a/b/").unwrap(), "s3://bucket/a/b");
    assert_eq!(open("S3://bucket").unwrap(), "s3://bucket/");
    assert_eq!(open("file:///tmp/a%20b").unwrap(), "/tmp/a b");
    assert_eq!(open("/tmp/a:b").unwrap(), "/tmp/a:b");
    for text in ["", "gcs://bucket/x", "s3://", "s3:///x", "s3://b//x/../y", "file://host/x", "http://host/x"]
    {
        let error = open(text).unwrap_err();
        assert!(matches!(error, Error::InvalidLocation { .. }), "{text}: {error}");
    }
}

#[test]
fn scheme_says_whose_bucket_it_is() {
    let shown = |text: &str, cloud| {
        let plain = options("host.example.org");
        let secret_key = Some(Secret::from("c3dvcmRmaXNo"));
        let options = BucketOptions { cloud, region: Some("r".into()), secret_key, ..plain };
        Storage::open(text, &options).map(|s| (s.display(s.prefix()), s.base_url().to_string()))
    };
    for (text, cloud, display, base) in [
        ("gs://bucket/x", None, "gs://bucket/x", "gs://bucket/"),
        ("s3://bucket/x", Some(Cloud::Gcp), "gs://bucket/x", "gs://bucket/"),
        ("oss://bucket/x", Some(Cloud::Ali), "oss://bucket/x", "oss://bucket/"),
        ("cos://bucket/x", None, "cos://bucket/x", "cos://bucket/"),
        ("az://bucket/x", Some(Cloud::Azure), "az://bucket/x", "az://bucket/"),
        ("abfss://bucket@key.dfs.core.windows.net/x", None, "az://bucket/x", "az://bucket/"),
    ] {
        assert_eq!(shown(text, cloud).unwrap(), (display.to_owned(), base.to_owned()), "{text}");
    }
    for (text, cloud) in [
        ("gs://bucket/x", Some(Cloud::Ali)),
        ("gs://bucket/x", Some(Cloud::Aws)),
        ("s3://bucket/x", Some(Cloud::Azure)),
        ("abfss://bucket@another.dfs.core.windows.net/x", None),
    ] {
        let error = shown(text, cloud).unwrap_err();
        assert!(matches!(error, Error::InvalidLocation { .. }), "{text}: {error}");
    }
}

#[test]
fn no_secret_of_a_location_is_repeated() {
    let options = options("host:1");
    for text in [
        "s3://user:hush@bucket/x",
        "s3://bucket/x?X-Amz-Signature=hush",
        "s3://bucket?sig=hush",
        "az://bucket/x?sv=1&sig=hush",
        "abfss://box:hush@account.dfs.core.windows.net/x",
        "ABFSS://box:hush@account.dfs.core.windows.net/x",
        "abfss://box@account.dfs.core.windows.net/x?sig=hush",
        "https://user:hush@host/x?sig=hush",
    ] {
        let error = Storage::open(text, &options).unwrap_err();
        assert!(matches!(error, Error::InvalidLocation { .. }), "{text}: {error}");
        assert!(!chain(&error).contains("hush"), "{error}");
    }
    for endpoint in ["http://user:hush@host", "http://host/?sig=hush", "host?sig=hush"] {
        let options = BucketOptions { endpoint: Some(endpoint.into()), ..options.clone() };
        let error = Storage::open("s3://bucket/x", &options).unwrap_err();
        assert!(!chain(&error).contains("hush"), "{error}");
    }
}

#[test]
fn leading_slash_shows_in_every_text() {
    let storage = s3("host:1", "/var/lib/db");
    let slashed = storage.with_leading_slash().unwrap();
    let file = slashed.child("tables/1");
    assert_eq!(slashed.display(&file), "s3://bucket//var/lib/db/tables/1");
    assert_eq!(slashed.import_path(&file), "/var/lib/db/tables/1");
    assert_eq!(format!("{slashed:?}"), "Storage(s3://bucket//var/lib/db)");
    assert!(Storage::local(FsPath::new("/data")).unwrap().with_leading_slash().is_none());
}

#[tokio::test]
async fn folder_that_is_not_there_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    Storage::local(dir.path()).unwrap().check_readable().await.unwrap();
    let error = Storage::local(&dir.path().join("new")).unwrap().check_readable().await.unwrap_err();
    assert!(matches!(error, Error::FolderNotReadable { .. }), "{error}");
}

#[tokio::test]
async fn local_file_is_written_whole_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::local(&dir.path().join("new/folder")).unwrap();
    let path = storage.child("manifest.json");
    assert!(!storage.exists(&path).await.unwrap());
    assert!(storage.get(&path).await.unwrap_err().is_not_found());
    storage.put_atomic(&path, Bytes::from_static(b"one")).await.unwrap();
    storage.put_atomic(&path, Bytes::from_static(b"two")).await.unwrap();
    assert!(storage.exists(&path).await.unwrap());
    assert_eq!(storage.get(&path).await.unwrap(), "two");
    assert_eq!(fs::read_dir(dir.path().join("new/folder")).unwrap().count(), 1);
}

#[tokio::test]
async fn local_file_that_cannot_take_its_name_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::local(dir.path()).unwrap();
    fs::create_dir_all(dir.path().join("taken/by a folder")).unwrap();
    let error = storage.put_atomic(&storage.child("taken"), "x".into()).await.unwrap_err();
    assert!(matches!(error, Error::Store { action: "write", .. }), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn full_disk_says_what_to_do() {
    let storage = Storage::local(FsPath::new("/dump")).unwrap();
    let source = Box::new(std::io::Error::from_raw_os_error(28));
    let full = object_store::Error::Generic { store: "LocalFileSystem", source };
    let error = storage.failure("write", &storage.child("a.json"), full);
    assert_eq!(
        chain(&error),
        "no space left on the disk of `/dump/a.json`: make room there, or choose another place, and run the command again: No space left on device (os error 28)"
    );
}

/// Serves a file of ten bytes, the first answer to a `GET` being cut off, and others
/// being of another file when `changes`. Returns the endpoint and the ranges asked for.
fn breaking(changes: bool) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ranges);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = [0; 8192];
            let length = stream.read(&mut bytes).unwrap();
            let request = String::from_utf8_lossy(&bytes[..length]).to_lowercase();
            let range =
                request.lines().find_map(|line| line.strip_prefix("range: ")).unwrap_or("all").to_owned();
            let head = "Connection: close\r\nLast-Modified: Sat, 21 Nov 2026 20:00:00 GMT";
            let answer = match (request.starts_with("head"), range.as_str()) {
                (true, _) => {
                    format!("HTTP/1.1 200 OK\r\n{head}\r\nETag: \"1\"\r\nContent-Length: 10\r\n\r\n")
                }
                (_, "all") => {
                    format!("HTTP/1.1 200 OK\r\n{head}\r\nETag: \"1\"\r\nContent-Length: 10\r\n\r\n0123")
                }
                _ => format!(
                    "HTTP/1.1 206 Partial Content\r\n{head}\r\nETag: \"{}\"\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6\r\n\r\n456789",
                    if changes { 2 } else { 1 }
                ),
            };
            if !request.starts_with("head") {
                seen.lock().unwrap().push(range);
            }
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (endpoint, ranges)
}

#[tokio::test]
async fn body_that_breaks_off_is_taken_up_where_it_ended() {
    let (endpoint, ranges) = breaking(false);
    let storage = s3(&endpoint, "");
    assert_eq!(storage.get(&storage.child("a.json")).await.unwrap(), "0123456789");
    assert_eq!(*ranges.lock().unwrap(), ["all", "bytes=4-9"]);
}

#[tokio::test]
async fn body_that_breaks_off_is_not_taken_up_in_another_file() {
    let (endpoint, ranges) = breaking(true);
    let storage = s3(&endpoint, "");
    let error = storage.get(&storage.child("a.json")).await.unwrap_err();
    assert!(matches!(error, Error::Store { action: "read", .. } | Error::Unreachable { .. }), "{error}");
    assert_eq!(ranges.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn check_of_a_folder_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::local(&dir.path().join("new/folder")).unwrap();
    storage.check_bucket().await.unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn file_in_the_place_of_a_folder_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    let storage = Storage::local(&file.join("out")).unwrap();
    let error = storage.check_bucket().await.unwrap_err();
    assert!(error.to_string().contains(&format!("`{}`", file.display())), "{error}");
}

#[tokio::test]
async fn closed_port_ends_in_time_and_names_endpoint_and_bucket() {
    // A port below 1024 is never handed out to another test's server.
    let endpoint = "127.0.0.1:1";
    let storage = s3(endpoint, "dump");
    let start = Instant::now();
    let error = storage.check_bucket().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(16), "{:?}", start.elapsed());
    let text = chain(&error);
    assert!(matches!(error, Error::Unreachable { .. }), "{text}");
    assert!(
        text.starts_with(&format!("cannot reach `http://{endpoint}` for bucket `bucket`; check its host")),
        "{text}"
    );
    assert!(text.ends_with("Connection refused (os error 111)"), "{text}");
}

#[tokio::test]
async fn silent_server_ends_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let storage = s3(&listener.local_addr().unwrap().to_string(), "");
    let start = Instant::now();
    let error = storage.get(&storage.child("manifest.json")).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(16), "{:?}", start.elapsed());
    assert!(matches!(error, Error::Unreachable { .. }), "{}", chain(&error));
}

#[tokio::test]
async fn refused_key_is_reported_at_once_without_the_secret() {
    let endpoint = server(
        "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 107\r\n\r\n<Error><Code>InvalidAccessKeyId</Code><Message>The key you provided does not exist here.</Message></Error>  ",
    );
    let start = Instant::now();
    let error = s3(&endpoint, "").check_bucket().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(3));
    let text = chain(&error);
    assert!(matches!(error, Error::CredentialsRefused { .. }), "{text}");
    assert!(text.ends_with("InvalidAccessKeyId: The key you provided does not exist here"), "{text}");
    assert!(!format!("{text} {error:?}").contains("swordfish"));
}

#[tokio::test]
async fn missing_bucket_is_told_from_a_missing_file() {
    let endpoint = server(
        "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 90\r\n\r\n<Error><Code>NoSuchBucket</Code><Message>The bucket does not exist</Message></Error>      ",
    );
    let storage = s3(&endpoint, "dump");
    let error = storage.check_bucket().await.unwrap_err();
    assert!(matches!(error, Error::NoSuchBucket { .. }), "{}", chain(&error));
    let error = storage.put_atomic(&storage.child("x"), Bytes::new()).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchBucket { .. }), "{}", chain(&error));
    assert!(!storage.exists(&storage.child("x")).await.unwrap());
}

#[tokio::test]
async fn server_that_is_not_s3_is_reported_by_its_answer() {
    let endpoint =
        server("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 8\r\n\r\nwhat is?");
    let error = s3(&endpoint, "dump").check_bucket().await.unwrap_err();
    let text = chain(&error);
    assert!(text.starts_with("cannot list `s3://bucket/dump`: "), "{text}");
    assert!(text.ends_with("what is?"), "{text}");
}

#[tokio::test]
async fn file_of_a_check_is_removed_when_its_writing_fails() {
    let (endpoint, requests) = scripted(|line| {
        Some(match line.split(' ').next() {
            Some("PUT") => ("400 Bad Request", "what is?"),
            Some("POST") => REMOVED,
            _ => EMPTY_LIST,
        })
    });
    let error = s3(&endpoint, "dump").check_bucket().await.unwrap_err();
    assert!(matches!(error, Error::Store { action: "write", .. }), "{}", chain(&error));
    assert_eq!(removals(&requests), 1);
}

#[tokio::test]
async fn file_of_a_check_that_stays_is_named() {
    for (put, text) in [
        (("200 OK", ""), "refuses to remove in bucket `bucket`"),
        (("400 Bad Request", "what is?"), "what is?"),
    ] {
        let (endpoint, _) = scripted(move |line| {
            Some(match line {
                line if line.starts_with("PUT") => put,
                line if line.starts_with("POST") => ("403 Forbidden", ""),
                line if line.contains("m2m-check") => {
                    ("200 OK", "m2m checks that this bucket can be written")
                }
                _ => EMPTY_LIST,
            })
        });
        let error = s3(&endpoint, "dump").check_bucket().await.unwrap_err();
        let chain = chain(&error);
        assert!(matches!(error, Error::CheckFileLeft { .. }), "{chain}");
        assert!(chain.starts_with("cannot remove `s3://bucket/dump/.m2m-check-"), "{chain}");
        assert!(chain.contains(text), "{chain}");
    }
}

#[tokio::test]
async fn refused_check_leaves_nothing_to_remove() {
    let (endpoint, requests) =
        scripted(|line| Some(if line.starts_with("PUT") { ("403 Forbidden", "") } else { EMPTY_LIST }));
    let error = s3(&endpoint, "dump").check_bucket().await.unwrap_err();
    assert!(matches!(error, Error::Denied { action: "write", .. }), "{}", chain(&error));
    assert_eq!(removals(&requests), 0);
}

#[tokio::test]
async fn file_of_a_check_that_is_interrupted_is_removed() {
    let (endpoint, requests) = scripted(|line| match line.split(' ').next() {
        Some("PUT") => None,
        Some("POST") => Some(REMOVED),
        _ => Some(EMPTY_LIST),
    });
    let storage = s3(&endpoint, "dump");
    let interrupted = tokio::time::timeout(Duration::from_secs(2), storage.check_bucket()).await;
    assert!(interrupted.is_err());
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if removals(&requests) > 0 {
            return;
        }
    }
    panic!("{:?}", requests.lock().unwrap());
}

#[tokio::test]
async fn removal_one_by_one_is_tried_again() {
    let requests = Mutex::new(0);
    let (endpoint, seen) = scripted(move |_| {
        let mut number = requests.lock().unwrap();
        *number += 1;
        Some(match *number {
            1 => ("503 Slow Down", "<Error><Code>SlowDown</Code></Error>"),
            2 => ("429 Too Many Requests", ""),
            3 => ("204 No Content", ""),
            _ => ("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>"),
        })
    });
    let options = BucketOptions { cloud: Some(Cloud::Gcp), ..options(&endpoint) };
    let storage = Storage::bucket_in("bucket", "", &options, &Environment::default()).unwrap();
    storage.delete(&storage.child("x")).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 3);
    let error = storage.delete(&storage.child("x")).await.unwrap_err();
    assert!(matches!(error, Error::Denied { action: "remove", .. }), "{}", chain(&error));
    let lines = seen.lock().unwrap();
    assert!(lines.len() == 4 && lines.iter().all(|line| line.starts_with("DELETE /bucket/x?")), "{lines:?}");
}

/// The client says by its words alone what status it was answered, and by which server.
#[tokio::test]
async fn words_of_the_client_are_understood() {
    for (status, is_denied) in [("403 Forbidden", true), ("401 Unauthorized", false)] {
        let (endpoint, _) = scripted(move |_| Some((status, "")));
        let azure = BucketOptions {
            cloud: Some(Cloud::Azure),
            secret_key: Some(Secret::from("c3dvcmRmaXNo")),
            ..options(&endpoint)
        };
        let google = BucketOptions {
            cloud: Some(Cloud::Gcp),
            endpoint: Some(endpoint.clone()),
            ..BucketOptions::default()
        };
        for options in [options(&endpoint), azure, google] {
            let storage = Storage::bucket_in("bucket", "", &options, &Environment::default()).unwrap();
            let file = storage.child("x");
            for (action, error) in [
                ("list", storage.check_readable().await.unwrap_err()),
                ("read", storage.get(&file).await.unwrap_err()),
                ("write", storage.put_atomic(&file, Bytes::new()).await.unwrap_err()),
            ] {
                let text = format!("{action}, {:?}: {}", options.cloud, chain(&error));
                match error {
                    Error::Denied { action: refused, .. } => {
                        assert!(is_denied && refused == action, "{text}");
                    }
                    error => {
                        assert!(!is_denied && matches!(error, Error::CredentialsRefused { .. }), "{text}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn right_to_remove_is_missed_by_its_code() {
    let (endpoint, _) = scripted(|_| {
        Some((
            "200 OK",
            "<DeleteResult><Error><Key>x</Key><Code>AccessDenied</Code><Message>No</Message></Error></DeleteResult>",
        ))
    });
    let storage = s3(&endpoint, "");
    let error = storage.delete(&storage.child("x")).await.unwrap_err();
    assert!(matches!(error, Error::Denied { action: "remove", .. }), "{}", chain(&error));
}

#[tokio::test]
async fn server_that_hands_out_no_credentials_is_told_from_the_bucket() {
    let (metadata, _) = scripted(|_| Some(("404 Not Found", "no role here")));
    let (bucket, requests) = scripted(|_| Some(EMPTY_LIST));
    let metadata = format!("http://{metadata}");
    let variables = ["AWS_METADATA_ENDPOINT", "IDENTITY_ENDPOINT"];
    let environment = Environment::new(variables.map(|name| (name.to_owned(), metadata.clone())));
    for cloud in [Cloud::Aws, Cloud::Azure] {
        let endpoint = if cloud == Cloud::Aws { bucket.clone() } else { format!("https://{bucket}") };
        let options = BucketOptions { cloud: Some(cloud), use_iam: true, ..options(&endpoint) };
        let storage = Storage::bucket_in("bucket", "", &options, &environment).unwrap();
        let error = storage.check_readable().await.unwrap_err();
        let chain = chain(&error);
        assert!(matches!(error, Error::NoCredentials { source: Some(_), .. }), "{cloud}: {chain}");
        assert!(chain.contains("let this machine have a role"), "{chain}");
    }
    assert!(requests.lock().unwrap().is_empty());
}
