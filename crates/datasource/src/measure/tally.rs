// SPDX-License-Identifier: Apache-2.0
//! What the rows of a segment are, counted batch by batch.

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Float32Type, Int64Type};
use datafusion::error::{DataFusionError, Result as DFResult};
use m2m_segment::distance;
use serde::{Deserialize, Serialize};

use super::SAMPLE;
use super::lengths::Lengths;
use crate::schema::{ID, SEGMENT_OFFSET, VECTOR};

/// What some rows of a segment are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) rows: u64,
    pub(super) ids: Option<Ids>,
    /// Of float vectors that were read.
    pub(super) lengths: Lengths,
    /// The first rows that are not finite.
    pub(super) invalid: Vec<InvalidRow>,
}

/// The ids of some rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ids {
    pub(super) least: i64,
    pub(super) most: i64,
    first: i64,
    last: i64,
    /// Whether each is larger than the one before, so that none repeats.
    pub(super) is_ascending: bool,
}

/// A row with a component that is NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InvalidRow {
    pub(super) offset: i64,
    pub(super) id: i64,
    /// The place of the first such component.
    pub(super) component: i64,
}

impl Tally {
    /// Counts the rows of a batch in: their ids, and the columns of vectors if it has them.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> DFResult<()> {
        let unexpected = || DataFusionError::Internal(format!("a scan answered {}", batch.schema()));
        let numbers = |name| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
        let ids = numbers(ID).ok_or_else(unexpected)?.values();
        self.rows += ids.len() as u64;
        if let Some(more) = Ids::of(ids) {
            self.ids = Some(self.ids.map_or(more, |ids| ids.then(more)));
        }
        let Some(vectors) = batch.column_by_name(VECTOR) else { return Ok(()) };
        let offsets = numbers(SEGMENT_OFFSET).ok_or_else(unexpected)?.values();
        let list = vectors.as_fixed_size_list_opt().ok_or_else(unexpected)?;
        let values = list.values().as_primitive_opt::<Float32Type>().ok_or_else(unexpected)?;
        let dimension = usize::try_from(list.value_length()).map_err(|_| unexpected())?;
        let start = usize::try_from(list.value_offset(0)).map_err(|_| unexpected())?;
        let block = values.values().get(start..start + dimension * list.len()).ok_or_else(unexpected)?;
        let mut lengths = Vec::with_capacity(list.len());
        distance::l2_norms(block, dimension, &mut lengths);
        for (row, length) in lengths.into_iter().enumerate() {
            if !self.lengths.add(length) && self.invalid.len() < SAMPLE {
                let vector = block.get(row * dimension..(row + 1) * dimension).unwrap_or_default();
                let component = vector.iter().position(|component| !component.is_finite());
                let component = component.and_then(|place| i64::try_from(place).ok());
                self.invalid.extend(
                    component
                        .zip(offsets.get(row).zip(ids.get(row)))
                        .map(|(component, (&offset, &id))| InvalidRow { offset, id, component }),
                );
            }
        }
        Ok(())
    }

    /// Counts the rows in that come behind these.
    pub(super) fn then(&mut self, next: Self) {
        self.rows += next.rows;
        self.ids = match (self.ids, next.ids) {
            (Some(ids), Some(more)) => Some(ids.then(more)),
            (ids, more) => ids.or(more),
        };
        self.lengths.merge(&next.lengths);
        self.invalid.extend(next.invalid);
        self.invalid.truncate(SAMPLE);
    }
}

impl Ids {
    fn of(ids: &[i64]) -> Option<Self> {
        let (&first, &last) = ids.first().zip(ids.last())?;
        let (mut least, mut most, mut is_ascending) = (first, first, true);
        let mut before = None;
        for &id in ids {
            (least, most) = (least.min(id), most.max(id));
            is_ascending &= before.is_none_or(|before| before < id);
            before = Some(id);
        }
        Some(Self { least, most, first, last, is_ascending })
    }

    fn then(self, next: Self) -> Self {
        Self {
            least: self.least.min(next.least),
            most: self.most.max(next.most),
            first: self.first,
            last: next.last,
            is_ascending: self.is_ascending && next.is_ascending && self.last < next.first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ascending_when_each_is_larger_than_the_one_before() {
        for (ids, is_ascending) in [
            (vec![1], true),
            (vec![1, 2, 9], true),
            (vec![1, 1], false),
            (vec![i64::MIN, -1, i64::MAX], true),
            (vec![2, 3, 1, 4], false),
        ] {
            for cut in 1..ids.len() {
                let whole = Ids::of(&ids[..cut]).unwrap().then(Ids::of(&ids[cut..]).unwrap());
                assert_eq!(whole, Ids::of(&ids).unwrap());
            }
            let whole = Ids::of(&ids).unwrap();
            assert_eq!(whole.is_ascending, is_ascending, "{ids:?}");
            assert_eq!(Some(&whole.least), ids.iter().min());
            assert_eq!(Some(&whole.most), ids.iter().max());
        }
        assert_eq!(Ids::of(&[]), None);
    }
}
