// SPDX-License-Identifier: Apache-2.0
//! A Milvus 1.x installation as SQL tables.
//!
//! One catalog, `milvus`, with two schemas:
//!
//! | schema | tables |
//! |---|---|
//! | `collections` | one for each live collection, of its live rows: `id BIGINT`, `vector` (`FixedSizeList<Float32>` or `FixedSizeBinary`), `partition_tag`, `segment_id`, `segment_offset BIGINT` |
//! | `meta` | `collections`, `partitions`, `segments`, `files`, `tables`, `environment`, `wal`: what the metadata says; only `segments` reads headers of files |
//!
//! ```no_run
//! use m2m_catalog::Install;
//! use m2m_datasource::{SessionOptions, Source, session};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let source = Source::open(&Install::locate("/var/lib/milvus".as_ref())?).await?;
//! let ctx = session(SessionOptions::default())?;
//! source.register(&ctx)?;
//! ctx.sql("SELECT count(*) FROM collection_x").await?.show().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What a scan reads
//!
//! A scanned file is the `.uid` of a segment; `deleted_docs` and, when vectors
//! are asked for, `.rv` are found beside it. Blocks of at most 2 MiB of vectors
//! become Arrow arrays as they are; where rows are deleted, the block is closed
//! over them in place. An unfiltered `count(*)` is answered by headers, and
//! filters over `partition_tag` and `segment_id` take segments out of the plan.
//!
//! # What it does not do
//!
//! It writes nothing, and it does not know Milvus 2.x.

mod error;
mod file_source;
mod files;
pub mod inspect;
mod meta;
mod names;
mod opener;
mod piece;
mod prune;
mod schema;
mod schema_provider;
mod session;
mod source;
mod stats;
mod table;
#[cfg(test)]
mod testing;

pub use error::{Error, Result};
pub use file_source::SegmentSource;
pub use piece::Piece;
pub use schema::{ID, PARTITION_TAG, SEGMENT_ID, SEGMENT_OFFSET, VECTOR, vector_type};
pub use session::{CATALOG, COLLECTIONS, META, SessionOptions, session};
pub use source::Source;
pub use stats::SegmentStats;
pub use table::CollectionTable;
