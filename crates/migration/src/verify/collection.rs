// SPDX-License-Identifier: Apache-2.0
//! The comparison of one collection.

use std::collections::HashSet;
use std::time::Instant;

use m2m_milvus::{Client, CollectionInfo};

use super::held::Held;
use super::ids::Ids;
use super::layout::layout_of;
use super::schema::{self, Target};
use super::{CollectionVerification, Counting, Layout, VerifySettings, counts, rows, search};
use crate::error::{Error, Result};
use crate::event::{Event, Observer, Phase};
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
    /// Rows of the collections before it.
    pub(super) rows_before: u64,
}

/// What is known of the collection in Milvus.
struct Known<'a> {
    target: Target,
    existing: HashSet<String>,
    ids: Ids<'a>,
}

impl Check<'_> {
    pub(super) async fn run(&self) -> Result<CollectionVerification> {
        let started = Instant::now();
        let mut found = self.of_source().await?;
        self.compare(&mut found).await?;
        if found.compared_rows == 0 {
            found.notes.push(self.why_no_row_was_compared(&found));
        }
        found.seconds = started.elapsed().as_secs_f64();
        Ok(found)
    }

    async fn of_source(&self) -> Result<CollectionVerification> {
        let plan = self.plan;
        let before = self.settings.before.get(&plan.target_name);
        Ok(CollectionVerification {
            collection: plan.name.clone(),
            target_name: plan.target_name.clone(),
            filter: plan.filter.clone(),
            query: plan.query.clone(),
            invalid_rows: plan.left_out.invalid,
            repeated_rows: plan.left_out.repeated,
            partitions: counts::of_source(plan, before).await?,
            rows_before: before.map_or(0, |before| before.rows),
            ..CollectionVerification::default()
        })
    }

    async fn compare(&self, found: &mut CollectionVerification) -> Result<()> {
        let (client, name) = (self.client, &self.plan.target_name);
        let Some(info) = client.describe_collection(name).await? else {
            found.differences.push(format!("collection `{name}` does not exist in Milvus"));
            return Ok(());
        };
        let known = self.look(&info, found).await?;
        match memory_of(client, name).await? {
            Memory::Loaded => self.compare_rows(&known, found).await,
            Memory::Loading => {
                memory::wait(client, name).await?;
                self.compare_rows(&known, found).await
            }
            Memory::Absent if self.can_be_loaded(&info).await? => self.compare_in_memory(&known, found).await,
            Memory::Absent => {
                // Whoever asks for all rows, or for searches, is not told that they are equal.
                let is_asked = self.settings.sample_rows.is_none() || self.settings.search.is_some();
                if is_asked { &mut found.differences } else { &mut found.notes }.push(NOT_QUERYABLE.into());
                self.count(Counting::Statistics, &known, found).await
            }
        }
    }

    /// Compares what can be without asking for a row, and looks at the ids of the source.
    async fn look(&self, info: &CollectionInfo, found: &mut CollectionVerification) -> Result<Known<'_>> {
        let plan = self.plan;
        let target = schema::compare(self.client, plan, info, found).await?;
        let existing = self.client.list_partitions(&plan.target_name).await?.into_iter().collect();
        let (layout, note) = layout_of(&found.partitions, info, &existing);
        found.layout = layout;
        found.notes.extend(note);
        let has_places = plan.routes() && layout == Layout::Partitions;
        let ids = Ids::open(&plan.rows.ctx, &plan.rows.frame, has_places).await?;
        let facts = ids.facts();
        found.repeated_ids = facts.repeated_ids;
        found.hidden_rows = facts.hidden_rows;
        found.unqueryable_rows = facts.unqueryable_rows;
        Ok(Known { target, existing, ids })
    }

    /// Milvus loads a collection only when every vector has an index.
    async fn can_be_loaded(&self, info: &CollectionInfo) -> Result<bool> {
        let indexed = self.client.indexes(&self.plan.target_name).await?;
        let is_indexed = |name: &str| indexed.iter().any(|index| index.field == name);
        let mut vectors = info.fields.iter().filter(|field| field.type_name.ends_with("Vector"));
        Ok(vectors.all(|field| is_indexed(&field.name)))
    }

    /// Compares a collection that is in memory no longer than that takes.
    async fn compare_in_memory(&self, known: &Known<'_>, found: &mut CollectionVerification) -> Result<()> {
        let text = "is not in Milvus' memory: it is loaded to be compared, and released afterwards";
        self.observer.on_event(&Event::Note { subject: self.plan.name.clone(), text: text.into() });
        let held = Held::load(self.client, &self.plan.target_name).await;
        let held = held.map_err(|error| self.not_loaded(error))?;
        let compared = self.compare_rows(known, found).await;
        let released = held.release().await;
        compared?;
        released
    }

    async fn compare_rows(&self, known: &Known<'_>, found: &mut CollectionVerification) -> Result<()> {
        let counting = match self.client.version().at_least(2, 3) {
            true => Counting::Query,
            false => {
                found.notes.push(ON_2_2.into());
                Counting::Statistics
            }
        };
        self.count(counting, known, found).await?;
        let is_full = self.settings.sample_rows.is_none();
        let progress = |rows: u64| {
            // A sample says nothing of how far things are.
            if is_full {
                let rows = self.rows_before + rows;
                self.observer.on_event(&Event::Progress { phase: Phase::Verify, rows, bytes: 0 });
            }
        };
        let asked = rows::Asked {
            client: self.client,
            plan: self.plan,
            ids: &known.ids,
            fields: &known.target.fields,
            sample_rows: self.settings.sample_rows,
            progress: &progress,
        };
        rows::compare(&asked, found).await?;
        match &self.settings.search {
            Some(settings) => search::compare(self.client, self.plan, &known.target, settings, found).await,
            None => Ok(()),
        }
    }

    async fn count(
        &self,
        counting: Counting,
        known: &Known<'_>,
        found: &mut CollectionVerification,
    ) -> Result<()> {
        found.counted_by = Some(counting);
        let counted = counts::compare(self.client, counting, &known.existing, found).await;
        counted.map_err(|error| match &error {
            // Somebody loaded single partitions.
            Error::Milvus(m2m_milvus::Error::Refused { reason, .. }) if reason.contains("not loaded") => {
                self.not_loaded(error)
            }
            _ => error,
        })
    }

    /// Equal counts alone are no equal rows.
    fn why_no_row_was_compared(&self, found: &CollectionVerification) -> String {
        let why = if found.rows() == 0 {
            "the source has none"
        } else if self.settings.sample_rows == Some(0) {
            "a sample of none was asked for"
        } else if found.fields.is_empty() {
            "Milvus cannot be asked for them by their ids"
        } else {
            "none of them can be found by a query of its id"
        };
        format!("no row was compared: {why}")
    }

    fn not_loaded(&self, source: Error) -> Error {
        Error::NotLoaded { collection: self.plan.target_name.clone(), source: Box::new(source) }
    }
}
