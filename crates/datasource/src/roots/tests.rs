// SPDX-License-Identifier: Apache-2.0

use std::path::Path as FsPath;

use super::*;
use crate::testing::{TestInstall, chain, failure, numbers, plan, session_over, some_bucket};

/// A form that has these keys, or refuses every one.
struct Fake(Option<&'static [&'static str]>);

impl Keys for Fake {
    async fn has(&self, key: &Path) -> m2m_storage::Result<bool> {
        let refused =
            || m2m_storage::Error::InvalidLocation { location: key.to_string(), reason: "no".into() };
        self.0.map(|keys| keys.contains(&key.as_ref())).ok_or_else(refused)
    }
}

const NOTHING: Fake = Fake(Some(&[]));

/// The form and the folder that are found below a prefix.
async fn found(forms: &[Fake], prefix: &str) -> Result<Option<(usize, &'static str)>> {
    let probes = ["t/1/1.uid".to_owned(), "t/2/2.uid".to_owned()];
    let prefixes = [prefix.into()];
    let found = search(forms, &prefixes, &probes).await?;
    Ok(found.map(|(form, folder)| (forms.iter().position(|one| std::ptr::eq(one, form)).unwrap(), folder)))
}

#[tokio::test]
async fn any_folder_above_the_tables_is_good() {
    let bucket = || [NOTHING, Fake(Some(&["var/lib/milvus/db/tables/t/1/1.uid"]))];
    for (prefix, folder) in [
        ("var/lib/milvus/db/tables", ""),
        ("var/lib/milvus/db", "tables"),
        ("var/lib/milvus", "db/tables"),
        ("", "var/lib/milvus/db/tables"),
    ] {
        assert_eq!(found(&bucket(), prefix).await.unwrap(), Some((1, folder)), "{prefix}");
    }
    assert_eq!(found(&bucket(), "var/lib").await.unwrap(), None);
}

#[tokio::test]
async fn a_segment_that_is_lost_does_not_hide_the_others() {
    let bucket = [Fake(Some(&["db/t/2/2.uid"])), NOTHING];
    assert_eq!(found(&bucket, "db").await.unwrap(), Some((0, "")));
}

#[tokio::test]
async fn a_refusal_counts_when_nothing_is_found() {
    let has = || Fake(Some(&["db/t/1/1.uid"]));
    assert_eq!(found(&[Fake(None), has()], "db").await.unwrap(), Some((1, "")));
    assert_eq!(found(&[has(), Fake(None)], "db").await.unwrap(), Some((0, "")));
    // Some servers never take a key that begins with a slash.
    assert_eq!(found(&[NOTHING, Fake(None)], "db").await.unwrap(), None);
    assert!(found(&[Fake(None), NOTHING], "db").await.is_err());
}

#[tokio::test]
async fn segments_of_all_collections_are_looked_for_before_two_of_one() {
    let install = TestInstall::float(2).segment("_default", 1, 1, &[]).segment("p", 2, 1, &[]);
    let collections = install.open().await.inventory().collections.clone();
    assert_eq!(probes(&collections), ["c/1/1.uid", "c_p/2/2.uid"]);
    let twice = [collections.clone(), collections.clone(), collections].concat();
    assert_eq!(probes(&twice), ["c/1/1.uid", "c/1/1.uid", "c/1/1.uid", "c_p/2/2.uid"]);
}

#[tokio::test]
async fn what_was_tried_is_told() {
    let roots = Roots { probes: vec!["t/1/1.uid".into()], ..roots(vec![some_bucket("db")]).unwrap() };
    let plain = some_bucket("db");
    let forms = [plain.clone(), plain.with_leading_slash().unwrap()];
    let error = roots.nothing(&forms, &["db".into()]).to_string();
    assert!(
        error.contains("ids `t/1/1.uid` are in none of `s3://bucket/db`, `s3://bucket/db/tables`, "),
        "{error}"
    );
    assert!(error.contains("`s3://bucket//db`"), "{error}");
}

fn roots(given: Vec<Storage>) -> Result<Roots> {
    Roots::new(given, ReadOptions::default(), &[])
}

#[tokio::test]
async fn buckets_of_one_name_have_different_urls() {
    let (first, second) = (roots(vec![some_bucket("a")]).unwrap(), roots(vec![some_bucket("a")]).unwrap());
    assert_ne!(first.url(), second.url());
    assert!(first.url().as_str().starts_with("milvus1x://tables-"));
    let local = roots(vec![Storage::local(FsPath::new("/a")).unwrap()]).unwrap();
    assert_eq!(local.url().as_str(), "file:///");
}

#[tokio::test]
async fn folders_in_different_stores_are_refused() {
    let local = Storage::local(FsPath::new("/a")).unwrap();
    let error = roots(vec![local, some_bucket("b")]).unwrap_err().to_string();
    assert!(error.starts_with("`/a` and `s3://bucket/b` are in different stores"), "{error}");
    assert_eq!(
        roots(vec![some_bucket("a"), some_bucket("b")]).unwrap().names(),
        ["s3://bucket/a", "s3://bucket/b"]
    );
}

#[tokio::test]
async fn without_segments_no_bucket_is_asked() {
    let roots = roots(vec![some_bucket("a")]).unwrap();
    assert_eq!(roots.place().await.unwrap().folders, ["a".into()]);
}

fn install() -> TestInstall {
    TestInstall::float(2).segment("_default", 1, 10, &[3, 0, 3]).segment("p", 2, 6, &[])
}

#[tokio::test]
async fn a_bucket_answers_as_a_folder_does_by_few_requests() {
    let (source, bucket) = install().open_in_bucket().await;
    assert_eq!(source.tables(), ["s3://bucket/var/db"]);
    let ctx = session_over(&source);
    assert_eq!(numbers(&ctx, "SELECT count(*) FROM c").await, [14]);
    assert_eq!(bucket.asked(), (4, 8 + 20 + 8 + 8));
    let shown = plan(&ctx, "SELECT id FROM c").await;
    assert!(shown.contains("[var/db/tables/c/1/1.uid]") && !shown.contains("milvus1x"), "{shown}");
    assert_eq!(bucket.asked().0, 0);
    // Of each segment the ids and the deleted docs, and the block.
    assert_eq!(numbers(&ctx, "SELECT id FROM c").await.len(), 14);
    assert_eq!(bucket.asked(), (6, 8 + 20 + 80 + 8 + 8 + 48));
    // The vectors' headers when it is planned; then three headers and two blocks.
    assert_eq!(numbers(&ctx, "SELECT id, vector FROM c").await.len(), 14);
    assert_eq!(bucket.asked().0, 2 + 2 * 5);
    let path = "SELECT count(*) FROM meta.segments WHERE path = 's3://bucket/var/db/tables/c_p/2'";
    assert_eq!(numbers(&ctx, path).await, [1]);
    assert_eq!(bucket.asked().0, 6);
}

#[tokio::test]
async fn a_dump_into_a_bucket_of_the_same_name_changes_nothing() {
    let (source, _) = install().open_in_bucket().await;
    let ctx = session_over(&source);
    let target = some_bucket("");
    ctx.runtime_env().register_object_store(target.base_url(), Arc::clone(target.store()));
    assert_eq!(numbers(&ctx, "SELECT id FROM c").await.len(), 14);
}

#[tokio::test]
async fn a_missing_file_goes_by_the_name_of_its_bucket() {
    let install = install();
    std::fs::remove_file(install.file(2, "2.rv")).unwrap();
    let (source, _) = install.open_in_bucket().await;
    let error = failure(&session_over(&source), "SELECT vector FROM c").await;
    assert!(error.contains("vectors `s3://bucket/var/db/tables/c_p/2/2.rv` is missing"), "{error}");
}

#[tokio::test]
async fn a_bucket_is_not_written() {
    use object_store::ObjectStoreExt;

    let store = Arc::new(roots(vec![some_bucket("a")]).unwrap()).store();
    let path = Path::from("x");
    assert!(store.put(&path, "x".into()).await.is_err());
    assert!(chain(&store.delete(&path).await.unwrap_err()).contains("Milvus 1.x installation"));
}
