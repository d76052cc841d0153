// SPDX-License-Identifier: Apache-2.0
//! The manifest of a dump before its first file: everything that decides over its
//! rows and files, by which the next run knows whether it may go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::object_store::ObjectMeta;
use datafusion::physical_plan::ExecutionPlan;
use m2m_datasource::Source;
use m2m_segment::digest::digest;
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

/// Tells whether all that is read is still the same: the collection without the rows that are
/// left out, the others that a condition or a query names, the views that it is made of, and the
/// files that it reads besides. What stands in a database is not looked at.
async fn fingerprint(source: &Source, plan: &CollectionPlan) -> Result<String> {
    let mut parts = vec![plan.table().fingerprint().await?];
    let others: BTreeSet<&String> =
        plan.rows.read.iter().filter(|name| **name != plan.collection().name).collect();
    for name in others {
        parts.push(source.collection(name)?.fingerprint().await?);
    }
    if plan.query.is_some() || plan.filter.is_some() {
        parts.push(of_query(plan).await?);
    }
    Ok(parts.join("+"))
}

async fn of_query(plan: &CollectionPlan) -> Result<String> {
    let ctx = &plan.rows.ctx;
    let logical = ctx.state().optimize(plan.rows.frame.logical_plan())?;
    let physical = ctx.state().create_physical_plan(&logical).await?;
    let mut text = logical.display_indent().to_string();
    let mut files = BTreeSet::new();
    add_files(&physical, &mut files);
    files.iter().for_each(|file| text.push_str(file));
    Ok(digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Adds what tells each file that a plan reads from what may take its place.
fn add_files(plan: &Arc<dyn ExecutionPlan>, files: &mut BTreeSet<String>) {
    let scan = plan.downcast_ref::<DataSourceExec>().map(|scan| scan.data_source());
    if let Some(scan) = scan.and_then(|scan| scan.downcast_ref::<FileScanConfig>()) {
        for file in scan.file_groups.iter().flat_map(|group| group.iter()) {
            let ObjectMeta { location, size, last_modified, e_tag, .. } = &file.object_meta;
            let modified = last_modified.timestamp_micros();
            files.insert(format!("\n{location} {size} {modified} {}", e_tag.as_deref().unwrap_or_default()));
        }
    }
    plan.children().into_iter().for_each(|child| add_files(child, files));
}
