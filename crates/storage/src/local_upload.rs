// SPDX-License-Identifier: Apache-2.0

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use crate::parts::{LocalParts, Places, failure, fault};

/// A local file in the making, like those of [`LocalParts`], which stays open.
///
/// A part is written where its future is polled, without a task: the thread that made the
/// bytes has them in its core's cache. It stands behind those that were handed over before
/// it, whichever is written first; a file that lacks one is never complete.
#[derive(Debug)]
pub(crate) struct LocalUpload {
    file: Arc<File>,
    /// None once it is complete or removed.
    places: Option<Places>,
    /// Of the parts that were handed over.
    bytes: u64,
    /// Of those that were written.
    written: Arc<AtomicU64>,
}

impl LocalUpload {
    /// Makes the file, with its folder.
    pub(crate) fn begin(path: &Path) -> Result<Self> {
        let (_, file, places) = LocalParts::new(0).begin(path)?;
        Ok(Self { file: Arc::new(file), places: Some(places), bytes: 0, written: Arc::default() })
    }

    fn take_places(&mut self) -> Result<Places> {
        self.places.take().ok_or_else(|| fault("the upload has ended already".to_owned()))
    }
}

#[async_trait]
impl MultipartUpload for LocalUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (file, written, mut at) = (Arc::clone(&self.file), Arc::clone(&self.written), self.bytes);
        self.bytes = at.saturating_add(length(data.content_length()));
        Box::pin(async move {
            for piece in &data {
                file.write_all_at(piece, at).map_err(failure)?;
                at = at.saturating_add(length(piece.len()));
            }
            written.fetch_add(length(data.content_length()), Ordering::Relaxed);
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let places = self.take_places()?;
        let done = match self.written.load(Ordering::Relaxed) {
            written if written == self.bytes => places.complete(self.bytes),
            written => Err(fault(format!("of {} bytes {written} were written", self.bytes))),
        };
        if done.is_err() {
            // What is wrong matters more than that a file which nobody can name any more stays.
            drop(places.remove());
        }
        done
    }

    async fn abort(&mut self) -> Result<()> {
        self.take_places()?.remove()
    }
}

impl Drop for LocalUpload {
    fn drop(&mut self) {
        if let Some(places) = self.places.take()
            && let Err(error) = places.remove()
        {
            tracing::warn!(%error, "unfinished file not removed");
        }
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use object_store::{ObjectStore, ObjectStoreExt};

    use super::*;
    use crate::local_store::LocalStore;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> Path {
            Path::from_absolute_path(self.0.path().join(name)).unwrap()
        }

        async fn upload(&self, name: &str) -> Box<dyn MultipartUpload> {
            LocalStore::new().put_multipart(&self.path(name)).await.unwrap()
        }

        fn names(&self) -> Vec<String> {
            let names = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        }

        fn text(&self, name: &str) -> String {
            fs::read_to_string(self.0.path().join(name)).unwrap()
        }
    }

    fn part(pieces: &[&'static str]) -> PutPayload {
        pieces.iter().map(|piece| bytes::Bytes::from_static(piece.as_bytes())).collect()
    }

    #[tokio::test]
    async fn parts_of_any_length_stand_as_they_were_handed_over() {
        let folder = Folder::new();
        let mut upload = folder.upload("a.npy").await;
        let first = upload.put_part(part(&["ab", "", "c"]));
        let second = upload.put_part(part(&["defg"]));
        let third = upload.put_part(part(&["h"]));
        second.await.unwrap();
        third.await.unwrap();
        first.await.unwrap();
        assert_eq!(folder.names(), ["a.npy#1"]);
        upload.complete().await.unwrap();
        drop(upload);
        assert_eq!((folder.names(), folder.text("a.npy").as_str()), (vec!["a.npy".to_owned()], "abcdefgh"));
    }

    #[tokio::test]
    async fn what_is_given_up_leaves_the_old_file() {
        let folder = Folder::new();
        fs::write(folder.0.path().join("a.npy"), "old").unwrap();
        let (mut aborted, mut dropped) = (folder.upload("a.npy").await, folder.upload("a.npy").await);
        aborted.put_part(part(&["new"])).await.unwrap();
        dropped.put_part(part(&["new"])).await.unwrap();
        assert_eq!(folder.names(), ["a.npy", "a.npy#1", "a.npy#2"]);
        aborted.abort().await.unwrap();
        assert!(aborted.abort().await.is_err());
        assert!(aborted.complete().await.is_err());
        drop(dropped);
        assert_eq!((folder.names(), folder.text("a.npy").as_str()), (vec!["a.npy".to_owned()], "old"));
    }

    #[tokio::test]
    async fn file_that_lacks_a_part_is_refused_and_removed() {
        let folder = Folder::new();
        let mut upload = folder.upload("a.npy").await;
        upload.put_part(part(&["abc"])).await.unwrap();
        drop(upload.put_part(part(&["d"])));
        upload.put_part(part(&["e"])).await.unwrap();
        let error = upload.complete().await.unwrap_err();
        assert!(error.to_string().contains("of 5 bytes 4 were written"), "{error}");
        assert!(folder.names().is_empty());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_an_error() {
        let folder = Folder::new();
        fs::write(folder.0.path().join("file"), "").unwrap();
        assert!(LocalStore::new().put_multipart(&folder.path("file/a.npy")).await.is_err());
    }

    #[tokio::test]
    async fn the_rest_is_what_the_local_store_does() {
        let folder = Folder::new();
        let store = LocalStore::new();
        store.put(&folder.path("a"), "abcdef".into()).await.unwrap();
        assert_eq!(store.get_range(&folder.path("a"), 1..3).await.unwrap(), "bc".as_bytes());
        let ranges = store.get_ranges(&folder.path("a"), &[0..1, 4..6]).await.unwrap();
        assert_eq!(ranges, ["a".as_bytes(), "ef".as_bytes()]);
        store.copy(&folder.path("a"), &folder.path("b")).await.unwrap();
        store.rename(&folder.path("b"), &folder.path("c")).await.unwrap();
        store.delete(&folder.path("a")).await.unwrap();
        assert_eq!(folder.names(), ["c"]);
    }
}
