// SPDX-License-Identifier: Apache-2.0

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, Schema};

use crate::write_options::NpyWriteOptions;
use crate::{Error, Result};

const ID: &str = "id";
const SEGMENT_ID: &str = "segment_id";
const SEGMENT_OFFSET: &str = "segment_offset";

/// Where a row was stored.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) segment_id: String,
    pub(crate) segment_offset: i64,
}

/// The input columns that say where a row comes from.
#[derive(Clone, Debug)]
pub(crate) struct OriginColumns {
    collection: String,
    id: usize,
    segment_id: usize,
    segment_offset: usize,
}

impl OriginColumns {
    pub(crate) fn of_options(options: &NpyWriteOptions, schema: &Schema) -> Result<Self> {
        let find = |name: &str, fits: fn(&DataType) -> bool, expected: &str| {
            let index = options.index_of(schema, name)?;
            let found = schema.field(index).data_type();
            if fits(found) {
                return Ok(index);
            }
            Err(options.invalid(format!("expected input column `{name}` to be {expected}, found {found}")))
        };
        let is_int64 = |found: &DataType| found == &DataType::Int64;
        Ok(Self {
            collection: options.collection.clone(),
            id: find(ID, is_int64, "Int64")?,
            segment_id: find(SEGMENT_ID, is_text, "text")?,
            segment_offset: find(SEGMENT_OFFSET, is_int64, "Int64")?,
        })
    }

    /// Returns where a row of a batch was stored.
    pub(crate) fn origin(&self, batch: &RecordBatch, row: usize) -> Result<Origin> {
        let segment_offset = self.int64(batch, self.segment_offset, SEGMENT_OFFSET, row)?;
        // A constant column is dictionary-encoded, run-encoded or plain; one row of it is cheap to decode.
        let text = batch.column(self.segment_id).slice(row, 1);
        let text = cast(&text, &DataType::Utf8).ok();
        let text = text.as_ref().and_then(|text| text.as_string_opt::<i32>()).filter(|text| text.is_valid(0));
        let segment_id = text.map(|text| text.value(0).to_owned());
        let segment_id =
            segment_id.ok_or_else(|| self.changed(batch, self.segment_id, SEGMENT_ID, "text"))?;
        Ok(Origin { segment_id, segment_offset })
    }

    /// Returns the id of a row of a batch.
    pub(crate) fn id(&self, batch: &RecordBatch, row: usize) -> Result<i64> {
        self.int64(batch, self.id, ID, row)
    }

    fn int64(&self, batch: &RecordBatch, index: usize, name: &str, row: usize) -> Result<i64> {
        let values = batch.column(index).as_primitive_opt::<Int64Type>();
        let value = values.filter(|values| values.is_valid(row)).map(|values| values.value(row));
        value.ok_or_else(|| self.changed(batch, index, name, "Int64 in every row"))
    }

    fn changed(&self, batch: &RecordBatch, index: usize, name: &str, expected: &str) -> Error {
        Error::ChangedColumn {
            collection: self.collection.clone(),
            column: name.to_owned(),
            expected: expected.to_owned(),
            found: format!(
                "{} with {} nulls",
                batch.column(index).data_type(),
                batch.column(index).null_count()
            ),
        }
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        _ => false,
    }
}
