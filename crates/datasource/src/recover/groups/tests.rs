// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeSet;

use super::super::choices::Owner;
use super::super::evidence::IndexKind;
use super::super::table::{Found, LeftOut};
use super::*;

fn table(id: &str, row_bytes: Option<u64>, first: u64) -> Table {
    let segment = Found { id: first.to_string(), number: first, rows: 4, live: 4, row_bytes };
    let kind = if id.starts_with(|one: char| one.is_ascii_digit()) {
        TableKind::Partition
    } else {
        TableKind::Collection
    };
    Table {
        id: id.into(),
        kind,
        segments: row_bytes.map(|_| segment).into_iter().collect(),
        left_out: Vec::new(),
        row_bytes,
        indexes: BTreeSet::new(),
        looks_binary: None,
    }
}

fn tables(tables: Vec<Table>) -> BTreeMap<String, Table> {
    tables.into_iter().map(|table| (table.id.clone(), table)).collect()
}

fn owned(owner: &str, tag: Option<&str>) -> Choices {
    let owner = Owner { collection: owner.into(), tag: tag.map(Into::into) };
    Choices { owners: BTreeMap::from([("50".into(), owner)]), ..Choices::default() }
}

fn parts(groups: &Groups, name: &str) -> Vec<(String, bool)> {
    let group = &groups.collections[name];
    group.partitions.iter().map(|part| (format!("{}:{}", part.table, part.tag), part.is_guessed)).collect()
}

#[test]
fn a_partition_goes_to_the_only_older_collection_of_its_width() {
    let of = |more: Option<Table>| {
        let mut all = vec![table("a", Some(64), 10), table("b", Some(32), 10), table("50", Some(64), 60)];
        all.extend(more);
        group(&tables(all), &Choices::default()).unwrap()
    };
    assert_eq!(parts(&of(None), "a"), [("a:_default".into(), false), ("50:50".into(), true)]);
    for other in [table("c", Some(64), 90), table("c", None, 0)] {
        let groups = of(Some(other));
        assert_eq!(groups.unowned["50"], ["a", "c"], "any of both can have it");
        assert_eq!(parts(&groups, "a").len(), 1);
    }
    let younger = tables(vec![table("a", Some(64), 51), table("50", Some(64), 60)]);
    assert_eq!(group(&younger, &Choices::default()).unwrap().unowned["50"], ["a"]);
    let empty = tables(vec![table("a", Some(64), 10), table("50", None, 0)]);
    assert_eq!(group(&empty, &Choices::default()).unwrap().unowned["50"], ["a"]);
}

#[test]
fn a_guessed_partition_says_what_the_rows_of_its_collection_are() {
    let mut empty = table("a", Some(64), 10);
    empty.row_bytes = None;
    let all =
        tables(vec![empty, table("50", Some(64), 60), table("51", Some(32), 60), table("52", Some(64), 61)]);
    let groups = group(&all, &Choices::default()).unwrap();
    assert_eq!(groups.collections["a"].row_bytes, Some(64));
    let expected = [("a:_default", false), ("50:50", true), ("52:52", true)];
    assert_eq!(parts(&groups, "a"), expected.map(|(part, is_guessed)| (part.to_owned(), is_guessed)));
    assert_eq!(groups.unowned, BTreeMap::from([("51".into(), vec![])]), "it has rows of one width");
}

#[test]
fn a_partition_goes_where_it_is_told_even_to_a_collection_without_a_folder() {
    let all = tables(vec![table("a", Some(64), 10), table("50", Some(32), 60)]);
    let groups = group(&all, &owned("gone", Some("x y"))).unwrap();
    assert_eq!(parts(&groups, "gone"), [("gone:_default".into(), false), ("50:x y".into(), false)]);
    assert_eq!(groups.collections["gone"].row_bytes, Some(32));
    for (choices, words) in [
        (owned("a", None), "32 bytes"),
        (owned("no-name", None), "no collection"),
        (owned("gone", Some("_default")), "two partitions"),
    ] {
        let error = group(&all, &choices).unwrap_err().to_string();
        assert!(error.starts_with("--owner: ") && error.contains(words), "{error}");
    }
}

#[test]
fn what_the_choices_name_must_be_there() {
    let mut damaged = table("a", Some(64), 10);
    damaged.left_out.push(LeftOut::loss("7", "it has no ids".into()));
    let all = tables(vec![damaged]);
    let kept_and = |kept: &str, left_out: Option<&str>| Choices {
        kept: BTreeSet::from([("a".into(), kept.into())]),
        left_out: BTreeSet::from([("a".into(), left_out.map(Into::into))]),
        ..Choices::default()
    };
    let metric = Choices { metrics: BTreeMap::from([("b".into(), Metric::L2)]), ..Choices::default() };
    let folder = Choices { left_out: BTreeSet::from([("b".into(), None)]), ..Choices::default() };
    let segment = Choices { kept: BTreeSet::from([("a".into(), "11".into())]), ..Choices::default() };
    for (choices, words) in [
        (metric, "--metric: there is no collection `b`"),
        (folder, "--leave-out: there is no folder `b`"),
        (segment, "--keep: folder `a` has no segment `11`"),
        (kept_and("10", None), "--keep: segment `a/10` is also left out with `--leave-out`"),
        (kept_and("10", Some("10")), "--keep: segment `a/10` is also left out with `--leave-out`"),
        (kept_and("7", Some("10")), "--keep: segment `a/7` cannot count: it has no ids"),
        (owned("a", None), "--owner: there is no partition `50`"),
    ] {
        assert_eq!(group(&all, &choices).unwrap_err().to_string(), words);
    }
}

#[test]
fn a_collection_is_asked_for_when_neither_width_nor_index_nor_metric_tell_what_it_is() {
    let mut indexed = table("indexed", Some(64), 1);
    indexed.indexes.insert(IndexKind { name: "BIN_FLAT", is_binary: true });
    let mut torn = table("torn", Some(64), 1);
    torn.indexes.extend([
        IndexKind { name: "BIN_FLAT", is_binary: true },
        IndexKind { name: "HNSW", is_binary: false },
    ]);
    let all = tables(vec![
        indexed,
        torn,
        table("odd", Some(3), 1),
        table("wide", Some(8192), 1),
        table("none", None, 1),
    ]);
    let asked = |choices: &Choices| -> Vec<String> {
        group(&all, choices).unwrap().questions().into_iter().map(|question| question.collection).collect()
    };
    assert_eq!(asked(&Choices::default()), ["torn"]);
    let one = Choices { float_metric: Some(Metric::Ip), ..Choices::default() };
    assert!(asked(&one).is_empty());
    let both = Choices { binary_metric: Some(Metric::Jaccard), ..one };
    assert_eq!(asked(&both), ["torn"], "two metrics for all do not say which one is meant");
    let groups = group(&all, &both).unwrap();
    let metric = |name: &str| groups.collections[name].metric_or_guess();
    assert_eq!(
        [metric("indexed"), metric("odd"), metric("wide")],
        [Metric::Jaccard, Metric::Jaccard, Metric::Ip]
    );
    let wrong = Choices { metrics: BTreeMap::from([("odd".into(), Metric::L2)]), ..Choices::default() };
    let error = group(&all, &wrong).unwrap_err().to_string();
    assert!(error.contains("a float vector cannot have 3 bytes"), "{error}");
}
