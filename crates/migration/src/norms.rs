// SPDX-License-Identifier: Apache-2.0
//! Whether vectors have length 1: then inner products rank as cosines do.

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Float64Type, Int64Type};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::rows::Rows;

const LENGTHS: &str = include_str!("../../../sql/migrate/lengths.sql");
/// The view that the query asks.
const VIEW: &str = "m2m_rows_with_norms";

/// The lengths of some vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct NormReport {
    /// Vectors looked at.
    pub rows: u64,
    /// The shortest; nothing without vectors.
    pub min: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
    /// Vectors of length 0, which have no direction.
    pub zero_rows: u64,
    /// Vectors whose length differs from 1 by more than a thousandth.
    pub other_rows: u64,
}

impl NormReport {
    /// Whether every vector has length 1.
    #[must_use]
    pub fn is_normalised(&self) -> bool {
        self.other_rows == 0
    }

    /// The report as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { rows, zero_rows, other_rows, .. } = self;
        let (min, max) = (self.min.unwrap_or(0.0), self.max.unwrap_or(0.0));
        if self.is_normalised() {
            return format!(
                "all {rows} vectors have length 1 (from {min:.6} to {max:.6}): results keep their order"
            );
        }
        format!(
            "{other_rows} of {rows} vectors have other lengths than 1 (from {min:.6} to {max:.6}, {zero_rows} have length 0): results change their order"
        )
    }
}

/// Reads all vectors and reports their lengths.
pub(crate) async fn norms(rows: &Rows) -> Result<NormReport> {
    rows.ctx.deregister_table(VIEW)?;
    rows.ctx.register_table(VIEW, rows.frame.clone().into_view())?;
    let answer = rows.ctx.sql(&LENGTHS.replace("{rows}", VIEW)).await?.collect().await?;
    rows.ctx.deregister_table(VIEW)?;
    let batch = answer.iter().find(|batch| batch.num_rows() > 0);
    let batch = batch.ok_or(Error::Answer { query: "norms", column: "rows" })?;
    Ok(NormReport {
        rows: count(batch, "rows")?,
        min: float(batch, "min"),
        max: float(batch, "max"),
        mean: float(batch, "mean"),
        zero_rows: count(batch, "zero_rows")?,
        other_rows: count(batch, "other_rows")?,
    })
}

fn count(batch: &RecordBatch, column: &'static str) -> Result<u64> {
    let array = batch.column_by_name(column).and_then(|array| array.as_primitive_opt::<Int64Type>());
    let value = array.and_then(|array| array.iter().next().flatten());
    let value = value.and_then(|value| u64::try_from(value).ok());
    value.ok_or(Error::Answer { query: "norms", column })
}

fn float(batch: &RecordBatch, column: &str) -> Option<f64> {
    batch.column_by_name(column)?.as_primitive_opt::<Float64Type>()?.iter().next().flatten()
}
