// SPDX-License-Identifier: Apache-2.0

use super::*;

const GIB: u64 = 1 << 30;

fn file(path: &str, field: &str, bytes: u64) -> FileEntry {
    let (path, field) = (format!("c/_default/7/{path}"), field.to_owned());
    FileEntry { path, field, rows: 1, bytes, crc32c: 0, sha256: None, dtype: "<i8".into() }
}

fn set(files: Vec<FileEntry>) -> SetEntry {
    SetEntry { name: "c/_default/7".into(), rows: 1, segments: vec!["7".into()], segment_offset: None, files }
}

fn checked(files: &[(&str, &str)]) -> Result<(), String> {
    let files = files.iter().map(|(path, field)| file(path, field, 8)).collect();
    check_fields(&set(files), &HashSet::from(["id", "vector"]))
}

#[test]
fn a_set_has_a_file_for_each_field_or_one_for_all() {
    checked(&[("id.npy", "id"), ("vector.npy", "vector")]).unwrap();
    checked(&[("vector.npy", "vector"), ("id.npy", "id")]).unwrap();
    checked(&[("7.parquet", "")]).unwrap();
}

#[test]
fn fields_that_are_missing_unknown_or_repeated_are_errors() {
    let wrong: [(&[(&str, &str)], &str); 7] = [
        (&[], "field `id` has no file"),
        (&[("id.npy", "id")], "field `vector` has no file"),
        (&[("id.npy", "id"), ("id.npy", "id"), ("vector.npy", "vector")], "field `id` has two files"),
        (&[("id.npy", "id"), ("vector.npy", "vector"), ("x.npy", "x")], "field `x`, which the collection"),
        (&[("pk.npy", "id"), ("vector.npy", "vector")], "expected `id.npy`"),
        (&[("7.parquet", ""), ("8.parquet", "")], "field ``"),
        (&[("7.parquet", ""), ("id.npy", "id")], "field ``"),
    ];
    for (files, words) in wrong {
        let reason = checked(files).unwrap_err();
        assert!(reason.contains(words), "{words}: {reason}");
    }
}

#[test]
fn files_are_measured_one_by_one_and_from_2_4_on_together() {
    let size = |bytes: [u64; 2], version: &str| {
        let version = ServerVersion::parse(version);
        let set = set(vec![file("id.npy", "id", bytes[0]), file("vector.npy", "vector", bytes[1])]);
        check_size(&set, &mapping::limits(&version), &version).map_err(|error| error.to_string())
    };
    for version in ["v2.2.16", "v2.3.5", "v2.4.0"] {
        size([GIB, 15 * GIB], version).unwrap();
        let reason = size([1, 16 * GIB + 1], version).unwrap_err();
        assert!(reason.contains("vector.npy` has 17179869185 bytes"), "{reason}");
        assert!(reason.contains(version) && reason.contains("--file-size"), "{reason}");
    }
    size([GIB, 16 * GIB], "v2.3.5").unwrap();
    let reason = size([GIB, 16 * GIB], "v2.4.0").unwrap_err();
    assert!(reason.contains("the files of `c/_default/7` have 18253611008 bytes"), "{reason}");
    assert!(size([u64::MAX, u64::MAX], "v2.4.0").is_err());
}
