// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use m2m_segment::finite::first_non_finite;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::checksum::Sums;
use crate::cleanup::Cleanup;
use crate::column::{Column, first_null};
use crate::file_sets::FileSet;
use crate::npy::{HEADER_LEN, header};
use crate::origin::OriginColumns;
use crate::standing::{has_come, standing};
use crate::upload::Upload;
use crate::write_options::NpyWriteOptions;
use crate::written_file::WrittenFile;
use crate::{Error, Result};

/// Bytes that are looked at while they are in the processor's cache: a multiple
/// of every value's length.
const BLOCK_BYTES: usize = 128 << 10;

/// What all sets of an input partition have in common.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) options: NpyWriteOptions,
    pub(crate) columns: Vec<Column>,
    pub(crate) origins: OriginColumns,
}

/// How far a file has come, which decides what is left when it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Parts are sent; nothing is visible.
    Sending,
    /// The store was asked to make it visible.
    Completing,
    /// It is visible.
    Complete,
}

#[derive(Debug)]
struct File {
    stage: Stage,
    upload: Upload,
    path: Path,
    relative: String,
    sums: Sums,
}

/// One file set in the making: a file for each column.
///
/// A set is there whole or not at all: when writing fails, or the writer is
/// dropped, every file of the set is removed again.
#[derive(Debug)]
pub(crate) struct SetWriter {
    job: Arc<Job>,
    store: Arc<dyn ObjectStore>,
    set: FileSet,
    files: Vec<File>,
    rows: u64,
}

impl SetWriter {
    /// Begins the files of a set with their headers.
    pub(crate) async fn open(job: Arc<Job>, store: Arc<dyn ObjectStore>, set: FileSet) -> Result<Self> {
        let mut writer = Self { job, store, set, files: Vec::new(), rows: 0 };
        match writer.begin_files().await {
            Ok(()) => Ok(writer),
            Err(error) => Err(writer.give_up(error).await),
        }
    }

    /// Rows that the set still lacks.
    pub(crate) fn missing(&self) -> u64 {
        self.set.rows.saturating_sub(self.rows)
    }

    /// Writes all rows of a batch, which are not more than [`SetWriter::missing`].
    /// Returns the bytes written to all files.
    pub(crate) async fn write(&mut self, batch: &RecordBatch) -> Result<u64> {
        self.check_origin(batch)?;
        let job = Arc::clone(&self.job);
        let mut written = 0;
        for (column, file) in job.columns.iter().zip(&mut self.files) {
            let bytes = job.bytes(column, batch)?;
            job.inspect(column, batch, &bytes, &mut file.sums)?;
            let len = length(&bytes);
            file.put(&job.options, bytes).await?;
            written += len;
        }
        self.rows = self.rows.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
        Ok(written)
    }

    /// Makes the files visible, once all of every file has arrived.
    pub(crate) async fn finish(mut self) -> Result<Vec<WrittenFile>> {
        match self.complete().await {
            Ok(written) => {
                self.files.clear();
                Ok(written)
            }
            Err(error) => Err(self.give_up(error).await),
        }
    }

    /// Removes what there is of the set and hands the reason back.
    pub(crate) async fn give_up<E>(mut self, error: E) -> E {
        // A local set is removed when it is dropped, even if the runtime ends just
        // now; work that is handed to it would be forgotten.
        if !self.job.options.is_local() {
            self.take_cleanup().run().await;
        }
        error
    }

    /// The error of a set whose rows ended.
    pub(crate) fn short(&self) -> Error {
        Error::ShortSet { set: self.set.name.clone(), expected: self.set.rows, found: self.rows }
    }

    async fn begin_files(&mut self) -> Result<()> {
        let job = Arc::clone(&self.job);
        for column in &job.columns {
            let relative = format!("{}/{}.npy", self.set.name, column.field);
            let path = job.options.child(&relative);
            let upload =
                self.store.put_multipart(&path).await.map_err(|e| write_error(&job.options, &path, e))?;
            let upload = Upload::new(upload, job.options.part_bytes, job.options.is_local());
            let sums = Sums::new(job.options.checksum);
            self.files.push(File { stage: Stage::Sending, upload, path, relative, sums });
            let start: [u8; HEADER_LEN] = header(column.dtype, self.set.rows, column.width)?;
            if let Some(file) = self.files.last_mut() {
                file.sums.add(&start);
                file.put(&job.options, Bytes::copy_from_slice(&start)).await?;
            }
        }
        Ok(())
    }

    /// A plan that reads other rows than it was made for must not go unnoticed.
    fn check_origin(&self, batch: &RecordBatch) -> Result<()> {
        let Some(last) = batch.num_rows().checked_sub(1) else { return Ok(()) };
        for row in [0, last] {
            let origin = self.job.origins.origin(batch, row)?;
            if !self.set.segments.contains(&origin.segment_id) {
                let expected: Vec<_> =
                    self.set.segments.iter().map(|segment| format!("`{segment}`")).collect();
                return Err(Error::ForeignRow {
                    set: self.set.name.clone(),
                    expected: expected.join(", "),
                    segment: origin.segment_id,
                    offset: origin.segment_offset,
                });
            }
        }
        Ok(())
    }

    async fn complete(&mut self) -> Result<Vec<WrittenFile>> {
        let options = &self.job.options;
        for file in &mut self.files {
            file.upload.send_rest().await.map_err(|e| write_error(options, &file.path, e))?;
        }
        for file in &mut self.files {
            file.upload.settle().await.map_err(|e| write_error(options, &file.path, e))?;
        }
        for file in &mut self.files {
            let before = standing(&self.store, &file.path).await;
            file.stage = Stage::Completing;
            match file.upload.complete().await {
                Err(object_store::Error::NotFound { .. })
                    if has_come(&self.store, &file.path, &before, file.sums.bytes).await => {}
                done => done.map_err(|e| write_error(options, &file.path, e))?,
            }
            file.stage = Stage::Complete;
        }
        let of_column = |(column, file): (&Column, &File)| WrittenFile {
            set: self.set.name.clone(),
            path: file.relative.clone(),
            field: column.field.clone(),
            rows: self.rows,
            bytes: file.sums.bytes,
            crc32c: file.sums.crc32c,
            sha256: file.sums.sha256(),
            dtype: column.dtype.descr().into_owned(),
            width: column.width,
            segments: self.set.segments.clone(),
        };
        Ok(self.job.columns.iter().zip(&self.files).map(of_column).collect())
    }

    fn take_cleanup(&mut self) -> Cleanup {
        let mut cleanup = Cleanup::new(Arc::clone(&self.store), self.job.options.is_local());
        for file in self.files.drain(..) {
            match file.stage {
                Stage::Sending => cleanup.abort(file.path, file.upload),
                Stage::Completing => cleanup.abort_or_delete(file.path, file.upload),
                Stage::Complete => cleanup.delete(file.path),
            }
        }
        cleanup
    }
}

impl Drop for SetWriter {
    fn drop(&mut self) {
        if !self.files.is_empty() {
            self.take_cleanup().run_on_drop();
        }
    }
}

impl File {
    async fn put(&mut self, options: &NpyWriteOptions, bytes: Bytes) -> Result<()> {
        self.upload.put(bytes).await.map_err(|e| write_error(options, &self.path, e))
    }
}

impl Job {
    fn bytes(&self, column: &Column, batch: &RecordBatch) -> Result<Bytes> {
        let array = batch.column(column.index);
        if let Some(row) = first_null(array) {
            let origin = self.origins.origin(batch, row)?;
            return Err(Error::Null {
                collection: self.options.collection.clone(),
                column: column.name.clone(),
                segment: origin.segment_id,
                offset: origin.segment_offset,
            });
        }
        column.bytes(array).ok_or_else(|| Error::ChangedColumn {
            collection: self.options.collection.clone(),
            column: column.name.clone(),
            expected: column.data_type.to_string(),
            found: array.data_type().to_string(),
        })
    }

    /// Goes through the bytes once, block by block: the second look at a block
    /// finds it in the cache.
    fn inspect(&self, column: &Column, batch: &RecordBatch, bytes: &[u8], sums: &mut Sums) -> Result<()> {
        for (at, block) in bytes.chunks(BLOCK_BYTES).enumerate() {
            if column.check_finite
                && let Some(value) = first_non_finite(block)
            {
                let first = at * BLOCK_BYTES / size_of::<f32>();
                return Err(self.not_finite(column, batch, bytes, first + value));
            }
            sums.add(block);
        }
        Ok(())
    }

    fn not_finite(&self, column: &Column, batch: &RecordBatch, bytes: &[u8], at: usize) -> Error {
        let width = column.width.and_then(|width| usize::try_from(width).ok()).unwrap_or(1).max(1);
        let (row, component) = (at / width, at % width);
        let value = bytes.chunks_exact(size_of::<f32>()).nth(at).and_then(|value| value.try_into().ok());
        let (origin, id) = match (self.origins.origin(batch, row), self.origins.id(batch, row)) {
            (Ok(origin), Ok(id)) => (origin, id),
            (Err(error), _) | (_, Err(error)) => return error,
        };
        Error::NotFinite {
            collection: self.options.collection.clone(),
            segment: origin.segment_id,
            offset: origin.segment_offset,
            id,
            component,
            value: value.map_or(f32::NAN, f32::from_le_bytes),
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn write_error(options: &NpyWriteOptions, path: &Path, error: object_store::Error) -> Error {
    Error::unwritten(options.display(path), error)
}
