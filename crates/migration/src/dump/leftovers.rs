// SPDX-License-Identifier: Apache-2.0
//! What a run that was killed leaves beside the file sets that it completed. Only what
//! stands where a manifest's own files would is touched.

use datafusion::error::DataFusionError;
use datafusion::object_store::path::Path;
use futures::TryStreamExt;
use m2m_sink::manifest::{CollectionEntry, MANIFEST_FILE, Manifest, PartitionEntry, UNFINISHED_FILE};
use m2m_storage::Storage;

use super::META_FILE;
use crate::error::Result;
use crate::ledger::LEDGER_FILE;

/// Files beside the import files.
const RECORDS: [&str; 4] = [MANIFEST_FILE, UNFINISHED_FILE, LEDGER_FILE, META_FILE];

/// The folder of a partition's file sets.
pub(super) fn folder(collection: &str, partition: &str) -> String {
    match partition {
        "" => format!("{collection}/_all"),
        partition => format!("{collection}/{partition}"),
    }
}

/// Removes files of file sets that were not completed, or not written down.
pub(super) async fn remove_files(manifest: &Manifest, target: &Storage) -> Result<()> {
    for (collection, partition) in partitions(manifest) {
        let folder = target.child(&folder(&collection.name, &partition.name));
        let listed: Vec<_> = target
            .store()
            .list(Some(&folder))
            .map_ok(|file| file.location)
            .try_filter(|path| std::future::ready(is_of_set(path, &folder, collection)))
            .try_collect()
            .await
            .map_err(|error| DataFusionError::ObjectStore(Box::new(error)))?;
        for path in listed {
            tracing::debug!(%path, "file of an earlier run removed");
            target.delete(&path).await?;
        }
    }
    Ok(())
}

/// Ends uploads of a run that was killed.
pub(super) async fn abort_uploads(manifest: &Manifest, target: &Storage) -> Result<()> {
    for upload in target.unfinished_uploads().await? {
        let mut partitions = partitions(manifest);
        let is_own = partitions.any(|(collection, partition)| {
            let folder = target.child(&folder(&collection.name, &partition.name));
            is_of_set(&upload.path, &folder, collection)
        });
        let is_record = RECORDS.iter().any(|name| target.child(name) == upload.path);
        if is_own || is_record {
            tracing::debug!(path = %upload.path, "upload of an earlier run ended");
            target.abort_upload(&upload).await?;
        }
    }
    Ok(())
}

fn partitions(manifest: &Manifest) -> impl Iterator<Item = (&CollectionEntry, &PartitionEntry)> {
    manifest
        .collections
        .iter()
        .flat_map(|collection| collection.partitions.iter().map(move |partition| (collection, partition)))
}

/// Whether a path is that of an import file of some set in the folder of a partition.
fn is_of_set(path: &Path, folder: &Path, collection: &CollectionEntry) -> bool {
    let Some(rest) = path.prefix_match(folder) else { return false };
    let rest: Vec<_> = rest.map(|part| part.as_ref().to_owned()).collect();
    match &rest[..] {
        [file] => file.ends_with(".parquet"),
        [_, file] => {
            let field = file.strip_suffix(".npy");
            field.is_some_and(|field| collection.fields.iter().any(|known| known.name == field))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use m2m_sink::manifest::{FieldEntry, LeftOutEntry, SourceEntry};

    use super::*;

    fn manifest() -> Manifest {
        let partition = |name: &str| PartitionEntry {
            tag: name.into(),
            name: name.into(),
            rows: 0,
            unfinished: true,
            sets: Vec::new(),
        };
        let field = |name: &str| FieldEntry { name: name.into(), ..FieldEntry::default() };
        let collection = CollectionEntry {
            name: "films".into(),
            target_name: "films".into(),
            filter: None,
            query: None,
            choices: Default::default(),
            fingerprint: String::new(),
            metric: "L2".into(),
            cosine: false,
            engine: "FLAT".into(),
            index_params: "{}".into(),
            fields: vec![field("id"), field("vector")],
            rows: 0,
            left_out: LeftOutEntry::default(),
            quarantine: None,
            partitions: vec![partition("_default"), partition("")],
        };
        let source = SourceEntry { meta: String::new(), tables: Vec::new() };
        Manifest::new("1".into(), source, vec![collection])
    }

    #[tokio::test]
    async fn files_of_sets_are_removed_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let target = Storage::local(folder.path()).unwrap();
        let own = ["films/_default/7/id.npy", "films/_default/7-1/vector.npy", "films/_all/3.parquet"];
        let others = [
            "films/_default/7/other.npy",
            "films/_default/7/more/id.npy",
            "films/_default/id.npy",
            "films/id.npy",
            "films/other/7/id.npy",
            "films2/_default/7/id.npy",
            "films/_default/7/id.npy.bak",
            "notes.txt",
        ];
        for path in own.iter().chain(&others) {
            target.put_atomic(&target.child(path), "x".into()).await.unwrap();
        }
        remove_files(&manifest(), &target).await.unwrap();
        for path in own {
            assert!(!folder.path().join(path).exists(), "{path}");
        }
        for path in others {
            assert!(folder.path().join(path).exists(), "{path}");
        }
    }

    #[tokio::test]
    async fn uploads_of_own_files_are_ended_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let target = Storage::local(folder.path()).unwrap();
        let begun = [
            "films/_default/7/id.npy#1",
            "films/_default/7/other.npy#1",
            "elsewhere/id.npy#1",
            "unfinished.json#2",
            "other.json#1",
        ];
        for path in begun {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "half").unwrap();
        }
        abort_uploads(&manifest(), &target).await.unwrap();
        assert_eq!(begun.map(|path| folder.path().join(path).exists()), [false, true, true, false, true]);
    }
}
