// SPDX-License-Identifier: Apache-2.0
//! Asking rows how many they are, and how long their texts are, without
//! reading a vector.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::functions::expr_fn::{character_length, octet_length};
use datafusion::functions_aggregate::expr_fn::{count, max, sum};
use datafusion::logical_expr::{Expr, Operator, binary_expr, cast, ident, when};
use datafusion::prelude::{DataFrame, lit};
use m2m_datasource::PARTITION_TAG;

use crate::error::{Error, Result};
use crate::fields::{Measured, PlannedField};

const ROWS: &str = "rows";
const TAG: &str = "tag";
const QUERY: &str = "measure";

/// What rows say of themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measurement {
    /// Rows of each partition tag; of `None` those without, and all rows where there are no tags.
    pub(crate) rows: BTreeMap<Option<String>, u64>,
    /// What was measured of each column, in the order of the fields that were named.
    pub(crate) columns: Vec<Measured>,
}

/// Counts rows by their tags and measures columns.
pub(crate) async fn measure(
    frame: &DataFrame,
    has_tags: bool,
    columns: &[&PlannedField],
) -> Result<Measurement> {
    let groups = match has_tags {
        true => vec![cast(ident(PARTITION_TAG), DataType::Utf8).alias(TAG)],
        false => Vec::new(),
    };
    let mut asked = vec![count(lit(1_i64)).alias(ROWS)];
    for (at, column) in columns.iter().enumerate() {
        asked.push(count(ident(&column.column)).alias(name("values", at)));
        if column.is_text() {
            let text = || cast(ident(&column.column), DataType::Utf8);
            let number = |of: Expr| max(cast(of, DataType::Int64));
            asked.push(number(octet_length(text())).alias(name("bytes", at)));
            asked.push(number(character_length(text())).alias(name("chars", at)));
            asked.push(sum(cast(octet_length(text()), DataType::Int64)).alias(name("all_bytes", at)));
        }
    }
    for (at, column) in columns.iter().enumerate() {
        if let Some(changed) = changed(frame, column)? {
            asked.push(count(changed).alias(name("changed", at)));
        }
    }
    let batches = frame.clone().aggregate(groups, asked)?.collect().await?;
    let mut measurement =
        Measurement { columns: vec![Measured::default(); columns.len()], ..Measurement::default() };
    for batch in &batches {
        for row in 0..batch.num_rows() {
            add(&mut measurement, batch, row, has_tags, columns)?;
        }
    }
    Ok(measurement)
}

fn add(
    measurement: &mut Measurement,
    batch: &RecordBatch,
    row: usize,
    has_tags: bool,
    columns: &[&PlannedField],
) -> Result<()> {
    let rows = number(batch, ROWS, row)?;
    let tag = if has_tags { text(batch, row)? } else { None };
    measurement.rows.insert(tag, rows);
    for (at, (column, measured)) in columns.iter().zip(&mut measurement.columns).enumerate() {
        let values = number(batch, &name("values", at), row)?;
        measured.values = measured.values.saturating_add(values);
        measured.nulls = measured.nulls.saturating_add(rows.saturating_sub(values));
        if batch.column_by_name(&name("changed", at)).is_some() {
            let changed = number(batch, &name("changed", at), row)?;
            measured.changed = measured.changed.saturating_add(changed);
        }
        if column.is_text() {
            measured.bytes = measured.bytes.max(number(batch, &name("bytes", at), row)?);
            measured.chars = measured.chars.max(number(batch, &name("chars", at), row)?);
            let all_bytes = number(batch, &name("all_bytes", at), row)?;
            measured.all_bytes = measured.all_bytes.saturating_add(all_bytes);
        }
    }
    Ok(())
}

/// An expression that has a value where the type that a user chose changes one,
/// other than by what a shorter float rounds.
fn changed(frame: &DataFrame, column: &PlannedField) -> Result<Option<Expr>> {
    let found = frame.schema().as_arrow().field_with_name(&column.column)?.data_type().clone();
    let chosen = column.data_type.clone();
    let rounds = found == DataType::Float64 && chosen == DataType::Float32;
    if !column.is_type_given || column.is_text() || rounds || found == chosen {
        return Ok(None);
    }
    let value = || ident(&column.column);
    let back = cast(cast(value(), chosen), found);
    let differs = binary_expr(back, Operator::IsDistinctFrom, value());
    Ok(Some(when(differs, lit(1_i64)).end()?))
}

fn name(what: &str, at: usize) -> String {
    format!("{what}_{at}")
}

/// A number of an answer; nothing, as the longest of no texts, is 0.
fn number(batch: &RecordBatch, column: &str, row: usize) -> Result<u64> {
    let wrong = || Error::Answer { query: QUERY, column: "a number" };
    let array = batch.column_by_name(column).ok_or_else(wrong)?;
    let numbers = array.as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
    if numbers.is_null(row) {
        return Ok(0);
    }
    u64::try_from(numbers.value(row)).map_err(|_| wrong())
}

fn text(batch: &RecordBatch, row: usize) -> Result<Option<String>> {
    let wrong = || Error::Answer { query: QUERY, column: TAG };
    let tags = batch.column_by_name(TAG).and_then(|array| array.as_string_opt::<i32>()).ok_or_else(wrong)?;
    Ok(tags.is_valid(row).then(|| tags.value(row).to_owned()))
}
