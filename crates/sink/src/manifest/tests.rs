// SPDX-License-Identifier: Apache-2.0

use super::*;

fn file(field: &str, rows: u64) -> FileEntry {
    FileEntry {
        path: format!("colours/red/7/{field}.npy"),
        field: field.into(),
        rows,
        bytes: 128 + 8 * rows,
        crc32c: 7,
        sha256: None,
        dtype: "<i8".into(),
    }
}

fn manifest() -> Manifest {
    let set = SetEntry {
        name: "colours/red/7".into(),
        rows: 3,
        segments: vec!["7".into(), "8".into()],
        segment_offset: Some(4),
        files: vec![file("id", 3), file("vector", 3)],
    };
    let partition = |tag: &str, rows, sets| PartitionEntry {
        tag: tag.into(),
        name: tag.into(),
        rows,
        unfinished: false,
        sets,
    };
    let collection = CollectionEntry {
        name: "colours".into(),
        target_name: "colours".into(),
        metric: "L2".into(),
        engine: "FLAT".into(),
        index_params: "{\"nlist\": 16384}".into(),
        filter: None,
        query: None,
        choices: [("format".to_owned(), "npy".to_owned())].into(),
        fingerprint: "5b1e".into(),
        cosine: false,
        fields: vec![
            FieldEntry {
                name: "id".into(),
                field_type: "Int64".into(),
                primary: true,
                ..FieldEntry::default()
            },
            FieldEntry {
                name: "vector".into(),
                field_type: "FloatVector".into(),
                dimension: Some(2),
                ..FieldEntry::default()
            },
        ],
        rows: 3,
        left_out: LeftOutEntry { invalid: 1, repeated: 2 },
        quarantine: Some("colours/quarantine.parquet".into()),
        partitions: vec![partition("_default", 0, vec![]), partition("red", 3, vec![set])],
    };
    let source = SourceEntry { meta: "/old/meta.sqlite".into(), tables: vec!["/old/tables".into()] };
    Manifest::new("0c9f".into(), source, vec![collection])
}

#[tokio::test]
async fn manifest_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let dump = Storage::local(folder.path()).unwrap();
    manifest().write(&dump).await.unwrap();
    let read = Manifest::read(&dump).await.unwrap();
    assert_eq!((&read.source, &read.collections), (&manifest().source, &manifest().collections));
    assert_eq!(read.files().map(|file| file.field.as_str()).collect::<Vec<_>>(), ["id", "vector"]);
}

#[test]
fn manifest_has_the_documented_shape() {
    let mut manifest = manifest();
    manifest.created_on = "2026-11-21T05:11:55Z".into();
    let set = serde_json::json!({
        "name": "colours/red/7", "rows": 3, "segments": ["7", "8"], "segment_offset": 4,
        "files": [
            {"path": "colours/red/7/id.npy", "field": "id", "rows": 3, "bytes": 152, "crc32c": 7, "dtype": "<i8"},
            {"path": "colours/red/7/vector.npy", "field": "vector", "rows": 3, "bytes": 152, "crc32c": 7, "dtype": "<i8"},
        ],
    });
    let expected = serde_json::json!({
        "version": 2, "id": "0c9f", "m2m": env!("CARGO_PKG_VERSION"), "created_on": "2026-11-21T05:11:55Z",
        "source": {"meta": "/old/meta.sqlite", "tables": ["/old/tables"]},
        "collections": [{
            "name": "colours", "target_name": "colours",
            "choices": {"format": "npy"}, "fingerprint": "5b1e", "metric": "L2", "engine": "FLAT",
            "index_params": "{\"nlist\": 16384}",
            "fields": [
                {"name": "id", "type": "Int64", "primary": true},
                {"name": "vector", "type": "FloatVector", "dimension": 2},
            ],
            "rows": 3, "left_out": {"invalid": 1, "repeated": 2}, "quarantine": "colours/quarantine.parquet",
            "partitions": [
                {"tag": "_default", "name": "_default", "rows": 0, "sets": []},
                {"tag": "red", "name": "red", "rows": 3, "sets": [set]},
            ],
        }],
    });
    assert_eq!(serde_json::to_value(&manifest).unwrap(), expected);
}

#[track_caller]
fn refused(change: impl FnOnce(&mut serde_json::Value), expected: &str) {
    let mut json = serde_json::to_value(manifest()).unwrap();
    change(&mut json);
    let error = Manifest::decode(json.to_string().as_bytes(), "/dump/manifest.json", false).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn later_version_is_refused_whatever_its_shape() {
    refused(
        |json| *json = serde_json::json!({"version": 3}),
        "manifest `/dump/manifest.json` has version 3, this m2m reads version 2: use the m2m that wrote it, or dump again",
    );
}

#[test]
fn other_json_is_refused() {
    refused(|json| *json = serde_json::json!([]), "cannot decode manifest `/dump/manifest.json`");
    refused(|json| json["collections"] = "all".into(), "cannot decode manifest `/dump/manifest.json`");
    refused(|json| json["version"] = "1".into(), "cannot decode manifest `/dump/manifest.json`");
}

#[test]
fn numbers_that_do_not_add_up_are_refused() {
    refused(
        |json| json["collections"][0]["rows"] = 4.into(),
        "manifest `/dump/manifest.json` contradicts itself: collection `colours` has 4 rows, its parts have 3",
    );
    refused(
        |json| json["collections"][0]["partitions"][0]["rows"] = 1.into(),
        "manifest `/dump/manifest.json` contradicts itself: collection `colours` has 3 rows, its parts have 4",
    );
    refused(
        |json| json["collections"][0]["partitions"][1]["sets"][0]["files"][1]["rows"] = 2.into(),
        "manifest `/dump/manifest.json` contradicts itself: file set `colours/red/7` has 3 rows, its parts have 2",
    );
}

#[tokio::test]
async fn what_is_unfinished_is_kept_apart_and_is_no_dump() {
    let folder = tempfile::tempdir().unwrap();
    let dump = Storage::local(folder.path()).unwrap();
    let mut unfinished = manifest();
    unfinished.collections[0].partitions[0].unfinished = true;
    let error = unfinished.write(&dump).await.unwrap_err();
    assert!(matches!(error, Error::ManifestUnfinished { .. }), "{error}");
    unfinished.write_unfinished(&dump).await.unwrap();
    assert!(Manifest::read(&dump).await.is_err());
    assert_eq!(Manifest::read_unfinished(&dump).await.unwrap(), unfinished);
    std::fs::rename(folder.path().join(UNFINISHED_FILE), folder.path().join(MANIFEST_FILE)).unwrap();
    let error = Manifest::read(&dump).await.unwrap_err().to_string();
    assert!(error.contains("partition `_default` of collection `colours` is unfinished"), "{error}");
}

#[tokio::test]
async fn missing_manifest_is_an_error_of_the_storage() {
    let folder = tempfile::tempdir().unwrap();
    let error = Manifest::read(&Storage::local(folder.path()).unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::Storage(error) if error.is_not_found()));
}

#[test]
fn dates_are_those_of_the_calendar() {
    assert_eq!(rfc_3339(0), "1970-01-01T00:00:00Z");
    assert_eq!(rfc_3339(951_782_399), "2000-02-28T23:59:59Z");
    assert_eq!(rfc_3339(951_782_400), "2000-02-29T00:00:00Z");
    assert_eq!(rfc_3339(1_735_689_599), "2024-12-31T23:59:59Z");
    assert_eq!(rfc_3339(1_795_237_915), "2026-11-21T05:11:55Z");
    assert_eq!(rfc_3339(4_107_542_400), "2100-03-01T00:00:00Z");
}
