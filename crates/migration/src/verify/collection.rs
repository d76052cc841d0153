// SPDX-License-Identifier: Apache-2.0
//! The comparison of one collection.

use m2m_milvus::{Client, CollectionInfo};

use super::ids::Ids;
use super::{CollectionVerification, Counting, VerifySettings, counts, rows, schema};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::memory::{self, Memory, memory_of};
use crate::plan::CollectionPlan;

const ON_2_2: &str =
    "this server says how many rows it stored, and rows that were deleted since may be among them";
const NOT_QUERYABLE: &str =
    "it has no index in Milvus, so it cannot be loaded and asked: only the rows that are stored were counted";

/// What one collection is compared with.
pub(super) struct Check<'a> {
    pub(super) client: &'a Client,
    pub(super) plan: &'a CollectionPlan,
    pub(super) settings: &'a VerifySettings,
    pub(super) observer: &'a dyn Observer,
}

impl Check<'_> {
    pub(super) async fn run(&self) -> Result<CollectionVerification> {
        let plan = self.plan;
        let ids = Ids::open(&plan.rows.ctx, &plan.rows.frame, plan.routes()).await?;
        let mut found = self.of_source(&ids).await?;
        let Some(info) = self.client.describe_collection(&plan.target_name).await? else {
            found.differences.push(format!("collection `{}` does not exist in Milvus", plan.target_name));
            return Ok(found);
        };
        let names = schema::compare(self.client, plan, &info, &mut found).await?;
        match memory_of(self.client, &plan.target_name).await? {
            Memory::Loaded => self.compare_rows(&ids, names.as_deref(), &mut found).await?,
            Memory::Loading => {
                memory::wait(self.client, &plan.target_name).await?;
                self.compare_rows(&ids, names.as_deref(), &mut found).await?;
            }
            Memory::Absent if self.can_be_loaded(&info).await? => {
                self.compare_in_memory(&ids, names.as_deref(), &mut found).await?;
            }
            Memory::Absent => {
                found.notes.push(NOT_QUERYABLE.into());
                self.count(Counting::Statistics, &mut found).await?;
            }
        }
        Ok(found)
    }

    async fn of_source(&self, ids: &Ids<'_>) -> Result<CollectionVerification> {
        let plan = self.plan;
        let before = self.settings.before.get(&plan.target_name);
        let facts = ids.facts();
        Ok(CollectionVerification {
            collection: plan.name.clone(),
            target_name: plan.target_name.clone(),
            filter: plan.filter.clone(),
            query: plan.query.clone(),
            invalid_rows: plan.left_out.invalid,
            repeated_rows: plan.left_out.repeated,
            partitions: counts::of_source(plan, before).await?,
            rows_before: before.map_or(0, |before| before.rows),
            repeated_ids: facts.repeated_ids,
            hidden_rows: facts.hidden_rows,
            unseen_rows: facts.unseen_rows,
            unqueryable_rows: facts.unqueryable_rows,
            ..CollectionVerification::default()
        })
    }

    /// Milvus loads a collection only when every vector has an index.
    async fn can_be_loaded(&self, info: &CollectionInfo) -> Result<bool> {
        let indexed = self.client.indexes(&self.plan.target_name).await?;
        let is_indexed = |name: &str| indexed.iter().any(|index| index.field == name);
        let mut vectors = info.fields.iter().filter(|field| field.type_name.ends_with("Vector"));
        Ok(vectors.all(|field| is_indexed(&field.name)))
    }

    /// Compares a collection that is in memory no longer than that takes.
    async fn compare_in_memory(
        &self,
        ids: &Ids<'_>,
        names: Option<&[String]>,
        found: &mut CollectionVerification,
    ) -> Result<()> {
        let name = &self.plan.target_name;
        let text = "is not in Milvus' memory: it is loaded to be compared, and released afterwards";
        self.observer.on_event(&Event::Note { subject: self.plan.name.clone(), text: text.into() });
        let compared = match memory::load(self.client, name).await {
            Ok(()) => self.compare_rows(ids, names, found).await,
            Err(error) => Err(self.not_loaded(error)),
        };
        // A half-loaded collection takes memory as well.
        let released = self.client.release(name).await;
        compared?;
        Ok(released?)
    }

    async fn compare_rows(
        &self,
        ids: &Ids<'_>,
        names: Option<&[String]>,
        found: &mut CollectionVerification,
    ) -> Result<()> {
        let counting = match self.client.version().at_least(2, 3) {
            true => Counting::Query,
            false => {
                found.notes.push(ON_2_2.into());
                Counting::Statistics
            }
        };
        self.count(counting, found).await?;
        let Some(names) = names else {
            found.notes.push("no row was compared, because the fields differ".into());
            return Ok(());
        };
        rows::compare(self.client, self.plan, ids, names, self.settings.sample_rows, found).await
    }

    async fn count(&self, counting: Counting, found: &mut CollectionVerification) -> Result<()> {
        found.counted_by = Some(counting);
        counts::compare(self.client, counting, found).await.map_err(|error| match &error {
            // Somebody loaded single partitions.
            Error::Milvus(m2m_milvus::Error::Refused { reason, .. }) if reason.contains("not loaded") => {
                self.not_loaded(error)
            }
            _ => error,
        })
    }

    fn not_loaded(&self, source: Error) -> Error {
        Error::NotLoaded { collection: self.plan.target_name.clone(), source: Box::new(source) }
    }
}
