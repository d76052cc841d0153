// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use arrow::array::{
    BooleanArray, Date32Array, Date64Array, DurationMillisecondArray, FixedSizeBinaryArray,
    FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array,
    Int64Array, LargeListArray, TimestampMicrosecondArray, TimestampNanosecondArray, UInt8Array, UInt16Array,
    UInt32Array, UInt64Array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::cast;
use arrow::datatypes::{Field, Float16Type, Int16Type};

use super::*;

fn column(data_type: DataType) -> CopyColumn {
    CopyColumn::of_schema(&Schema::new(vec![Field::new("x", data_type, true)])).unwrap().remove(0)
}

/// What is written of the middle of an array.
#[track_caller]
fn check(array: ArrayRef, shown: &str, expected: &[u8]) {
    let column = column(array.data_type().clone());
    assert_eq!(column.to_string(), shown);
    let middle = array.slice(1, array.len() - 2);
    let bytes = column.bytes(&middle, 0, &mut None).ok().unwrap();
    assert_eq!(bytes, expected, "{shown}");
    if let Some(row_bytes) = column.row_bytes() {
        assert_eq!(bytes.len() as u64, row_bytes * middle.len() as u64);
    }
}

#[test]
fn every_type_is_written_as_numpy_has_it() {
    check(Arc::new(BooleanArray::from(vec![true, false, true, true])), "|b1 (N,)", &[0, 1]);
    check(Arc::new(Int8Array::from(vec![0, -1, 2, 0])), "|i1 (N,)", &[255, 2]);
    check(Arc::new(Int16Array::from(vec![0, -2, 3, 0])), "<i2 (N,)", &[254, 255, 3, 0]);
    check(Arc::new(Int32Array::from(vec![0, -2, 0])), "<i4 (N,)", &(-2_i32).to_le_bytes());
    check(Arc::new(Int64Array::from(vec![0, i64::MIN, 0])), "<i8 (N,)", &i64::MIN.to_le_bytes());
    check(Arc::new(UInt8Array::from(vec![0, 200, 0])), "|u1 (N,)", &[200]);
    check(Arc::new(UInt16Array::from(vec![0, 0xabcd, 0])), "<u2 (N,)", &[0xcd, 0xab]);
    check(Arc::new(UInt32Array::from(vec![0, 1 << 31, 0])), "<u4 (N,)", &[0, 0, 0, 128]);
    check(Arc::new(UInt64Array::from(vec![0, u64::MAX, 0])), "<u8 (N,)", &[255; 8]);
    check(Arc::new(Float32Array::from(vec![0., 1.5, 0.])), "<f4 (N,)", &1.5_f32.to_le_bytes());
    check(Arc::new(Float64Array::from(vec![0., f64::NAN, 0.])), "<f8 (N,)", &f64::NAN.to_le_bytes());
    let half = cast(&Float32Array::from(vec![0., 1., 0.]), &DataType::Float16).unwrap();
    check(half, "<f2 (N,)", &[0x00, 0x3c]);
    check(
        Arc::new(FixedSizeBinaryArray::try_from_iter([[0_u8, 0], [1, 2], [3, 4], [0, 0]].iter()).unwrap()),
        "|u1 (N, 2)",
        &[1, 2, 3, 4],
    );
}

#[test]
fn times_keep_their_unit() {
    check(Arc::new(Date32Array::from(vec![0, -1, 0])), "<M8[D] (N,)", &(-1_i64).to_le_bytes());
    check(Arc::new(Date64Array::from(vec![0, 86_400_000, 0])), "<M8[ms] (N,)", &86_400_000_i64.to_le_bytes());
    let times = TimestampMicrosecondArray::from(vec![0, 5, 0]);
    check(Arc::new(times.clone()), "<M8[us] (N,)", &5_i64.to_le_bytes());
    check(Arc::new(times.with_timezone("+02:00")), "<M8[us] (N,)", &5_i64.to_le_bytes());
    check(Arc::new(TimestampNanosecondArray::from(vec![0, 6, 0])), "<M8[ns] (N,)", &6_i64.to_le_bytes());
    check(Arc::new(DurationMillisecondArray::from(vec![0, -7, 0])), "<m8[ms] (N,)", &(-7_i64).to_le_bytes());
}

fn fixed(values: ArrayRef, width: i32) -> FixedSizeListArray {
    let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    FixedSizeListArray::new(item, width, values, None)
}

#[test]
fn fixed_size_lists_of_every_type_are_rows() {
    check(Arc::new(fixed(Arc::new(UInt8Array::from_iter_values(0..8)), 2)), "|u1 (N, 2)", &[2, 3, 4, 5]);
    check(Arc::new(fixed(Arc::new(Int16Array::from_iter_values(0..6)), 2)), "<i2 (N, 2)", &[2, 0, 3, 0]);
    let bits = BooleanArray::from(vec![false, false, false, true, true, true, false, false, false]);
    check(Arc::new(fixed(Arc::new(bits), 3)), "|b1 (N, 3)", &[1, 1, 1]);
    check(
        Arc::new(fixed(Arc::new(Date32Array::from_iter_values(0..3)), 1)),
        "<M8[D] (N, 1)",
        &1_i64.to_le_bytes(),
    );
    let half: Vec<_> = cast(&Float32Array::from(vec![1.; 6]), &DataType::Float16)
        .unwrap()
        .as_primitive::<Float16Type>()
        .iter()
        .collect();
    check(Arc::new(fixed(Arc::new(Float16Array::from(half)), 2)), "<f2 (N, 2)", &[0, 0x3c, 0, 0x3c]);
}

#[test]
fn values_behind_a_fixed_size_list_are_not_written() {
    let values: ArrayRef = Arc::new(Int8Array::from_iter_values(0..5));
    let item = Arc::new(Field::new_list_field(DataType::Int8, true));
    // The fifth value belongs to no row.
    let list: ArrayRef = Arc::new(FixedSizeListArray::try_new(item, 2, values.slice(0, 4), None).unwrap());
    let bytes = column(list.data_type().clone()).bytes(&list, 0, &mut None).unwrap();
    assert_eq!(&*bytes, [0, 1, 2, 3]);
}

#[test]
fn memory_is_shared_not_copied() {
    let values = Float32Array::from(vec![1.; 4096]);
    let memory = values.values().inner().as_ptr() as usize;
    let list: ArrayRef = Arc::new(fixed(Arc::new(values), 4));
    let bytes = column(list.data_type().clone()).bytes(&list.slice(3, 5), 0, &mut None).unwrap();
    assert_eq!((bytes.as_ptr() as usize - memory, bytes.len()), (3 * 16, 5 * 16));
}

#[test]
fn large_lists_learn_their_width() {
    let rows = (0..5).map(|row| Some(vec![Some(row), Some(row + 10)]));
    let list: ArrayRef = Arc::new(LargeListArray::from_iter_primitive::<Int16Type, _, _>(rows));
    let (column, mut width) = (column(list.data_type().clone()), None);
    let bytes = column.bytes(&list.slice(1, 2), 0, &mut width).unwrap();
    assert_eq!((&*bytes, width), ([1, 0, 11, 0, 2, 0, 12, 0].as_slice(), Some(2)));
    assert_eq!(column.header(2, width).unwrap(), header_of("<i2", 2, 2, Some(2)).unwrap());
    // No row says anything.
    assert!(column.bytes(&list.slice(0, 0), 0, &mut width).unwrap().is_empty());
    let other = LargeListArray::from_iter_primitive::<Int16Type, _, _>([Some(vec![Some(1)])]);
    let error = column.bytes(&(Arc::new(other) as ArrayRef), 7, &mut width).unwrap_err();
    assert!(matches!(error, Error::CopyLength { row: 7, expected: 2, found: 1, .. }), "{error}");
}

#[test]
fn rows_of_no_values_are_an_empty_axis() {
    let list = LargeListArray::from_iter_primitive::<Int16Type, _, _>([Some(vec![]), Some(vec![])]);
    let list: ArrayRef = Arc::new(list);
    let (column, mut width) = (column(list.data_type().clone()), None);
    assert!(column.bytes(&list, 0, &mut width).unwrap().is_empty());
    assert_eq!(width, Some(0));
    column.header(2, width).unwrap();
}

#[test]
fn nulls_are_found_in_rows_and_in_values() {
    let row = |array: ArrayRef| match column(array.data_type().clone()).bytes(&array, 100, &mut None) {
        Err(Error::CopyNull { row, .. }) => Some(row),
        _ => None,
    };
    assert_eq!(row(Arc::new(Int8Array::from(vec![Some(1), None]))), Some(101));
    assert_eq!(row(Arc::new(Int8Array::from(vec![None, Some(1)]).slice(1, 1))), None);
    let values: ArrayRef = Arc::new(Int8Array::from(vec![Some(1), Some(1), Some(1), None, Some(1), Some(1)]));
    let list = fixed(values, 2);
    assert_eq!(row(Arc::new(list.clone())), Some(101));
    assert_eq!(row(Arc::new(list.slice(2, 1))), None);
    // A null row may hide anything.
    let nulls = NullBuffer::new(BooleanBuffer::from(vec![true, true, false]));
    let item = Arc::new(Field::new_list_field(DataType::Int8, true));
    let list = FixedSizeListArray::new(item, 2, Arc::new(Int8Array::from(vec![1; 6])), Some(nulls));
    assert_eq!(row(Arc::new(list)), Some(102));
}

#[test]
fn array_of_another_type_than_planned_is_refused() {
    let array: ArrayRef = Arc::new(Int16Array::from(vec![1]));
    let error = column(DataType::Int32).bytes(&array, 0, &mut None).unwrap_err();
    assert!(matches!(error, Error::CopyUnsupported { .. }), "{error}");
}

#[test]
fn shapes_of_no_width_and_of_three_axes_are_refused() {
    let two = DataType::new_fixed_size_list(DataType::Int8, 2, true);
    for bad in [
        DataType::new_fixed_size_list(DataType::Int8, 0, true),
        DataType::FixedSizeBinary(0),
        DataType::new_fixed_size_list(two.clone(), 2, true),
        DataType::new_list(two, true),
        DataType::new_list(DataType::FixedSizeBinary(2), true),
        DataType::new_list(DataType::Utf8, true),
    ] {
        let schema = Schema::new(vec![Field::new("x", bad.clone(), true)]);
        assert!(matches!(CopyColumn::of_schema(&schema), Err(Error::CopyColumns { .. })), "{bad}");
    }
}
