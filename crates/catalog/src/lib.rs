// SPDX-License-Identifier: Apache-2.0
//! The metadata of Milvus 0.7 to 1.1, resolved to what is live.
//!
//! The old server keeps its metadata in four tables, in SQLite or MySQL:
//! `Tables` (collections and partitions), `TableFiles` (segments and indexes),
//! `Environment` (how far the write-ahead log is flushed) and `Fields`
//! (attributes that vectors do not need). Rows outlive what they stand for, so
//! most of the work is to tell the living ones: an [`Inventory`]. Metadata that
//! cannot be read, or not as a whole, yields an [`Examination`] all the same.
//!
//! ```no_run
//! # async fn example() -> Result<(), m2m_catalog::Error> {
//! let install = m2m_catalog::Install::locate("/var/lib/milvus".as_ref())?;
//! for collection in install.metadata.inventory().await?.collections {
//!     let segments = collection.segments().count();
//!     println!("{}: {} partitions, {segments} segments", collection.name, collection.partitions.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Promises
//!
//! * The source is never written: SQLite is read through a copy with its `-wal`,
//!   MySQL in one transaction that can only read.
//! * Nothing is locked to find out whether the old server runs.
//! * No password stands in an error, nor in what `Debug` and `Display` show.
//! * Names that metadata gives cannot lead out of the `tables` folder.
//! * What decides whether a row lives is read strictly; what does not (a row
//!   count that wrapped around, say) never fails a read.
//!
//! # What it does not do
//!
//! It reads no segment file, and it does not replay the write-ahead log: it
//! counts what stands only there.

mod codes;
mod error;
mod examination;
mod install;
mod inventory;
pub mod meta_json;
mod metadata;
mod mysql;
mod resolve;
mod rows;
mod server;
mod sqlite;
mod wal;

pub use codes::{Engine, FileType, Metric};
pub use error::{Cause, Error, Result};
pub use examination::{Examination, FieldsRow, Place, Problem};
pub use install::{Install, tables_folder};
pub use inventory::{
    Collection, DEFAULT_PARTITION, EnvironmentRow, FileRow, Inventory, Partition, Segment, TableRow,
    TableState,
};
pub use metadata::{MetaSource, Metadata};
pub use mysql::{MySql, MySqlReader};
pub use server::ServerSigns;
pub use wal::Unflushed;
