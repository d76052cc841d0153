// SPDX-License-Identifier: Apache-2.0
//! One column a line, for wide rows.

use std::io::Write;

use datafusion::arrow::array::RecordBatch;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;

use super::{cells, shown, written};
use crate::error::Result;

/// Prints every row, vectors in full, and returns how many there were.
pub(super) async fn print(rows: &mut SendableRecordBatchStream, mut out: impl Write) -> Result<usize> {
    let mut count = 0;
    while let Some(batch) = rows.next().await.transpose()? {
        print_batch(&batch, count, &mut out)?;
        count += batch.num_rows();
    }
    let noun = if count == 1 { "row" } else { "rows" };
    writeln!(out, "{count} {noun}").and_then(|()| out.flush()).map_err(written)?;
    Ok(count)
}

fn print_batch(batch: &RecordBatch, first: usize, mut out: impl Write) -> Result<()> {
    let options = shown();
    let columns = cells(batch, &options)?;
    let schema = batch.schema();
    let width = schema.fields().iter().map(|field| field.name().chars().count()).max().unwrap_or(0);
    for row in 0..batch.num_rows() {
        writeln!(out, "-- row {} --", first + row + 1).map_err(written)?;
        for (field, column) in schema.fields().iter().zip(&columns) {
            let value = column.value(row).to_string();
            // Further lines of a value stand below its first one.
            let value = value.replace('\n', &format!("\n{:width$} | ", ""));
            writeln!(out, "{:width$} | {value}", field.name()).map_err(written)?;
        }
    }
    Ok(())
}
