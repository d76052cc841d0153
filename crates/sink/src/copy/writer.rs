// SPDX-License-Identifier: Apache-2.0

use std::fs;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use futures::future::{join_all, try_join_all};
use m2m_storage::Storage;

use super::column::CopyColumn;
use super::target::Places;
use crate::cleanup::run_unattended;
use crate::header_last::{FilePlace, HeaderLast};
use crate::npy::HEADER_LEN;
use crate::{Error, Result};

/// A column, its file, and what its rows have shown so far.
struct Output {
    column: CopyColumn,
    file: HeaderLast,
    width: Option<u64>,
}

/// All files of a `COPY`.
///
/// They are there whole or not at all: when writing fails, or the writer is
/// dropped, everything is removed again.
pub(super) struct CopyWriter {
    is_local: bool,
    outputs: Vec<Output>,
    /// Folders that were made for the files, innermost first.
    folders: Vec<PathBuf>,
    rows: u64,
}

impl CopyWriter {
    /// Begins the files of columns, with the length of each one's parts.
    pub(super) fn begin(places: Places, columns: &[CopyColumn], part_bytes: &[usize]) -> Result<Self> {
        let Places { storage, paths } = places;
        let is_local = storage.is_local();
        let folders = if is_local { make_folders(&storage, &paths)? } else { Vec::new() };
        let files = columns.iter().zip(paths).zip(part_bytes);
        let output = |((column, path), &part_bytes): ((&CopyColumn, _), _)| Output {
            column: column.clone(),
            file: HeaderLast::new(FilePlace::of_storage(&storage, path, part_bytes), HEADER_LEN),
            width: None,
        };
        Ok(Self { is_local, outputs: files.map(output).collect(), folders, rows: 0 })
    }

    /// Writes a batch and returns the bytes of all its columns.
    pub(super) async fn write(&mut self, batch: &RecordBatch) -> Result<usize> {
        let mut written = 0;
        if batch.num_rows() == 0 {
            return Ok(0);
        }
        for (output, array) in self.outputs.iter_mut().zip(batch.columns()) {
            let bytes = output.column.bytes(array, self.rows, &mut output.width)?;
            written += bytes.len();
            output.file.put(bytes).await?;
        }
        self.rows = self.rows.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
        Ok(written)
    }

    /// Makes all files visible, once all of every one has arrived, and returns
    /// how many rows they have.
    pub(super) async fn finish(mut self) -> Result<u64> {
        match self.complete().await {
            Ok(()) => {
                self.outputs.clear();
                self.folders.clear();
                Ok(self.rows)
            }
            Err(error) => Err(self.give_up(error).await),
        }
    }

    /// Removes what there is and hands the reason back.
    pub(super) async fn give_up<E>(mut self, error: E) -> E {
        // Local files are removed when this is dropped, even if the runtime ends just
        // now; work that is handed to it would be forgotten.
        if !self.is_local
            // Of its own, so that it goes on when nobody waits for it any more.
            && let Err(fault) = tokio::spawn(self.discard()).await
        {
            tracing::warn!(%fault, "unfinished files not removed");
        }
        error
    }

    async fn complete(&mut self) -> Result<()> {
        let rows = self.rows;
        let settled = self.outputs.iter_mut().map(|output| async move {
            let header = output.column.header(rows, output.width)?;
            output.file.settle(&header).await
        });
        try_join_all(settled).await?;
        // One after the other, so that as little as possible has happened at a failure.
        for output in &mut self.outputs {
            output.file.complete().await?;
        }
        Ok(())
    }

    fn discard(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let files: Vec<_> = self.outputs.drain(..).map(|output| output.file.discard()).collect();
        let folders = std::mem::take(&mut self.folders);
        async move {
            join_all(files).await;
            for folder in folders {
                // Somebody else may have put something there: then it stays.
                drop(fs::remove_dir(folder));
            }
        }
    }
}

impl Drop for CopyWriter {
    fn drop(&mut self) {
        if self.outputs.is_empty() && self.folders.is_empty() {
            return;
        }
        if self.is_local {
            // Their end would need the runtime's thread, which may be this one.
            self.outputs.iter_mut().for_each(|output| output.file.forsake_parts());
        }
        run_unattended(self.is_local, self.discard());
    }
}

/// Makes the folder of the files, and returns those that were not there.
fn make_folders(storage: &Storage, paths: &[object_store::path::Path]) -> Result<Vec<PathBuf>> {
    let Some(path) = paths.first() else { return Ok(Vec::new()) };
    let file = PathBuf::from(storage.display(path));
    let Some(folder) = file.parent() else { return Ok(Vec::new()) };
    let missing: Vec<_> =
        folder.ancestors().take_while(|folder| !folder.exists()).map(PathBuf::from).collect();
    let made = fs::create_dir_all(folder);
    made.map_err(|source| Error::CopyFolder { folder: folder.display().to_string(), source })?;
    Ok(missing)
}
