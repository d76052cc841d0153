// SPDX-License-Identifier: Apache-2.0

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};
use m2m_segment::names::is_safe_component;

use super::column::Job;
use super::options::SetNaming;
use super::set::{Places, StreamSet};
use crate::partition_writer::{Progress, cut};
use crate::written_file::{WrittenFile, written_files_schema};
use crate::{Error, Result};

/// Writes the rows of one input partition, one file set after the other, and
/// yields the files of each.
pub(super) fn written_files(
    job: Arc<Job>,
    places: Places,
    input: SendableRecordBatchStream,
    progress: Progress,
) -> SendableRecordBatchStream {
    let (names, current, rest) = (HashSet::new(), None, None);
    let writer = StreamWriter { job, places, input, progress, names, current, rest };
    let sets = futures::stream::try_unfold(writer, |mut writer| async move {
        Ok(writer.next_set().await?.map(|files| (files, writer)))
    });
    Box::pin(RecordBatchStreamAdapter::new(written_files_schema(), sets.into_stream()))
}

struct StreamWriter {
    job: Arc<Job>,
    places: Places,
    input: SendableRecordBatchStream,
    progress: Progress,
    /// Names of the sets that were begun.
    names: HashSet<String>,
    /// The set in the making.
    current: Option<StreamSet>,
    /// Rows that were read and belong to the next set.
    rest: Option<RecordBatch>,
}

impl StreamWriter {
    /// Writes up to the end of the next set and returns its files; none when the
    /// input has ended.
    async fn next_set(&mut self) -> DFResult<Option<RecordBatch>> {
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
            let mut set = match self.current.take() {
                Some(set) => set,
                None => self.open_set(&batch)?,
            };
            let (now, rest) = cut(&batch, set.missing());
            self.rest = rest;
            let written = set.write(&now).await;
            let is_full = set.missing() == 0;
            // Back in its place, so that an error finds it there.
            self.current = Some(set);
            self.count(written?);
            self.progress.rows.add(now.num_rows());
            if is_full {
                break;
            }
        }
        let Some(set) = self.current.take() else { return Ok(None) };
        let (files, written) = set.finish().await?;
        self.count(written);
        Ok(Some(files))
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

    fn open_set(&mut self, batch: &RecordBatch) -> Result<StreamSet> {
        let name = match self.job.options.naming {
            SetNaming::Numbered => (self.names.len() + 1).to_string(),
            SetNaming::Origin => self.name_of(batch)?,
        };
        if !self.names.insert(name.clone()) {
            return Err(self.unnamed(format!("another set is named `{name}`, the row was read twice")));
        }
        let name = format!("{}/{name}", self.job.options.folder);
        StreamSet::open(Arc::clone(&self.job), &self.places, name)
    }

    /// The name of a set that begins with a batch.
    fn name_of(&self, batch: &RecordBatch) -> Result<String> {
        let (segment, offset) = self.job.rows.origin(batch, 0).ok_or_else(|| {
            let row = self.job.rows.name(batch, 0);
            self.unnamed(format!("expected `segment_id` and `segment_offset`, found null in {row}"))
        })?;
        match is_safe_component(&segment) {
            true => Ok(format!("{segment}-{offset}")),
            false => Err(self.unnamed(format!("segment `{segment}` cannot name a file"))),
        }
    }

    fn unnamed(&self, reason: String) -> Error {
        Error::UnnamedSet { collection: self.job.options.collection.clone(), reason }
    }

    fn count(&self, bytes: u64) {
        self.progress.bytes.add(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    async fn give_up(&mut self, error: DataFusionError) -> DataFusionError {
        match self.current.take() {
            None => error,
            Some(set) => set.give_up(error).await,
        }
    }
}
