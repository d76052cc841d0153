// SPDX-License-Identifier: Apache-2.0

use super::*;

/// What the rows share, each with id, vector, segment and whether it is deleted.
fn walked(rows: &[(i64, u8, u32, bool)]) -> Shared {
    walked_of(rows, None)
}

fn walked_of(rows: &[(i64, u8, u32, bool)], merges: Option<BTreeSet<(u32, u32)>>) -> Shared {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    let mut walk = Walk { merges, ..Walk::default() };
    for (id, vector, segment, deleted) in rows {
        walk.row(id, [vector; 16], segment, deleted);
    }
    walk.finish()
}

const LIVE: bool = false;
const DELETED: bool = true;

#[test]
fn a_merge_holds_the_live_rows_of_its_source_and_none_of_the_deleted_ones() {
    let shared =
        walked(&[(1, 0, 0, LIVE), (2, 0, 0, DELETED), (3, 0, 0, LIVE), (1, 0, 7, LIVE), (3, 0, 7, DELETED)]);
    let pair = Pair { held: 2, live: 1, deleted: 1, again: 0 };
    assert_eq!(shared.pairs, BTreeMap::from([((0, 7), pair)]));
    assert_eq!(shared.covered, BTreeMap::from([(7, 1)]));
}

#[test]
fn a_merge_that_is_older_than_a_delete_holds_the_deleted_row() {
    let shared = walked(&[(1, 0, 0, LIVE), (2, 0, 0, DELETED), (1, 0, 1, LIVE), (2, 0, 1, LIVE)]);
    assert_eq!(shared.pairs[&(0, 1)], Pair { held: 1, live: 1, deleted: 0, again: 1 });
    assert_eq!(shared.covered[&1], 2);
}

#[test]
fn a_deleted_row_that_was_inserted_again_and_merged_is_explained_by_the_other_source() {
    let shared = walked(&[(5, 0, 0, DELETED), (5, 0, 1, LIVE), (5, 0, 2, LIVE)]);
    assert_eq!(shared.pairs[&(0, 2)].again, 0);
    assert_eq!(shared.pairs[&(1, 2)].held, 1);
}

#[test]
fn what_cannot_be_a_source_explains_nothing() {
    let rows = [(5, 0, 0, DELETED), (5, 0, 1, LIVE), (5, 0, 2, LIVE)];
    let shared = walked_of(&rows, Some(BTreeSet::from([(0, 2)])));
    assert_eq!(shared.pairs[&(0, 2)].again, 1);
    assert_eq!((shared.pairs[&(1, 2)].held, shared.covered[&2]), (1, 1), "it is compared all the same");
    assert!(!shared.covered.contains_key(&1));
}

#[test]
fn rows_count_as_often_as_they_are_stored() {
    let shared = walked(&[(5, 0, 0, LIVE), (5, 0, 0, LIVE), (5, 0, 1, LIVE)]);
    assert_eq!(shared.pairs[&(0, 1)].held, 1, "of two rows one is held");
    let other = walked(&[(5, 0, 0, LIVE), (5, 1, 1, LIVE)]);
    assert_eq!(other, Shared::default(), "another vector is another row");
}

#[test]
fn a_row_of_very_many_segments_is_compared_among_the_newest() {
    let rows: Vec<_> = (0..200_u32).map(|segment| (1, 0, segment, LIVE)).collect();
    let shared = walked(&rows);
    assert!(shared.is_cut);
    assert_eq!(shared.pairs.len(), SEGMENTS * (SEGMENTS - 1) / 2);
    assert!(shared.pairs.contains_key(&(198, 199)) && !shared.pairs.contains_key(&(0, 199)));
}

#[test]
fn a_place_is_that_of_the_segment_and_of_no_other() {
    let numbers = numbers(&crate::recover::table::of_rows("a", &[1, 1]));
    let of = |argument: ColumnarValue| {
        numbers.inner().invoke_with_args(datafusion::logical_expr::ScalarFunctionArgs {
            args: vec![argument],
            arg_fields: Vec::new(),
            number_rows: 1,
            return_field: Arc::new(datafusion::arrow::datatypes::Field::new(
                "place",
                DataType::UInt32,
                false,
            )),
            config_options: Arc::default(),
        })
    };
    let array = |ids: &[&str]| {
        let ids: datafusion::arrow::array::StringViewArray = ids.iter().map(|id| Some(*id)).collect();
        of(ColumnarValue::Array(Arc::new(ids))).map(|places| places.to_array(1).unwrap())
    };
    let places = array(&["1", "1", "0", "1"]).unwrap();
    assert_eq!(places.as_primitive::<UInt32Type>().values(), &[1, 1, 0, 1]);
    let scalar = |id: Option<&str>| of(ColumnarValue::Scalar(ScalarValue::Utf8View(id.map(Into::into))));
    assert!(matches!(scalar(Some("1")), Ok(ColumnarValue::Scalar(ScalarValue::UInt32(Some(1))))));
    assert!(array(&["1", "7"]).is_err() && scalar(Some("7")).is_err() && scalar(None).is_err());
}
