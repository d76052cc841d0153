// SPDX-License-Identifier: Apache-2.0

use std::collections::HashSet;

use arrow::datatypes::Schema;
use m2m_segment::names::is_safe_component;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::checksum::Checksum;
use crate::column::Column;
use crate::file_sets::FileSet;
use crate::npy::file_bytes;
use crate::{Error, Result};

/// Object stores refuse smaller parts, other than the last.
const PART_BYTES_MIN: usize = 5 << 20;
/// Object stores refuse more parts in a file.
const PARTS_MAX: u64 = 10_000;

/// What [`NpyWriteExec`](crate::NpyWriteExec) writes, and where to.
///
/// Values only, so that a plan can be sent elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NpyWriteOptions {
    /// Under which URL the session knows the object store.
    #[serde(with = "crate::as_text")]
    pub base_url: Url,
    /// Root of the dump in the store.
    #[serde(with = "crate::as_text::path")]
    pub prefix: Path,
    /// The collection, for messages.
    pub collection: String,
    /// Input columns to write.
    pub fields: Vec<String>,
    /// Name of each in Milvus 2.x; its file is this name and `.npy`.
    pub field_names: Vec<String>,
    /// Every file set of all input partitions.
    pub sets: Vec<FileSet>,
    /// Whether NaN and infinity in lists of Float32 end the writing.
    pub check_finite: bool,
    /// Which checksums the files get.
    pub checksum: Checksum,
    /// Length of an upload's parts to a bucket. A file in the making holds three at most; to a
    /// disk, rows are written as they come.
    pub part_bytes: usize,
}

impl NpyWriteOptions {
    /// Checks everything that can be known before the first row.
    pub(crate) fn check(&self, columns: &[Column]) -> Result<()> {
        let faults = [self.fault_of_fields(), self.fault_of_sets(), self.fault_of_parts(columns)];
        match faults.into_iter().flatten().next() {
            None => Ok(()),
            Some(reason) => Err(self.invalid(reason)),
        }
    }

    pub(crate) fn invalid(&self, reason: String) -> Error {
        Error::InvalidPlan { collection: self.collection.clone(), reason }
    }

    pub(crate) fn index_of(&self, schema: &Schema, column: &str) -> Result<usize> {
        schema.index_of(column).map_err(|_| {
            let found: Vec<_> = schema.fields().iter().map(|field| format!("`{}`", field.name())).collect();
            self.invalid(format!("expected an input column `{column}`, found {}", found.join(", ")))
        })
    }

    /// Returns the path of a file in the store; its place in the dump is `relative`.
    pub(crate) fn child(&self, relative: &str) -> Path {
        child(&self.prefix, relative)
    }

    /// Returns a path as messages show it.
    pub(crate) fn display(&self, path: &Path) -> String {
        display(&self.base_url, path)
    }

    pub(crate) fn is_local(&self) -> bool {
        is_local(&self.base_url)
    }

    fn fault_of_fields(&self) -> Option<String> {
        if self.fields.is_empty() || self.fields.len() != self.field_names.len() {
            let (columns, names) = (self.fields.len(), self.field_names.len());
            return Some(format!("expected a name for each field, found {names} names for {columns} fields"));
        }
        let mut known = HashSet::new();
        let bad = self.field_names.iter().find(|name| !is_safe_component(name) || !known.insert(*name));
        bad.map(|name| format!("expected field names that name different files, found `{name}`"))
    }

    fn fault_of_sets(&self) -> Option<String> {
        let (mut names, mut starts) = (HashSet::new(), HashSet::new());
        self.sets.iter().find_map(|set| {
            if set.name.is_empty() || !set.name.split('/').all(is_safe_component) {
                Some(format!("expected a relative folder for each file set, found `{}`", set.name))
            } else if set.rows == 0 {
                Some(format!("file set `{}` has no rows", set.name))
            } else if !names.insert(&set.name) {
                Some(format!("two file sets are named `{}`", set.name))
            } else if !starts.insert((&set.segment_id, set.segment_offset)) {
                let (segment, offset) = (&set.segment_id, set.segment_offset);
                Some(format!("two file sets begin at segment `{segment}` offset {offset}"))
            } else {
                None
            }
        })
    }

    fn fault_of_parts(&self, columns: &[Column]) -> Option<String> {
        if let Some(fault) = fault_of_part_bytes(&self.base_url, self.part_bytes) {
            return Some(fault);
        }
        let part_bytes = u64::try_from(self.part_bytes).unwrap_or(u64::MAX);
        let too_long = |column: &Column, set: &FileSet| match file_bytes(column.dtype, set.rows, column.width)
        {
            None => true,
            Some(bytes) => !self.is_local() && bytes.div_ceil(part_bytes) > PARTS_MAX,
        };
        self.sets.iter().find(|set| columns.iter().any(|column| too_long(column, set))).map(|set| {
            format!("a file of set `{}` is longer than {PARTS_MAX} parts of {part_bytes} bytes", set.name)
        })
    }
}

/// Returns the path of a file in a store; its place in the dump is `relative`.
pub(crate) fn child(prefix: &Path, relative: &str) -> Path {
    prefix.parts().chain(Path::from(relative).parts()).collect()
}

/// Returns a path as messages show it.
pub(crate) fn display(base_url: &Url, path: &Path) -> String {
    match is_local(base_url) {
        true => format!("/{path}"),
        false => format!("{}/{path}", base_url.as_str().trim_end_matches('/')),
    }
}

pub(crate) fn is_local(base_url: &Url) -> bool {
    base_url.scheme() == "file"
}

pub(crate) fn fault_of_part_bytes(base_url: &Url, part_bytes: usize) -> Option<String> {
    let least = if is_local(base_url) { 1 } else { PART_BYTES_MIN };
    (part_bytes < least).then(|| format!("expected parts of at least {least} bytes, found {part_bytes}"))
}
