// SPDX-License-Identifier: Apache-2.0

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, FixedSizeListArray, PrimitiveArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Schema,
};
use bytes::Bytes;

use crate::npy::NpyType;
use crate::write_options::NpyWriteOptions;
use crate::{Error, Result};

#[cfg(target_endian = "big")]
compile_error!("import files are little-endian, and arrays are written as they lie in memory");

/// An input column that becomes a file of each set.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// Its place in the input.
    pub(crate) index: usize,
    /// Its name in the input.
    pub(crate) name: String,
    /// The field in Milvus 2.x, which names the file.
    pub(crate) field: String,
    /// Its type in the input.
    pub(crate) data_type: DataType,
    /// Its type in the file.
    pub(crate) dtype: NpyType,
    /// Values in a row; none when the file has one axis.
    pub(crate) width: Option<u64>,
    /// Whether values must be finite.
    pub(crate) check_finite: bool,
}

impl Column {
    /// Finds the columns to write in the input and decides their types.
    pub(crate) fn of_options(options: &NpyWriteOptions, schema: &Schema) -> Result<Vec<Self>> {
        let names = options.fields.iter().zip(&options.field_names);
        names.map(|(name, field)| Self::try_new(options, schema, name, field)).collect()
    }

    fn try_new(options: &NpyWriteOptions, schema: &Schema, name: &str, field: &str) -> Result<Self> {
        let index = options.index_of(schema, name)?;
        let data_type = schema.field(index).data_type().clone();
        let Some((dtype, width)) = npy_type(&data_type) else {
            return Err(Error::UnsupportedColumn {
                collection: options.collection.clone(),
                column: name.to_owned(),
                found: data_type.to_string(),
            });
        };
        Ok(Self {
            index,
            name: name.to_owned(),
            field: field.to_owned(),
            check_finite: options.check_finite && dtype == NpyType::Float32 && width.is_some(),
            data_type,
            dtype,
            width,
        })
    }

    /// Returns the bytes that stand in the file for an array without nulls, or
    /// none when the array is of another type. Copies booleans only.
    pub(crate) fn bytes(&self, array: &ArrayRef) -> Option<Bytes> {
        bytes_of(array, self.dtype, self.width)
    }
}

/// Returns the bytes that stand in a file for an array without nulls, or none
/// when the array is of another type. Copies booleans only.
pub(crate) fn bytes_of(array: &ArrayRef, dtype: NpyType, width: Option<u64>) -> Option<Bytes> {
    if npy_type(array.data_type()) != Some((dtype, width)) {
        return None;
    }
    let buffer = match (dtype, width) {
        (NpyType::Float32, Some(_)) => list_values(array.as_fixed_size_list_opt()?)?,
        (NpyType::UInt8, Some(_)) => array.as_fixed_size_binary_opt()?.values().clone(),
        (NpyType::Bool, None) => return Some(unpacked(array.as_boolean_opt()?)),
        (NpyType::Int8, None) => values::<Int8Type>(array)?,
        (NpyType::Int16, None) => values::<Int16Type>(array)?,
        (NpyType::Int32, None) => values::<Int32Type>(array)?,
        (NpyType::Int64, None) => values::<Int64Type>(array)?,
        (NpyType::Float32, None) => values::<Float32Type>(array)?,
        (NpyType::Float64, None) => values::<Float64Type>(array)?,
        _ => return None,
    };
    Some(shared(buffer))
}

/// Returns the first row that has no value, or no value in its list.
pub(crate) fn first_null(array: &ArrayRef) -> Option<usize> {
    let null = |array: &dyn Array| (0..array.len()).find(|&row| array.is_null(row));
    if array.null_count() > 0 {
        return null(array);
    }
    let list = array.as_fixed_size_list_opt()?;
    if list.values().null_count() == 0 {
        return None;
    }
    let width = usize::try_from(list.value_length()).ok()?;
    null(list.values()).and_then(|value| value.checked_div(width)).filter(|&row| row < list.len())
}

/// Returns the array that a column of a type becomes, if import files have it.
fn npy_type(data_type: &DataType) -> Option<(NpyType, Option<u64>)> {
    let width = |width: &i32| u64::try_from(*width).ok().filter(|&width| width > 0);
    Some(match data_type {
        DataType::Boolean => (NpyType::Bool, None),
        DataType::Int8 => (NpyType::Int8, None),
        DataType::Int16 => (NpyType::Int16, None),
        DataType::Int32 => (NpyType::Int32, None),
        DataType::Int64 => (NpyType::Int64, None),
        DataType::Float32 => (NpyType::Float32, None),
        DataType::Float64 => (NpyType::Float64, None),
        DataType::FixedSizeList(item, dimension) if item.data_type() == &DataType::Float32 => {
            (NpyType::Float32, Some(width(dimension)?))
        }
        DataType::FixedSizeBinary(bytes) => (NpyType::UInt8, Some(width(bytes)?)),
        _ => return None,
    })
}

/// Lets `Bytes` share an Arrow buffer without copying it.
struct Owner(Buffer);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// Hands out a buffer as it is, without copying it.
pub(crate) fn shared(buffer: Buffer) -> Bytes {
    Bytes::from_owner(Owner(buffer))
}

fn values<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<Buffer> {
    array.as_primitive_opt::<T>().map(whole)
}

/// The buffer of an array: a slice's buffer begins and ends with the slice.
fn whole<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> Buffer {
    array.values().inner().clone()
}

fn list_values(list: &FixedSizeListArray) -> Option<Buffer> {
    floats_of(list).map(|values| whole(&values))
}

/// The values may be longer than the list, so they are cut to it.
pub(crate) fn floats_of(list: &FixedSizeListArray) -> Option<PrimitiveArray<Float32Type>> {
    let width = usize::try_from(list.value_length()).ok()?;
    let values = list.values().as_primitive_opt::<Float32Type>()?;
    let len = list.len().checked_mul(width).filter(|&len| len <= values.len())?;
    Some(values.slice(0, len))
}

/// Returns booleans as one byte each.
pub(crate) fn unpacked(array: &BooleanArray) -> Bytes {
    array.values().iter().map(u8::from).collect::<Vec<u8>>().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float32Array, Int64Array, StringArray};
    use arrow::datatypes::Field;

    use super::*;

    fn column(data_type: DataType) -> Column {
        let (dtype, width) = npy_type(&data_type).unwrap();
        let (name, field) = ("c".to_owned(), "c".to_owned());
        Column { index: 0, name, field, data_type, dtype, width, check_finite: false }
    }

    fn bytes(array: ArrayRef) -> Vec<u8> {
        column(array.data_type().clone()).bytes(&array).unwrap().to_vec()
    }

    fn list(values: Vec<f32>, width: i32, rows: usize) -> FixedSizeListArray {
        let item = Arc::new(Field::new_list_field(DataType::Float32, false));
        let values = Arc::new(Float32Array::from(values));
        assert_eq!(values.len(), rows * usize::try_from(width).unwrap());
        FixedSizeListArray::new(item, width, values, None)
    }

    #[test]
    fn sliced_scalars_give_their_own_bytes() {
        let array: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
        assert_eq!(bytes(array.slice(1, 2)), [2i64.to_le_bytes(), 3i64.to_le_bytes()].concat());
    }

    #[test]
    fn sliced_lists_give_their_own_bytes() {
        let array: ArrayRef = Arc::new(list(vec![1., 2., 3., 4., 5., 6.], 2, 3));
        assert_eq!(bytes(array.slice(1, 1)), [3f32.to_le_bytes(), 4f32.to_le_bytes()].concat());
        assert_eq!(bytes(array.slice(1, 2).slice(1, 1)), [5f32.to_le_bytes(), 6f32.to_le_bytes()].concat());
        assert!(bytes(array.slice(2, 0)).is_empty());
    }

    #[test]
    fn sliced_binary_vectors_give_their_own_bytes() {
        let rows = [[1u8, 2], [3, 4], [5, 6]];
        let array = arrow::array::FixedSizeBinaryArray::try_from_iter(rows.into_iter()).unwrap();
        let array: ArrayRef = Arc::new(array);
        assert_eq!(bytes(array.slice(1, 2)), [3, 4, 5, 6]);
    }

    #[test]
    fn booleans_become_one_byte_each() {
        let array: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true, true]));
        assert_eq!(bytes(array.slice(1, 3)), [0, 1, 1]);
    }

    #[test]
    fn bytes_share_the_memory_of_the_array() {
        let array: ArrayRef = Arc::new(list(vec![0.; 4096], 4, 1024));
        let memory =
            array.as_fixed_size_list().values().as_primitive::<Float32Type>().values().inner().as_ptr();
        let bytes = column(array.data_type().clone()).bytes(&array.slice(1, 2)).unwrap();
        assert_eq!(bytes.as_ptr() as usize - memory as usize, 16);
    }

    #[test]
    fn array_of_another_type_gives_no_bytes() {
        let array: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        assert!(column(DataType::Int64).bytes(&array).is_none());
        let array: ArrayRef = Arc::new(list(vec![1., 2.], 2, 1));
        assert!(column(DataType::new_fixed_size_list(DataType::Float32, 1, false)).bytes(&array).is_none());
    }

    #[test]
    fn first_null_is_found_in_rows_and_in_lists() {
        let array: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, None]));
        assert_eq!(first_null(&array), Some(1));
        let values: ArrayRef = Arc::new(Float32Array::from(vec![Some(1.), Some(2.), Some(3.), None]));
        let item = Arc::new(Field::new_list_field(DataType::Float32, true));
        let lists: ArrayRef = Arc::new(FixedSizeListArray::new(item, 2, values, None));
        assert_eq!(first_null(&lists), Some(1));
        assert_eq!(first_null(&lists.slice(0, 1)), None);
    }
}
