// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use object_store::path::Path;

use super::column::{Column, Job};
use super::encode::npy_pieces;
use super::options::ImportFormat;
use super::parquet::ParquetEncoder;
use crate::checksum::{Checksum, Expected, Sums};
use crate::cleanup::run_unattended;
use crate::header_last::{FilePlace, HeaderLast};
use crate::npy::{HEADER_LEN, header};
use crate::write_options::child;
use crate::written_file::WrittenFile;
use crate::{Error, Result};

/// Finds the place of a file by its path and the length of its parts.
pub(super) type Places = Arc<dyn Fn(Path, usize) -> FilePlace + Send + Sync>;

/// One file set in the making.
///
/// A set is there whole or not at all: when writing fails, or the set is dropped,
/// every file of it is removed again.
pub(super) struct StreamSet {
    job: Arc<Job>,
    name: String,
    rows: u64,
    segments: BTreeSet<String>,
    /// One for each column, or one for all.
    files: Vec<File>,
    /// Of Parquet files only.
    encoder: Option<Box<ParquetEncoder>>,
}

struct File {
    file: HeaderLast,
    relative: String,
    location: String,
    /// Of the bytes behind the header.
    sums: Sums,
}

impl StreamSet {
    /// Begins a set. Nothing is sent before there are rows.
    pub(super) fn open(job: Arc<Job>, places: &Places, name: String) -> Result<Self> {
        let options = &job.options;
        let file = |relative: String, part_bytes: usize, header_len: usize| {
            let place = places(child(&options.prefix, &relative), part_bytes);
            let location = place.location.clone();
            // What stands behind a header says nothing of a SHA-256.
            let sums = Sums::new(if header_len == 0 { options.checksum } else { Checksum::Crc32c });
            File { file: HeaderLast::new(place, header_len), relative, location, sums }
        };
        let (files, encoder) = match options.format {
            ImportFormat::Npy => {
                let of_field = |Column { field, .. }: &Column| {
                    file(format!("{name}/{}.npy", field.field), options.part_bytes_of(field), HEADER_LEN)
                };
                (job.columns.iter().map(of_field).collect(), None)
            }
            ImportFormat::Parquet => {
                let file = file(format!("{name}.parquet"), options.part_bytes_of_parquet(), 0);
                let encoder = ParquetEncoder::new(&options.fields)
                    .map_err(|source| Error::Encode { location: file.location.clone(), source })?;
                (vec![file], Some(Box::new(encoder)))
            }
        };
        Ok(Self { job, name, rows: 0, segments: BTreeSet::new(), files, encoder })
    }

    /// Rows that the set still takes.
    pub(super) fn missing(&self) -> u64 {
        self.job.options.set_rows.saturating_sub(self.rows)
    }

    /// Writes all rows of a batch, which are not more than [`StreamSet::missing`].
    /// Returns the bytes given to all files.
    pub(super) async fn write(&mut self, batch: &RecordBatch) -> Result<u64> {
        let job = Arc::clone(&self.job);
        let columns = job.checked(batch)?;
        job.rows.add_segments(batch, &mut self.segments).map_err(|source| job.unprepared(source))?;
        let before = self.bytes();
        match self.encoder {
            None => self.write_npy(&columns).await?,
            Some(_) => self.write_parquet(&columns).await?,
        }
        self.rows = self.rows.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
        Ok(self.bytes() - before)
    }

    /// Makes the files visible, once all of every file has arrived. Returns them,
    /// and the bytes that were given to them last.
    pub(super) async fn finish(mut self) -> Result<(Vec<WrittenFile>, u64)> {
        let before = self.bytes();
        match self.complete().await {
            Ok(written) => {
                let bytes = self.bytes() - before;
                self.files.clear();
                Ok((written, bytes))
            }
            Err(error) => Err(self.give_up(error).await),
        }
    }

    /// Removes what there is of the set and hands the reason back.
    pub(super) async fn give_up<E>(mut self, error: E) -> E {
        // A local set is removed when it is dropped, even if the runtime ends just
        // now; work that is handed to it would be forgotten.
        if !self.job.options.is_local()
            // Of its own, so that it goes on when nobody waits for it any more.
            && let Err(fault) = tokio::spawn(self.discard()).await
        {
            tracing::warn!(set = %self.name, error = %fault, "unfinished files not removed");
        }
        error
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.sums.bytes).sum()
    }

    async fn write_npy(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let job = Arc::clone(&self.job);
        for ((Column { field, .. }, array), file) in job.columns.iter().zip(columns).zip(&mut self.files) {
            let pieces = npy_pieces(field.kind, array).ok_or_else(|| Error::ChangedColumn {
                collection: job.options.collection.clone(),
                column: field.column.clone(),
                expected: field.kind.to_string(),
                found: array.data_type().to_string(),
            })?;
            for piece in pieces {
                file.put(piece).await?;
            }
        }
        Ok(())
    }

    async fn write_parquet(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let (Some(encoder), [file]) = (&mut self.encoder, &mut self.files[..]) else { return Ok(()) };
        let mut from = 0;
        while let Some(group) = encoder.fill(columns, &mut from).map_err(|source| file.unencoded(source))? {
            file.put(group).await?;
        }
        Ok(())
    }

    async fn complete(&mut self) -> Result<Vec<WrittenFile>> {
        if let (Some(encoder), [file]) = (&mut self.encoder, &mut self.files[..]) {
            let end = encoder.finish().map_err(|source| file.unencoded(source))?;
            file.put(end).await?;
        }
        let written = self.seal()?;
        let settled = self.files.iter_mut().zip(&written).map(|(file, (header, _))| file.file.settle(header));
        try_join_all(settled).await?;
        // One after the other, so that as little as possible has happened at a failure.
        for file in &mut self.files {
            file.file.complete().await?;
        }
        let mut written: Vec<_> = written.into_iter().map(|(_, file)| file).collect();
        if self.encoder.is_none() && self.job.options.checksum == Checksum::Sha256 {
            add_sha256(&self.files, &mut written).await?;
        }
        Ok(written)
    }

    /// Describes every file, now that its rows are counted.
    fn seal(&self) -> Result<Vec<(Vec<u8>, WrittenFile)>> {
        let of_file = |file: &File| WrittenFile {
            set: self.name.clone(),
            path: file.relative.clone(),
            field: String::new(),
            rows: self.rows,
            bytes: file.sums.bytes,
            crc32c: file.sums.crc32c,
            sha256: file.sums.sha256(),
            dtype: ImportFormat::Parquet.name().to_owned(),
            width: None,
            segments: self.segments.iter().cloned().collect(),
        };
        if self.encoder.is_some() {
            return Ok(self.files.iter().map(|file| (Vec::new(), of_file(file))).collect());
        }
        let of_field = |(Column { field, .. }, file): (&Column, &File)| {
            let (dtype, width) = field.kind.npy_type().ok_or_else(|| {
                self.job.options.invalid(format!("`{}` cannot be {:?}", field.field, field.kind))
            })?;
            let header = header(dtype, self.rows, width)?;
            let described = WrittenFile {
                field: field.field.clone(),
                bytes: length(&header).saturating_add(file.sums.bytes),
                crc32c: file.sums.crc32c_behind(&header),
                dtype: dtype.descr().into_owned(),
                width,
                ..of_file(file)
            };
            Ok((header.to_vec(), described))
        };
        self.job.columns.iter().zip(&self.files).map(of_field).collect()
    }

    fn discard(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let files: Vec<_> = self.files.drain(..).map(|file| file.file.discard()).collect();
        async move { drop(join_all(files).await) }
    }
}

impl Drop for StreamSet {
    fn drop(&mut self) {
        if self.files.is_empty() {
            return;
        }
        let is_local = self.job.options.is_local();
        if is_local {
            // Their end would need the runtime's thread, which may be this one.
            self.files.iter_mut().for_each(|file| file.file.forsake_parts());
        }
        run_unattended(is_local, self.discard());
    }
}

impl File {
    async fn put(&mut self, bytes: Bytes) -> Result<()> {
        self.sums.add(&bytes);
        self.file.put(bytes).await
    }

    fn unencoded(&self, source: datafusion::parquet::errors::ParquetError) -> Error {
        Error::Encode { location: self.location.clone(), source }
    }
}

/// Reads files once more: their headers came last, and a SHA-256 begins with them.
async fn add_sha256(files: &[File], written: &mut [WrittenFile]) -> Result<()> {
    for (file, written) in files.iter().zip(written) {
        let found = file.file.sums(Checksum::Sha256).await?;
        let WrittenFile { bytes, crc32c, .. } = *written;
        found.check(&file.location, &Expected { bytes, crc32c, sha256: None })?;
        written.sha256 = found.sha256();
    }
    Ok(())
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
