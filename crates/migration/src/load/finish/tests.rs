// SPDX-License-Identifier: Apache-2.0

use super::*;

/// What is wrong when partitions that had `before` have `after` once `imported` were added.
fn otherwise(
    imported: &[(&str, u64)],
    before: &[(&str, u64)],
    after: &[(&str, u64)],
) -> Option<(String, u64, u64, u64)> {
    let partitions = imported.iter().map(|(name, rows)| {
        let (tag, name) = ((*name).to_owned(), (*name).to_owned());
        PartitionEntry { tag, name, rows: *rows, unfinished: false, sets: Vec::new() }
    });
    let counts =
        |counts: &[(&str, u64)]| counts.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect();
    let partitions = Vec::from_iter(partitions);
    let wrong = grown_otherwise(&partitions, &counts(before), &counts(after));
    wrong.map(|(name, before, expected, found)| (name.to_owned(), before, expected, found))
}

#[test]
fn each_partition_grows_by_its_part() {
    assert_eq!(otherwise(&[("a", 3), ("b", 7)], &[("a", 5)], &[("a", 8), ("b", 7)]), None);
    assert_eq!(otherwise(&[("a", 3), ("b", 0)], &[("a", 5), ("b", 2)], &[("a", 8), ("b", 2)]), None);
    // A partition key decides: there is nothing to count one by one.
    assert_eq!(otherwise(&[("", 10)], &[], &[]), None);
}

#[test]
fn a_partition_that_grew_otherwise_is_named() {
    let wrong =
        |partition: &str, before, expected, found| Some((partition.to_owned(), before, expected, found));
    assert_eq!(otherwise(&[("a", 3), ("b", 7)], &[("a", 5)], &[("a", 9), ("b", 6)]), wrong("a", 5, 8, 9));
    assert_eq!(otherwise(&[("a", 3), ("b", 7)], &[("a", 5)], &[("a", 8), ("b", 6)]), wrong("b", 0, 7, 6));
    assert_eq!(otherwise(&[("a", 3)], &[], &[]), wrong("a", 0, 3, 0));
}
