// SPDX-License-Identifier: Apache-2.0
//! The steps of a migration: what to dump ([`DumpPlan`]), writing it ([`dump()`]),
//! having Milvus 2.x import it ([`load()`]), and comparing both sides ([`verify()`]).
//!
//! Each step takes plain settings and tells an [`Observer`] how far it is;
//! nothing here prints, reads a configuration file or decides an exit code.
//!
//! Rows are those of queries of a session, which also knows what a query names
//! besides the installation.
//!
//! ```no_run
//! use m2m_catalog::Install;
//! use m2m_datasource::{SessionOptions, Source, session};
//! use m2m_migration::{DumpPlan, DumpSettings, Selection, Silent, dump};
//! use m2m_storage::Storage;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let source = Source::open(&Install::locate("/var/lib/milvus".as_ref())?).await?;
//! let ctx = session(SessionOptions::default())?;
//! source.register(&ctx)?;
//! let (selection, settings) = (Selection::default(), DumpSettings::default());
//! let plan = DumpPlan::new(&source, &ctx, &selection, &settings, &Silent).await?;
//! let target = Storage::local("dump".as_ref())?;
//! let manifest = dump(&source, &plan, &target, &settings, &Silent).await?;
//! println!("{} collections", manifest.collections.len());
//! # Ok(())
//! # }
//! ```
//!
//! # Promises
//!
//! * The manifest is written last. A dump that failed has none, and [`load()`]
//!   refuses a folder without one.
//! * The source is only read.
//! * A row that a dump cannot write (NaN or infinity, which Milvus 2.x
//!   refuses) ends the dump. It is left out only when the settings say so, and
//!   then stands in a file of its own.
//! * A query whose rows could be others the next time it is asked is refused.
//! * Import jobs are never started twice: Milvus 2.x does not
//!   notice repeated rows. Rows are appended to a collection in memory only
//!   when it has none of the ids that it is asked for.
//!
//! # What was stopped goes on
//!
//! A dump keeps `unfinished.json`, and a load `ledger.json`, beside the files: which file sets
//! are complete, and which import jobs were asked for. The same call goes on with both, after
//! whatever end: a file set is complete or written again, and an import job is started once.
//! When the source or the plan is another, it says so and does nothing.

pub mod audit;
pub mod check;
mod dump;
mod error;
mod event;
mod fields;
mod ledger;
mod left_out;
mod load;
mod mapping_schema;
mod measure;
mod memory;
mod migrate;
mod milvus2x;
mod norms;
mod patience;
mod plan;
mod quarantine;
mod report;
mod rows;
mod sample;
mod select;
mod settings;
mod tables;
mod target;
mod verify;

pub use dump::{META_FILE, dump, refuse_dump, refuse_file_in_source, take_up};
pub use error::{Error, Result};
pub use event::{Event, Observer, Phase, Silent};
pub use fields::PlannedField;
pub use left_out::LeftOut;
pub use load::{LoadReport, LoadedCollection, LoadedState, load, read_dump};
pub use mapping_schema::{MAPPING, MappingServer, register_mapping};
pub use migrate::{end_migration, meet, migrate};
pub use milvus2x::{MILVUS2X, register_milvus2x};
pub use norms::NormReport;
pub use plan::{CollectionPlan, DumpPlan, PartitionPlan};
pub use report::{
    CollectionReport, FieldReport, IndexReport, PartitionReport, PlanReport, ReportOptions, Server,
};
pub use settings::{
    Choices, CollectionSettings, Cosine, DEFAULT_FILE_BYTES, DEFAULT_JOBS, DEFAULT_SAMPLE_ROWS, DumpSettings,
    Duplicates, FieldSettings, IfExists, IndexChoice, InvalidVectors, LoadSettings, NamedQuery, Partitions,
    Selection,
};
pub use target::{Appended, Limit, Mapping, TargetState, Wanted, inspect, map, refuse_repeated};
pub use verify::{
    CollectionVerification, Counting, DEFAULT_TOP_K, Layout, PartitionCounts, RowsBefore, SearchSettings,
    SearchVerification, VERIFY_REPORT_FORMAT, Verification, VerifyMode, VerifySettings, VerifyTotals, verify,
};
