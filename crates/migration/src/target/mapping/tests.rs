// SPDX-License-Identifier: Apache-2.0

use m2m_milvus::{Field, VectorType};

use super::super::testing::{version, wanted};
use super::*;

fn ip(cosine: bool) -> Wanted {
    Wanted { metric: "IP".into(), cosine, ..wanted() }
}

#[test]
fn the_same_metric_and_index_are_kept_without_a_word() {
    let mapping = map(&wanted(), &version("v2.3.5"), IndexChoice::Keep);
    assert_eq!(mapping.metric.value, "L2");
    let index = mapping.index.value.as_ref().unwrap();
    assert_eq!((index.index_type.as_str(), index.metric.as_str()), ("IVF_FLAT", "L2"));
    assert_eq!(index.params["nlist"], "64");
    assert!(mapping.notes().next().is_none() && mapping.limits.is_empty(), "{mapping:?}");
}

#[test]
fn no_index_is_built_when_none_is_wanted_and_that_is_said() {
    let mapping = map(&wanted(), &version("v2.3.5"), IndexChoice::None);
    assert_eq!(mapping.index.value, None);
    assert_eq!(mapping.notes().collect::<Vec<_>>(), [NO_INDEX]);
    assert!(mapping.check(&wanted(), &version("v2.3.5")).is_ok());
}

#[test]
fn an_automatic_index_has_the_metric_of_the_collection() {
    for vector in [VectorType::Float(2), VectorType::Binary(16)] {
        let mut wanted =
            Wanted { metric: if vector.is_binary() { "JACCARD" } else { "IP" }.into(), ..wanted() };
        wanted.fields[1] = Field::new("vector", vector);
        for rows in [Some(0), Some(10), Some(10_000_000), None] {
            let wanted = Wanted { rows, ..wanted.clone() };
            let mapping = map(&wanted, &version("v2.3.5"), IndexChoice::Auto);
            assert_eq!(mapping.index.value.unwrap().metric, wanted.metric);
            assert!(mapping.limits.is_empty(), "{:?}", mapping.limits);
        }
    }
}

#[test]
fn inner_products_become_cosines_where_the_server_has_them() {
    let mapping = map(&ip(true), &version("v2.3.5"), IndexChoice::Keep);
    let index = mapping.index.value.as_ref().unwrap();
    assert_eq!((mapping.metric.value.as_str(), index.metric.as_str()), ("COSINE", "COSINE"));
    assert!(mapping.notes().next().unwrap().contains("IP becomes COSINE"), "{mapping:?}");
    assert!(mapping.limits.is_empty());
    assert_eq!(map(&ip(false), &version("v2.3.5"), IndexChoice::Keep).metric.value, "IP");
    let old = map(&ip(true), &version("v2.2.16"), IndexChoice::Keep);
    assert_eq!(old.limits.len(), 1, "{:?}", old.limits);
    assert!(!old.has_metric && old.limits[0].problem.contains("COSINE"), "{:?}", old.limits);
    assert!(old.limits[0].remedy.as_ref().unwrap().contains("keep IP"), "{:?}", old.limits);
}

#[test]
fn distances_never_become_cosines() {
    let l2 = Wanted { cosine: true, ..wanted() };
    assert_eq!(map(&l2, &version("v2.3.5"), IndexChoice::Keep).metric.value, "L2");
}

#[test]
fn substitutions_of_metric_and_index_are_both_noted() {
    let mut wanted = Wanted { metric: "TANIMOTO".into(), engine: "HNSW".into(), ..wanted() };
    wanted.fields[1] = Field::new("vector", VectorType::Binary(16));
    let mapping = map(&wanted, &version("v2.3.5"), IndexChoice::Keep);
    assert_eq!(mapping.metric.value, "JACCARD");
    let notes: Vec<_> = mapping.notes().collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("JACCARD") && notes[1].contains("BIN_FLAT"));
}

#[test]
fn what_cannot_be_mapped_is_a_limit_among_the_others() {
    let mut wrong =
        Wanted { name: "a b".into(), metric: "MANHATTAN".into(), index_params: "{nlist}".into(), ..wanted() };
    wrong.fields[1] = Field::new("vector", VectorType::Float(40_000));
    let mapping = map(&wrong, &version("v2.3.5"), IndexChoice::Keep);
    let error = mapping.check(&wrong, &version("v2.3.5")).unwrap_err().to_string();
    for word in ["`films`", "v2.3.5", "`a b`", "`MANHATTAN`", "`{nlist}`", "line 1", "dimension 40000"] {
        assert!(error.contains(word), "{word}: {error}");
    }
}
