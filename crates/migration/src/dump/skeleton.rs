// SPDX-License-Identifier: Apache-2.0
//! The manifest of a dump before its first file: everything that decides over its
//! rows and files, by which the next run knows whether it may go on.

use std::collections::{BTreeMap, BTreeSet};

use m2m_datasource::Source;
use m2m_sink::manifest::{CollectionEntry, LeftOutEntry, Manifest, PartitionEntry, SourceEntry};
use uuid::Uuid;

use crate::error::Result;
use crate::fields::PlannedField;
use crate::plan::{CollectionPlan, DumpPlan, PartitionPlan, Work};
use crate::settings::DumpSettings;

/// What was chosen that decides how rows are cut into file sets.
pub(super) const WORKERS: &str = "workers";

/// The manifest of a plan of which nothing is written yet.
pub(super) async fn skeleton(source: &Source, plan: &DumpPlan, settings: &DumpSettings) -> Result<Manifest> {
    let mut collections = Vec::with_capacity(plan.collections.len());
    for planned in &plan.collections {
        collections.push(of_collection(source, planned, settings).await?);
    }
    let entry = SourceEntry { meta: source.metadata().source.to_string(), tables: source.tables() };
    Ok(Manifest::new(Uuid::new_v4().to_string(), entry, collections))
}

async fn of_collection(
    source: &Source,
    plan: &CollectionPlan,
    settings: &DumpSettings,
) -> Result<CollectionEntry> {
    let collection = plan.collection();
    Ok(CollectionEntry {
        name: plan.name.clone(),
        target_name: plan.target_name.clone(),
        filter: plan.filter.clone(),
        query: plan.query.clone(),
        choices: choices(plan, settings),
        fingerprint: fingerprint(source, plan).await?,
        metric: collection.metric.name().into(),
        cosine: plan.cosine,
        engine: collection.engine.name().into(),
        index_params: collection.index_params.clone(),
        fields: plan.fields.iter().map(PlannedField::entry).collect(),
        rows: 0,
        left_out: LeftOutEntry { invalid: plan.left_out.invalid, repeated: plan.left_out.repeated },
        quarantine: None,
        partitions: plan.partitions.iter().map(of_partition).collect(),
    })
}

fn of_partition(plan: &PartitionPlan) -> PartitionEntry {
    PartitionEntry {
        tag: plan.tag.clone(),
        name: plan.name.clone(),
        rows: 0,
        unfinished: !matches!(plan.work, Work::Nothing),
        sets: Vec::new(),
    }
}

fn choices(plan: &CollectionPlan, settings: &DumpSettings) -> BTreeMap<String, String> {
    let word = |choice: &dyn std::fmt::Debug| format!("{choice:?}").to_lowercase();
    let chosen = [
        ("format", plan.choices.format.name().to_owned()),
        ("partitions", word(&plan.choices.partitions)),
        ("duplicates", word(&plan.choices.duplicates)),
        ("invalidVectors", word(&plan.choices.invalid_vectors)),
        ("fileSize", format!("{} bytes", settings.file_bytes)),
        (WORKERS, settings.workers.to_string()),
        ("checksum", settings.checksum.to_string()),
    ];
    chosen.into_iter().map(|(name, choice)| (name.to_owned(), choice)).collect()
}

/// Tells whether all that is read is still the same: the collection without the rows
/// that are left out, and the others that a condition or a query names.
async fn fingerprint(source: &Source, plan: &CollectionPlan) -> Result<String> {
    let mut parts = vec![plan.table().fingerprint().await?];
    let others: BTreeSet<&String> =
        plan.rows.read.iter().filter(|name| **name != plan.collection().name).collect();
    for name in others {
        parts.push(source.collection(name)?.fingerprint().await?);
    }
    Ok(parts.join("+"))
}
