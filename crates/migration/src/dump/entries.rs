// SPDX-License-Identifier: Apache-2.0
//! From written files to the manifest.

use std::collections::{BTreeMap, HashMap};

use m2m_datasource::Source;
use m2m_sink::WrittenFile;
use m2m_sink::manifest::{
    CollectionEntry, FileEntry, LeftOutEntry, Manifest, PartitionEntry, SetEntry, SourceEntry,
};

use super::Written;
use crate::error::{Error, Result};
use crate::plan::{CollectionPlan, DumpPlan, PartitionPlan, Work};

/// The record of a dump. Rows that are missing, or too many, are an error.
pub(super) fn manifest(
    source: &Source,
    plan: &DumpPlan,
    mut written: Written,
    quarantines: Vec<Option<String>>,
) -> Result<Manifest> {
    let mut collections = Vec::with_capacity(plan.collections.len());
    for ((at, planned), quarantine) in plan.collections.iter().enumerate().zip(quarantines) {
        let mut partitions = Vec::with_capacity(planned.partitions.len());
        for (index, partition) in planned.partitions.iter().enumerate() {
            let files = written.remove(&(at, index)).unwrap_or_default();
            partitions.push(partition_entry(planned, partition, files)?);
        }
        collections.push(collection_entry(planned, partitions, quarantine));
    }
    let entry = SourceEntry { meta: source.metadata().source.to_string(), tables: source.tables() };
    Ok(Manifest::new(uuid::Uuid::new_v4().to_string(), entry, collections))
}

fn collection_entry(
    plan: &CollectionPlan,
    partitions: Vec<PartitionEntry>,
    quarantine: Option<String>,
) -> CollectionEntry {
    let collection = plan.collection();
    CollectionEntry {
        name: plan.name.clone(),
        target_name: plan.target_name.clone(),
        filter: plan.filter.clone(),
        query: plan.query.clone(),
        metric: collection.metric.name().into(),
        choices: BTreeMap::new(),
        fingerprint: String::new(),
        cosine: plan.cosine,
        engine: collection.engine.name().into(),
        index_params: collection.index_params.clone(),
        fields: plan.fields.iter().map(crate::fields::PlannedField::entry).collect(),
        rows: partitions.iter().map(|partition| partition.rows).sum(),
        left_out: LeftOutEntry { invalid: plan.left_out.invalid, repeated: plan.left_out.repeated },
        quarantine,
        partitions,
    }
}

fn partition_entry(
    collection: &CollectionPlan,
    plan: &PartitionPlan,
    files: Vec<WrittenFile>,
) -> Result<PartitionEntry> {
    let mut sets = sets(files);
    if let Work::Planned { groups, .. } = &plan.work {
        // In the order of their segments.
        let starts: HashMap<&str, _> = groups
            .iter()
            .flatten()
            .map(|planned| (planned.set.name.as_str(), planned.first_piece()))
            .collect();
        sets.sort_by_key(|set| starts.get(set.name.as_str()).copied().flatten());
    }
    let rows: u64 = sets.iter().map(|set| set.rows).sum();
    match plan.rows {
        // A query that is not the same each time has lost rows, or doubled some.
        Some(expected) if expected != rows => {
            Err(Error::DumpedRows { collection: collection.name.clone(), expected, found: rows })
        }
        _ if plan.live_rows.is_some_and(|live| rows > live) => {
            let expected = plan.live_rows.unwrap_or(0);
            Err(Error::DumpedRows { collection: collection.name.clone(), expected, found: rows })
        }
        _ => Ok(PartitionEntry {
            tag: plan.tag.clone(),
            name: plan.name.clone(),
            rows,
            unfinished: false,
            sets,
        }),
    }
}

/// The file sets, by name.
fn sets(files: Vec<WrittenFile>) -> Vec<SetEntry> {
    let mut of_set: BTreeMap<String, SetEntry> = BTreeMap::new();
    for file in files {
        let set = of_set.entry(file.set.clone()).or_insert_with(|| SetEntry {
            name: file.set.clone(),
            rows: file.rows,
            segments: file.segments.clone(),
            segment_offset: None,
            files: Vec::new(),
        });
        set.rows = set.rows.min(file.rows);
        set.files.push(FileEntry::from(file));
    }
    of_set.into_values().collect()
}
