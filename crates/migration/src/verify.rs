// SPDX-License-Identifier: Apache-2.0
//! Comparing what a source holds with what Milvus 2.x answers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::prelude::SessionContext;
use m2m_datasource::{CollectionTable, SegmentStats, Source};
use m2m_milvus::{Client, CollectionInfo};

use crate::error::{Error, Result};
use crate::event::{Event, Observer, Phase};
use crate::plan::partition_names;
use crate::sample::{SampledRow, sample};
use crate::select::{Selected, select};
use crate::settings::Selection;

const REPEATED_IDS: &str = include_str!("../../../sql/verify/repeated_ids.sql");
const REPEATED_AMONG: &str = include_str!("../../../sql/verify/repeated_among.sql");
const UNQUERYABLE_IDS: &str = include_str!("../../../sql/verify/unqueryable_ids.sql");
/// Differing rows that are named one by one.
const NAMED_DIFFERENCES: usize = 5;

/// What a verification found.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Verification {
    /// One entry for each collection, by name.
    pub collections: Vec<CollectionVerification>,
}

/// What a verification found in one collection.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct CollectionVerification {
    /// The collection.
    pub collection: String,
    /// Its name in Milvus 2.x.
    pub target_name: String,
    /// Its partitions, `_default` first.
    pub partitions: Vec<PartitionCounts>,
    /// Rows that Milvus counts in the whole collection.
    pub target_rows: Option<u64>,
    /// Rows whose vectors were compared bit for bit.
    pub compared_rows: u64,
    /// Ids that stand in more than one live row.
    pub repeated_ids: u64,
    /// Rows that a query by id cannot return, because another row has the id.
    pub hidden_rows: u64,
    /// Rows that a query cannot return even inside their partition; they are
    /// compared by count only.
    pub unseen_rows: u64,
    /// Rows with an id that Milvus 2.x counts but cannot find by a query.
    pub unqueryable_rows: u64,
    /// Where source and target differ, one sentence each. Empty: they agree.
    pub differences: Vec<String>,
}

/// The counts of one partition.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PartitionCounts {
    /// The tag in Milvus 1.x.
    pub tag: String,
    /// The name in Milvus 2.x.
    pub name: String,
    /// Rows that the metadata claims, where it claims any.
    pub metadata_rows: Option<i64>,
    /// Live rows: stored ids less the set of deleted offsets.
    pub live_rows: u64,
    /// Rows that Milvus counts at strong consistency.
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
    /// Live rows of the source.
    #[must_use]
    pub fn live_rows(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.live_rows).sum()
    }
}

/// Compares the selected collections with Milvus: their counts, and a
/// sample of about `sample_rows` rows bit for bit. Differences are an answer,
/// not an error.
///
/// # Errors
///
/// When the source cannot be read or the server cannot be asked.
pub async fn verify(
    ctx: &SessionContext,
    source: &Source,
    client: &Client,
    selection: &Selection,
    sample_rows: usize,
    observer: &dyn Observer,
) -> Result<Verification> {
    let selected = select(source, selection)?;
    let mut live = Vec::with_capacity(selected.len());
    for one in &selected {
        live.push(one.table.segments().await?.iter().map(SegmentStats::live).sum::<u64>());
    }
    observer.on_event(&Event::Started { phase: Phase::Verify, rows: live.iter().sum(), bytes: 0 });
    let mut verification = Verification::default();
    let mut rows = 0;
    for (Selected { table, target_name }, live) in selected.into_iter().zip(live) {
        let check = Check { ctx, client, table, target_name, sample_rows };
        verification.collections.push(check.run().await?);
        rows += live;
        observer.on_event(&Event::Progress { phase: Phase::Verify, rows, bytes: 0 });
    }
    observer.on_event(&Event::Finished { phase: Phase::Verify });
    Ok(verification)
}

/// The comparison of one collection.
struct Check<'a> {
    ctx: &'a SessionContext,
    client: &'a Client,
    table: Arc<CollectionTable>,
    target_name: String,
    sample_rows: usize,
}

impl Check<'_> {
    async fn run(&self) -> Result<CollectionVerification> {
        let mut found = self.of_source().await?;
        let name = self.target_name.clone();
        match self.client.describe_collection(&name).await? {
            None => found.differences.push(format!("collection `{name}` does not exist in Milvus")),
            Some(info) => {
                self.compare_schema(&info, &mut found);
                self.compare_counts(&mut found).await?;
                self.compare_sample(&info, &mut found).await?;
            }
        }
        Ok(found)
    }

    async fn of_source(&self) -> Result<CollectionVerification> {
        let stats = self.table.segments().await?;
        let collection = self.table.collection();
        let names = partition_names(collection);
        let partitions = collection.partitions.iter().zip(names).enumerate();
        let partitions = partitions.map(|(index, (partition, name))| {
            let of_partition = || stats.iter().filter(move |segment| segment.partition == index);
            PartitionCounts {
                tag: partition.tag.clone(),
                name,
                metadata_rows: of_partition()
                    .map(|segment| segment.row_count)
                    .try_fold(0, |sum: i64, rows| sum.checked_add(rows?)),
                live_rows: of_partition().map(SegmentStats::live).sum(),
                target_rows: None,
            }
        });
        let repeated = self.answer("repeated_ids", REPEATED_IDS, &[]).await?;
        let unqueryable = self.answer("unqueryable_ids", UNQUERYABLE_IDS, &[]).await?;
        Ok(CollectionVerification {
            collection: collection.name.clone(),
            target_name: self.target_name.clone(),
            partitions: partitions.collect(),
            repeated_ids: single(&repeated, "repeated_ids", "ids")?,
            hidden_rows: single(&repeated, "repeated_ids", "hidden_rows")?,
            unseen_rows: single(&repeated, "repeated_ids", "unseen_rows")?,
            unqueryable_rows: single(&unqueryable, "unqueryable_ids", "rows")?,
            ..CollectionVerification::default()
        })
    }

    fn compare_schema(&self, info: &CollectionInfo, found: &mut CollectionVerification) {
        let collection = self.table.collection();
        if info.dimension != collection.dimension() {
            found.differences.push(format!(
                "the vectors have dimension {} in Milvus, {} in the source",
                info.dimension,
                collection.dimension()
            ));
        }
        if info.is_binary != collection.metric.is_binary() {
            let word = |binary| if binary { "binary" } else { "float" };
            found.differences.push(format!(
                "the vectors are {} in Milvus, {} in the source",
                word(info.is_binary),
                word(collection.metric.is_binary())
            ));
        }
    }

    async fn compare_counts(&self, found: &mut CollectionVerification) -> Result<()> {
        let name = self.target_name.clone();
        let total = self.client.count(&name, None).await?;
        found.target_rows = Some(total);
        if total != found.live_rows() {
            found
                .differences
                .push(format!("Milvus counts {total} rows, the source has {}", found.live_rows()));
        }
        let known: HashSet<String> = self.client.list_partitions(&name).await?.into_iter().collect();
        for partition in &mut found.partitions {
            if !known.contains(&partition.name) {
                found.differences.push(format!("partition `{}` does not exist in Milvus", partition.name));
                continue;
            }
            let rows = self.client.count(&name, Some(&partition.name)).await?;
            partition.target_rows = Some(rows);
            if rows != partition.live_rows {
                found.differences.push(format!(
                    "Milvus counts {rows} rows in partition `{}`, the source has {} with tag `{}`",
                    partition.name, partition.live_rows, partition.tag
                ));
            }
        }
        Ok(())
    }

    async fn compare_sample(&self, info: &CollectionInfo, found: &mut CollectionVerification) -> Result<()> {
        let mut rows = sample(self.ctx, &self.table, self.sample_rows).await?;
        rows.retain(|row| row.id != i64::MAX && row.id != i64::MIN);
        if found.unseen_rows > 0 {
            let repeated = self.repeated_among(&rows).await?;
            rows.retain(|row| !repeated.contains(&row.id));
        }
        let mut of_partition: HashMap<usize, HashMap<i64, Vec<u8>>> = HashMap::new();
        for SampledRow { partition, id, vector } in rows {
            of_partition.entry(partition).or_default().insert(id, vector);
        }
        let mut different = Vec::new();
        for (index, partition) in found.partitions.iter().enumerate() {
            if let (Some(expected), Some(_)) = (of_partition.remove(&index), partition.target_rows) {
                found.compared_rows += expected.len() as u64;
                different.extend(self.compare_rows(info, partition, &expected).await?);
            }
        }
        let more = different.len().saturating_sub(NAMED_DIFFERENCES);
        found.differences.extend(different.into_iter().take(NAMED_DIFFERENCES));
        if more > 0 {
            found.differences.push(format!("{more} more sampled rows differ"));
        }
        Ok(())
    }

    /// Says which of the expected rows are missing or differ.
    async fn compare_rows(
        &self,
        info: &CollectionInfo,
        partition: &PartitionCounts,
        expected: &HashMap<i64, Vec<u8>>,
    ) -> Result<Vec<String>> {
        let ids: Vec<i64> = expected.keys().copied().collect();
        let name = &self.target_name;
        let answer = self
            .client
            .query_by_ids(name, Some(&partition.name), &info.id_field, &info.vector_field, &ids)
            .await?;
        let mut answered: HashMap<i64, &[u8]> = HashMap::with_capacity(ids.len());
        answered.extend(answer.ids.iter().copied().zip(answer.vectors.chunks(answer.row_bytes.max(1))));
        let mut different = Vec::new();
        for (id, vector) in expected {
            let why = match answered.get(id) {
                None => "is missing in",
                Some(answer) if *answer != vector.as_slice() => "has another vector in",
                Some(_) => continue,
            };
            different.push(format!("id {id} {why} partition `{}` of Milvus", partition.name));
        }
        different.sort_unstable();
        Ok(different)
    }

    async fn repeated_among(&self, rows: &[SampledRow]) -> Result<HashSet<i64>> {
        if rows.is_empty() {
            return Ok(HashSet::new());
        }
        let ids = rows.iter().map(|row| row.id.to_string()).collect::<Vec<_>>().join(", ");
        let batches = self.answer("repeated_among", REPEATED_AMONG, &[("{ids}", &ids)]).await?;
        let mut repeated = HashSet::new();
        for batch in &batches {
            repeated.extend(integers(batch, "repeated_among", "id")?.iter().copied());
        }
        Ok(repeated)
    }

    /// Runs one of the shipped queries over this collection.
    async fn answer(
        &self,
        name: &'static str,
        sql: &str,
        values: &[(&str, &str)],
    ) -> Result<Vec<RecordBatch>> {
        let quoted = format!("\"{}\"", self.table.collection().name.replace('"', "\"\""));
        let mut sql = sql.replace("{collection}", &quoted);
        for (placeholder, value) in values {
            sql = sql.replace(placeholder, value);
        }
        tracing::debug!(query = name, collection = %self.table.collection().name, "asking the source");
        Ok(self.ctx.sql(&sql).await?.collect().await?)
    }
}

fn single(batches: &[RecordBatch], query: &'static str, column: &'static str) -> Result<u64> {
    for batch in batches {
        if let Some(value) = integers(batch, query, column)?.first() {
            return u64::try_from(*value).map_err(|_| Error::Answer { query, column });
        }
    }
    Err(Error::Answer { query, column })
}

fn integers<'a>(batch: &'a RecordBatch, query: &'static str, column: &'static str) -> Result<&'a [i64]> {
    let array = batch.column_by_name(column).and_then(|array| array.as_primitive_opt::<Int64Type>());
    Ok(array.ok_or(Error::Answer { query, column })?.values())
}
