// SPDX-License-Identifier: Apache-2.0
//! A scan of segments as values, for a plan that another process runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;
use m2m_segment::deleted_docs::DeletedDocs;
use m2m_segment::{VectorElement, VectorLayout};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::excluded::Hidden;
use crate::file_source::SegmentSource;
use crate::read_options::ReadOptions;
use crate::roots::slashed_url;
use crate::schema::Shown;

/// What a [`SegmentSource`] is, but for its projection and its predicate, which are expressions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanValues {
    /// Whether vectors are of bits, and not of floats.
    is_binary: bool,
    dimension: u32,
    /// Whether deleted rows are shown.
    is_stored: bool,
    base: String,
    block_bytes: u64,
    is_remote: bool,
    /// Of the segments that have such rows, all rows that are left out.
    hidden: BTreeMap<String, Vec<u32>>,
    /// How many rows that are not deleted are left out of the whole collection.
    hidden_rows: u64,
    segments: Option<(usize, usize)>,
}

impl SegmentSource {
    /// Returns the values of this source in a scan: what is left out of other segments is not
    /// among them.
    #[must_use]
    pub fn values(&self, scan: &FileScanConfig) -> ScanValues {
        let (layout, shown, ahead, hidden) = self.parts();
        let named = segments_of(scan);
        let hidden_of = |id: &&str| Some(((*id).to_owned(), hidden.of(id)?.offsets().to_vec()));
        ScanValues {
            is_binary: layout.element() == VectorElement::Bit,
            dimension: layout.dimension(),
            is_stored: shown == Shown::Stored,
            base: self.base().to_owned(),
            block_bytes: ahead.block_bytes,
            is_remote: ahead.is_remote(),
            hidden: named.iter().filter_map(hidden_of).collect(),
            hidden_rows: hidden.rows,
            segments: self.segments(),
        }
    }
}

impl ScanValues {
    /// Returns the source that has these values and reads the rows that pass a predicate.
    ///
    /// # Errors
    ///
    /// When the values cannot be those of a source.
    pub fn source(&self, predicate: Option<Arc<dyn PhysicalExpr>>) -> Result<SegmentSource> {
        let element = if self.is_binary { VectorElement::Bit } else { VectorElement::Float32 };
        let layout = VectorLayout::try_new(element, self.dimension).map_err(Error::ScanValues)?;
        let mut hidden = BTreeMap::new();
        for (segment, offsets) in &self.hidden {
            let rows = offsets.iter().max().map_or(0, |last| u64::from(*last).saturating_add(1));
            let offsets = DeletedDocs::none().with(offsets, rows).map_err(Error::ScanValues)?;
            hidden.insert(segment.clone(), Arc::new(offsets));
        }
        let shown = if self.is_stored { Shown::Stored } else { Shown::Live };
        let reading = ReadOptions { block_bytes: Some(self.block_bytes) };
        let source = SegmentSource::of(layout, shown, self.base.as_str().into());
        let source = source.reading(reading.ahead(self.is_remote));
        let source = source.hiding(Hidden::of_segments(hidden, self.hidden_rows));
        Ok(source.with_parts(predicate, self.segments))
    }

    /// Returns what another process calls the store of a scan: one of
    /// [`stores_of_segments`](crate::stores_of_segments).
    ///
    /// # Errors
    ///
    /// When that is no URL.
    pub fn store_url(&self, url: &ObjectStoreUrl) -> Result<ObjectStoreUrl> {
        match self.is_remote && self.base.ends_with("//") {
            true => slashed_url(url),
            false => Ok(url.clone()),
        }
    }
}

/// The segments that a scan reads.
fn segments_of(scan: &FileScanConfig) -> BTreeSet<&str> {
    let files = scan.file_groups.iter().flat_map(|group| group.iter());
    let ids = files.filter_map(|file| match file.partition_values.get(1) {
        Some(ScalarValue::Utf8View(id) | ScalarValue::Utf8(id)) => id.as_deref(),
        _ => None,
    });
    ids.collect()
}
