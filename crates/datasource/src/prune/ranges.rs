// SPDX-License-Identifier: Apache-2.0
//! Leaving segments out of a plan by the ranges of their ids and offsets.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, StringViewArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result as DFResult;
use datafusion::logical_expr::Expr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::scalar::ScalarValue;

use crate::schema::{ID, PARTITION_TAG, SEGMENT_ID, SEGMENT_OFFSET, constant_columns};
use crate::stats::SegmentStats;

/// The columns whose ranges may be known.
pub(super) fn has_range(name: &str) -> bool {
    [ID, SEGMENT_OFFSET, PARTITION_TAG, SEGMENT_ID].contains(&name)
}

/// Leaves out the segments in whose ranges no row can pass. A filter that cannot
/// be judged by ranges leaves out none: the engine evaluates it for each row.
pub(super) fn retain(
    state: &dyn Session,
    filters: &[Expr],
    segments: &mut Vec<(usize, &SegmentStats)>,
    are_ids_live: bool,
) {
    for filter in filters {
        let ranges = Ranges { segments, are_ids_live };
        if let Ok(may_pass) = may_pass(state, filter, &ranges) {
            let mut may_pass = may_pass.into_iter();
            segments.retain(|(_, segment)| {
                let has_rows = !are_ids_live || segment.live() > 0;
                may_pass.next().unwrap_or(true) && has_rows
            });
        }
    }
}

fn may_pass(state: &dyn Session, filter: &Expr, ranges: &Ranges<'_>) -> DFResult<Vec<bool>> {
    let mut fields = vec![
        Arc::new(Field::new(ID, DataType::Int64, false)),
        Arc::new(Field::new(SEGMENT_OFFSET, DataType::Int64, false)),
    ];
    fields.extend(constant_columns());
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let filter = state.create_physical_expr(filter.clone(), &DFSchema::try_from(Arc::clone(&schema))?)?;
    PruningPredicateBuilder::new().with_file_schema(schema).try_build(filter)?.prune(ranges)
}

/// What is known of the rows of each segment.
struct Ranges<'a> {
    segments: &'a [(usize, &'a SegmentStats)],
    /// Whether deleted rows are left out. The known ranges of ids are those of the others.
    are_ids_live: bool,
}

impl Ranges<'_> {
    fn numbers(&self, number: impl Fn(&SegmentStats) -> Option<i64>) -> ArrayRef {
        Arc::new(self.segments.iter().map(|(_, segment)| number(segment)).collect::<Int64Array>())
    }

    fn texts(&self, text: impl Fn(&SegmentStats) -> &str) -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(self.segments.iter().map(|(_, segment)| text(segment))))
    }

    fn ids(&self, segment: &SegmentStats) -> Option<(i64, i64)> {
        segment.known_id_range().filter(|_| self.are_ids_live)
    }

    fn constants(&self, column: &str) -> Option<ArrayRef> {
        match column {
            PARTITION_TAG => Some(self.texts(|segment| &segment.partition_tag)),
            SEGMENT_ID => Some(self.texts(|segment| &segment.segment_id)),
            _ => None,
        }
    }
}

impl PruningStatistics for Ranges<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        match column.name() {
            ID => Some(self.numbers(|segment| Some(self.ids(segment)?.0))),
            SEGMENT_OFFSET => Some(self.numbers(|_| Some(0))),
            other => self.constants(other),
        }
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        match column.name() {
            ID => Some(self.numbers(|segment| Some(self.ids(segment)?.1))),
            SEGMENT_OFFSET => Some(self.numbers(|segment| i64::try_from(segment.rows).ok()?.checked_sub(1))),
            other => self.constants(other),
        }
    }

    fn num_containers(&self) -> usize {
        self.segments.len()
    }

    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        Some(Arc::new(UInt64Array::from(vec![0; self.segments.len()])))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(UInt64Array::from_iter_values(self.segments.iter().map(|(_, segment)| segment.rows))))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
