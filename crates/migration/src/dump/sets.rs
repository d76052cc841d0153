// SPDX-License-Identifier: Apache-2.0
//! From written files to the file sets of the manifest.

use std::collections::{BTreeMap, HashMap};

use m2m_sink::manifest::{FileEntry, SetEntry};
use m2m_sink::{FileSet, WrittenFile};

use crate::error::{Error, Result};
use crate::plan::{CollectionPlan, PartitionPlan, Work};

/// The file sets that files make, by name.
pub(super) fn of_files(files: Vec<WrittenFile>, plan: &PartitionPlan) -> Vec<SetEntry> {
    let mut of_set: BTreeMap<String, SetEntry> = BTreeMap::new();
    for file in files {
        let set = of_set.entry(file.set.clone()).or_insert_with(|| SetEntry {
            name: file.set.clone(),
            rows: file.rows,
            segments: file.segments.clone(),
            segment_offset: planned(plan, &file.set).map(|set| set.segment_offset),
            files: Vec::new(),
        });
        set.rows = set.rows.min(file.rows);
        set.files.push(FileEntry::from(file));
    }
    for set in of_set.values_mut() {
        set.files.sort_by(|one, other| one.path.cmp(&other.path));
    }
    of_set.into_values().collect()
}

/// The planned set of a name, where sets are planned.
pub(super) fn planned<'a>(plan: &'a PartitionPlan, name: &str) -> Option<&'a FileSet> {
    let Work::Planned { groups, .. } = &plan.work else { return None };
    groups.iter().flatten().map(|planned| &planned.set).find(|set| set.name == name)
}

/// The file sets of a partition that is written, in the order of their segments. Rows
/// that are missing, or too many, are an error.
pub(super) fn whole(
    mut sets: Vec<SetEntry>,
    collection: &CollectionPlan,
    plan: &PartitionPlan,
) -> Result<Vec<SetEntry>> {
    sets.sort_by(|one, other| one.name.cmp(&other.name));
    if let Work::Planned { groups, .. } = &plan.work {
        let starts: HashMap<&str, _> = groups
            .iter()
            .flatten()
            .map(|planned| (planned.set.name.as_str(), planned.first_piece()))
            .collect();
        sets.sort_by_key(|set| starts.get(set.name.as_str()).copied().flatten());
    }
    let found: u64 = sets.iter().map(|set| set.rows).sum();
    let wrong = |expected| Error::DumpedRows { collection: collection.name.clone(), expected, found };
    match (plan.rows, plan.live_rows) {
        // A query that is not the same each time has lost rows, or doubled some.
        (Some(expected), _) if expected != found => Err(wrong(expected)),
        (_, Some(live)) if found > live => Err(wrong(live)),
        _ => Ok(sets),
    }
}
