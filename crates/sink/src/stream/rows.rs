// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeSet;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, Schema};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;

use super::column::is_text;
use super::options::{SetNaming, StreamWriteOptions};
use crate::Result;

const SEGMENT_ID: &str = "segment_id";
const SEGMENT_OFFSET: &str = "segment_offset";

/// The input columns that say which row is which.
#[derive(Clone, Debug)]
pub(super) struct RowColumns {
    id: usize,
    /// Segment and offset, where the input has them.
    segment_id: Option<usize>,
    segment_offset: Option<usize>,
}

impl RowColumns {
    pub(super) fn of_options(options: &StreamWriteOptions, schema: &Schema) -> Result<Self> {
        let find = |name: &str, fits: fn(&DataType) -> bool, expected: &str| {
            let index = match (schema.index_of(name), options.naming) {
                (Ok(index), _) => index,
                (Err(_), SetNaming::Numbered) => return Ok(None),
                (Err(_), SetNaming::Origin) => options.index_of(schema, name)?,
            };
            let found = schema.field(index).data_type();
            match (fits(found), options.naming) {
                (true, _) => Ok(Some(index)),
                // A column of the query that happens to have this name.
                (false, SetNaming::Numbered) => Ok(None),
                (false, SetNaming::Origin) => {
                    let reason = format!("expected input column `{name}` to be {expected}, found {found}");
                    Err(options.invalid(reason))
                }
            }
        };
        Ok(Self {
            id: options.index_of(schema, &options.id_column)?,
            segment_id: find(SEGMENT_ID, is_text, "text")?,
            segment_offset: find(SEGMENT_OFFSET, |found| found == &DataType::Int64, "Int64")?,
        })
    }

    /// Returns a row as messages name it.
    pub(super) fn name(&self, batch: &RecordBatch, row: usize) -> String {
        let ids = batch.column(self.id);
        let id = match ids.is_valid(row) {
            true => array_value_to_string(ids, row).ok(),
            false => None,
        };
        let entity = id.map_or("an entity without id".to_owned(), |id| format!("entity {id}"));
        match (self.segment(batch, row), self.offset(batch, row)) {
            (Some(segment), Some(offset)) => format!("{entity} (segment `{segment}`, offset {offset})"),
            _ => entity,
        }
    }

    /// Returns where a row was stored.
    pub(super) fn origin(&self, batch: &RecordBatch, row: usize) -> Option<(String, i64)> {
        Some((self.segment(batch, row)?, self.offset(batch, row)?))
    }

    /// Adds the segments of a batch.
    pub(super) fn add_segments(
        &self,
        batch: &RecordBatch,
        segments: &mut BTreeSet<String>,
    ) -> Result<(), ArrowError> {
        let Some(index) = self.segment_id else { return Ok(()) };
        let names = cast(batch.column(index), &DataType::Utf8View)?;
        let mut last = None;
        for name in names.as_string_view().iter().flatten() {
            // Rows of a segment mostly stand together.
            if last != Some(name) && !segments.contains(name) {
                segments.insert(name.to_owned());
            }
            last = Some(name);
        }
        Ok(())
    }

    fn segment(&self, batch: &RecordBatch, row: usize) -> Option<String> {
        let text = cast(&batch.column(self.segment_id?).slice(row, 1), &DataType::Utf8).ok()?;
        let text = text.as_string_opt::<i32>().filter(|text| text.is_valid(0))?;
        Some(text.value(0).to_owned())
    }

    fn offset(&self, batch: &RecordBatch, row: usize) -> Option<i64> {
        let offsets = batch.column(self.segment_offset?).as_primitive_opt::<Int64Type>()?;
        offsets.is_valid(row).then(|| offsets.value(row))
    }
}
