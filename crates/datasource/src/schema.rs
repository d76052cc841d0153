// SPDX-License-Identifier: Apache-2.0
//! The columns of a collection's table.
//!
//! A scan knows two kinds of columns: those that are read from a segment's
//! files, and those that are constant in a segment. A user sees them as one
//! list, in another order.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::datasource::table_schema::TableSchema;
use m2m_segment::{VectorElement, VectorLayout};

/// Name of the column of ids.
pub const ID: &str = "id";
/// Name of the column of vectors.
pub const VECTOR: &str = "vector";
/// Name of the column of stored offsets.
pub const SEGMENT_OFFSET: &str = "segment_offset";
/// Name of the column of partition tags.
pub const PARTITION_TAG: &str = "partition_tag";
/// Name of the column of segment ids.
pub const SEGMENT_ID: &str = "segment_id";

/// Places of the columns among those that a scan reads from files.
pub(crate) const FILE_ID: usize = 0;
pub(crate) const FILE_VECTOR: usize = 1;
pub(crate) const FILE_OFFSET: usize = 2;

/// For each column that a user sees, its place in the scan's list.
const SHOWN: [usize; 5] = [FILE_ID, FILE_VECTOR, 3, 4, FILE_OFFSET];

/// The type of a column of vectors.
#[must_use]
pub fn vector_type(layout: VectorLayout) -> DataType {
    let size = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    match layout.element() {
        VectorElement::Float32 => DataType::FixedSizeList(vector_item(), size(layout.dimension() as usize)),
        VectorElement::Bit => DataType::FixedSizeBinary(size(layout.row_bytes())),
    }
}

/// The field of one component of a float vector.
pub(crate) fn vector_item() -> FieldRef {
    Arc::new(Field::new("item", DataType::Float32, false))
}

/// The columns as a scan reads them: from files, then constants.
pub(crate) fn scan_schema(layout: VectorLayout) -> TableSchema {
    let file = Schema::new(vec![
        Field::new(ID, DataType::Int64, false),
        Field::new(VECTOR, vector_type(layout), false),
        Field::new(SEGMENT_OFFSET, DataType::Int64, false),
    ]);
    TableSchema::builder(Arc::new(file)).with_table_partition_cols(constant_columns()).build()
}

/// The columns that are constant in a segment.
pub(crate) fn constant_columns() -> Vec<FieldRef> {
    let constant = |name| Arc::new(Field::new(name, DataType::Utf8View, false));
    vec![constant(PARTITION_TAG), constant(SEGMENT_ID)]
}

/// The columns as a user sees them.
pub(crate) fn shown_schema(scan: &TableSchema) -> SchemaRef {
    let fields = scan.table_schema().fields();
    let shown = SHOWN.iter().filter_map(|&place| fields.get(place).cloned());
    Arc::new(Schema::new(shown.collect::<Vec<_>>()))
}

/// Turns places among the shown columns into places in the scan's list.
pub(crate) fn scan_projection(shown: Option<&Vec<usize>>) -> Vec<usize> {
    match shown {
        None => SHOWN.to_vec(),
        Some(places) => places.iter().filter_map(|&place| SHOWN.get(place).copied()).collect(),
    }
}
