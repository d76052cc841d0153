// SPDX-License-Identifier: Apache-2.0
//! JSON: one array, or one object a line.

use std::io::Write;

use datafusion::arrow::json::writer::JsonFormat;
use datafusion::arrow::json::{ArrayWriter, LineDelimitedWriter, Writer};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;

use super::written;
use crate::error::Result;

/// Prints one array with an object for each row; returns how many there were.
pub(super) async fn print_array(rows: &mut SendableRecordBatchStream, out: impl Write) -> Result<usize> {
    let mut writer = ArrayWriter::new(out);
    let count = write(rows, &mut writer).await?;
    let mut out = writer.into_inner();
    writeln!(out).and_then(|()| out.flush()).map_err(written)?;
    Ok(count)
}

/// Prints one object a line; returns how many there were.
pub(super) async fn print_lines(rows: &mut SendableRecordBatchStream, out: impl Write) -> Result<usize> {
    let mut writer = LineDelimitedWriter::new(out);
    let count = write(rows, &mut writer).await?;
    writer.into_inner().flush().map_err(written)?;
    Ok(count)
}

async fn write<W: Write, F: JsonFormat>(
    rows: &mut SendableRecordBatchStream,
    writer: &mut Writer<W, F>,
) -> Result<usize> {
    let mut count = 0;
    while let Some(batch) = rows.next().await.transpose()? {
        count += batch.num_rows();
        writer.write(&batch)?;
    }
    writer.finish()?;
    Ok(count)
}
