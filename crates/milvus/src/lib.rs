// SPDX-License-Identifier: Apache-2.0

//! A client of Milvus 2.x for what a migration needs: creating collections and
//! partitions, having files imported, building indexes, loading, counting, and
//! reading rows back to compare them.
//!
//! A [`Client`] is one connection about one database. Its life in a migration:
//!
//! ```no_run
//! use m2m_milvus::{Client, ConnectOptions, Field, ImportPhase, NewCollection, VectorType};
//!
//! # async fn migrate() -> m2m_milvus::Result<()> {
//! let options = ConnectOptions { uri: "milvus:19530".to_owned(), ..ConnectOptions::default() };
//! let client = Client::connect(&options).await?;
//! let films = NewCollection {
//!     name: "films".to_owned(),
//!     fields: vec![Field::primary("id"), Field::new("vector", VectorType::Float(128))],
//!     shards: 1,
//!     description: String::new(),
//! };
//! client.create_collection(&films).await?;
//!
//! let files = ["dump/id.npy".to_owned(), "dump/vector.npy".to_owned()];
//! let job = client.import("films", "_default", &files).await?;
//! while client.import_state(job).await?.phase != ImportPhase::Completed {
//!     // Wait a while, and stop at `ImportPhase::Failed`.
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`mapping`] decides, without a server, what becomes of 1.x names, metrics
//! and indexes:
//!
//! ```
//! use m2m_milvus::{ServerVersion, VectorType, mapping};
//!
//! # fn main() -> m2m_milvus::Result<()> {
//! let version = ServerVersion::parse("v2.3.5");
//! let metric = mapping::metric("TANIMOTO", &version)?;
//! assert_eq!(metric.value, "JACCARD");
//!
//! let bits = VectorType::Binary(512);
//! let index = mapping::index("BIN_IVF_FLAT", r#"{"nlist":128}"#, &metric.value, bits, &version)?;
//! assert_eq!(index.value.index_type, "BIN_IVF_FLAT");
//! assert_eq!(index.value.params["nlist"], "128");
//! assert_eq!(index.note, None);
//!
//! let index = mapping::auto_index(&metric.value, bits, 1_000_000, &version);
//! assert_eq!(index.value.params["nlist"], "4000");
//! assert!(!mapping::limits(&version).has_nullable);
//! # Ok(())
//! # }
//! ```
//!
//! # What every call keeps to
//!
//! | call | one attempt ends within | sent again |
//! |---|---|---|
//! | reads | 30 s | while the server is unavailable, busy or slow |
//! | queries and searches | 120 s | likewise |
//! | changes | 60 s | while the server is unavailable or busy: none of them does harm when it is made twice |
//! | `import` | 75 s | only when the server has certainly not taken it, because it takes the same rows twice |
//!
//! [`RetryPolicy`] says how long that goes on: with pauses from 200 ms to 5 s,
//! each prolonged by chance, and no attempt begins later than 60 s after the
//! first. After 5 s a warning says that the server is waited for.
//! [`Client::connect`] repeats nothing beyond `connect_timeout`.
//!
//! Unavailable is a server that cannot be reached, a connection that breaks
//! under a call, an answer that ends before its end, the gRPC code
//! `UNAVAILABLE`, and a refusal that says that the server is not ready or that
//! its parts have not found one another yet. Busy is a rate limit. Everything
//! else is final: credentials, permissions, what is wrong with a call, a message
//! that is too long, or a connection that cannot be encrypted.
//! [`Error::is_transient`] tells both kinds apart.
//!
//! A server answers a call that failed with a status in an ordinary answer:
//! 2.2 fills `error_code` only, newer servers `code` as well. Either being
//! other than zero is [`Error::Refused`], with the server's own words.
//!
//! The user and password travel as the base64 text of `user:password` in the
//! metadata `authorization`, a token likewise; no error, log or `Debug` shows
//! them. A connection is encrypted when its address begins with `https://` or
//! when [`TlsOptions`] are given; the server's certificate must be signed by the
//! CA that they name, or else by a public authority.
//!
//! Counts and rows are read at strong consistency; 2.2 cannot count, and there
//! [`Client::count`] is the number of stored rows. Vectors come back as the
//! server stores them, bit for bit, whatever index was built on them.
//!
//! # What it does not do
//!
//! It does not write files or know where they are, or insert rows one by one.
//! It does not wait for what the server works on, except for a flush: whoever
//! calls decides how long to be patient.

mod cause;
mod client;
mod collections;
mod compare;
mod error;
mod fault;
mod fields;
mod flush;
mod import;
mod index;
mod lasting;
pub mod mapping;
mod options;
mod overview;
mod proto;
mod query;
mod reply;
mod retry;
mod rows;
mod search;
mod secret;
mod tls;
mod version;

pub use cause::Cause;
pub use client::Client;
pub use collections::{CollectionInfo, NewCollection};
pub use compare::compare;
pub use error::{Error, Result};
pub use fields::{Field, FieldInfo, FieldType, VectorType};
pub use import::{ImportJob, ImportPhase, ImportStatus, TaskId};
pub use index::{IndexInfo, IndexProgress, IndexSpec};
pub use lasting::{Underway, let_calls_end};
pub use options::{ConnectOptions, Credentials};
pub use overview::IndexOverview;
pub use retry::RetryPolicy;
pub use rows::{Column, Rows, Values};
pub use search::{Search, SearchVectors};
pub use secret::Secret;
pub use tls::TlsOptions;
pub use version::ServerVersion;
