// SPDX-License-Identifier: Apache-2.0

use std::collections::{BTreeMap, BTreeSet};

use m2m_segment::names::is_safe_component;

use super::options::{ImportFormat, SetNaming, StreamWriteOptions};
use crate::checksum::Checksum;
use crate::npy::file_bytes;
use crate::written_file::WrittenFile;
use crate::{Error, Result};

/// Full sets that an earlier run completed, by name.
#[derive(Debug)]
pub(super) struct Finished(BTreeMap<String, Vec<WrittenFile>>);

impl Finished {
    /// Takes the files of the options, which must be those that would be written now.
    pub(super) fn of_options(options: &StreamWriteOptions) -> Result<Self> {
        let mut sets: BTreeMap<String, Vec<WrittenFile>> = BTreeMap::new();
        for file in &options.finished {
            sets.entry(file.set.clone()).or_default().push(file.clone());
        }
        match sets.iter().find_map(|(set, files)| fault_of_set(options, set, files)) {
            None => Ok(Self(sets)),
            Some(reason) => Err(options.invalid(reason)),
        }
    }

    pub(super) fn has(&self, set: &str) -> bool {
        self.0.contains_key(set)
    }

    /// Returns the files of a set, whose rows were found in these segments.
    pub(super) fn files(&self, set: &str, segments: &BTreeSet<String>) -> Result<Vec<WrittenFile>> {
        let files = self.0.get(set).cloned().unwrap_or_default();
        let changed =
            |file: &&WrittenFile| !file.segments.iter().collect::<BTreeSet<_>>().into_iter().eq(segments);
        match files.iter().find(changed) {
            None => Ok(files),
            Some(file) => Err(Error::ChangedSet {
                set: set.to_owned(),
                expected: quoted(&file.segments),
                found: quoted(segments),
            }),
        }
    }
}

fn fault_of_set(options: &StreamWriteOptions, set: &str, files: &[WrittenFile]) -> Option<String> {
    if options.naming == SetNaming::Numbered {
        return Some(format!("file set `{set}` cannot be finished already: sets with numbers begin anew"));
    }
    let name = set.strip_prefix(options.folder.as_str()).and_then(|name| name.strip_prefix('/'));
    if !name.is_some_and(is_safe_component) {
        return Some(format!("expected finished file sets in `{}`, found `{set}`", options.folder));
    }
    let expected = expected_files(options, set);
    let paths = |files: &[WrittenFile]| {
        let mut paths: Vec<_> = files.iter().map(|file| file.path.clone()).collect();
        paths.sort();
        quoted(&paths)
    };
    if paths(&expected) != paths(files) {
        let (expected, found) = (paths(&expected), paths(files));
        return Some(format!("expected files {expected} of finished file set `{set}`, found {found}"));
    }
    files.iter().find_map(|file| {
        let expected = expected.iter().find(|expected| expected.path == file.path)?;
        fault_of_file(options, file, expected)
    })
}

/// The files of a full set, as far as they are known before they are written.
fn expected_files(options: &StreamWriteOptions, set: &str) -> Vec<WrittenFile> {
    let file = |path: String, field: &str| WrittenFile {
        set: set.to_owned(),
        path,
        field: field.to_owned(),
        rows: options.set_rows,
        bytes: 0,
        crc32c: 0,
        sha256: None,
        dtype: options.format.name().to_owned(),
        width: None,
        segments: Vec::new(),
    };
    if options.format == ImportFormat::Parquet {
        return vec![file(format!("{set}.parquet"), "")];
    }
    let of_field = |field: &super::ImportField| {
        let (dtype, width) = field.kind.npy_type()?;
        let bytes = file_bytes(dtype, options.set_rows, width)?;
        let dtype = dtype.descr().into_owned();
        let path = format!("{set}/{}.npy", field.field);
        Some(WrittenFile { bytes, dtype, width, ..file(path, &field.field) })
    };
    options.fields.iter().filter_map(of_field).collect()
}

fn fault_of_file(options: &StreamWriteOptions, file: &WrittenFile, expected: &WrittenFile) -> Option<String> {
    let described = |file: &WrittenFile| {
        let WrittenFile { field, rows, bytes, dtype, .. } = file;
        match options.format {
            ImportFormat::Npy => format!("{rows} rows of {dtype} for `{field}` in {bytes} bytes"),
            // Their length depends on the rows.
            ImportFormat::Parquet => format!("{rows} rows of {dtype} for `{field}`"),
        }
    };
    let (wanted, found) = (described(expected), described(file));
    if wanted != found {
        return Some(format!("expected {wanted} in finished file `{}`, found {found}", file.path));
    }
    if options.checksum == Checksum::Sha256 && file.sha256.is_none() {
        return Some(format!("expected a SHA-256 of finished file `{}`, found none", file.path));
    }
    None
}

fn quoted<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    texts.into_iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}
