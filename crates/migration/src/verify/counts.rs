// SPDX-License-Identifier: Apache-2.0
//! The numbers of rows on both sides.

use std::collections::{BTreeMap, HashSet};

use futures::future::try_join;
use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_datasource::SegmentStats;
use m2m_milvus::Client;

use super::{CollectionVerification, Counting, Layout, PartitionCounts, RowsBefore};
use crate::error::Result;
use crate::plan::CollectionPlan;
use crate::target::count;

/// Partitions that a server counts at once: it takes it a moment, however few the rows.
const COUNTS_AT_ONCE: usize = 8;

/// What the source says of each partition.
pub(super) async fn of_source(
    plan: &CollectionPlan,
    before: Option<&RowsBefore>,
) -> Result<Vec<PartitionCounts>> {
    let is_whole = plan.query.is_none()
        && plan.filter.is_none()
        && plan.left_out.invalid == 0
        && plan.left_out.repeated == 0;
    let segments = plan.table().segments().await?;
    let counts = plan.partitions.iter().map(|partition| {
        let is_of_partition =
            |segment: &&SegmentStats| !plan.routes() || segment.partition_tag == partition.tag;
        let mut claimed = segments.iter().filter(is_of_partition).map(|segment| segment.row_count);
        let claimed = claimed.try_fold(0, |sum: i64, rows| sum.checked_add(rows?));
        PartitionCounts {
            tag: partition.tag.clone(),
            name: partition.name.clone(),
            metadata_rows: claimed.filter(|_| is_whole),
            live_rows: partition.live_rows,
            rows: partition.rows_at_most(),
            rows_before: rows_before(before, &partition.name),
            ..PartitionCounts::default()
        }
    });
    Ok(counts.collect())
}

/// Rows that a partition had; all of them where there is one for all.
fn rows_before(before: Option<&RowsBefore>, name: &str) -> u64 {
    let Some(before) = before else { return 0 };
    if name.is_empty() { before.rows } else { before.partitions.get(name).copied().unwrap_or(0) }
}

/// Has Milvus count, and notes where it finds other numbers.
pub(super) async fn compare(
    client: &Client,
    counting: Counting,
    existing: &HashSet<String>,
    found: &mut CollectionVerification,
) -> Result<()> {
    let name = found.target_name.clone();
    if counting == Counting::Statistics {
        // What is still in memory is stored first. A server may refuse to do so
        // too often: then it did a moment ago.
        if let Err(error) = client.flush(&name).await {
            tracing::debug!(%error, "the server does not flush");
        }
    }
    let has_places = found.layout == Layout::Partitions;
    let wanted = found.partitions.iter().map(|partition| partition.name.as_str());
    let common = wanted.filter(|partition| has_places && existing.contains(*partition));
    let is_query = counting == Counting::Query;
    let of_partitions = stream::iter(common)
        .map(|partition| of_partition(client, &name, partition, is_query))
        .buffer_unordered(COUNTS_AT_ONCE)
        .try_collect::<BTreeMap<String, u64>>();
    let (rows, of_partitions) = try_join(count(client, &name, None, is_query), of_partitions).await?;
    differences(rows, &of_partitions, found);
    Ok(())
}

async fn of_partition(client: &Client, name: &str, partition: &str, is_query: bool) -> Result<(String, u64)> {
    Ok((partition.to_owned(), count(client, name, Some(partition), is_query).await?))
}

fn differences(rows: u64, of_partitions: &BTreeMap<String, u64>, found: &mut CollectionVerification) {
    found.target_rows = Some(rows);
    if rows != found.rows().saturating_add(found.rows_before) {
        let expected = expected(found.rows(), found.rows_before, "");
        found.differences.push(format!("Milvus counts {rows} rows, {expected}"));
    }
    for partition in &mut found.partitions {
        if partition.name.is_empty() {
            partition.target_rows = Some(rows);
        }
        if found.layout == Layout::Whole {
            continue;
        }
        partition.target_rows = of_partitions.get(&partition.name).copied();
        let difference = match partition.target_rows {
            Some(rows) if rows == partition.rows.saturating_add(partition.rows_before) => continue,
            Some(rows) => {
                let tag = format!(" with tag `{}`", partition.tag);
                let expected = expected(partition.rows, partition.rows_before, &tag);
                format!("Milvus counts {rows} rows in partition `{}`, {expected}", partition.name)
            }
            None => format!("partition `{}` does not exist in Milvus", partition.name),
        };
        found.differences.push(difference);
    }
}

fn expected(rows: u64, before: u64, of: &str) -> String {
    match before {
        0 => format!("the source has {rows}{of}"),
        _ => format!("it had {before} before and the source has {rows}{of}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(name: &str, rows: u64, rows_before: u64) -> PartitionCounts {
        let (name, tag) = (name.to_owned(), format!("tag of {name}"));
        PartitionCounts { tag, name, rows, rows_before, ..PartitionCounts::default() }
    }

    fn compared(
        partitions: &[PartitionCounts],
        rows_before: u64,
        rows: u64,
        of: &[(&str, u64)],
    ) -> CollectionVerification {
        let partitions = partitions.to_vec();
        let layout = match partitions.iter().all(|partition| partition.name.is_empty()) {
            true => Layout::Whole,
            false => Layout::Partitions,
        };
        let mut found =
            CollectionVerification { partitions, rows_before, layout, ..CollectionVerification::default() };
        let of_partitions = of.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect();
        differences(rows, &of_partitions, &mut found);
        found
    }

    #[test]
    fn equal_numbers_are_no_difference() {
        let two = [partition("_default", 3, 0), partition("p", 4, 0)];
        let found = compared(&two, 0, 7, &[("_default", 3), ("p", 4)]);
        assert_eq!(found.differences, Vec::<String>::new());
        assert_eq!((found.target_rows, found.partitions[1].target_rows), (Some(7), Some(4)));
    }

    #[test]
    fn a_row_in_another_partition_is_a_difference_though_the_sum_is_right() {
        let two = [partition("_default", 3, 0), partition("p", 4, 0)];
        let found = compared(&two, 0, 7, &[("_default", 4), ("p", 3)]);
        assert_eq!(
            found.differences,
            [
                "Milvus counts 4 rows in partition `_default`, the source has 3 with tag `tag of _default`",
                "Milvus counts 3 rows in partition `p`, the source has 4 with tag `tag of p`"
            ]
        );
    }

    #[test]
    fn a_missing_partition_is_a_difference_though_it_has_no_rows() {
        let found = compared(&[partition("_default", 3, 0), partition("p", 0, 0)], 0, 3, &[("_default", 3)]);
        assert_eq!(found.differences, ["partition `p` does not exist in Milvus"]);
    }

    #[test]
    fn rows_that_were_there_before_count_too() {
        let two = [partition("_default", 3, 10), partition("p", 4, 0)];
        // Partition `q` is not of the source.
        let found = compared(&two, 15, 22, &[("_default", 13), ("p", 4)]);
        assert_eq!(found.differences, Vec::<String>::new());
        let found = compared(&two, 15, 21, &[("_default", 12), ("p", 4)]);
        assert_eq!(
            found.differences,
            [
                "Milvus counts 21 rows, it had 15 before and the source has 7",
                "Milvus counts 12 rows in partition `_default`, it had 10 before and the source has 3 with tag `tag of _default`"
            ]
        );
    }

    #[test]
    fn where_a_partition_key_decides_the_sum_alone_is_compared() {
        let found = compared(&[partition("", 7, 2)], 2, 9, &[]);
        assert_eq!(found.differences, Vec::<String>::new());
        assert_eq!(found.partitions[0].target_rows, Some(9));
        let found = compared(&[partition("", 7, 2)], 2, 8, &[]);
        assert_eq!(found.differences, ["Milvus counts 8 rows, it had 2 before and the source has 7"]);
    }

    #[test]
    fn rows_before_are_those_of_the_partition_or_of_all() {
        let before = RowsBefore { rows: 9, partitions: [("p".to_owned(), 4)].into() };
        let of = |name| rows_before(Some(&before), name);
        assert_eq!((of("p"), of("q"), of("")), (4, 0, 9));
        assert_eq!(rows_before(None, ""), 0);
    }
}
