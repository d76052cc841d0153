// SPDX-License-Identifier: Apache-2.0
//! Query results in the formats of `m2m sql`.

use std::io::{self, Write};
use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::csv;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::json::{ArrayWriter, LineDelimitedWriter};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::util::pretty::pretty_format_batches_with_options;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;

use crate::args::Format;
use crate::error::{Error, Result};
use crate::output::shorten::shorten;

/// Prints a stream of rows to `out`. Returns whether rows were left out.
pub(crate) async fn print(
    mut rows: SendableRecordBatchStream,
    format: Format,
    max_rows: usize,
    out: impl Write,
) -> Result<bool> {
    let schema = rows.schema();
    let mut out = Watched { out, is_broken: false };
    let printed = match format {
        Format::Table => print_table(&mut rows, &schema, max_rows, &mut out).await,
        Format::Csv => print_csv(&mut rows, &schema, &mut out).await.map(|()| false),
        Format::Json => print_json(&mut rows, &mut out).await.map(|()| false),
        Format::Ndjson => print_ndjson(&mut rows, &mut out).await.map(|()| false),
    };
    match printed {
        Err(_) if out.is_broken => Err(written(io::ErrorKind::BrokenPipe.into())),
        printed => printed,
    }
}

/// Remembers that the reader went away: some writers tell it in words alone.
struct Watched<W> {
    out: W,
    is_broken: bool,
}

impl<W: Write> Watched<W> {
    fn watch<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        self.is_broken |= done.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        done
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.out.write(bytes);
        self.watch(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.out.flush();
        self.watch(done)
    }
}

async fn print_table(
    rows: &mut SendableRecordBatchStream,
    schema: &SchemaRef,
    max_rows: usize,
    mut out: impl Write,
) -> Result<bool> {
    let max_rows = if max_rows == 0 { usize::MAX } else { max_rows };
    let mut shown: Vec<RecordBatch> = Vec::new();
    let mut count = 0;
    let mut cut = false;
    while let Some(batch) = rows.next().await.transpose()? {
        let left = max_rows - count;
        cut = batch.num_rows() > left;
        let batch = batch.slice(0, batch.num_rows().min(left));
        count += batch.num_rows();
        shown.push(shorten(&batch)?);
        if cut {
            break;
        }
    }
    if shown.is_empty() {
        shown.push(shorten(&RecordBatch::new_empty(SchemaRef::clone(schema)))?);
    }
    let options = FormatOptions::default().with_null("NULL");
    writeln!(out, "{}", pretty_format_batches_with_options(&shown, &options)?).map_err(written)?;
    let noun = if count == 1 { "row" } else { "rows" };
    writeln!(out, "{count} {noun}{}", if cut { " shown, there are more" } else { "" }).map_err(written)?;
    out.flush().map_err(written)?;
    Ok(cut)
}

async fn print_csv(rows: &mut SendableRecordBatchStream, schema: &SchemaRef, out: impl Write) -> Result<()> {
    let mut writer = csv::WriterBuilder::new().with_header(true).build(out);
    // A result without rows still has a header.
    writer.write(&flat(&RecordBatch::new_empty(SchemaRef::clone(schema)))?)?;
    while let Some(batch) = rows.next().await.transpose()? {
        writer.write(&flat(&batch)?)?;
    }
    writer.into_inner().flush().map_err(written)
}

async fn print_json(rows: &mut SendableRecordBatchStream, out: impl Write) -> Result<()> {
    let mut writer = ArrayWriter::new(out);
    while let Some(batch) = rows.next().await.transpose()? {
        writer.write(&batch)?;
    }
    writer.finish()?;
    let mut out = writer.into_inner();
    writeln!(out).and_then(|()| out.flush()).map_err(written)
}

async fn print_ndjson(rows: &mut SendableRecordBatchStream, out: impl Write) -> Result<()> {
    let mut writer = LineDelimitedWriter::new(out);
    while let Some(batch) = rows.next().await.transpose()? {
        writer.write(&batch)?;
    }
    writer.finish()?;
    writer.into_inner().flush().map_err(written)
}

/// The batch with its nested columns as text: CSV has no lists.
fn flat(batch: &RecordBatch) -> Result<RecordBatch> {
    let options = FormatOptions::default();
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let column = match column.data_type() {
            nested if nested.is_nested() => {
                let text = ArrayFormatter::try_new(column.as_ref(), &options)?;
                let texts =
                    (0..column.len()).map(|row| column.is_valid(row).then(|| text.value(row).to_string()));
                Arc::new(texts.collect::<StringArray>())
            }
            DataType::Dictionary(_, value) => cast(column, value)?,
            _ => Arc::clone(column),
        };
        fields.push(Field::new(field.name(), column.data_type().clone(), true));
        columns.push(column);
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn written(source: io::Error) -> Error {
    Error::Io { what: "write rows", source }
}
