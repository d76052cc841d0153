// SPDX-License-Identifier: Apache-2.0

//! Import files for Milvus 2.x, NumPy and Parquet, written by a query plan.
//!
//! A dump is a plan that ends in two nodes. [`NpyWriteExec`] runs once for each
//! scan partition and turns its rows into files; [`CommitExec`] runs once and
//! checks that everything planned was written. Which rows go into which files
//! is decided before, by [`plan_file_sets`]: the plan, not a partition's number,
//! gives a file its name, so that work done twice overwrites itself.
//!
//! ```
//! use std::sync::Arc;
//!
//! use arrow::array::{ArrayRef, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray};
//! use datafusion::physical_plan::collect;
//! use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
//! use datafusion::prelude::SessionContext;
//! use m2m_segment::deleted_docs::DeletedDocs;
//! use m2m_sink::{
//!     Checksum, CommitExec, NpyWriteExec, NpyWriteOptions, SegmentRows, WrittenFile, plan_file_sets,
//! };
//! use m2m_storage::Storage;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! // One segment of two rows with binary vectors of 16 bits.
//! let segment = SegmentRows { segment_id: "1606".into(), rows: 2, deleted: Arc::new(DeletedDocs::none()) };
//! let groups = plan_file_sets("colours/_default", &[segment], 2, 1 << 30, 1)?;
//! let sets: Vec<_> = groups.concat().into_iter().map(|planned| planned.set).collect();
//!
//! let rows = RecordBatch::try_from_iter([
//!     ("id", Arc::new(Int64Array::from(vec![10, 11])) as ArrayRef),
//!     ("vector", Arc::new(FixedSizeBinaryArray::try_from_iter([[1u8, 2], [3, 4]].iter())?)),
//!     ("segment_id", Arc::new(StringArray::from(vec!["1606", "1606"]))),
//!     ("segment_offset", Arc::new(Int64Array::from(vec![0, 1]))),
//! ])?;
//! let ctx = SessionContext::new();
//! let scan = ctx.read_batch(rows)?.create_physical_plan().await?;
//!
//! let target = Storage::local(folder)?;
//! ctx.register_object_store(target.base_url(), Arc::clone(target.store()));
//! let options = NpyWriteOptions {
//!     base_url: target.base_url().clone(),
//!     prefix: target.prefix().clone(),
//!     collection: "colours".into(),
//!     fields: vec!["id".into(), "vector".into()],
//!     field_names: vec!["id".into(), "vector".into()],
//!     sets: sets.clone(),
//!     check_finite: true,
//!     checksum: Checksum::default(),
//!     part_bytes: 8 << 20,
//! };
//! let write = Arc::new(NpyWriteExec::try_new(scan, options)?);
//! let commit = CommitExec::of_sets(Arc::new(CoalescePartitionsExec::new(write)), sets)?;
//!
//! let files = WrittenFile::from_batches(&collect(Arc::new(commit), ctx.task_ctx()).await?)?;
//! assert_eq!(files[1].path, "colours/_default/1606/vector.npy");
//! let bytes = std::fs::read(folder.join(&files[1].path))?;
//! assert_eq!(bytes[128..], [1, 2, 3, 4]);
//! # Ok(())
//! # }
//! ```
//!
//! # A NumPy import file
//!
//! What `numpy.save` writes, byte for byte: format version 1.0, rows in C order.
//! Milvus 2.x finds its field by the file's name.
//!
//! ```text
//!   0  magic       93 'N' 'U' 'M' 'P' 'Y'
//!   6  version     01 00
//!   8  length      76 00                     bytes that follow before the rows
//!  10  text        {'descr': '<f4', 'fortran_order': False, 'shape': (1000, 128), }
//!      padding     spaces up to offset 127, then a line feed
//! 128  rows        little-endian, without gaps
//! ```
//!
//! | column | file |
//! |---|---|
//! | `Int64` and the other scalars | `<i8` (`\|b1`, `\|i1`, `<i2`, `<i4`, `<f4`, `<f8`), shape `(N,)` |
//! | fixed-size list of `Float32`, the vectors | `<f4`, shape `(N, dimension)` |
//! | fixed-size binary, the binary vectors | `\|u1`, shape `(N, dimension / 8)` |
//!
//! The header says how many rows follow, and of a planned set it goes first. So a set
//! that gets fewer rows than it promises, or more, is an error that aborts the upload.
//!
//! # Rows of any query
//!
//! A plan that filters or joins does not say how many rows it has. [`StreamWriteExec`]
//! writes it all the same, as NumPy arrays or as Parquet, and cuts a file set when it
//! has enough rows; [`CommitExec`] checks that every set is whole.
//!
//! | field | made of | NumPy | Parquet |
//! |---|---|---|---|
//! | Bool, Int8 … Int64, Float, Double | the same type | `\|b1`, `\|i1` … `<i8`, `<f4`, `<f8` | the same, NULL where the field takes it |
//! | `VarChar` | text of any Arrow type | `<U` and the longest text, zeros behind shorter ones | string |
//! | JSON | text that is JSON | likewise | string |
//! | `FloatVector` | fixed-size list of `Float32` | `<f4`, two axes | list of float |
//! | `BinaryVector` | fixed-size binary | `\|u1`, two axes | list of uint8 |
//!
//! * What Milvus 2.x refuses, or takes and stores wrongly, is an error that names the
//!   row: NULL, NaN and infinity, texts that are too long or have a NUL, broken JSON.
//! * A NumPy file gets its first part last, with the header; a Parquet file its footer.
//!   Nothing is spooled: at most four parts of a file are in memory, and of Parquet the
//!   rows of one row group, which is the first to reach 8 MiB before compression.
//! * The same rows give the same bytes, whatever batches they come in.
//! * Vectors in Parquet files have neither dictionary nor statistics; floats are not
//!   compressed, all else is by zstd.
//!
//! # What it costs
//!
//! Arrays are sent from the memory they stand in; the checksum and the search
//! for NaN and infinity share one pass over it. A file in the making holds three
//! parts at most. Parts of a file are of equal length, other than the last.
//!
//! # What is left when writing stops
//!
//! A file appears under its name when it is complete. A file set whose writing
//! fails, or whose stream is dropped, leaves no file; finished sets stay, and
//! without a [`manifest`] they are not a dump. A process that is killed can leave
//! unfinished uploads, which [`Storage::unfinished_uploads`] finds.
//!
//! [`StreamWriteExec`] goes on where another was stopped: of sets that are
//! [`finished`](StreamWriteOptions::finished) it reads the rows and leaves the files
//! alone, which needs an input that [`keeps_source_order`]. Sets that are planned are
//! simply planned no more.
//!
//! [`Storage::unfinished_uploads`]: m2m_storage::Storage::unfinished_uploads
//!
//! # Arrays of a query
//!
//! [`register_formats`] teaches a session to write the result of any query, each
//! column into a file of its own. These are arrays for NumPy, not import files:
//! they have all types that both sides know, and NaN and infinity.
//!
//! ```
//! use datafusion::prelude::SessionContext;
//! use m2m_sink::register_formats;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path().display();
//! let ctx = SessionContext::new();
//! register_formats(&ctx)?;
//! let rows = "SELECT value AS id, value / 2.0 AS half FROM generate_series(1, 3) ORDER BY id DESC";
//! ctx.sql(&format!("COPY ({rows}) TO '{folder}/out/' STORED AS NPY")).await?.collect().await?;
//! ctx.sql(&format!("COPY (SELECT 1 AS one) TO '{folder}/one.npy'")).await?.collect().await?;
//!
//! let halves = std::fs::read(format!("{folder}/out/half.npy"))?;
//! assert_eq!(halves[128..136], 1.5_f64.to_le_bytes());
//! # Ok(())
//! # }
//! ```
//!
//! | column | array |
//! |---|---|
//! | boolean, integers, floats | `\|b1`, `\|i1` … `<i8`, `\|u1` … `<u8`, `<f2`, `<f4`, `<f8`, shape `(N,)` |
//! | date | `<M8[D]` |
//! | timestamp, duration | `<M8[us]`, `<m8[us]` and so on, by their unit; times of a zone are UTC |
//! | fixed-size list of these | shape `(N, width)` |
//! | list of these, all of one length | shape `(N, length)`; `(0, 0)` without rows |
//! | fixed-size binary | `\|u1`, shape `(N, bytes)` |
//! | text and everything else | refused when the query is planned |
//!
//! How many rows there are is known last, and stands first. So the first part of a
//! file is held back until all others are sent, and goes when its header is known:
//! nothing is spooled, and four parts of a column at most are in memory (1 MiB each
//! locally, 8 to 64 MiB in a bucket). A short file in a bucket is one request.
//! All files are complete before the first takes its name.
//!
//! # What it does not do
//!
//! It reads no Milvus 1.x file, asks no server but the object store, and casts
//! nothing: a column of a type that Milvus does not import is refused when the
//! plan is made.

mod as_text;
mod checksum;
mod cleanup;
mod column;
mod commit_exec;
mod copy;
mod error;
mod file_sets;
mod header_last;
mod import_file;
pub mod manifest;
pub mod npy;
mod origin;
mod outputs;
mod part_buffer;
mod partition_writer;
mod set_writer;
mod source_order;
mod standing;
mod stream;
#[cfg(test)]
mod testing;
mod upload;
mod whole;
mod write_exec;
mod write_options;
mod written_file;

pub use checksum::{Checksum, check_checksums};
pub use commit_exec::CommitExec;
pub use copy::register_formats;
pub use error::{Error, Result};
pub use file_sets::{FileSet, PlannedSet, SegmentRows, plan_file_sets};
pub use import_file::check_import_file;
pub use outputs::{OpenStorage, OutputStorages};
pub use source_order::{keeps_source_order, split_by_partition};
pub use stream::{FieldKind, ImportField, ImportFormat, SetNaming, StreamWriteExec, StreamWriteOptions};
pub use write_exec::NpyWriteExec;
pub use write_options::NpyWriteOptions;
pub use written_file::{WrittenFile, written_files_schema};
