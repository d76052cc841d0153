// SPDX-License-Identifier: Apache-2.0
//! What becomes of 1.x names, metrics and indexes in Milvus 2.x.
//!
//! Everything is decided here, without asking a server, so that it is known
//! before the first row is imported.

mod indexes;
mod limits;
mod metrics;
mod names;
mod partitions;

pub use indexes::{auto_index, index};
pub use limits::{Limits, limits};
pub use metrics::{cosine, metric};
pub use names::{check_collection_name, check_field_name};
pub use partitions::{colliding_tags, partition_names};

/// The partition that every collection has, in 1.x as in 2.x.
pub const DEFAULT_PARTITION: &str = "_default";

/// What something becomes, and what the user should know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped<T> {
    /// What it becomes.
    pub value: T,
    /// How that differs from what it was, in a sentence.
    pub note: Option<String>,
}
