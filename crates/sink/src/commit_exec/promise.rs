// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::file_sets::FileSet;
use crate::stream::ImportFormat;
use crate::written_file::WrittenFile;
use crate::{Error, Result};

/// What is to be written.
#[derive(Clone, Debug)]
pub(super) enum Promise {
    /// These sets, each with the rows that it promises.
    Sets(Arc<[FileSet]>),
    /// Sets of any number and length, each with these fields.
    Fields { fields: Arc<[String]>, format: ImportFormat },
}

/// Files by their sets.
type Sets<'a> = BTreeMap<&'a str, Vec<&'a WrittenFile>>;

impl Promise {
    /// Compares what was written with what was promised.
    pub(super) fn check(&self, files: &[WrittenFile]) -> Result<()> {
        let mut of_set = Sets::new();
        for file in files {
            of_set.entry(&file.set).or_default().push(file);
        }
        match self {
            Self::Sets(sets) => check_planned(sets, of_set),
            Self::Fields { fields, format: ImportFormat::Npy } => check_streamed(fields, of_set),
            Self::Fields { format: ImportFormat::Parquet, .. } => check_streamed(&[String::new()], of_set),
        }
    }

    /// Its parts, as EXPLAIN shows them.
    pub(super) fn parts(&self) -> [(&'static str, String); 2] {
        match self {
            Self::Sets(sets) => {
                let rows: u64 = sets.iter().map(|set| set.rows).sum();
                [("sets", sets.len().to_string()), ("rows", rows.to_string())]
            }
            Self::Fields { fields, format } => {
                [("format", format.to_string()), ("fields", format!("[{}]", fields.join(", ")))]
            }
        }
    }
}

/// Compares what was written with what was planned.
fn check_planned(expected_sets: &[FileSet], mut of_set: Sets<'_>) -> Result<()> {
    let mut fields = None;
    for set in expected_sets {
        let found = of_set.remove(set.name.as_str()).unwrap_or_default();
        let expected = fields.get_or_insert_with(|| fields_of(&found));
        check_planned_set(set, expected, &found)?;
    }
    match of_set.into_iter().next() {
        None => Ok(()),
        Some((set, found)) => Err(unexpected(set, "no such set", format!("{} files", found.len()))),
    }
}

/// Every set has the fields of the first, each once, with the promised rows.
fn check_planned_set(set: &FileSet, fields: &[String], files: &[&WrittenFile]) -> Result<()> {
    if files.is_empty() {
        return Err(unexpected(&set.name, &format!("{} rows", set.rows), "no file".to_owned()));
    }
    let found = fields_of(files);
    if found != fields || found.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        let expected = format!("one file for each of {}", fields.join(", "));
        return Err(unexpected(&set.name, &expected, format!("files for {}", found.join(", "))));
    }
    check_rows(&set.name, set.rows, files)
}

/// Every set has a file for each field, once, and all with the same rows.
fn check_streamed(fields: &[String], of_set: Sets<'_>) -> Result<()> {
    let mut fields = fields.to_vec();
    fields.sort();
    of_set.into_iter().try_for_each(|(set, files)| check_streamed_set(set, &fields, &files))
}

fn check_streamed_set(set: &str, fields: &[String], files: &[&WrittenFile]) -> Result<()> {
    let found = fields_of(files);
    if found != fields {
        return Err(unexpected(set, &described(fields), described(&found)));
    }
    match files.first().map(|file| file.rows).filter(|&rows| rows > 0) {
        Some(rows) => check_rows(set, rows, files),
        None => Err(unexpected(set, "a row at least", "0 rows".to_owned())),
    }
}

/// A file for all fields has no name of a field.
fn described(fields: &[String]) -> String {
    match fields {
        [field] if field.is_empty() => "one file for all fields".to_owned(),
        fields if fields.iter().all(String::is_empty) => format!("{} files for all fields", fields.len()),
        fields => format!("files for {}", fields.join(", ")),
    }
}

fn check_rows(set: &str, rows: u64, files: &[&WrittenFile]) -> Result<()> {
    match files.iter().find(|file| file.rows != rows) {
        None => Ok(()),
        Some(file) => {
            let found = format!("{} in `{}`", file.rows, file.path);
            Err(unexpected(set, &format!("{rows} rows"), found))
        }
    }
}

fn fields_of(files: &[&WrittenFile]) -> Vec<String> {
    let mut fields: Vec<_> = files.iter().map(|file| file.field.clone()).collect();
    fields.sort();
    fields
}

fn unexpected(set: &str, expected: &str, found: String) -> Error {
    Error::UnexpectedSet { set: set.to_owned(), expected: expected.to_owned(), found }
}
