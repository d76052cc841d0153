// SPDX-License-Identifier: Apache-2.0

use std::path::Path as FsPath;

use super::*;
use crate::testing::{TestInstall, chain, failure, numbers, plan, session_over, some_bucket};

fn roots(given: Vec<Storage>) -> Result<Roots> {
    Roots::new(given, ReadOptions::default(), &[])
}

#[tokio::test]
async fn a_bucket_goes_by_the_same_url_wherever_it_is_opened_and_by_no_other() {
    let url = |given| roots(given).unwrap().url().as_str().to_owned();
    let of_a = url(vec![some_bucket("a")]);
    // Fixed, because a plan may be read by another process.
    assert_eq!(of_a, "milvus1x://tables-aa10f8a2c164f1ff/");
    assert_eq!(url(vec![some_bucket("a")]), of_a);
    assert_ne!(url(vec![some_bucket("b")]), of_a);
    assert_ne!(url(vec![some_bucket("a"), some_bucket("b")]), of_a);
    assert_eq!(url(vec![Storage::local(FsPath::new("/a")).unwrap()]), "file:///");
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
    assert_eq!(roots.locator().await.unwrap().folders, ["a".into()]);
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
    use object_store::path::Path;

    let store = Arc::new(roots(vec![some_bucket("a")]).unwrap()).store();
    let path = Path::from("x");
    assert!(store.put(&path, "x".into()).await.is_err());
    assert!(chain(&store.delete(&path).await.unwrap_err()).contains("Milvus 1.x installation"));
}
