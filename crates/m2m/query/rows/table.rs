// SPDX-License-Identifier: Apache-2.0
//! A table for reading, vectors shortened.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches_with_options;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;

use super::shorten::shorten;
use super::{Printed, shown, written};
use crate::error::Result;

/// Prints at most `max_rows` rows, 0 being all. Only these are held, and only
/// what is shown of them.
pub(super) async fn print(
    rows: &mut SendableRecordBatchStream,
    max_rows: usize,
    mut out: impl Write,
) -> Result<Printed> {
    let schema = rows.schema();
    let max_rows = if max_rows == 0 { usize::MAX } else { max_rows };
    let mut held: Vec<RecordBatch> = Vec::new();
    let mut count = 0;
    let mut is_cut = false;
    while let Some(batch) = rows.next().await.transpose()? {
        let left = max_rows - count;
        is_cut = batch.num_rows() > left;
        let batch = batch.slice(0, batch.num_rows().min(left));
        count += batch.num_rows();
        held.push(shorten(&batch)?);
        if is_cut {
            break;
        }
    }
    if held.is_empty() {
        held.push(shorten(&RecordBatch::new_empty(Arc::clone(&schema)))?);
    }
    writeln!(out, "{}", pretty_format_batches_with_options(&held, &shown())?).map_err(written)?;
    let noun = if count == 1 { "row" } else { "rows" };
    writeln!(out, "{count} {noun}{}", if is_cut { " shown, there are more" } else { "" }).map_err(written)?;
    out.flush().map_err(written)?;
    Ok(Printed { rows: count, is_cut })
}
