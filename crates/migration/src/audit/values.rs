// SPDX-License-Identifier: Apache-2.0
//! Values of a query as JSON.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::Result as DFResult;
use serde_json::Value;

/// Up to here every integer is one of a 64-bit float, which is what many programs take
/// the numbers of JSON for.
const EXACT: u64 = 1 << 53;

fn number<T: ToString + Into<Value>>(value: T, is_large: bool) -> Value {
    if is_large { value.to_string().into() } else { value.into() }
}

/// The values of a column: truth values and numbers as such, all others, and integers that
/// a float would round, as text.
pub(super) fn of_column(column: &ArrayRef) -> DFResult<Vec<Value>> {
    let kind = column.data_type();
    let values = match kind {
        DataType::Null => vec![Value::Null; column.len()],
        DataType::Boolean => column.as_boolean().iter().map(Value::from).collect(),
        DataType::UInt64 => {
            let values = column.as_primitive::<UInt64Type>().iter();
            values.map(|value| value.map_or(Value::Null, |value| number(value, value > EXACT))).collect()
        }
        _ if kind.is_integer() => {
            let column = cast(column, &DataType::Int64)?;
            let values = column.as_primitive::<Int64Type>().iter();
            values
                .map(|value| value.map_or(Value::Null, |value| number(value, value.unsigned_abs() > EXACT)))
                .collect()
        }
        _ if kind.is_floating() => {
            cast(column, &DataType::Float64)?.as_primitive::<Float64Type>().iter().map(Value::from).collect()
        }
        _ => {
            let format = FormatOptions::default();
            let texts = ArrayFormatter::try_new(column.as_ref(), &format)?;
            let text = |row| match column.is_null(row) {
                true => Value::Null,
                false => Value::from(texts.value(row).to_string()),
            };
            (0..column.len()).map(text).collect()
        }
    };
    Ok(values)
}

/// The values of a batch, row by row.
pub(super) fn rows(batch: &RecordBatch) -> DFResult<Vec<Vec<Value>>> {
    let columns = batch.columns().iter().map(of_column).collect::<DFResult<Vec<_>>>()?;
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    Ok((0..batch.num_rows()).map(|_| columns.iter_mut().filter_map(Iterator::next).collect()).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        BooleanArray, Float32Array, Int8Array, Int64Array, NullArray, StringArray, UInt64Array,
    };

    use super::*;

    fn json(column: impl Array + 'static) -> String {
        Value::from(of_column(&(Arc::new(column) as ArrayRef)).unwrap()).to_string()
    }

    #[test]
    fn values_keep_their_kind() {
        assert_eq!(json(Int8Array::from(vec![Some(-1), None])), "[-1,null]");
        assert_eq!(json(UInt64Array::from(vec![u64::MAX])), "[\"18446744073709551615\"]");
        let ends = Int64Array::from(vec![i64::MIN, -(1 << 53), 1 << 53, (1 << 53) + 1]);
        let shown = r#"["-9223372036854775808",-9007199254740992,9007199254740992,"9007199254740993"]"#;
        assert_eq!(json(ends), shown);
        assert_eq!(json(Float32Array::from(vec![0.5, f32::NAN])), "[0.5,null]");
        assert_eq!(json(BooleanArray::from(vec![Some(true), None])), "[true,null]");
        assert_eq!(json(StringArray::from(vec![Some("a\"b"), None])), r#"["a\"b",null]"#);
        assert_eq!(json(NullArray::new(1)), "[null]");
    }
}
