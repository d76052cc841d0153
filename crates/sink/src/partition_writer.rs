// SPDX-License-Identifier: Apache-2.0

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::StreamExt;
use object_store::ObjectStore;

use crate::file_sets::FileSet;
use crate::set_writer::{Job, SetWriter};
use crate::written_file::WrittenFile;
use crate::{Error, Result};

/// How much was written so far.
pub(crate) struct Progress {
    pub(crate) rows: Count,
    pub(crate) bytes: Count,
    pub(crate) files: Count,
}

impl Progress {
    /// Begins to count for a partition.
    pub(crate) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let count = |name| MetricBuilder::new(metrics).counter(name, partition);
        Self { rows: count("rows_written"), bytes: count("bytes_written"), files: count("files_written") }
    }
}

/// Writes the file sets of one input partition, one after the other.
pub(crate) struct PartitionWriter {
    job: Arc<Job>,
    store: Arc<dyn ObjectStore>,
    input: SendableRecordBatchStream,
    progress: Progress,
    /// Sets that were not begun, by their first row.
    sets: HashMap<(String, i64), FileSet>,
    /// The set in the making.
    current: Option<SetWriter>,
    /// Rows that were read and belong to the next set.
    rest: Option<RecordBatch>,
}

impl PartitionWriter {
    pub(crate) fn new(
        job: Arc<Job>,
        store: Arc<dyn ObjectStore>,
        input: SendableRecordBatchStream,
        progress: Progress,
    ) -> Self {
        let sets = job.options.sets.iter();
        let sets = sets.map(|set| ((set.segment_id.clone(), set.segment_offset), set.clone())).collect();
        Self { job, store, input, progress, sets, current: None, rest: None }
    }

    /// Writes up to the end of the next set and returns its files; none when
    /// the input has ended where it should.
    pub(crate) async fn next_set(&mut self) -> DFResult<Option<RecordBatch>> {
        let files = match self.write_set().await {
            Ok(Some(files)) => files,
            Ok(None) => return Ok(None),
            Err(error) => return Err(self.give_up(error).await),
        };
        self.progress.files.add(files.len());
        Ok(Some(WrittenFile::to_batch(&files)?))
    }

    async fn write_set(&mut self) -> DFResult<Option<Vec<WrittenFile>>> {
        while let Some(batch) = self.next_batch().await? {
            let mut writer = match self.current.take() {
                Some(writer) => writer,
                None => self.open_set(&batch).await?,
            };
            let (now, rest) = cut(&batch, writer.missing());
            self.rest = rest;
            let written = writer.write(&now).await;
            let done = writer.missing() == 0;
            // Back in its place, so that an error finds it there.
            let writer = self.current.insert(writer);
            self.progress.bytes.add(usize::try_from(written?).unwrap_or(usize::MAX));
            self.progress.rows.add(now.num_rows());
            tracing::trace!(rows = now.num_rows(), missing = writer.missing(), "rows written");
            if done && let Some(writer) = self.current.take() {
                return Ok(Some(writer.finish().await?));
            }
        }
        match &self.current {
            None => Ok(None),
            Some(writer) => Err(writer.short().into()),
        }
    }

    /// The next rows, at least one.
    async fn next_batch(&mut self) -> DFResult<Option<RecordBatch>> {
        if let Some(rest) = self.rest.take() {
            return Ok(Some(rest));
        }
        while let Some(batch) = self.input.next().await.transpose()? {
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    async fn open_set(&mut self, batch: &RecordBatch) -> Result<SetWriter> {
        let origin = self.job.origins.origin(batch, 0)?;
        // Taken out, so that rows read twice find no set the second time.
        let start = (origin.segment_id, origin.segment_offset);
        let Some(set) = self.sets.remove(&start) else {
            let (segment, offset) = start;
            return Err(Error::UnknownSet {
                collection: self.job.options.collection.clone(),
                segment,
                offset,
            });
        };
        SetWriter::open(Arc::clone(&self.job), Arc::clone(&self.store), set).await
    }

    async fn give_up(&mut self, error: DataFusionError) -> DataFusionError {
        match self.current.take() {
            None => error,
            Some(writer) => writer.give_up(error).await,
        }
    }
}

/// Cuts a batch behind the rows that a set still lacks.
pub(crate) fn cut(batch: &RecordBatch, missing: u64) -> (RecordBatch, Option<RecordBatch>) {
    let rows = batch.num_rows();
    let now = usize::try_from(missing).map_or(rows, |missing| missing.min(rows));
    let rest = rows - now;
    (batch.slice(0, now), (rest > 0).then(|| batch.slice(now, rest)))
}
