// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use arrow::array::ArrayRef;
use bytes::Bytes;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::{ParquetError, Result};
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;

use super::group::Group;
use super::options::{FieldKind, ImportField};

/// Turns rows into the bytes of a Parquet file that Milvus 2.x imports.
///
/// Holds the rows of one row group. Nothing but the footer is kept of those that
/// were taken.
#[derive(Debug)]
pub(super) struct ParquetEncoder {
    group: Group,
    writer: ArrowWriter<Vec<u8>>,
}

impl ParquetEncoder {
    pub(super) fn new(fields: &[ImportField]) -> Result<Self> {
        let group = Group::new(fields.to_vec());
        // The file's own schema says all; another would only be a second truth.
        let options =
            ArrowWriterOptions::new().with_properties(properties(fields)).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(group.schema()), options)?;
        Ok(Self { group, writer })
    }

    /// Takes rows of a batch, from one on, until a row group is full, and returns
    /// its bytes; none when all rows are taken.
    pub(super) fn fill(&mut self, columns: &[ArrayRef], from: &mut usize) -> Result<Option<Bytes>> {
        *from = self.group.fill(columns, *from);
        if !self.group.is_full() {
            return Ok(None);
        }
        self.write_group()?;
        self.take_bytes().map(Some)
    }

    /// Returns the end of the file.
    pub(super) fn finish(&mut self) -> Result<Bytes> {
        self.write_group()?;
        self.writer.finish()?;
        self.take_bytes()
    }

    fn write_group(&mut self) -> Result<()> {
        let rows = self.group.take().map_err(|error| ParquetError::External(error.into()))?;
        if let Some(rows) = rows {
            self.writer.write(&rows)?;
            self.writer.flush()?;
        }
        Ok(())
    }

    fn take_bytes(&mut self) -> Result<Bytes> {
        // The writer has a buffer of its own before this one.
        self.writer.sync()?;
        Ok(std::mem::take(self.writer.inner_mut()).into())
    }
}

fn properties(fields: &[ImportField]) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("m2m version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        // A row group is what is given to the writer, not what it counts.
        .set_max_row_group_row_count(None)
        .set_max_row_group_bytes(None);
    for field in fields.iter().filter(|field| field.kind.is_vector()) {
        let values = ColumnPath::new(vec![field.field.clone(), "list".to_owned(), "element".to_owned()]);
        if let FieldKind::FloatVector(_) = field.kind {
            // Costs time and saves nothing. Of bits, each byte stands in four.
            properties = properties.set_column_compression(values.clone(), Compression::UNCOMPRESSED);
        }
        properties = properties
            .set_column_dictionary_enabled(values.clone(), false)
            .set_column_statistics_enabled(values, EnabledStatistics::None);
    }
    properties.build()
}
