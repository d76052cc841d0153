// SPDX-License-Identifier: Apache-2.0

use std::collections::{BTreeSet, HashSet};
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
        match self.write_set().await {
            Ok(Some(files)) => Ok(Some(WrittenFile::to_batch(&files)?)),
            Ok(None) => Ok(None),
            Err(error) => Err(self.give_up(error).await),
        }
    }

    async fn write_set(&mut self) -> DFResult<Option<Vec<WrittenFile>>> {
        while let Some(batch) = self.next_batch().await? {
            let mut set = match self.current.take() {
                Some(set) => set,
                None => {
                    let name = self.new_name(&batch)?;
                    if self.job.finished.has(&name) {
                        self.rest = Some(batch);
                        return self.pass_over(&name).await.map(Some);
                    }
                    StreamSet::open(Arc::clone(&self.job), &self.places, name)?
                }
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
        self.progress.files.add(files.len());
        Ok(Some(files))
    }

    /// Reads the rows of a set that is complete already, and returns its files.
    async fn pass_over(&mut self, set: &str) -> DFResult<Vec<WrittenFile>> {
        let job = Arc::clone(&self.job);
        let (mut rows, mut segments) = (0_u64, BTreeSet::new());
        while rows < job.options.set_rows {
            let Some(batch) = self.next_batch().await? else {
                let (set, expected) = (set.to_owned(), job.options.set_rows);
                return Err(Error::ShortSet { set, expected, found: rows }.into());
            };
            let (now, rest) = cut(&batch, job.options.set_rows - rows);
            self.rest = rest;
            job.rows.add_segments(&now, &mut segments).map_err(|source| job.unprepared(source))?;
            rows = rows.saturating_add(u64::try_from(now.num_rows()).unwrap_or(u64::MAX));
        }
        Ok(job.finished.files(set, &segments)?)
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

    /// The name of the next set, which begins with a batch.
    fn new_name(&mut self, batch: &RecordBatch) -> Result<String> {
        let name = match self.job.options.naming {
            SetNaming::Numbered => (self.names.len() + 1).to_string(),
            SetNaming::Origin => self.name_of(batch)?,
        };
        if !self.names.insert(name.clone()) {
            return Err(self.unnamed(format!("another set is named `{name}`, the row was read twice")));
        }
        Ok(format!("{}/{name}", self.job.options.folder))
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
