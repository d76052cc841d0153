// SPDX-License-Identifier: Apache-2.0

use datafusion::arrow::array::{
    ArrayRef, FixedSizeBinaryArray, FixedSizeListArray, Float32Array, Int64Array,
};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::prelude::SessionContext;

use super::*;

fn batch(ids: &[i64], vectors: ArrayRef) -> RecordBatch {
    let ids = Arc::new(Int64Array::from(ids.to_vec())) as ArrayRef;
    RecordBatch::try_from_iter([("id", ids), ("vector", vectors)]).unwrap()
}

fn float_rows(ids: &[i64], values: &[f32]) -> RecordBatch {
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let length = i32::try_from(values.len() / ids.len()).unwrap();
    let values = Arc::new(Float32Array::from(values.to_vec()));
    batch(ids, Arc::new(FixedSizeListArray::new(item, length, values, None)))
}

fn question(distance: FloatDistance, vectors: &[&[f32]], top_k: usize, wanted: &[(i64, usize)]) -> Question {
    let vectors = vectors.iter().map(|vector| vector.to_vec()).collect();
    let mut of_ids: HashMap<i64, Vec<usize>> = HashMap::new();
    for (id, query) in wanted {
        of_ids.entry(*id).or_default().push(*query);
    }
    Question { queries: Queries::Float(distance, vectors), top_k, wanted: of_ids }
}

/// Searches batches that are each a scan partition.
async fn search(batches: &[RecordBatch], question: Question) -> Vec<Nearest> {
    let ctx = SessionContext::new();
    let schema = batches[0].schema();
    let partitions = batches.iter().map(|batch| vec![batch.clone()]).collect();
    let table = datafusion::catalog::MemTable::try_new(schema, partitions).unwrap();
    let frame = ctx.read_table(Arc::new(table)).unwrap();
    nearest(frame, Arc::new(question)).await.unwrap()
}

fn ids(found: &Nearest) -> Vec<i64> {
    found.rows.iter().map(|(_, id)| *id).collect()
}

#[tokio::test]
async fn the_nearest_rows_of_all_partitions_are_found_for_each_vector() {
    let one = float_rows(&[1, 2, 3], &[0.0, 0.0, 1.0, 0.0, 5.0, 5.0]);
    // Slices know where they begin.
    let other = float_rows(&[0, 4, 5, 6], &[9.0, 9.0, 0.5, 0.0, 6.0, 6.0, -1.0, 0.0]).slice(1, 3);
    let asked =
        question(FloatDistance::L2, &[&[0.0, 0.0], &[6.0, 6.0]], 3, &[(6, 0), (6, 1), (5, 1), (99, 0)]);
    let found = search(&[one, other], asked).await;
    assert_eq!(ids(&found[0])[..2], [1, 4]);
    assert_eq!(found[0].rows[2].0, 1.0);
    assert_eq!(ids(&found[1])[..2], [5, 3]);
    assert_eq!(found[0].wanted, [(6, 1.0)].into());
    assert_eq!((found[1].wanted.len(), found[1].wanted[&5]), (2, 0.0));
}

#[tokio::test]
async fn an_id_counts_once_by_its_nearest_row() {
    let rows = float_rows(&[7, 7, 8, 7, 9], &[3.0, 1.0, 2.0, 0.5, 9.0]);
    let found = search(&[rows], question(FloatDistance::L2, &[&[0.0]], 2, &[(7, 0)])).await;
    assert_eq!(found[0].rows, [(0.5, 7), (2.0, 8)]);
    assert_eq!(found[0].wanted, [(7, 0.5)].into());
}

#[tokio::test]
async fn the_largest_product_and_the_smallest_angle_are_nearest() {
    let rows = float_rows(&[1, 2, 3, 4], &[1.0, 0.0, 9.0, 9.0, 2.0, 0.0, 0.0, 0.0]);
    let of = |distance| question(distance, &[&[1.0, 0.0]], 4, &[]);
    let found = search(std::slice::from_ref(&rows), of(FloatDistance::InnerProduct)).await;
    assert_eq!(ids(&found[0]), [2, 3, 1, 4]);
    assert_eq!(found[0].rows[0].0, -9.0);
    // A vector without a direction is at a right angle.
    let found = search(&[rows], of(FloatDistance::Cosine)).await;
    assert_eq!(ids(&found[0])[2..], [2, 4]);
    assert_eq!((found[0].rows[0].0, found[0].rows[3].0), (0.0, 1.0));
}

#[tokio::test]
async fn bits_are_searched_and_more_than_fit_into_the_cache() {
    let rows: i64 = 40_000;
    let all: Vec<i64> = (0..rows).collect();
    let bytes: Vec<[u8; 16]> = all.iter().map(|id| (i128::from(*id)).to_le_bytes()).collect();
    let vectors = Arc::new(FixedSizeBinaryArray::try_from_iter(bytes.iter()).unwrap());
    let queries = vec![39_999_i128.to_le_bytes().to_vec(), vec![0; 16]];
    let queries = Queries::Binary(BinaryDistance::Hamming, queries);
    let asked = Question { queries, top_k: 5, wanted: [(39_998, vec![0])].into() };
    let found = search(&[batch(&all, vectors)], asked).await;
    assert_eq!((found[0].rows[0], found[1].rows[0]), ((0.0, 39_999), (0.0, 0)));
    assert!(found[1].rows[1..].iter().all(|(rank, id)| *rank == 1.0 && id.count_ones() == 1));
    assert_eq!(found[0].wanted[&39_998], 1.0);
}

#[tokio::test]
async fn fewer_rows_than_neighbours_are_all_of_them() {
    let found =
        search(&[float_rows(&[1, 2], &[0.0, 1.0])], question(FloatDistance::L2, &[&[0.0]], 10, &[])).await;
    assert_eq!(ids(&found[0]), [1, 2]);
}

#[test]
fn vectors_that_are_missing_or_of_another_kind_are_an_error() {
    let mut queries = Queries::Float(FloatDistance::L2, Vec::new());
    let bits = Arc::new(FixedSizeBinaryArray::try_from_iter([[1_u8]].iter()).unwrap());
    assert!(queries.add(&batch(&[1], bits)).is_err());
    queries.add(&float_rows(&[1, 2], &[1.0, 2.0, 3.0, 4.0])).unwrap();
    queries.truncate(1);
    assert_eq!(queries.len(), 1);
}

#[test]
fn a_rank_may_be_off_by_what_32_bits_cannot_tell() {
    let slack = |distance, rank| Queries::Float(distance, vec![vec![3.0, 4.0]]).slack(0, rank);
    assert_eq!(slack(FloatDistance::L2, 2.0), 2e-5);
    assert_eq!(slack(FloatDistance::InnerProduct, -1.0), 25.0 * 1e-5);
    assert_eq!(slack(FloatDistance::Cosine, 0.0), 1e-5);
    assert_eq!(slack(FloatDistance::L2, f64::INFINITY), 0.0);
    let bits = |distance| Queries::Binary(distance, Vec::new());
    assert_eq!(bits(BinaryDistance::Hamming).slack(0, 7.0), 0.0);
    assert_eq!(bits(BinaryDistance::Jaccard).slack(0, 0.5), 1e-5);
}
