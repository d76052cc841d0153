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
/// Name of the column that says which stored rows are deleted.
pub const DELETED: &str = "deleted";

/// Places of the columns among those that a scan reads from files.
pub(crate) const FILE_ID: usize = 0;
pub(crate) const FILE_VECTOR: usize = 1;
pub(crate) const FILE_OFFSET: usize = 2;
pub(crate) const FILE_DELETED: usize = 3;

/// Which rows of its segments a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Those that are not deleted.
    Live,
    /// All, with one more column that says which are deleted.
    Stored,
}

impl Shown {
    /// For each column that a user sees, its place in the scan's list.
    fn places(self) -> &'static [usize] {
        match self {
            Self::Live => &[FILE_ID, FILE_VECTOR, 3, 4, FILE_OFFSET],
            Self::Stored => &[FILE_ID, FILE_VECTOR, 4, 5, FILE_OFFSET, FILE_DELETED],
        }
    }
}

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
pub(crate) fn scan_schema(layout: VectorLayout, shown: Shown) -> TableSchema {
    let mut file = vec![
        Field::new(ID, DataType::Int64, false),
        Field::new(VECTOR, vector_type(layout), false),
        Field::new(SEGMENT_OFFSET, DataType::Int64, false),
    ];
    if shown == Shown::Stored {
        file.push(Field::new(DELETED, DataType::Boolean, false));
    }
    TableSchema::builder(Arc::new(Schema::new(file))).with_table_partition_cols(constant_columns()).build()
}

/// The columns that are constant in a segment.
pub(crate) fn constant_columns() -> Vec<FieldRef> {
    let constant = |name| Arc::new(Field::new(name, DataType::Utf8View, false));
    vec![constant(PARTITION_TAG), constant(SEGMENT_ID)]
}

/// The columns as a user sees them.
pub(crate) fn shown_schema(scan: &TableSchema, shown: Shown) -> SchemaRef {
    let fields = scan.table_schema().fields();
    let shown = shown.places().iter().filter_map(|&place| fields.get(place).cloned());
    Arc::new(Schema::new(shown.collect::<Vec<_>>()))
}

/// Turns places among the shown columns into places in the scan's list.
pub(crate) fn scan_projection(shown: Shown, columns: Option<&Vec<usize>>) -> Vec<usize> {
    let places = shown.places();
    match columns {
        None => places.to_vec(),
        Some(columns) => columns.iter().filter_map(|&column| places.get(column).copied()).collect(),
    }
}
