// SPDX-License-Identifier: Apache-2.0
//! What a verification found, for people and programs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// Version of the report's shape. It grows when a field changes its meaning or goes.
pub const VERIFY_REPORT_FORMAT: u32 = 1;

/// What a verification found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Verification {
    /// Version of this shape: 1.
    pub format: u32,
    /// Version of m2m that verified.
    pub m2m_version: String,
    /// Version of Milvus that was asked.
    pub milvus: String,
    /// Which rows were compared field by field.
    pub mode: VerifyMode,
    /// About how many rows of each collection a sample has.
    pub sample_rows: Option<u64>,
    /// Whether no difference was found. What was compared stands beside it.
    pub is_equal: bool,
    /// Sums over the collections.
    pub totals: VerifyTotals,
    /// One entry for each collection, by name.
    pub collections: Vec<CollectionVerification>,
    /// How long it took.
    pub seconds: f64,
}

/// Which rows are compared field by field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifyMode {
    /// Some, spread evenly.
    Sample,
    /// All.
    Full,
}

/// Sums over the collections of a verification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VerifyTotals {
    /// Collections that were compared.
    pub collections: u64,
    /// Those of them that differ.
    pub different_collections: u64,
    /// Rows of the source that should be in Milvus.
    pub rows: u64,
    /// Rows whose fields were compared, to the bit.
    pub compared_rows: u64,
    /// Rows of these that are missing in Milvus, or have other values there.
    pub different_rows: u64,
}

/// What a verification found in one collection.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct CollectionVerification {
    /// The collection, or the name of a query.
    pub collection: String,
    /// Its name in Milvus 2.x.
    pub target_name: String,
    /// The condition that its rows meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The query whose rows these are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Rows with NaN or infinity that were left out.
    pub invalid_rows: u64,
    /// Rows that were left out because they repeat an id.
    pub repeated_rows: u64,
    /// How rows are looked for in Milvus.
    pub layout: Layout,
    /// Its partitions, `_default` first; one without a name where a partition key decides.
    pub partitions: Vec<PartitionCounts>,
    /// Rows that were in Milvus before those of the source.
    pub rows_before: u64,
    /// Rows that Milvus counts in the whole collection.
    pub target_rows: Option<u64>,
    /// How Milvus counted.
    pub counted_by: Option<Counting>,
    /// Fields in Milvus whose values were compared, the primary key first.
    pub fields: Vec<String>,
    /// Rows whose fields were compared, to the bit.
    pub compared_rows: u64,
    /// Rows of these that are missing in Milvus, or have other values there.
    pub different_rows: u64,
    /// The metric in Milvus; none without an index.
    pub metric: Option<String>,
    /// The type of the index in Milvus.
    pub index: Option<String>,
    /// Ids that stand in more than one row.
    pub repeated_ids: u64,
    /// Rows that a query by id cannot return, because another row has the id.
    pub hidden_rows: u64,
    /// Rows that Milvus does not show even inside their partition, since it shows
    /// one row of each id; they are compared by count only.
    pub unseen_rows: u64,
    /// Rows with an id that Milvus 2.x counts but cannot find by a query.
    pub unqueryable_rows: u64,
    /// How searches compare, where they were.
    pub search: Option<SearchVerification>,
    /// What the user should know, one sentence each.
    pub notes: Vec<String>,
    /// Where source and target differ, one sentence each; of rows that differ the
    /// first few. Empty: they agree.
    pub differences: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// How rows are looked for in Milvus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Each in its partition.
    #[default]
    Partitions,
    /// In the whole collection, whatever its partitions are.
    Whole,
}

/// How Milvus counted rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Counting {
    /// It counted those of now.
    Query,
    /// It said how many it stored; rows that were deleted since may be among them.
    Statistics,
}

/// The counts of one partition.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct PartitionCounts {
    /// The tag in Milvus 1.x; empty where a partition key decides.
    pub tag: String,
    /// The name in Milvus 2.x; empty where a partition key decides.
    pub name: String,
    /// Rows that the metadata claims, where it claims any and they are all migrated.
    pub metadata_rows: Option<i64>,
    /// Live rows before any condition; none for a query.
    pub live_rows: Option<u64>,
    /// Rows of the source that should be in Milvus.
    pub rows: u64,
    /// Rows that were in Milvus before.
    pub rows_before: u64,
    /// Rows that Milvus counts; none where it has no such partition.
    pub target_rows: Option<u64>,
    /// Rows whose fields were compared, to the bit.
    pub compared_rows: u64,
}

/// Searches of Milvus against an exact search of the source.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct SearchVerification {
    /// Vectors that were searched for: rows of the source.
    pub queries: u64,
    /// Neighbours that were asked for.
    pub top_k: u64,
    /// The metric.
    pub metric: String,
    /// The type of the index.
    pub index: String,
    /// How thoroughly it was searched.
    pub params: BTreeMap<String, i64>,
    /// The share of the neighbours that Milvus found, from 0 to 1.
    pub recall: f64,
    /// The share of the one search that found the least.
    pub worst_recall: f64,
    /// The least share that was asked for.
    pub min_recall: Option<f64>,
    /// Neighbours that there are.
    pub neighbours: u64,
    /// Those of them that Milvus found.
    pub found: u64,
    /// Rows that Milvus found and the source does not have.
    pub foreign: u64,
    /// How long the searches in Milvus took.
    pub search_seconds: f64,
    /// How long the exact search of the source took.
    pub exact_seconds: f64,
}

impl Verification {
    /// Whether source and target agree in all that was compared.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.is_equal
    }

    /// Puts together what was found in collections.
    pub(super) fn of(
        milvus: String,
        sample_rows: Option<u64>,
        collections: Vec<CollectionVerification>,
        seconds: f64,
    ) -> Self {
        let sum = |of: fn(&CollectionVerification) -> u64| collections.iter().map(of).sum();
        let totals = VerifyTotals {
            collections: collections.len() as u64,
            different_collections: sum(|one| u64::from(!one.differences.is_empty())),
            rows: sum(CollectionVerification::rows),
            compared_rows: sum(|one| one.compared_rows),
            different_rows: sum(|one| one.different_rows),
        };
        Self {
            format: VERIFY_REPORT_FORMAT,
            m2m_version: env!("CARGO_PKG_VERSION").into(),
            milvus,
            mode: if sample_rows.is_some() { VerifyMode::Sample } else { VerifyMode::Full },
            sample_rows,
            is_equal: totals.different_collections == 0,
            totals,
            collections,
            seconds,
        }
    }
}

impl CollectionVerification {
    /// Rows of the source that should be in Milvus.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.rows).sum()
    }

    /// Rows that the metadata of the source claims, where it does.
    #[must_use]
    pub fn metadata_rows(&self) -> Option<i64> {
        self.partitions.iter().try_fold(0_i64, |sum, partition| sum.checked_add(partition.metadata_rows?))
    }
}
