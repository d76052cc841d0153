// SPDX-License-Identifier: Apache-2.0

mod finished;
mod npy;
mod options;
mod parquet;
mod sets;
mod stopped;
mod values;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use datafusion::error::Result as DFResult;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use npyz::NpyFile;

use super::*;
use crate::testing::{DIMENSION, Target, Then, cause, input};
use crate::{Checksum, CommitExec, WrittenFile};

fn field(column: &str, name: &str, kind: FieldKind) -> ImportField {
    ImportField { column: column.into(), field: name.into(), kind, nullable: false }
}

impl Target {
    /// Ids and vectors of [`crate::testing::rows`], in sets of so many rows.
    fn stream_options(&self, format: ImportFormat, set_rows: u64) -> StreamWriteOptions {
        let dimension = u32::try_from(DIMENSION).unwrap();
        StreamWriteOptions {
            base_url: self.storage.base_url().clone(),
            prefix: self.storage.prefix().clone(),
            collection: "colours".into(),
            folder: "c/p".into(),
            format,
            fields: vec![
                field("id", "key", FieldKind::Int64),
                field("vector", "embedding", FieldKind::FloatVector(dimension)),
            ],
            id_column: "id".into(),
            set_rows,
            naming: SetNaming::Origin,
            check_finite: true,
            checksum: Checksum::default(),
            part_bytes: 1 << 20,
            finished: Vec::new(),
        }
    }

    /// Writes and commits all partitions, and returns the files by their paths.
    async fn stream(
        &self,
        input: Arc<dyn ExecutionPlan>,
        options: StreamWriteOptions,
    ) -> DFResult<Vec<WrittenFile>> {
        let fields = options.fields.iter().map(|field| field.field.clone()).collect();
        let format = options.format;
        let write = Arc::new(StreamWriteExec::try_new(input, options)?);
        let gathered = Arc::new(CoalescePartitionsExec::new(write));
        let mut files = self.run(Arc::new(CommitExec::of_fields(gathered, fields, format)?)).await?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    async fn stream_batches(
        &self,
        batches: Vec<RecordBatch>,
        options: StreamWriteOptions,
    ) -> DFResult<Vec<WrittenFile>> {
        self.stream(input(vec![batches], Then::End), options).await
    }

    /// Writes a column `x` beside the ids into one set, and returns the file's bytes.
    async fn column(&self, format: ImportFormat, kind: FieldKind, column: ArrayRef) -> DFResult<Vec<u8>> {
        let (batch, options) = self.with_column(format, kind, column);
        self.stream_batches(vec![batch], options).await?;
        Ok(self.bytes(match format {
            ImportFormat::Npy => "c/p/7-0/x.npy",
            ImportFormat::Parquet => "c/p/7-0.parquet",
        }))
    }

    fn with_column(
        &self,
        format: ImportFormat,
        kind: FieldKind,
        column: ArrayRef,
    ) -> (RecordBatch, StreamWriteOptions) {
        let rows = crate::testing::rows("7", 0..i64::try_from(column.len()).unwrap());
        let mut options = self.stream_options(format, 1_000_000);
        options.fields.truncate(1);
        options.fields.push(field("x", "x", kind));
        (crate::testing::with_column(&rows, "x", column), options)
    }

    /// The error of a column `x`, after which nothing is left.
    async fn refused_column(&self, format: ImportFormat, kind: FieldKind, column: ArrayRef) -> String {
        let (batch, options) = self.with_column(format, kind, column);
        let error = self.stream_batches(vec![batch], options).await.unwrap_err();
        assert_eq!(self.files(), Vec::<PathBuf>::new());
        cause(error)
    }

    fn array<T: npyz::Deserialize>(&self, path: &str) -> Vec<T> {
        NpyFile::new(self.bytes(path).as_slice()).unwrap().into_vec().unwrap()
    }
}

fn names(files: &[WrittenFile]) -> Vec<&str> {
    files.iter().map(|file| file.path.as_str()).collect()
}
