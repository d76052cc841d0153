// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeMap;

use m2m_storage::{Cause, Cloud};

use super::*;
use crate::testing::{TestInstall, chain, some_bucket};

/// What is answered about keys, by how they are shown.
#[derive(Clone, Default)]
struct Fake {
    /// Keys that are there, and the tags of their files.
    files: BTreeMap<&'static str, &'static str>,
    /// Begins of keys, and what goes wrong with them.
    faults: BTreeMap<&'static str, Fault>,
}

#[derive(Clone, Copy)]
enum Fault {
    Denied,
    Status(&'static str),
}

impl Fault {
    fn error(self, location: String) -> Error {
        let cause =
            |text: String| Cause::from(object_store::Error::Generic { store: "S3", source: text.into() });
        Error::Storage(match self {
            Self::Denied => m2m_storage::Error::Denied {
                cloud: Cloud::Aws,
                endpoint: "http://host".into(),
                bucket: "bucket".into(),
                action: "read",
                source: cause("AccessDenied".into()),
            },
            Self::Status(status) => m2m_storage::Error::Store {
                action: "read",
                location,
                source: cause(format!("Server returned non-2xx status code: {status}: ")),
            },
        })
    }
}

impl Fake {
    fn of<const N: usize>(keys: [&'static str; N]) -> Self {
        Self { files: keys.map(|key| (key, key)).into(), ..Self::default() }
    }

    fn with(mut self, begin: &'static str, fault: Fault) -> Self {
        self.faults.insert(begin, fault);
        self
    }
}

impl Look for Fake {
    async fn look(&self, root: &Storage, key: &Path) -> Result<Option<ObjectMeta>> {
        let shown = root.display(key);
        if let Some(tag) = self.files.get(shown.as_str()) {
            let e_tag = Some((*tag).to_owned());
            let location = key.clone();
            let last_modified = Default::default();
            return Ok(Some(ObjectMeta { location, last_modified, size: 16, e_tag, version: None }));
        }
        match self.faults.iter().find(|(begin, _)| shown.starts_with(**begin)) {
            Some((_, fault)) => Err(fault.error(shown)),
            None => Ok(None),
        }
    }
}

/// Where segments are found below some prefixes, as it is shown, or why not.
async fn found_below(bucket: &Fake, prefixes: &[&str]) -> Result<String> {
    let roots: Vec<Storage> = prefixes.iter().map(|prefix| some_bucket(prefix)).collect();
    let probes = ["t/1/1.uid".to_owned(), "t/2/2.uid".to_owned()];
    let search = Search::new(&roots, &probes);
    let outcome = search.run(bucket).await?;
    match outcome.found {
        Some(Candidate { roots, folder, .. }) => Ok(roots[0].display(&roots[0].child(folder))),
        None => Err(search.nothing(outcome.denied)),
    }
}

async fn found(bucket: &Fake, prefix: &str) -> Result<String> {
    found_below(bucket, &[prefix]).await
}

async fn refusal(bucket: &Fake, prefix: &str) -> String {
    chain(&found(bucket, prefix).await.unwrap_err())
}

#[tokio::test]
async fn any_folder_above_the_tables_is_good() {
    let plain = Fake::of(["s3://bucket/var/lib/milvus/db/tables/t/1/1.uid"]);
    let slashed = Fake::of(["s3://bucket//var/lib/milvus/db/tables/t/1/1.uid"]);
    for prefix in ["var/lib/milvus/db/tables", "var/lib/milvus/db", "var/lib/milvus", ""] {
        assert_eq!(found(&plain, prefix).await.unwrap(), "s3://bucket/var/lib/milvus/db/tables");
        assert_eq!(found(&slashed, prefix).await.unwrap(), "s3://bucket//var/lib/milvus/db/tables");
    }
    assert!(matches!(found(&plain, "var/lib").await.unwrap_err(), Error::NoSegments { .. }));
}

#[tokio::test]
async fn a_segment_that_is_lost_does_not_hide_the_others() {
    let bucket = Fake::of(["s3://bucket/db/t/2/2.uid"]);
    assert_eq!(found(&bucket, "db").await.unwrap(), "s3://bucket/db");
}

#[tokio::test]
async fn segments_in_two_folders_are_refused() {
    let copied = "both `s3://bucket/m/tables/t/1/1.uid` and `s3://bucket/m/db/tables/t/1/1.uid` are there";
    let bucket = Fake::of(["s3://bucket/m/tables/t/1/1.uid", "s3://bucket/m/db/tables/t/1/1.uid"]);
    assert!(refusal(&bucket, "m").await.starts_with(copied));
    // The same tag, too, is only that of a copy.
    let mut same = bucket.clone();
    same.files.values_mut().for_each(|tag| *tag = "tag");
    assert!(refusal(&same, "m").await.starts_with(copied));
    assert_eq!(found(&bucket, "m/db").await.unwrap(), "s3://bucket/m/db/tables");
    // Nor is it known which one is whole, when one has this segment and one that.
    let bucket = Fake::of(["s3://bucket/m/tables/t/2/2.uid", "s3://bucket/m/db/tables/t/1/1.uid"]);
    let error = refusal(&bucket, "m").await;
    assert!(error.contains("m/tables/t/2/2.uid` and `s3://bucket/m/db/tables/t/1/1.uid`"), "{error}");
}

#[tokio::test]
async fn one_file_by_two_names_is_plain_and_two_files_are_refused() {
    let plain = "s3://bucket/db/t/1/1.uid";
    let mut bucket = Fake::of([plain, "s3://bucket//db/t/1/1.uid"]);
    let error = refusal(&bucket, "db").await;
    assert!(error.starts_with("both `s3://bucket/db/t/1/1.uid` and `s3://bucket//db/t/1/1.uid`"), "{error}");
    bucket.files.insert("s3://bucket//db/t/1/1.uid", plain);
    assert_eq!(found(&bucket, "db").await.unwrap(), "s3://bucket/db");
    // A segment that only one name has: they are two folders after all.
    bucket.files.insert("s3://bucket//db/t/2/2.uid", "other");
    assert!(found(&bucket, "db").await.is_err());
}

#[tokio::test]
async fn files_of_the_same_length_and_tag_can_still_be_copies() {
    let bucket = Fake::of(["s3://bucket/db/t/1/1.uid"]);
    let look = async || bucket.look(&some_bucket("db"), &"db/t/1/1.uid".into()).await.unwrap().unwrap();
    let one = look().await;
    assert!(is_same(&one, &look().await));
    for other in [
        ObjectMeta { size: 17, ..one.clone() },
        ObjectMeta { e_tag: Some("other".into()), ..one.clone() },
        ObjectMeta { last_modified: std::time::SystemTime::now().into(), ..one.clone() },
    ] {
        assert!(!is_same(&one, &other), "{other:?}");
    }
    let unknown = ObjectMeta { e_tag: None, ..one };
    assert!(!is_same(&unknown, &unknown));
}

#[tokio::test]
async fn denied_access_counts_when_nothing_is_found() {
    let bucket = Fake::of(["s3://bucket//db/t/2/2.uid"]).with("s3://bucket/", Fault::Denied);
    assert_eq!(found(&bucket, "db").await.unwrap(), "s3://bucket//db");
    let denied = Fake::default().with("s3://bucket//", Fault::Denied);
    let error = refusal(&denied, "db").await;
    assert!(error.contains("access was denied for `s3://bucket//db/t/1/1.uid`: looked for"), "{error}");
    assert!(error.ends_with("refuses to read in bucket `bucket`; check the credentials, and their right to read there: AccessDenied"), "{error}");
}

#[tokio::test]
async fn every_other_error_ends_the_search() {
    let has = || Fake::of(["s3://bucket//db/t/1/1.uid"]);
    for begin in ["s3://bucket/db/t", "s3://bucket/db/db/tables/t/2", "s3://bucket//db/tables"] {
        let error = refusal(&has().with(begin, Fault::Status("503 Slow Down")), "db").await;
        assert!(error.starts_with(&format!("cannot read `{begin}")) && error.contains("503"), "{error}");
    }
    // Some servers never take a key that begins with a slash.
    for status in ["400 Bad Request", "307 Temporary Redirect"] {
        let bucket = Fake::of(["s3://bucket/db/t/1/1.uid"]).with("s3://bucket//", Fault::Status(status));
        assert_eq!(found(&bucket, "db").await.unwrap(), "s3://bucket/db");
        assert!(found(&has().with("s3://bucket/db", Fault::Status(status)), "db").await.is_err());
    }
}

#[tokio::test]
async fn segments_may_be_spread_over_several_roots() {
    let bucket = Fake::of(["s3://bucket/a/tables/t/1/1.uid", "s3://bucket/b/tables/t/2/2.uid"]);
    assert_eq!(found_below(&bucket, &["a", "b"]).await.unwrap(), "s3://bucket/a/tables");
}

#[tokio::test]
async fn what_was_looked_for_is_told_in_a_line() {
    let error = refusal(&Fake::default(), "db").await;
    assert_eq!(
        error,
        "the bucket has no segments of this metadata: looked for `t/1/1.uid` and that of another segment \
         below `s3://bucket/db`, and below `tables`, `db/tables` and `var/lib/milvus/db/tables` in it, \
         with and without a `/` before the key; check that bucket and prefix belong to the metadata, or \
         restore what was removed"
    );
    let error = found_below(&Fake::default(), &["a", "b"]).await.unwrap_err().to_string();
    assert!(error.contains("below `s3://bucket/a` and `s3://bucket/b`, and below `tables`"), "{error}");
    assert!(error.contains("` in them, with"), "{error}");
}

#[tokio::test]
async fn segments_of_all_collections_are_looked_for_before_two_of_one() {
    let install = TestInstall::float(2).segment("_default", 1, 1, &[]).segment("p", 2, 1, &[]);
    let collections = install.open().await.inventory().collections.clone();
    assert_eq!(probes(&collections), ["c/1/1.uid", "c_p/2/2.uid"]);
    let twice = [collections.clone(), collections.clone(), collections].concat();
    assert_eq!(probes(&twice), ["c/1/1.uid", "c/1/1.uid", "c/1/1.uid", "c_p/2/2.uid"]);
}
