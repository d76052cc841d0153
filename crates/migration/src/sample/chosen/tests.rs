// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, FixedSizeBinaryArray, Int32Array, Int64Array, StringArray, StringViewArray,
};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::prelude::SessionContext;

use super::*;
use crate::fields::derive;
use crate::settings::CollectionSettings;

/// Rows with the ids `0..rows`; the tag of a row is the remainder of its id and
/// `tags`, its vector the lowest byte.
fn frame(rows: i64, tags: i64) -> DataFrame {
    let ids: Vec<i64> = (0..rows).collect();
    let tag = |id: &i64| format!("tag {}", id % tags);
    let vectors: Vec<[u8; 1]> = ids.iter().map(|id| [id.to_le_bytes()[0]]).collect();
    let small: Int32Array = ids.iter().map(|id| i32::try_from(*id).ok()).collect();
    let columns = [
        ("id", Arc::new(small) as ArrayRef),
        ("vector", Arc::new(FixedSizeBinaryArray::try_from_iter(vectors.iter()).unwrap())),
        ("partition_tag", Arc::new(StringViewArray::from_iter_values(ids.iter().map(tag)))),
        ("Title", Arc::new(StringViewArray::from_iter_values(ids.iter().map(tag)))),
    ];
    SessionContext::new().read_batch(RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

fn fields(frame: &DataFrame) -> Vec<PlannedField> {
    derive("films", frame.schema().as_arrow(), &CollectionSettings::default()).unwrap().fields
}

#[test]
fn exactly_so_many_rows_are_chosen_at_even_distances() {
    for (total, wanted) in [(10, 3), (1000, 7), (7, 7), (5, 9), (1, 1), (u64::MAX, 1)] {
        let rows = total.min(1000);
        let chosen: Vec<u64> = (0..rows).filter(|row| is_chosen(*row, total, wanted)).collect();
        if total <= 1000 {
            assert_eq!(chosen.len() as u64, wanted.min(total), "{wanted} of {total}");
        }
        let gaps: Vec<u64> = chosen.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let even = total / wanted.min(total);
        assert!(gaps.iter().all(|gap| *gap == even || *gap == even + 1), "{gaps:?}");
    }
    assert!(!is_chosen(0, 0, 5) && !is_chosen(3, 10, 0) && is_chosen(u64::MAX - 1, u64::MAX, 1));
}

#[tokio::test]
async fn chosen_rows_are_read_with_their_fields_by_partition() {
    let frame = frame(1000, 3);
    let fields = fields(&frame);
    let relation = Relation { frame: &frame, fields: &fields, tags: Some(vec!["tag 0", "tag 1", "tag 2"]) };
    let (chosen, seen) = relation.choose(1000, 90).await.unwrap();
    assert_eq!((seen, chosen.iter().map(HashSet::len).sum::<usize>()), (1000, 90));
    assert!(chosen.iter().all(|ids| ids.len() > 20), "{chosen:?}");
    let read = relation.read(&chosen).await.unwrap();
    for (at, (batches, chosen)) in read.iter().zip(&chosen).enumerate() {
        let mut found = HashSet::new();
        for batch in batches {
            let names: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
            assert_eq!(names, ["id", "vector", "Title"]);
            let vectors = batch.column(1).as_fixed_size_binary();
            let titles: &StringArray = batch.column(2).as_string();
            for (row, id) in batch.column(0).as_primitive::<Int64Type>().values().iter().enumerate() {
                assert_eq!(vectors.value(row)[0], id.to_le_bytes()[0]);
                assert_eq!(titles.value(row), format!("tag {at}"));
                assert!(found.insert(*id), "{id} is there twice");
            }
        }
        assert_eq!(&found, chosen);
    }
}

#[tokio::test]
async fn where_a_key_decides_all_rows_are_in_one_place() {
    let frame = frame(10, 3);
    let fields = fields(&frame);
    let relation = Relation { frame: &frame, fields: &fields, tags: None };
    let (chosen, seen) = relation.choose(10, 100).await.unwrap();
    assert_eq!((seen, chosen.len(), chosen[0].len()), (10, 1, 10));
    let read = relation.read(&chosen).await.unwrap();
    assert_eq!(read[0].iter().map(RecordBatch::num_rows).sum::<usize>(), 10);
}

#[tokio::test]
async fn an_id_of_two_partitions_is_read_from_the_one_it_was_chosen_in() {
    let ids = Int64Array::from(vec![7, 7, 8]);
    let vectors = FixedSizeBinaryArray::try_from_iter([[1_u8], [2], [3]].iter()).unwrap();
    let columns = [
        ("id", Arc::new(ids) as ArrayRef),
        ("vector", Arc::new(vectors)),
        ("partition_tag", Arc::new(StringArray::from(vec!["p", "q", "q"]))),
    ];
    let frame = SessionContext::new().read_batch(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    let fields = fields(&frame);
    let relation = Relation { frame: &frame, fields: &fields, tags: Some(vec!["p", "q"]) };
    let read = relation.read(&[HashSet::new(), HashSet::from([7])]).await.unwrap();
    assert!(read[0].is_empty());
    let batch = &read[1][0];
    assert_eq!((read[1].len(), batch.num_rows()), (1, 1));
    assert_eq!(batch.column(1).as_fixed_size_binary().value(0), [2]);
    // A row of a tag that the plan does not know is not passed over.
    let relation = Relation { tags: Some(vec!["p"]), ..relation };
    assert!(relation.choose(3, 3).await.is_err());
}
