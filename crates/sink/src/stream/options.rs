// SPDX-License-Identifier: Apache-2.0

use std::collections::HashSet;
use std::fmt;

use arrow::datatypes::Schema;
use m2m_segment::names::is_safe_component;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::checksum::Checksum;
use crate::header_last::PARTS_MAX;
use crate::npy::{HEADER_LEN, NpyType, file_bytes};
use crate::write_options::{fault_of_part_bytes, is_local};
use crate::written_file::WrittenFile;
use crate::{Error, Result};

const MIB: u64 = 1 << 20;
/// Four parts of a file may be in memory.
const PART_BYTES_MAX: u64 = 64 * MIB;
/// The length of a Parquet file is a guess: its texts are rarely as long as they may be.
const PARQUET_PART_BYTES_MAX: u64 = 16 * MIB;

/// In which format rows are given to Milvus 2.x.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportFormat {
    /// One `.npy` file for each field.
    #[default]
    Npy,
    /// One `.parquet` file for all fields.
    Parquet,
}

impl ImportFormat {
    /// Returns the format's name, which is also how its files end.
    pub fn name(self) -> &'static str {
        match self {
            Self::Npy => "npy",
            Self::Parquet => "parquet",
        }
    }
}

impl fmt::Display for ImportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a field holds in Milvus 2.x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FieldKind {
    /// From booleans.
    Bool,
    /// From `Int8`.
    Int8,
    /// From `Int16`.
    Int16,
    /// From `Int32`.
    Int32,
    /// From `Int64`.
    Int64,
    /// From `Float32`.
    Float,
    /// From `Float64`.
    Double,
    /// From text of any Arrow type.
    Text {
        /// The longest text in characters, the width of a NumPy array.
        max_chars: usize,
        /// The longest text in bytes, which Milvus 2.x knows as `max_length`.
        max_bytes: usize,
    },
    /// From text of any Arrow type that is JSON.
    Json {
        /// The longest text in characters, the width of a NumPy array.
        max_chars: usize,
    },
    /// From a fixed-size list of so many `Float32`.
    FloatVector(u32),
    /// From fixed-size binary of so many bits.
    BinaryVector(u32),
}

impl FieldKind {
    /// Returns the type of the field's NumPy array and the values in its rows, if
    /// NumPy has it.
    pub(super) fn npy_type(self) -> Option<(NpyType, Option<u64>)> {
        let text = |chars: usize| u32::try_from(chars).ok().filter(|&chars| chars > 0).map(NpyType::Text);
        Some(match self {
            Self::Bool => (NpyType::Bool, None),
            Self::Int8 => (NpyType::Int8, None),
            Self::Int16 => (NpyType::Int16, None),
            Self::Int32 => (NpyType::Int32, None),
            Self::Int64 => (NpyType::Int64, None),
            Self::Float => (NpyType::Float32, None),
            Self::Double => (NpyType::Float64, None),
            Self::Text { max_chars, .. } | Self::Json { max_chars } => (text(max_chars)?, None),
            Self::FloatVector(dimension) => (NpyType::Float32, Some(u64::from(dimension))),
            Self::BinaryVector(bits) => (NpyType::UInt8, Some(u64::from(bits / 8))),
        })
    }

    /// Returns the bytes of a value in a Parquet file before compression, without
    /// those of texts.
    pub(super) fn parquet_bytes(self) -> u64 {
        match self {
            Self::Bool => 1,
            Self::Int8 | Self::Int16 | Self::Int32 | Self::Float => 4,
            Self::Int64 | Self::Double => 8,
            // The length of the text.
            Self::Text { .. } | Self::Json { .. } => 4,
            Self::FloatVector(dimension) => u64::from(dimension) * 4,
            // Parquet has no shorter number than one of 32 bits.
            Self::BinaryVector(bits) => u64::from(bits / 8) * 4,
        }
    }

    fn longest_text(self) -> u64 {
        let bytes = match self {
            Self::Text { max_bytes, .. } => max_bytes,
            Self::Json { max_chars } => max_chars.saturating_mul(4),
            _ => 0,
        };
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    pub(super) fn is_vector(self) -> bool {
        matches!(self, Self::FloatVector(_) | Self::BinaryVector(_))
    }
}

impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("Bool"),
            Self::Int8 => f.write_str("Int8"),
            Self::Int16 => f.write_str("Int16"),
            Self::Int32 => f.write_str("Int32"),
            Self::Int64 => f.write_str("Int64"),
            Self::Float => f.write_str("Float"),
            Self::Double => f.write_str("Double"),
            Self::Text { max_bytes, .. } => write!(f, "VarChar({max_bytes})"),
            Self::Json { .. } => f.write_str("JSON"),
            Self::FloatVector(dimension) => write!(f, "FloatVector({dimension})"),
            Self::BinaryVector(bits) => write!(f, "BinaryVector({bits})"),
        }
    }
}

/// A column of the input that becomes a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportField {
    /// The input column.
    pub column: String,
    /// The field in Milvus 2.x.
    pub field: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it can be NULL, which NumPy files and vectors cannot express.
    pub nullable: bool,
}

/// How file sets are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SetNaming {
    /// `<segment>-<offset>` of the first row. The input has `segment_id` and
    /// `segment_offset`, and no row of a segment twice.
    Origin,
    /// `1`, `2` and so on. The input has one partition.
    Numbered,
}

/// What [`StreamWriteExec`](crate::StreamWriteExec) writes, and where to.
///
/// Values only, so that a plan can be sent elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamWriteOptions {
    /// Under which URL the session knows the object store.
    #[serde(with = "crate::as_text")]
    pub base_url: Url,
    /// Root of the dump in the store.
    #[serde(with = "crate::as_text::path")]
    pub prefix: Path,
    /// The collection, for messages.
    pub collection: String,
    /// Folder of the sets, relative to the root: `<collection>/<partition>`.
    pub folder: String,
    /// In which format the rows are written.
    pub format: ImportFormat,
    /// Input columns to write.
    pub fields: Vec<ImportField>,
    /// The input column that messages name a row by.
    pub id_column: String,
    /// Rows of a set; the last of a partition can have fewer.
    pub set_rows: u64,
    /// How sets are named.
    pub naming: SetNaming,
    /// Whether NaN and infinity end the writing.
    pub check_finite: bool,
    /// Which checksums the files get.
    pub checksum: Checksum,
    /// Least length of an upload's parts. A file in the making holds four at most.
    pub part_bytes: usize,
    /// Files of full sets that an earlier run completed. Where the input comes to a
    /// set of that name, its rows are read and not written, and its files are yielded
    /// as they are.
    ///
    /// * Only full sets may be here, and none where sets have numbers.
    /// * The input must give the same rows as then; see
    ///   [`keeps_source_order`](crate::keeps_source_order).
    /// * A set that the input never comes to is not yielded.
    pub finished: Vec<WrittenFile>,
}

impl StreamWriteOptions {
    /// Checks everything that can be known before the first row.
    pub(super) fn check(&self) -> Result<()> {
        let faults = [self.fault_of_names(), self.fault_of_fields(), self.fault_of_sizes()];
        match faults.into_iter().flatten().next() {
            None => Ok(()),
            Some(reason) => Err(self.invalid(reason)),
        }
    }

    pub(super) fn invalid(&self, reason: String) -> Error {
        Error::InvalidPlan { collection: self.collection.clone(), reason }
    }

    pub(super) fn index_of(&self, schema: &Schema, column: &str) -> Result<usize> {
        schema.index_of(column).map_err(|_| {
            let found: Vec<_> = schema.fields().iter().map(|field| format!("`{}`", field.name())).collect();
            self.invalid(format!("expected an input column `{column}`, found {}", found.join(", ")))
        })
    }

    /// Returns the length of the parts of a field's NumPy file.
    pub(super) fn part_bytes_of(&self, field: &ImportField) -> usize {
        self.part_bytes_for(self.npy_bytes(field), PART_BYTES_MAX)
    }

    /// Returns the length of the parts of a Parquet file.
    pub(super) fn part_bytes_of_parquet(&self) -> usize {
        self.part_bytes_for(self.parquet_bytes(), PARQUET_PART_BYTES_MAX)
    }

    /// Longer than asked when an object store would not take all parts of a file.
    fn part_bytes_for(&self, file_bytes: Option<u64>, most: u64) -> usize {
        let parts = u64::try_from(PARTS_MAX).unwrap_or(u64::MAX);
        let needed = file_bytes.map_or(most, |bytes| bytes.div_ceil(parts).min(most));
        let needed = usize::try_from(needed.next_multiple_of(MIB)).unwrap_or(usize::MAX);
        // The header stands in the first part, with a byte of the rows at least.
        let least = self.part_bytes.max(HEADER_LEN + 1);
        if file_bytes.is_some_and(|bytes| self.takes(bytes)) { least } else { needed.max(least) }
    }

    /// Whether a file fits into as many parts as there may be, of the length asked for.
    fn takes(&self, bytes: u64) -> bool {
        let part_bytes = u64::try_from(self.part_bytes).unwrap_or(u64::MAX);
        u64::try_from(PARTS_MAX).is_ok_and(|parts| bytes <= part_bytes.saturating_mul(parts))
    }

    /// The length of a field's NumPy file, if 64 bits can hold it.
    fn npy_bytes(&self, field: &ImportField) -> Option<u64> {
        let (dtype, width) = field.kind.npy_type()?;
        file_bytes(dtype, self.set_rows, width)
    }

    /// About the length of a Parquet file at most, if 64 bits can hold it.
    fn parquet_bytes(&self) -> Option<u64> {
        let of_field =
            |field: &ImportField| field.kind.parquet_bytes().checked_add(field.kind.longest_text());
        let row = self.fields.iter().try_fold(0_u64, |row, field| row.checked_add(of_field(field)?))?;
        // What lists and pages need beside their values.
        row.checked_add(row / 4)?.checked_mul(self.set_rows)
    }

    fn fault_of_names(&self) -> Option<String> {
        if self.fields.is_empty() {
            return Some("expected a field at least, found none".to_owned());
        }
        if !self.folder.split('/').all(is_safe_component) {
            return Some(format!("expected a relative folder for the file sets, found `{}`", self.folder));
        }
        let mut known = HashSet::new();
        let mut names = self.fields.iter().map(|field| &field.field);
        let bad = names.find(|name| !is_safe_component(name) || !known.insert(*name));
        bad.map(|name| format!("expected field names that name different files, found `{name}`"))
    }

    fn fault_of_fields(&self) -> Option<String> {
        self.fields.iter().find_map(|ImportField { field, kind, nullable, .. }| {
            if *nullable && (kind.is_vector() || self.format == ImportFormat::Npy) {
                return Some(format!(
                    "`{field}` cannot be nullable: {} files have no NULL for {kind}",
                    self.format
                ));
            }
            let fits = match *kind {
                FieldKind::FloatVector(dimension) => dimension > 0,
                FieldKind::BinaryVector(bits) => bits > 0 && bits.is_multiple_of(8),
                FieldKind::Text { max_chars, max_bytes } => max_chars.min(max_bytes) > 0,
                FieldKind::Json { max_chars } => max_chars > 0,
                _ => true,
            };
            (!fits).then(|| format!("`{field}` cannot be {kind:?}"))
        })
    }

    fn fault_of_sizes(&self) -> Option<String> {
        if self.set_rows == 0 {
            return Some("expected a row at least in each file set, found 0".to_owned());
        }
        if let Some(fault) = fault_of_part_bytes(&self.base_url, self.part_bytes) {
            return Some(fault);
        }
        if self.format == ImportFormat::Parquet {
            return None;
        }
        let parts = u64::try_from(PARTS_MAX).unwrap_or(u64::MAX);
        let is_too_long = |field: &&ImportField| {
            let part_bytes = u64::try_from(self.part_bytes_of(field)).unwrap_or(u64::MAX);
            self.npy_bytes(field).is_none_or(|bytes| bytes.div_ceil(parts) > part_bytes)
        };
        self.fields.iter().find(is_too_long).map(|field| {
            let (rows, part_bytes) = (self.set_rows, self.part_bytes_of(field));
            let ImportField { field, kind, .. } = field;
            format!("a file of {rows} rows of `{field}` ({kind}) is longer than {parts} parts of {part_bytes} bytes")
        })
    }

    pub(super) fn is_local(&self) -> bool {
        is_local(&self.base_url)
    }
}
