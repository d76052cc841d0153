// SPDX-License-Identifier: Apache-2.0
//! Whether segments are still those that were read before.

use m2m_segment::digest::digest;

use crate::error::Result;
use crate::stats::SegmentStats;
use crate::table::CollectionTable;

impl CollectionTable {
    /// Returns a text that stays the same as long as the live rows of the collection do:
    /// its segments with their files of ids and what is deleted or left out of them.
    ///
    /// Vectors are not read. A server never changes the vectors of a segment, it
    /// writes another segment.
    ///
    /// # Errors
    ///
    /// When a segment's headers cannot be read.
    pub async fn fingerprint(&self) -> Result<String> {
        let collection = self.collection();
        let mut text = format!("{:?} {:?} {:?}", collection.name, collection.layout, collection.metric);
        for segment in self.segments().await?.iter() {
            add(&mut text, segment);
        }
        Ok(hex(&digest(text.as_bytes())))
    }
}

fn add(text: &mut String, segment: &SegmentStats) {
    let deleted: Vec<u8> = segment.deleted.offsets().iter().flat_map(|row| row.to_le_bytes()).collect();
    let SegmentStats { partition_tag, segment_id, rows, ids, .. } = segment;
    let (modified, e_tag) = (ids.last_modified.timestamp_micros(), ids.e_tag.as_deref().unwrap_or_default());
    let deleted = hex(&digest(&deleted));
    let size = ids.size;
    text.push_str(&format!("\n{partition_tag:?} {segment_id:?} {rows} {deleted} {size} {modified} {e_tag}"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use m2m_segment::deleted_docs::DeletedDocs;

    use super::*;

    fn of(change: impl FnOnce(&mut SegmentStats)) -> String {
        let mut segment = SegmentStats::for_test(5);
        change(&mut segment);
        let mut text = String::new();
        add(&mut text, &segment);
        text
    }

    #[test]
    fn what_changes_live_rows_changes_the_text() {
        let deleting = |rows: &[u32]| Arc::new(DeletedDocs::none().with(rows, 5).unwrap());
        let texts = [
            of(|_| {}),
            of(|segment| segment.rows = 4),
            of(|segment| segment.deleted = deleting(&[1])),
            of(|segment| segment.deleted = deleting(&[2])),
            of(|segment| segment.deleted = deleting(&[1, 2])),
            of(|segment| segment.segment_id = "8".into()),
            of(|segment| segment.partition_tag = "p".into()),
            of(|segment| segment.ids.size += 8),
            of(|segment| segment.ids.last_modified += std::time::Duration::from_micros(1)),
            of(|segment| segment.ids.e_tag = Some("2".into())),
        ];
        let different: std::collections::HashSet<_> = texts.iter().collect();
        assert_eq!(different.len(), texts.len(), "{texts:#?}");
        assert_eq!(of(|_| {}), texts[0]);
    }
}
