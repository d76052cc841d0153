// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::recover::table::of_rows;

#[test]
fn rows_of_a_collection_whose_dimension_is_not_known_are_a_loss() {
    for (rows, is_incomplete, words) in [(0, false, "without rows"), (3, true, "of its 3 stored rows")] {
        let tables = BTreeMap::from([("a".into(), of_rows("a", &[rows]))]);
        let part = Part { table: "a".into(), tag: "_default".into(), is_guessed: false, is_tag_given: true };
        let mut group = Group::default();
        group.partitions.push(part);
        let groups = Groups { collections: BTreeMap::from([("a".into(), group)]), ..Groups::default() };
        let recovered = decide(&tables, &groups, &BTreeMap::new(), &Choices::default(), &[]);
        assert!(recovered.inventory.collections.is_empty());
        assert_eq!(recovered.report.is_incomplete, is_incomplete);
        assert!(recovered.report.to_string().contains(words), "{}", recovered.report);
    }
}
