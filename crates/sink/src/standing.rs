// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

/// What stands under a file's name; nothing is known when the store does not answer.
pub(crate) type Standing = Option<Option<ObjectMeta>>;

/// Asks what stands under a file's name.
pub(crate) async fn standing(store: &Arc<dyn ObjectStore>, path: &Path) -> Standing {
    match store.head(path).await {
        Ok(meta) => Some(Some(meta)),
        Err(object_store::Error::NotFound { .. }) => Some(None),
        Err(_) => None,
    }
}

/// Returns whether a file of so many bytes has come since `before` was asked.
///
/// A server that is asked again to complete an upload, because its first answer was
/// lost, knows of no such upload any more. Then this tells that the file is there.
pub(crate) async fn has_come(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    before: &Standing,
    bytes: u64,
) -> bool {
    let (Some(before), Some(Some(now))) = (before, standing(store, path).await) else { return false };
    now.size == bytes && before.as_ref() != Some(&now)
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn file_has_come_when_another_stands_there_and_is_whole() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let path = Path::from("a/id.npy");
        let before = standing(&store, &path).await;
        assert_eq!(before, Some(None));
        assert!(!has_come(&store, &path, &before, 3).await);
        store.put(&path, "abc".into()).await.unwrap();
        assert!(has_come(&store, &path, &before, 3).await);
        assert!(!has_come(&store, &path, &before, 4).await);
        // What stood there is not what was sent, were it as long.
        let old = standing(&store, &path).await;
        assert!(!has_come(&store, &path, &old, 3).await);
        store.put(&path, "xyz".into()).await.unwrap();
        assert!(has_come(&store, &path, &old, 3).await);
        // Nothing is known of before.
        assert!(!has_come(&store, &path, &None, 3).await);
    }
}
