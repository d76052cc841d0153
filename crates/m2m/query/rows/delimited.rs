// SPDX-License-Identifier: Apache-2.0
//! Values separated by commas or tabs, with a header.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::csv;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;

use super::written;
use crate::error::Result;

/// Prints every row and returns how many there were. NULL is an empty value.
pub(super) async fn print(
    rows: &mut SendableRecordBatchStream,
    delimiter: u8,
    out: impl Write,
) -> Result<usize> {
    let mut writer = csv::WriterBuilder::new().with_header(true).with_delimiter(delimiter).build(out);
    // A result without rows still has a header.
    writer.write(&flat(&RecordBatch::new_empty(rows.schema()))?)?;
    let mut count = 0;
    while let Some(batch) = rows.next().await.transpose()? {
        count += batch.num_rows();
        writer.write(&flat(&batch)?)?;
    }
    writer.into_inner().flush().map_err(written)?;
    Ok(count)
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
