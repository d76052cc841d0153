// SPDX-License-Identifier: Apache-2.0

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, AsArray, ListArray, PrimitiveArray, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Schema, SchemaRef, UInt32Type, UInt64Type};
use arrow::error::ArrowError;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let field = |name: &str, data_type| Field::new(name, data_type, false);
    Arc::new(Schema::new(vec![
        field("set", DataType::Utf8),
        field("path", DataType::Utf8),
        field("field", DataType::Utf8),
        field("rows", DataType::UInt64),
        field("bytes", DataType::UInt64),
        field("crc32c", DataType::UInt32),
        Field::new("sha256", DataType::Utf8, true),
        field("dtype", DataType::Utf8),
        Field::new("width", DataType::UInt64, true),
        Field::new_list("segments", Field::new_list_field(DataType::Utf8, false), false),
    ]))
});

/// Returns the schema of the rows that say which files were written.
pub fn written_files_schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// A file that was written, complete and visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFile {
    /// The file set, a folder relative to the root of the dump.
    pub set: String,
    /// The file, relative to the root of the dump.
    pub path: String,
    /// The field in Milvus 2.x; empty for a file with all of them.
    pub field: String,
    /// Rows.
    pub rows: u64,
    /// Length of the file.
    pub bytes: u64,
    /// CRC-32C (Castagnoli) of the whole file.
    pub crc32c: u32,
    /// SHA-256 of the whole file in hexadecimal digits, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Element type in NumPy's notation; `parquet` for a file with all fields.
    pub dtype: String,
    /// Values in a row; none when the array has one axis.
    pub width: Option<u64>,
    /// Which segments the rows came from; empty where the rows do not tell.
    pub segments: Vec<String>,
}

impl WrittenFile {
    /// Turns the rows of plan nodes into files.
    ///
    /// # Errors
    ///
    /// [`Error::NotWrittenFiles`] when a batch has another schema.
    pub fn from_batches(batches: &[RecordBatch]) -> Result<Vec<Self>> {
        let mut files = Vec::new();
        for batch in batches {
            files.extend(Self::from_batch(batch)?);
        }
        Ok(files)
    }

    /// Turns files into the rows of plan nodes.
    pub(crate) fn to_batch(files: &[Self]) -> Result<RecordBatch, ArrowError> {
        let text = |value: fn(&Self) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(files.iter().map(value)))
        };
        let number = |value: fn(&Self) -> u64| -> ArrayRef {
            Arc::new(UInt64Array::from_iter_values(files.iter().map(value)))
        };
        let columns = vec![
            text(|file| &file.set),
            text(|file| &file.path),
            text(|file| &file.field),
            number(|file| file.rows),
            number(|file| file.bytes),
            Arc::new(UInt32Array::from_iter_values(files.iter().map(|file| file.crc32c))),
            Arc::new(StringArray::from_iter(files.iter().map(|file| file.sha256.as_deref()))),
            text(|file| &file.dtype),
            Arc::new(UInt64Array::from_iter(files.iter().map(|file| file.width))),
            segments_of(files)?,
        ];
        RecordBatch::try_new(written_files_schema(), columns)
    }

    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>> {
        let (set, path, field) = (text(batch, "set")?, text(batch, "path")?, text(batch, "field")?);
        let rows = number::<UInt64Type>(batch, "rows")?;
        let bytes = number::<UInt64Type>(batch, "bytes")?;
        let crc32c = number::<UInt32Type>(batch, "crc32c")?;
        let (sha256, dtype) = (text(batch, "sha256")?, text(batch, "dtype")?);
        let width = number::<UInt64Type>(batch, "width")?;
        let segments = segments(batch)?;
        let file = |(row, segments)| Self {
            set: set.value(row).to_owned(),
            path: path.value(row).to_owned(),
            field: field.value(row).to_owned(),
            rows: rows.value(row),
            bytes: bytes.value(row),
            crc32c: crc32c.value(row),
            sha256: sha256.iter().nth(row).flatten().map(str::to_owned),
            dtype: dtype.value(row).to_owned(),
            width: width.iter().nth(row).flatten(),
            segments,
        };
        Ok(segments.into_iter().enumerate().map(file).collect())
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| not_written_files(batch))
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray> {
    column(batch, name)?.as_string_opt().ok_or_else(|| not_written_files(batch))
}

fn number<'a, T: ArrowPrimitiveType>(batch: &'a RecordBatch, name: &str) -> Result<&'a PrimitiveArray<T>> {
    column(batch, name)?.as_primitive_opt().ok_or_else(|| not_written_files(batch))
}

fn segments_of(files: &[WrittenFile]) -> Result<ArrayRef, ArrowError> {
    let item = Arc::new(Field::new_list_field(DataType::Utf8, false));
    let names: Vec<_> = files.iter().flat_map(|file| &file.segments).collect();
    let names = StringArray::from_iter_values(names);
    let lengths = OffsetBuffer::from_lengths(files.iter().map(|file| file.segments.len()));
    Ok(Arc::new(ListArray::try_new(item, lengths, Arc::new(names), None)?))
}

/// The segments of each file.
fn segments(batch: &RecordBatch) -> Result<Vec<Vec<String>>> {
    let lists = column(batch, "segments")?.as_list_opt::<i32>().ok_or_else(|| not_written_files(batch))?;
    let of_file = |list: Option<ArrayRef>| {
        let list = list.ok_or_else(|| not_written_files(batch))?;
        let names = list.as_string_opt::<i32>().ok_or_else(|| not_written_files(batch))?;
        Ok(names.iter().flatten().map(str::to_owned).collect())
    };
    lists.iter().map(of_file).collect()
}

fn not_written_files(batch: &RecordBatch) -> Error {
    let describe = |schema: &Schema| {
        let fields = schema.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type()));
        fields.collect::<Vec<_>>().join(", ")
    };
    let (expected, found) = (describe(&SCHEMA), describe(batch.schema_ref()));
    Error::NotWrittenFiles { reason: format!("expected columns {expected}, found {found}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, width: Option<u64>, segments: &[&str]) -> WrittenFile {
        WrittenFile {
            set: "colours/red/1".into(),
            path: path.into(),
            field: "id".into(),
            rows: 3,
            bytes: 152,
            crc32c: 0xdead_beef,
            sha256: width.map(|_| "ba78".into()),
            dtype: "<i8".into(),
            width,
            segments: segments.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn rows_become_the_same_files_again() {
        let files = [file("a", None, &["7", "8"]), file("b", Some(128), &[]), file("c", None, &["9"])];
        let batch = WrittenFile::to_batch(&files).unwrap();
        assert_eq!(batch.schema(), written_files_schema());
        assert_eq!(WrittenFile::from_batches(&[batch.slice(0, 1), batch.slice(1, 2)]).unwrap(), files);
    }

    #[test]
    fn batch_of_something_else_is_refused_with_its_columns() {
        let batch = WrittenFile::to_batch(&[file("a", None, &[])]).unwrap().project(&[0, 1]).unwrap();
        let error = WrittenFile::from_batches(&[batch]).unwrap_err().to_string();
        assert!(error.ends_with("found set Utf8, path Utf8"), "{error}");
    }
}
