// SPDX-License-Identifier: Apache-2.0

use super::*;

fn index(index_type: &str, params: &[(&str, &str)]) -> IndexInfo {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    IndexInfo { index_type: index_type.into(), metric: Some("L2".into()), params }
}

fn nearest(rows: &[(f64, i64)], wanted: &[(i64, f64)]) -> Nearest {
    Nearest { rows: rows.to_vec(), wanted: wanted.iter().copied().collect() }
}

fn queries(count: usize) -> Queries {
    Queries::Float(FloatDistance::L2, vec![vec![0.0]; count])
}

#[test]
fn every_metric_with_an_order_is_searched_by() {
    for (metric, is_binary, expected) in [
        ("L2", false, true),
        ("ip", false, true),
        ("COSINE", false, true),
        ("HAMMING", true, true),
        ("JACCARD", true, true),
        ("TANIMOTO", true, true),
        ("SUBSTRUCTURE", true, false),
        ("SUPERSTRUCTURE", true, false),
        ("L2", true, false),
        ("JACCARD", false, false),
        ("", false, false),
    ] {
        assert_eq!(super::queries(metric, is_binary).is_some(), expected, "{metric}");
    }
}

#[test]
fn parameters_suit_the_index() {
    let of = |index_type: &str, params: &[(&str, &str)], top_k| {
        let params = super::params(&index(index_type, params), top_k);
        params.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
    };
    assert_eq!(of("IVF_FLAT", &[("nlist", "1024")], 10), "nprobe=64");
    assert_eq!(of("IVF_SQ8", &[("nlist", "100")], 10), "nprobe=16");
    assert_eq!(of("BIN_IVF_FLAT", &[("nlist", "4")], 10), "nprobe=4");
    assert_eq!(of("IVF_PQ", &[("nlist", "0")], 10), "nprobe=1");
    assert_eq!(of("IVF_PQ", &[], 10), "nprobe=16");
    assert_eq!(of("HNSW", &[("M", "16")], 10), "ef=64");
    assert_eq!(of("HNSW", &[("M", "16")], 100), "ef=400");
    for plain in ["FLAT", "BIN_FLAT", "AUTOINDEX", "whatever"] {
        assert_eq!(of(plain, &[("nlist", "8")], 10), "", "{plain}");
    }
}

#[test]
fn a_row_as_near_as_the_last_neighbour_counts_whatever_its_id() {
    let exact = nearest(&[(0.0, 1), (1.0, 2)], &[(1, 0.0), (3, 1.0)]);
    let judged = judge(&queries(1), &[vec![1, 3]], &[exact]);
    assert_eq!((judged.found, judged.neighbours, judged.foreign), (2, 2, 0));
    assert_eq!((judged.recall, judged.worst_recall), (1.0, 1.0));
    // A hair further is what 32-bit floats cannot tell.
    let hair = nearest(&[(0.0, 1), (1.0, 2)], &[(1, 0.0), (3, 1.000_001)]);
    assert_eq!(judge(&queries(1), &[vec![1, 3]], &[hair]).found, 2);
    let further = nearest(&[(0.0, 1), (1.0, 2)], &[(1, 0.0), (3, 1.001)]);
    assert_eq!(judge(&queries(1), &[vec![1, 3]], &[further]).found, 1);
}

#[test]
fn what_was_not_found_and_what_is_not_of_the_source_lowers_recall() {
    let all = nearest(&[(0.0, 1), (1.0, 2), (2.0, 3), (3.0, 4)], &[(1, 0.0), (2, 1.0)]);
    let judged = judge(&queries(2), &[vec![1, 2, 77], Vec::new()], &[all.clone(), all]);
    assert_eq!((judged.found, judged.neighbours, judged.foreign), (2, 8, 1));
    assert_eq!((judged.recall, judged.worst_recall), (0.25, 0.0));
    // An id that comes twice is one.
    let one = nearest(&[(0.0, 1), (1.0, 2)], &[(1, 0.0)]);
    assert_eq!(judge(&queries(1), &[vec![1, 1]], &[one]).found, 1);
}

#[test]
fn a_recall_below_the_least_is_a_difference() {
    let tell = |recall, least| {
        let verified = SearchVerification {
            queries: 100,
            top_k: 10,
            recall,
            min_recall: least,
            ..SearchVerification::default()
        };
        let mut found = CollectionVerification::default();
        tell(&verified, &mut found);
        found.differences
    };
    assert_eq!(tell(0.5, None), Vec::<String>::new());
    assert_eq!(tell(0.95, Some(0.95)), Vec::<String>::new());
    assert_eq!(
        tell(0.949_96, Some(0.95)),
        ["100 searches in Milvus find 0.9499 of the nearest 10 rows, expected at least 0.95"]
    );
}
