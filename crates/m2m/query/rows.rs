// SPDX-License-Identifier: Apache-2.0
//! Results as text.

mod delimited;
mod json;
mod markdown;
mod shorten;
mod table;
mod vertical;

use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::physical_plan::SendableRecordBatchStream;

use crate::args::Format;
use crate::error::{Error, Result};

/// What was printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Printed {
    /// Rows that were written.
    pub(super) rows: usize,
    /// Whether there are more.
    pub(super) is_cut: bool,
}

/// Prints a stream of rows to `out`. `max_rows` is about tables alone, 0 being all rows.
pub(super) async fn print(
    mut rows: SendableRecordBatchStream,
    format: Format,
    max_rows: usize,
    out: impl Write,
) -> Result<Printed> {
    let mut out = Watched { out, is_broken: false };
    let whole = |rows| Printed { rows, is_cut: false };
    let printed = match format {
        Format::Table => table::print(&mut rows, max_rows, &mut out).await,
        Format::Csv => delimited::print(&mut rows, b',', &mut out).await.map(whole),
        Format::Tsv => delimited::print(&mut rows, b'\t', &mut out).await.map(whole),
        Format::Json => json::print_array(&mut rows, &mut out).await.map(whole),
        Format::Ndjson => json::print_lines(&mut rows, &mut out).await.map(whole),
        Format::Markdown => markdown::print(&mut rows, &mut out).await.map(whole),
        Format::Vertical => vertical::print(&mut rows, &mut out).await.map(whole),
        Format::Parquet | Format::Arrow | Format::Npy => Err(Error::Setting {
            setting: "--format".into(),
            reason: format!("{format} is written to files alone: name one with `-o`"),
        }),
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

/// The cells of a batch as text.
fn cells<'a>(batch: &'a RecordBatch, options: &'a FormatOptions<'a>) -> Result<Vec<ArrayFormatter<'a>>> {
    let columns = batch.columns().iter();
    Ok(columns.map(|column| ArrayFormatter::try_new(column.as_ref(), options)).collect::<Result<_, _>>()?)
}

/// How cells are shown to people.
fn shown() -> FormatOptions<'static> {
    FormatOptions::default().with_null("NULL")
}

fn written(source: io::Error) -> Error {
    Error::Io { what: "write rows", source }
}
