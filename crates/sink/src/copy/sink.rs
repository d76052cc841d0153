// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::datasource::sink::DataSink;
use datafusion::error::Result as DFResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use futures::StreamExt;

use super::column::CopyColumn;
use super::target::Target;
use super::writer::CopyWriter;
use crate::OutputStorages;
use crate::header_last::PARTS_MAX;

const MIB: u64 = 1 << 20;
/// Parts of local files: they are written while the processor's cache still holds them.
const LOCAL_PART_BYTES: u64 = MIB;
/// Parts of numbers in buckets, which are short files.
const NUMBERS_PART_BYTES: u64 = 8 * MIB;
/// Parts of vectors in buckets: 160 GB of an unknown number of rows.
const VECTORS_PART_BYTES: u64 = 16 * MIB;
/// Four parts of a file may be in memory, whatever an estimate says.
const PART_BYTES_MAX: u64 = 64 * MIB;

/// Writes all rows of a query, each column into a file of its own.
#[derive(Debug)]
pub(super) struct NpySink {
    target: Target,
    schema: SchemaRef,
    columns: Vec<CopyColumn>,
    /// As many rows as the plan expects at most, if it does.
    rows: Option<u64>,
    metrics: ExecutionPlanMetricsSet,
}

impl NpySink {
    pub(super) fn new(
        target: Target,
        schema: SchemaRef,
        columns: Vec<CopyColumn>,
        rows: Option<u64>,
    ) -> Self {
        Self { target, schema, columns, rows, metrics: ExecutionPlanMetricsSet::new() }
    }

    /// The length of a column's parts, so that a bucket takes all of the file.
    fn part_bytes(&self, column: &CopyColumn, is_local: bool) -> usize {
        let numbers = column.row_bytes().filter(|&bytes| bytes <= 8);
        let least = if numbers.is_some() { NUMBERS_PART_BYTES } else { VECTORS_PART_BYTES };
        let bytes = match (column.row_bytes(), self.rows) {
            _ if is_local => LOCAL_PART_BYTES,
            (Some(row), Some(rows)) => {
                let parts = u64::try_from(PARTS_MAX).unwrap_or(u64::MAX);
                // Half as many parts, because an estimate can be too low.
                let needed = row.saturating_mul(rows).div_ceil(parts).saturating_mul(2);
                needed.next_multiple_of(MIB).clamp(least, PART_BYTES_MAX)
            }
            _ => least,
        };
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}

impl DisplayAs for NpySink {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = self.target.shown();
        let files = self.columns.iter().map(|column| match self.target.is_single() {
            true => column.to_string(),
            false => format!("{}.npy {column}", column.name),
        });
        let files = files.collect::<Vec<_>>().join(", ");
        match format {
            DisplayFormatType::TreeRender => write!(f, "format=npy\nto={to}"),
            _ => write!(f, "NpySink(files=[{files}], to={to})"),
        }
    }
}

#[async_trait]
impl DataSink for NpySink {
    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(
        &self,
        mut data: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> DFResult<u64> {
        let storages = context.session_config().get_extension::<OutputStorages>();
        let places = self.target.open(storages.as_deref(), &self.columns)?;
        let is_local = places.storage.is_local();
        let part_bytes: Vec<_> =
            self.columns.iter().map(|column| self.part_bytes(column, is_local)).collect();
        let count = |name| MetricBuilder::new(&self.metrics).counter(name, 0);
        let (rows, bytes) = (count("rows_written"), count("bytes_written"));
        let mut writer = CopyWriter::begin(places, &self.columns, &part_bytes)?;
        while let Some(batch) = data.next().await {
            let written = match batch {
                Ok(batch) => {
                    rows.add(batch.num_rows());
                    writer.write(&batch).await.map_err(Into::into)
                }
                Err(error) => Err(error),
            };
            match written {
                Ok(written) => bytes.add(written),
                Err(error) => return Err(writer.give_up(error).await),
            }
        }
        Ok(writer.finish().await?)
    }
}
