// SPDX-License-Identifier: Apache-2.0
//! Some ids of every file set, to ask a server whether it has them already.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::DefaultParquetFileReaderFactory;
use datafusion::error::DataFusionError;
use datafusion::object_store::{GetOptions, GetRange};
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use datafusion::parquet::errors::ParquetError;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_sink::manifest::{CollectionEntry, FileEntry, SetEntry};
use m2m_sink::npy::{HEADER_LEN, NpyType};
use m2m_storage::Storage;

use crate::error::{Error, Result};
use crate::target::Wanted;

/// Ids of a collection, of one set, and sets that are read at once.
const OF_COLLECTION: usize = 4096;
const OF_SET: usize = 64;
const AT_ONCE: usize = 8;
const ID_BYTES: usize = 8;

/// The first ids of every file set of a collection: a job imports a set as a
/// whole or not at all, so these tell whether one was imported before.
pub(super) async fn sample(target: &Storage, entry: &CollectionEntry, wanted: &Wanted) -> Result<Vec<i64>> {
    let Some((_, id_field)) = wanted.id_field() else { return Ok(Vec::new()) };
    let sets: Vec<&SetEntry> = entry.partitions.iter().flat_map(|partition| &partition.sets).collect();
    let of_set = (OF_COLLECTION / sets.len().max(1)).clamp(1, OF_SET);
    let samples = stream::iter(sets)
        .map(|set| first_ids(target, set, &id_field.name, of_set))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<Vec<i64>>>();
    Ok(samples.await?.concat())
}

async fn first_ids(target: &Storage, set: &SetEntry, id_field: &str, most: usize) -> Result<Vec<i64>> {
    let rows = usize::try_from(set.rows).unwrap_or(usize::MAX).min(most);
    match set.files.iter().find(|file| file.field == id_field || file.field.is_empty()) {
        Some(file) if rows > 0 && file.field.is_empty() => of_parquet(target, file, id_field, rows).await,
        Some(file) if rows > 0 && file.dtype == NpyType::Int64.descr() => of_npy(target, file, rows).await,
        _ => Ok(Vec::new()),
    }
}

async fn of_npy(target: &Storage, file: &FileEntry, rows: usize) -> Result<Vec<i64>> {
    let path = target.child(&file.path);
    let range = HEADER_LEN as u64..(HEADER_LEN + rows * ID_BYTES) as u64;
    let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
    let read = async { target.store().get_opts(&path, options).await?.bytes().await };
    let bytes = read.await.map_err(|error| DataFusionError::ObjectStore(Box::new(error)))?;
    let (ids, _) = bytes.as_chunks::<ID_BYTES>();
    Ok(ids.iter().map(|id| i64::from_le_bytes(*id)).collect())
}

async fn of_parquet(target: &Storage, file: &FileEntry, id_field: &str, rows: usize) -> Result<Vec<i64>> {
    let failed = |error: ParquetError| Error::from(DataFusionError::ParquetError(Box::new(error)));
    let mut place = PartitionedFile::new("", file.bytes);
    place.object_meta.location = target.child(&file.path);
    let readers = DefaultParquetFileReaderFactory::new(Arc::clone(target.store()));
    let reader: Box<dyn AsyncFileReader> =
        readers.create_reader(0, place, None, &ExecutionPlanMetricsSet::new())?;
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(failed)?;
    let column = ProjectionMask::columns(builder.parquet_schema(), [id_field]);
    let batches = builder.with_projection(column).with_limit(rows).build().map_err(failed)?;
    let batches: Vec<_> = batches.try_collect().await.map_err(failed)?;
    let ids = batches.iter().filter_map(|batch| batch.columns().first()?.as_primitive_opt::<Int64Type>());
    Ok(ids.flat_map(|ids| ids.values().iter().copied()).collect())
}
