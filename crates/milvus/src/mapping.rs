// SPDX-License-Identifier: Apache-2.0
//! What becomes of 1.x names, metrics and indexes in Milvus 2.x.
//!
//! Everything is decided here, without asking a server, so that it is known
//! before the first row is imported.

mod indexes;
mod metrics;
mod names;
mod partitions;

use crate::version::ServerVersion;

pub use indexes::index;
pub use metrics::metric;
pub use names::{check_collection_name, check_field_name};
pub use partitions::partition_names;

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

/// How many partitions a collection may have: the limit fell with 2.4.
#[must_use]
pub fn max_partitions(version: &ServerVersion) -> usize {
    if version.at_least(2, 4) { 1024 } else { 4096 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_partitions_fell_with_2_4() {
        assert_eq!(max_partitions(&ServerVersion::parse("v2.2.16")), 4096);
        assert_eq!(max_partitions(&ServerVersion::parse("v2.3.5-lite")), 4096);
        assert_eq!(max_partitions(&ServerVersion::parse("v2.4.0-rc.1")), 1024);
        assert_eq!(max_partitions(&ServerVersion::parse("v3.0.0")), 1024);
    }
}
