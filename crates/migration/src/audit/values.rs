// SPDX-License-Identifier: Apache-2.0
//! Values of a query as JSON.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::Result as DFResult;
use serde_json::Value;

/// The values of a column: numbers and truth values as such, all others as text.
pub(super) fn of_column(column: &ArrayRef) -> DFResult<Vec<Value>> {
    let kind = column.data_type();
    let values = match kind {
        DataType::Boolean => column.as_boolean().iter().map(Value::from).collect(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().iter().map(Value::from).collect(),
        _ if kind.is_integer() => {
            cast(column, &DataType::Int64)?.as_primitive::<Int64Type>().iter().map(Value::from).collect()
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        BooleanArray, Float32Array, Int8Array, NullArray, StringArray, UInt64Array,
    };

    use super::*;

    fn json(column: impl Array + 'static) -> String {
        Value::from(of_column(&(Arc::new(column) as ArrayRef)).unwrap()).to_string()
    }

    #[test]
    fn values_keep_their_kind() {
        assert_eq!(json(Int8Array::from(vec![Some(-1), None])), "[-1,null]");
        assert_eq!(json(UInt64Array::from(vec![u64::MAX])), "[18446744073709551615]");
        assert_eq!(json(Float32Array::from(vec![0.5, f32::NAN])), "[0.5,null]");
        assert_eq!(json(BooleanArray::from(vec![Some(true), None])), "[true,null]");
        assert_eq!(json(StringArray::from(vec![Some("a\"b"), None])), r#"["a\"b",null]"#);
        assert_eq!(json(NullArray::new(1)), "[null]");
    }
}
