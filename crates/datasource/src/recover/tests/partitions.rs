// SPDX-License-Identifier: Apache-2.0

use super::*;

#[tokio::test]
async fn partitions_come_with_their_owners() {
    let tables = Tables::new();
    let partition = "1620000033330064000";
    tables.segment("a", "1620000000000000000", &ABC, &[]).segment(
        partition,
        "1620000034858568000",
        &ABC,
        &[0],
    );
    let guessed = tables.recover(&l2()).await;
    let tags = |recovered: &Recovered| -> Vec<String> {
        collection(recovered, "a").partitions.iter().map(|partition| partition.tag.clone()).collect()
    };
    assert_eq!(tags(&guessed), ["_default", partition]);
    says(&guessed, &["guessed", "no other collection has rows of this width"]);
    let owner = Owner { collection: "a".into(), tag: Some("p 1".into()) };
    let given = Choices { owners: BTreeMap::from([(partition.into(), owner)]), ..l2() };
    assert_eq!(tags(&tables.recover(&given).await), ["_default", "p 1"]);
    tables.segment("b", "1620000000000000001", &ABC, &[]);
    let open = tables.recover(&l2()).await;
    assert_eq!(tags(&open), ["_default"]);
    assert!(open.report.is_incomplete);
    says(
        &open,
        &["left out", "3 stored rows", "any of `a`, `b`", "`--owner 1620000033330064000=COLLECTION[:TAG]`"],
    );
    let left_out = BTreeSet::from([(partition.into(), None)]);
    assert!(!tables.recover(&Choices { left_out, ..l2() }).await.report.is_incomplete);
}

#[tokio::test]
async fn rows_that_are_all_in_one_partition_are_recovered_with_it() {
    let tables = Tables::new();
    let partition = "1620000033330064000";
    tables.segment("c", "1620000000000000000", &[], &[]);
    tables.segment(partition, "1620000034858568000", &ABC, &[]);
    let recovered = tables.recover(&l2()).await;
    assert_eq!(recovered.report.collections[0].live_rows, 3);
    assert_eq!(collection(&recovered, "c").dimension(), 2);
    assert!(!recovered.report.is_incomplete);
    // Nobody has rows of two widths.
    let other = "1620000033330065000";
    tables.segment(other, "1620000034858568001", &ABC, &[]);
    write(&tables.path(&format!("{other}/1620000034858568001/1620000034858568001.rv")), &[0; 12]);
    let recovered = tables.recover(&l2()).await;
    assert_eq!(recovered.report.collections[0].live_rows, 3);
    assert!(recovered.report.is_incomplete);
    says(&recovered, &[other, "3 stored rows of 4 bytes", "no collection has rows of this width"]);
}
