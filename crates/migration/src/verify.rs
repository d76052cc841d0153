// SPDX-License-Identifier: Apache-2.0
//! Comparing the rows of a plan with what Milvus 2.x answers.

mod collection;
mod counts;
mod ids;
mod rows;
mod schema;
mod values;

use std::collections::BTreeMap;

use m2m_milvus::Client;
use serde::Serialize;

use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::plan::DumpPlan;
use crate::settings::DEFAULT_SAMPLE_ROWS;
use collection::Check;
pub(crate) use ids::{IDS_AT_ONCE, Ids};

/// Partitions that a server is asked about at once: an answer takes it a moment,
/// however few the rows.
const QUESTIONS_AT_ONCE: usize = 8;

/// How to verify.
#[derive(Clone, Debug)]
pub struct VerifySettings {
    /// About how many rows of each collection are compared field by field.
    pub sample_rows: usize,
    /// Rows that collections had before others were appended, by their names in Milvus.
    pub before: BTreeMap<String, RowsBefore>,
}

impl Default for VerifySettings {
    fn default() -> Self {
        Self { sample_rows: DEFAULT_SAMPLE_ROWS, before: BTreeMap::new() }
    }
}

/// Rows that a collection had before others were appended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowsBefore {
    /// Rows of the whole collection.
    pub rows: u64,
    /// Rows of single partitions; those that are not named had none.
    pub partitions: BTreeMap<String, u64>,
}

/// What a verification found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verification {
    /// One entry for each collection, by name.
    pub collections: Vec<CollectionVerification>,
}

/// What a verification found in one collection.
#[derive(Clone, Debug, Default, Serialize)]
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
    /// Its partitions, `_default` first; one without a name where a partition key decides.
    pub partitions: Vec<PartitionCounts>,
    /// Rows that were in Milvus before those of the source.
    pub rows_before: u64,
    /// Rows that Milvus counts in the whole collection.
    pub target_rows: Option<u64>,
    /// How Milvus counted.
    pub counted_by: Option<Counting>,
    /// Fields in Milvus whose values were compared.
    pub fields: Vec<String>,
    /// Rows whose fields were compared, to the bit.
    pub compared_rows: u64,
    /// The metric in Milvus; none without an index.
    pub metric: Option<String>,
    /// The type of the index in Milvus.
    pub index: Option<String>,
    /// Ids that stand in more than one row.
    pub repeated_ids: u64,
    /// Rows that a query by id cannot return, because another row has the id.
    pub hidden_rows: u64,
    /// Rows that a query cannot return even inside their partition; they are
    /// compared by count only.
    pub unseen_rows: u64,
    /// Rows with an id that Milvus 2.x counts but cannot find by a query.
    pub unqueryable_rows: u64,
    /// What the user should know, one sentence each.
    pub notes: Vec<String>,
    /// Where source and target differ, one sentence each. Empty: they agree.
    pub differences: Vec<String>,
}

/// How Milvus counted rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Counting {
    /// It counted those of now.
    Query,
    /// It said how many it stored; rows that were deleted since may be among them.
    Statistics,
}

/// The counts of one partition.
#[derive(Clone, Debug, Default, Serialize)]
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
    /// Rows that Milvus counts.
    pub target_rows: Option<u64>,
}

impl Verification {
    /// Whether source and target agree.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.collections.iter().all(|collection| collection.differences.is_empty())
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

/// Compares the rows of a plan with Milvus: fields and metric, the numbers of
/// rows, and every field of a sample of rows, to the bit. Differences are an
/// answer, not an error.
///
/// A collection that is not in Milvus' memory is loaded, and released afterwards;
/// one that has no index cannot be, and is compared by the rows that are stored.
///
/// # Errors
///
/// When the source cannot be read, when the server cannot be asked, or when a
/// collection cannot be loaded.
pub async fn verify(
    plan: &mut DumpPlan,
    client: &Client,
    settings: &VerifySettings,
    observer: &dyn Observer,
) -> Result<Verification> {
    plan.count().await?;
    observer.on_event(&Event::Started { phase: Phase::Verify, rows: plan.rows(), bytes: 0 });
    let mut verification = Verification::default();
    let mut rows = 0;
    for collection in &plan.collections {
        let check = Check { client, plan: collection, settings, observer };
        // Boxed: the states of a comparison are large.
        verification.collections.push(Box::pin(check.run()).await?);
        rows += collection.rows();
        observer.on_event(&Event::Progress { phase: Phase::Verify, rows, bytes: 0 });
    }
    observer.on_event(&Event::Finished { phase: Phase::Verify });
    Ok(verification)
}
