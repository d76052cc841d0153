// SPDX-License-Identifier: Apache-2.0

//! Inputs and targets for the tests of the plan nodes.

mod watched_parts;
mod watched_store;

use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Field, SchemaRef, UInt16Type};
use datafusion::error::{DataFusionError, Result as DFResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use m2m_storage::Storage;

pub(crate) use self::watched_parts::{Watch, WatchedParts};
pub(crate) use self::watched_store::{Fault, WatchedStore};
use crate::{Checksum, FileSet, NpyWriteExec, NpyWriteOptions, WrittenFile};

/// Components of the vectors of [`rows`].
pub(crate) const DIMENSION: usize = 3;

/// What an input partition does after its batches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    End,
    Fail,
    Hang,
}

#[derive(Debug)]
struct Partition {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    then: Then,
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _ctx: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = futures::stream::iter(self.batches.clone().into_iter().map(Ok));
        let stream = match self.then {
            Then::End => batches.boxed(),
            Then::Fail => {
                let error = DataFusionError::Execution("the disk is gone".into());
                batches.chain(futures::stream::iter([Err(error)])).boxed()
            }
            Then::Hang => batches.chain(futures::stream::pending()).boxed(),
        };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}

/// A scan with these batches in each partition.
pub(crate) fn input(partitions: Vec<Vec<RecordBatch>>, then: Then) -> Arc<dyn ExecutionPlan> {
    let schema = partitions[0][0].schema();
    let partition = |batches| -> Arc<dyn PartitionStream> {
        Arc::new(Partition { schema: Arc::clone(&schema), batches, then })
    };
    let partitions: Vec<_> = partitions.into_iter().map(partition).collect();
    Arc::new(StreamingTableExec::try_new(schema, partitions, None, vec![], false, None).unwrap())
}

/// Rows of one segment: id `1000 + offset`, components `offset`, `offset + 0.5`, `-offset`.
pub(crate) fn rows(segment: &str, offsets: std::ops::Range<i64>) -> RecordBatch {
    let vectors = offsets.clone().flat_map(|offset| {
        let x = offset as f32;
        [x, x + 0.5, -x]
    });
    rows_with(segment, offsets.clone(), vectors.collect())
}

pub(crate) fn rows_with(segment: &str, offsets: std::ops::Range<i64>, vectors: Vec<f32>) -> RecordBatch {
    let count = offsets.clone().count();
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let vectors: ArrayRef = Arc::new(Float32Array::from(vectors));
    let width = i32::try_from(vectors.len() / count).unwrap();
    let segments: DictionaryArray<UInt16Type> = std::iter::repeat_n(segment, count).collect();
    RecordBatch::try_from_iter([
        (
            "id",
            Arc::new(Int64Array::from_iter_values(offsets.clone().map(|offset| 1000 + offset))) as ArrayRef,
        ),
        ("vector", Arc::new(FixedSizeListArray::new(item, width, vectors, None))),
        ("segment_id", Arc::new(segments)),
        ("segment_offset", Arc::new(Int64Array::from_iter_values(offsets))),
    ])
    .unwrap()
}

/// The same batch with another column under a name.
pub(crate) fn with_column(batch: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let mut columns: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut arrays = batch.columns().to_vec();
    match columns.iter().position(|column| column == name) {
        Some(at) => arrays[at] = column,
        None => {
            columns.push(name.to_owned());
            arrays.push(column);
        }
    }
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().zip(arrays).map(|(c, a)| (c, a, true)))
        .unwrap()
}

pub(crate) fn text(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

pub(crate) fn set(name: &str, rows: u64, segment: &str, offset: i64) -> FileSet {
    FileSet {
        name: format!("c/p/{name}"),
        rows,
        segment_id: segment.into(),
        segment_offset: offset,
        segments: vec![segment.into()],
    }
}

/// A folder to write into, and a session that knows it.
pub(crate) struct Target {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) storage: Storage,
    pub(crate) store: Arc<WatchedStore>,
    pub(crate) ctx: SessionContext,
}

impl Target {
    pub(crate) fn new() -> Self {
        Self::with_fault(None)
    }

    pub(crate) fn with_fault(fault: Option<Fault>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::local(folder.path()).unwrap();
        let store = Arc::new(WatchedStore::new(fault));
        let ctx = SessionContext::new();
        ctx.register_object_store(storage.base_url(), Arc::clone(&store) as _);
        Self { folder, storage, store, ctx }
    }

    pub(crate) fn options(&self, sets: Vec<FileSet>) -> NpyWriteOptions {
        NpyWriteOptions {
            base_url: self.storage.base_url().clone(),
            prefix: self.storage.prefix().clone(),
            collection: "colours".into(),
            fields: vec!["id".into(), "vector".into()],
            field_names: vec!["key".into(), "embedding".into()],
            sets,
            check_finite: true,
            checksum: Checksum::default(),
            part_bytes: 1 << 20,
        }
    }

    /// Runs the write node over all partitions and returns what it yields.
    pub(crate) async fn write(
        &self,
        input: Arc<dyn ExecutionPlan>,
        options: NpyWriteOptions,
    ) -> DFResult<Vec<WrittenFile>> {
        self.run(Arc::new(NpyWriteExec::try_new(input, options)?)).await
    }

    pub(crate) async fn run(&self, plan: Arc<dyn ExecutionPlan>) -> DFResult<Vec<WrittenFile>> {
        let batches = collect(plan, self.ctx.task_ctx()).await?;
        Ok(WrittenFile::from_batches(&batches)?)
    }

    /// Runs the write node over these batches, expecting an error and nothing left behind.
    pub(crate) async fn refused(&self, batches: Vec<RecordBatch>, sets: Vec<FileSet>) -> String {
        let result = self.write(input(vec![batches], Then::End), self.options(sets)).await;
        assert_eq!(self.files(), Vec::<PathBuf>::new());
        cause(result.unwrap_err())
    }

    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(path)).unwrap()
    }

    /// Every file below the folder, the temporary ones too.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(relative(&path, self.folder.path()));
                }
            }
        }
        files.sort();
        files
    }
}

fn relative(path: &FsPath, folder: &FsPath) -> PathBuf {
    path.strip_prefix(folder).unwrap().to_owned()
}

/// The error under the wrappings of the query engine.
pub(crate) fn cause(error: DataFusionError) -> String {
    match error {
        DataFusionError::External(inner) => inner.to_string(),
        DataFusionError::Context(_, inner) => cause(*inner),
        other => other.to_string(),
    }
}
