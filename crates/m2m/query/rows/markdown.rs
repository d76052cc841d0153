// SPDX-License-Identifier: Apache-2.0
//! A Markdown table, vectors shortened.

use std::io::Write;

use datafusion::arrow::datatypes::Schema;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;

use super::shorten::shorten;
use super::{cells, shown, written};
use crate::error::Result;

/// Prints every row and returns how many there were.
pub(super) async fn print(rows: &mut SendableRecordBatchStream, mut out: impl Write) -> Result<usize> {
    out.write_all(head(&rows.schema()).as_bytes()).map_err(written)?;
    let options = shown();
    let mut count = 0;
    while let Some(batch) = rows.next().await.transpose()? {
        let batch = shorten(&batch)?;
        let columns = cells(&batch, &options)?;
        for row in 0..batch.num_rows() {
            let line = line(columns.iter().map(|column| column.value(row).to_string()));
            out.write_all(line.as_bytes()).map_err(written)?;
        }
        count += batch.num_rows();
    }
    out.flush().map_err(written)?;
    Ok(count)
}

/// The names, and below them on which side numbers stand.
fn head(schema: &Schema) -> String {
    let names = schema.fields().iter().map(|field| field.name().clone());
    let sides = schema.fields().iter().map(|field| match field.data_type().is_numeric() {
        true => "---:".to_owned(),
        false => "---".to_owned(),
    });
    line(names) + &line(sides)
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let cells = cells.map(|cell| format!(" {} |", escaped(&cell)));
    format!("|{}\n", cells.collect::<String>())
}

/// The text of a cell, which ends at a bar or at the end of the line.
fn escaped(cell: &str) -> String {
    cell.replace('\\', "\\\\").replace('|', "\\|").replace("\r\n", "<br>").replace(['\n', '\r'], "<br>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_in_its_place() {
        let cells = ["a|b", "one\ntwo", r"\|"].map(str::to_owned);
        assert_eq!(line(cells.into_iter()), "| a\\|b | one<br>two | \\\\\\| |\n");
    }
}
