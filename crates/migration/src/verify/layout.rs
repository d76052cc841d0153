// SPDX-License-Identifier: Apache-2.0
//! Whether a collection in Milvus has the partitions of the source.

use std::collections::HashSet;

use m2m_milvus::{CollectionInfo, mapping};

use super::{Layout, PartitionCounts};
use crate::load::MARK;

/// Partitions that are named one by one.
const NAMED: usize = 3;

/// Decides how the rows of these partitions are looked for, and what is to be said of it.
///
/// Somebody else may have put all rows into one partition, or spread them by a key: then
/// none of the source's partitions that have rows is there, and no row can be asked for
/// in its own. A collection that has some of them is meant to have all.
pub(super) fn layout_of(
    partitions: &[PartitionCounts],
    info: &CollectionInfo,
    existing: &HashSet<String>,
) -> (Layout, Option<String>) {
    let of_source: Vec<&PartitionCounts> = partitions
        .iter()
        .filter(|one| !matches!(one.name.as_str(), "" | mapping::DEFAULT_PARTITION))
        .collect();
    if partitions.iter().all(|partition| partition.name.is_empty()) {
        return (Layout::Whole, None);
    }
    if let Some(key) = info.fields.iter().find(|field| field.is_partition_key) {
        let why = format!("Milvus chooses a row's partition by field `{}`", key.name);
        return (Layout::Whole, Some(format!("{why}: {WHOLE}")));
    }
    // What m2m created had its partitions.
    let is_ours = info.description.contains(MARK);
    let has_rows = !is_ours && of_source.iter().any(|partition| partition.rows > 0);
    if has_rows && !of_source.iter().any(|partition| existing.contains(&partition.name)) {
        let named: Vec<String> =
            of_source.iter().take(NAMED).map(|partition| format!("`{}`", partition.name)).collect();
        let more = if of_source.len() > NAMED { ", …" } else { "" };
        let why = format!("Milvus has none of the source's partitions ({}{more})", named.join(", "));
        return (Layout::Whole, Some(format!("{why}: {WHOLE}")));
    }
    (Layout::Partitions, None)
}

const WHOLE: &str =
    "rows were counted and looked for in the whole collection, and not whether each is in its partition";

#[cfg(test)]
mod tests {
    use m2m_milvus::FieldInfo;

    use super::*;

    fn layout(partitions: &[(&str, u64)], key: Option<&str>, existing: &[&str]) -> (Layout, Option<String>) {
        let counts = |(name, rows): &(&str, u64)| PartitionCounts {
            name: (*name).to_owned(),
            rows: *rows,
            ..PartitionCounts::default()
        };
        let key =
            key.map(|name| FieldInfo { name: name.into(), is_partition_key: true, ..FieldInfo::default() });
        let info = CollectionInfo { fields: key.into_iter().collect(), ..CollectionInfo::default() };
        let partitions: Vec<PartitionCounts> = partitions.iter().map(counts).collect();
        layout_of(&partitions, &info, &existing.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn rows_are_looked_for_in_their_partitions_where_there_are_some() {
        let parts = [("_default", 3), ("p", 4), ("q", 0)];
        for existing in [&["_default", "p", "q"][..], &["_default", "p"], &["_default", "q", "r"]] {
            assert_eq!(layout(&parts, None, existing), (Layout::Partitions, None), "{existing:?}");
        }
        // A partition without rows is missing, and nothing else is known of it.
        assert_eq!(layout(&[("_default", 3), ("q", 0)], None, &["_default"]), (Layout::Partitions, None));
        assert_eq!(layout(&[("_default", 3)], None, &["_default"]), (Layout::Partitions, None));
    }

    #[test]
    fn partitions_that_m2m_created_are_missed() {
        let one = PartitionCounts { name: "p".into(), rows: 4, ..PartitionCounts::default() };
        let ours = CollectionInfo { description: format!("x {MARK}t)"), ..CollectionInfo::default() };
        let existing = HashSet::from(["_default".to_owned()]);
        assert_eq!(layout_of(&[one], &ours, &existing), (Layout::Partitions, None));
    }

    #[test]
    fn rows_are_looked_for_everywhere_where_somebody_put_them_elsewhere() {
        let parts = [("_default", 3), ("p", 4), ("q", 0), ("r", 1), ("s", 1)];
        let (found, note) = layout(&parts, None, &["_default"]);
        assert_eq!(found, Layout::Whole);
        let note = note.unwrap();
        assert!(
            note.starts_with("Milvus has none of the source's partitions (`p`, `q`, `r`, …): "),
            "{note}"
        );
        let (found, note) = layout(&parts, Some("user"), &["_default_0", "_default_1"]);
        assert_eq!(found, Layout::Whole);
        assert!(note.unwrap().starts_with("Milvus chooses a row's partition by field `user`: "));
        // As it was planned: nothing to say.
        assert_eq!(layout(&[("", 7)], Some("tag"), &["_default_0"]), (Layout::Whole, None));
    }
}
