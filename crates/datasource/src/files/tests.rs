// SPDX-License-Identifier: Apache-2.0

use m2m_segment::VectorElement;

use super::*;
use crate::testing::{Bucket, chain, counted};

const GIB: u64 = 1 << 30;

/// A segment of 10 rows in a bucket, with these bytes of deleted docs.
async fn segment(deleted: Vec<u8>) -> (Arc<Bucket>, SegmentFiles) {
    let bucket = Arc::new(Bucket::default());
    let store = Arc::clone(&bucket) as Arc<dyn ObjectStore>;
    let files = SegmentFiles::new(store, "s3://bucket/".into(), Path::from("t/7"), "7");
    bucket.put(&files.ids_path(), counted(&[0; 80]).into()).await.unwrap();
    bucket.put(&files.vectors_path(), counted(&[0; 160]).into()).await.unwrap();
    bucket.put(&files.deleted_docs_path(), deleted.into()).await.unwrap();
    (bucket, files)
}

fn offsets(offsets: impl IntoIterator<Item = i32>) -> Vec<u8> {
    counted(&offsets.into_iter().flat_map(i32::to_le_bytes).collect::<Vec<u8>>())
}

#[tokio::test]
async fn each_file_is_opened_by_one_request() {
    let (bucket, files) = segment(offsets([4, 2])).await;
    assert_eq!(files.rows(None).await.unwrap().0, 10);
    assert_eq!(bucket.asked(), (1, 8));
    assert_eq!(files.deleted_docs(10).await.unwrap().0.offsets(), [2, 4]);
    assert_eq!(bucket.asked(), (1, 16));
    files.check_vectors(10, VectorLayout::try_new(VectorElement::Float32, 4).unwrap()).await.unwrap();
    assert_eq!(bucket.asked(), (1, 8));
}

#[tokio::test]
async fn what_stands_behind_the_counted_deletes_is_not_read() {
    let (bucket, files) = segment(offsets([4, 2])).await;
    bucket.lengthen(files.deleted_docs_path(), GIB);
    assert_eq!(files.deleted_docs(10).await.unwrap().0.offsets(), [2, 4]);
    assert_eq!(bucket.asked(), (1, DELETED_DOCS_START));
}

#[tokio::test]
async fn many_deletes_are_read_by_two_requests() {
    let repeated = (0..40_000).map(|entry| entry % 10);
    let (bucket, files) = segment(offsets(repeated)).await;
    bucket.lengthen(files.deleted_docs_path(), GIB);
    let (deleted, _) = files.deleted_docs(10).await.unwrap();
    assert_eq!((deleted.len(), deleted.stored_entries()), (10, 40_000));
    assert_eq!(bucket.asked(), (2, 160_008));
}

#[tokio::test]
async fn deletes_without_end_are_read_in_parts() {
    // A header that fits, and zeros behind it: the first row again and again.
    let counted = (4 << 20) + 4;
    let (bucket, files) = segment(u64::to_le_bytes(counted).to_vec()).await;
    bucket.lengthen(files.deleted_docs_path(), GIB);
    let (deleted, _) = files.deleted_docs(10).await.unwrap();
    assert_eq!((deleted.offsets(), deleted.stored_entries()), (&[0][..], counted / 4));
    assert_eq!(bucket.asked(), (1 + 4, 8 + counted));
    // The first part has an offset that no row has, so no other is asked for.
    bucket.put(&files.deleted_docs_path(), [(GIB - 8).to_le_bytes(), [9; 8]].concat().into()).await.unwrap();
    assert!(files.deleted_docs(10).await.is_err());
    assert_eq!(bucket.asked().0, 1);
}

#[tokio::test]
async fn deletes_that_cannot_be_in_their_file_are_not_asked_for() {
    for lie in [9, GIB - 7, u64::MAX - 7, u64::MAX] {
        let (bucket, files) = segment(lie.to_le_bytes().to_vec()).await;
        bucket.lengthen(files.deleted_docs_path(), if lie == 9 { 16 } else { GIB });
        let error = chain(&files.deleted_docs(10).await.unwrap_err());
        assert!(error.starts_with("deleted docs `s3://bucket/t/7/deleted_docs` are damaged"), "{error}");
        assert!(error.contains(&(u128::from(lie) + 8).to_string()), "{error}");
        assert_eq!(bucket.asked().0, 1);
    }
}

#[tokio::test]
async fn empty_files_are_damaged_and_not_unreadable() {
    let (bucket, files) = segment(Vec::new()).await;
    bucket.put(&files.ids_path(), Bytes::new().into()).await.unwrap();
    for error in [files.deleted_docs(10).await.unwrap_err(), files.rows(None).await.unwrap_err()] {
        assert!(chain(&error).contains("found a file of 0"), "{}", chain(&error));
    }
}
