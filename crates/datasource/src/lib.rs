// SPDX-License-Identifier: Apache-2.0
//! A Milvus 1.x installation as SQL tables.
//!
//! One catalog, `milvus`, with five schemas:
//!
//! | schema | tables |
//! |---|---|
//! | `collections` | one for each live collection, of its live rows: `id BIGINT`, `vector` (`FixedSizeList<Float32>` or `FixedSizeBinary`), `partition_tag`, `segment_id`, `segment_offset BIGINT` |
//! | `stored` | the same tables with every stored row, and `deleted BOOLEAN` behind the other columns |
//! | `meta` | `collections`, `partitions`, `segments`, `files`, `tables`, `environment`, `fields`, `wal`, `problems`, `server`: what the metadata says, and what of it cannot be read. Only `segments` reads headers of files, when its scan is planned and a column needs them, and then of the segments that filters over columns of the metadata leave |
//! | `measure` | what reading the files tells: folders, lengths of vectors, repeated ids, see [`measure`] |
//! | `inspect` | views that are worth a look, see [`inspect`] |
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
//! # The tables of `meta`
//!
//! | table | one row for each | columns |
//! |---|---|---|
//! | `collections` | live collection | `collection`, `dimension`, `metric`, `engine`, `index_params`, `index_file_size`, `auto_id`, `flag`, `created_on` (µs since 1970), `version`, `partitions`, `segments` (how many) |
//! | `partitions` | live partition | `collection`, `partition_tag`, `table_id` (its folder), `segments` (how many) |
//! | `segments` | live segment | `collection`, `partition_tag`, `segment_id`; of the files: `rows` (stored), `deleted`, `live`, `ids_bytes`, `vectors_bytes`, `deleted_entries` (repeated ones too), `deleted_docs_bytes`, `path` (its folder), `problem` (why the files cannot be read, else null), `problem_kind` (`missing ids`, `missing vectors`, `missing deleted docs`, `damaged`, `twice` or `unreadable`); of the metadata: `row_count`, `file_size`, `file_types`, `has_raw_row` (false: a row of an index alone makes it live) |
//! | `files` | row of `TableFiles`, dead ones too | its columns as they are; `file_type_name` and `engine_name` say what two of them mean |
//! | `tables` | row of `Tables`, dropped ones too | its columns as they are; `state_name`, `engine_name` and `metric_name` say what three of them mean |
//! | `environment` | row of `Environment` | `global_lsn` |
//! | `fields` | row of `Fields`, attributes of hybrid collections | its columns as they are |
//! | `wal` | partition with rows or deletes that stand only in the write-ahead log | `collection`, `partition_tag`, `inserted_rows`, `deleted_rows`, `records` |
//! | `problems` | thing of the metadata or the log that cannot be read, or cannot be; none unless by [`Source::examine`] | `place` (`metadata`: nothing is known, `collection`: that is left out, `log`: what stands only there is not known), `collection`, `subject` (a file, a database, a row), `message`, `remedy` |
//! | `server` | installation: one | `metadata` (where it is), `kind` (`sqlite`, `mysql`, `meta.json`, or null when it is none), `wal` (the folder of the log), `is_running` (only when that is certain), `sign` (what shows that the old server runs or did not stop cleanly, else null) |
//!
//! Where a column's code has no name, the column beside it says `UNKNOWN (9)`.
//! A `meta.json` has no rows of `files`, `tables`, `environment` and `fields`. Positions
//! in the log (`flush_lsn`, `global_lsn`) are unsigned numbers shown as signed ones.
//!
//! # What a scan reads
//!
//! A scanned file is the `.uid` of a segment; `deleted_docs` and, when vectors
//! are asked for, `.rv` are found beside it. Blocks of vectors, 2 MiB unless
//! [`ReadOptions`] say otherwise, become Arrow arrays as they are; where rows are
//! deleted, the block is closed over them in place. An unfiltered `count(*)` is
//! answered by headers, and filters over `partition_tag` and `segment_id` take
//! segments out of the plan.
//!
//! A filter that names no vector and cannot fail is the scan's own: it reads the ids
//! of a block, and of `.rv` the rows that pass, those that are near each other in one range.
//! So the row of an id costs its 8 bytes for each row and the bytes of one vector.
//!
//! # Segments in a bucket
//!
//! A server of 1.1 may keep its segments in a bucket; all that is said here holds
//! for them too. Where exactly they are below the named prefix, and whether keys
//! begin with a `/`, is found out by the first live segments; that several places
//! have them is an error. Each file of a segment is opened by one request, which
//! answers the header and the length.
//!
//! Plans call the bucket by a URL of their own, `milvus1x://…`: it is never taken
//! for a bucket of the same name on another server, and is the same wherever the
//! same folders are opened. Messages and `meta.segments` say `s3://bucket/key`.
//! One session has one installation: another that is registered takes its place.
//!
//! # What it does not do
//!
//! It writes nothing, and it does not know Milvus 2.x.

mod audit;
mod block;
mod digests;
mod engine;
mod error;
mod excluded;
mod file_source;
mod files;
mod fingerprint;
mod fixed_schema;
pub mod functions;
pub mod inspect;
mod locator;
pub mod measure;
mod meta;
mod names;
mod opener;
mod piece;
mod prune;
mod pushdown;
mod read_options;
pub mod recover;
mod roots;
mod scan_values;
mod schema;
mod schema_provider;
mod search;
mod session;
mod sort_keys;
mod source;
mod stats;
mod table;
#[cfg(test)]
mod testing;

pub use audit::{Keep, RepeatedIds, invalid_rows, reading, repeated_rows};
pub use engine::{Engine, RemoteEngine, planning_here, running_on};
pub use error::{Error, Result};
pub use excluded::ExcludedRows;
pub use file_source::SegmentSource;
pub use fixed_schema::FixedSchema;
pub use opener::SCAN_BATCH_ROWS;
pub use piece::Piece;
pub use read_options::ReadOptions;
pub use roots::{SEGMENTS_SCHEME, stores_of_segments};
pub use scan_values::ScanValues;
pub use schema::{DELETED, ID, PARTITION_TAG, SEGMENT_ID, SEGMENT_OFFSET, VECTOR, vector_type};
pub use session::{
    CATALOG, COLLECTIONS, INSPECT, MEASURE, META, STORED, SessionOptions, session, session_with,
};
pub use source::Source;
pub use stats::{ReadableSegments, SegmentStats};
pub use table::CollectionTable;
