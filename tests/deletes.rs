// SPDX-License-Identifier: Apache-2.0
//! Deleted docs are a set of offsets: whatever their order and number, exactly
//! the other rows are kept.

use std::fs;

use crate::support::command::run;
use crate::support::install::Install;

/// An installation of one segment of ten rows with ids 100 to 109.
fn ten_rows(deleted: &[i32]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let ids: Vec<i64> = (100..110).collect();
    let vectors: Vec<f32> = (0..40).map(|value| value as f32 / 4.0).collect();
    Install::new(folder.path()).collection("ten", 4).segment("7", &ids, &vectors, deleted).finish();
    folder
}

fn kept(deleted: &[i32]) -> Vec<i64> {
    (0..10).filter(|offset| !deleted.contains(offset)).map(|offset| 100 + i64::from(offset)).collect()
}

const SETS: [&[i32]; 7] =
    [&[5], &[3, 7], &[3, 0], &[3, 3], &[], &[9, 0, 9, 4, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]];

#[test]
fn sql_shows_exactly_the_rows_that_are_not_deleted() {
    for deleted in SETS {
        let install = ten_rows(deleted);
        let path = install.path().to_str().unwrap();
        let sql = "SELECT id, segment_offset, vector[1] AS first FROM ten ORDER BY id";
        let shown = run(&["sql", "--install", path, "--format", "csv", sql]).ends_with(0).stdout;
        let expected: String =
            kept(deleted).iter().map(|id| format!("{id},{},{:?}\n", id - 100, (id - 100) as f32)).collect();
        assert_eq!(shown, format!("id,segment_offset,first\n{expected}"), "deleted {deleted:?}");
    }
}

#[test]
fn a_dump_holds_exactly_the_rows_that_are_not_deleted() {
    for deleted in SETS {
        let install = ten_rows(deleted);
        let out = install.path().join("out");
        let (path, out_path) = (install.path().to_str().unwrap(), out.to_str().unwrap());
        run(&["dump", "--install", path, "--out", out_path]).ends_with(0);
        let folder = out.join("ten/_default/7");
        let expected = kept(deleted);
        if expected.is_empty() {
            assert!(!folder.exists(), "a segment without a live row makes no file");
            continue;
        }
        let ids = fs::read(folder.join("id.npy")).unwrap();
        let vectors = fs::read(folder.join("vector.npy")).unwrap();
        let ids: Vec<i64> = npyz::NpyFile::new(&ids[..]).unwrap().into_vec().unwrap();
        let vectors: Vec<f32> = npyz::NpyFile::new(&vectors[..]).unwrap().into_vec().unwrap();
        assert_eq!(ids, expected, "deleted {deleted:?}");
        let rows: Vec<f32> =
            expected.iter().flat_map(|id| (0..4).map(move |at| ((id - 100) * 4 + at) as f32 / 4.0)).collect();
        assert_eq!(vectors, rows, "deleted {deleted:?}");
    }
}

/// Segments that are large enough to be split between writers, every seventh row deleted.
#[test]
fn large_segments_are_split_between_writers_and_every_live_row_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let rows = 300_000;
    Install::new(folder.path()).collection("big", 8).large_segments(3, rows, 7).finish();
    let expected: Vec<i64> = (0..3 * rows).filter(|id| id % rows % 7 != 0).map(|id| id as i64).collect();
    for (workers, file_size) in [("1", "1024"), ("2", "1"), ("5", "3")] {
        let out = tempfile::tempdir().unwrap();
        let (path, to) = (folder.path().to_str().unwrap(), out.path().to_str().unwrap());
        run(&["dump", "--install", path, "--out", to, "--workers", workers, "--file-size", file_size])
            .ends_with(0);
        let manifest = fs::read_to_string(out.path().join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        let sets = manifest["collections"][0]["partitions"][0]["sets"].as_array().unwrap();
        assert_eq!(sets.len() > 1, file_size != "1024", "{} sets", sets.len());
        let mut ids: Vec<i64> = Vec::new();
        for set in sets {
            let folder = out.path().join(set["name"].as_str().unwrap());
            let (id, vector) =
                (fs::read(folder.join("id.npy")).unwrap(), fs::read(folder.join("vector.npy")).unwrap());
            let of_set: Vec<i64> = npyz::NpyFile::new(&id[..]).unwrap().into_vec().unwrap();
            let vectors: Vec<f32> = npyz::NpyFile::new(&vector[..]).unwrap().into_vec().unwrap();
            for (id, vector) in of_set.iter().zip(vectors.chunks(8)) {
                let first = crate::support::large::component(*id as u64 * 8);
                assert_eq!(vector[0].to_bits(), first.to_bits(), "the vector of id {id}");
            }
            ids.extend(of_set);
        }
        assert!(
            ids == expected,
            "ids in the order of the manifest, {workers} workers, files of {file_size} MiB"
        );
    }
}
