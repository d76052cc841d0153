// SPDX-License-Identifier: Apache-2.0
//! What the headers of a segment's files say.

use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use m2m_catalog::{Collection, Partition, Segment};
use m2m_segment::HEADER_LEN;
use m2m_segment::deleted_docs::DeletedDocs;
use m2m_segment::ids::ID_BYTES;
use object_store::ObjectMeta;
use tokio::sync::OnceCell;

use crate::error::{Error, Result};
use crate::files::{IDS, SegmentFiles};
use crate::locator::SegmentLocator;
use crate::roots::Roots;

/// A live segment, as its files are.
#[derive(Clone, Debug)]
pub struct SegmentStats {
    /// Its partition's place in the collection.
    pub partition: usize,
    /// Its partition's tag.
    pub partition_tag: String,
    /// Its id.
    pub segment_id: String,
    /// Stored rows, the deleted ones among them.
    pub rows: u64,
    /// The deleted rows, and those that the table leaves out.
    pub deleted: Arc<DeletedDocs>,
    /// Live rows that the metadata claims, where it claims any.
    pub row_count: Option<i64>,
    /// Bytes of the file of deleted docs, those that nothing counts too.
    pub(crate) deleted_docs_bytes: u64,
    pub(crate) ids: ObjectMeta,
    pub(crate) files: SegmentFiles,
    /// The smallest and the largest id of a live row, once they were asked for.
    id_range: Arc<OnceCell<Option<(i64, i64)>>>,
}

/// What can be read of the live segments of a collection.
#[derive(Clone, Debug, Default)]
pub struct ReadableSegments {
    /// Those whose files are whole, in order of partitions and segments.
    pub segments: Vec<SegmentStats>,
    /// How many others there are.
    pub unreadable: usize,
}

/// Bytes of ids that are read at once for their range.
const IDS_AT_ONCE: u64 = 1 << 20;

impl SegmentStats {
    /// Returns the number of live rows.
    #[must_use]
    pub fn live(&self) -> u64 {
        self.rows.saturating_sub(self.deleted.len())
    }

    /// The same segment with other rows left out.
    pub(crate) fn hiding(&self, deleted: Arc<DeletedDocs>) -> Self {
        Self { deleted, id_range: Arc::default(), ..self.clone() }
    }

    /// The smallest and the largest id of a live row, if there is one. The ids are
    /// read once, however often it is asked.
    pub(crate) async fn id_range(&self) -> Result<Option<(i64, i64)>> {
        self.id_range.get_or_try_init(|| self.read_id_range()).await.copied()
    }

    /// The smallest and the largest id of a live row, if there is one and they were asked for before.
    pub(crate) fn known_id_range(&self) -> Option<(i64, i64)> {
        self.id_range.get().copied().flatten()
    }

    async fn read_id_range(&self) -> Result<Option<(i64, i64)>> {
        let path = self.files.ids_path();
        let at_once = IDS_AT_ONCE / ID_BYTES;
        let mut range: Option<(i64, i64)> = None;
        for start in (0..self.rows).step_by(usize::try_from(at_once).unwrap_or(usize::MAX)) {
            let end = self.rows.min(start + at_once);
            let bytes = HEADER_LEN + start * ID_BYTES..HEADER_LEN + end * ID_BYTES;
            let block = self.files.read(IDS, &path, bytes).await?;
            let (ids, _) = block.as_chunks::<8>();
            for run in self.deleted.live_runs(start..end) {
                let at = |row: u64| usize::try_from(row - start).unwrap_or(usize::MAX);
                let live = ids.get(at(run.start)..at(run.end)).unwrap_or_default();
                let live = live.iter().map(|id| i64::from_le_bytes(*id));
                range = live.fold(range, |range, id| {
                    Some(range.map_or((id, id), |(least, most)| (least.min(id), most.max(id))))
                });
            }
        }
        Ok(range)
    }

    #[cfg(test)]
    pub(crate) fn for_test(rows: u64) -> Self {
        use object_store::memory::InMemory;
        use object_store::path::Path;

        let files = SegmentFiles::new(Arc::new(InMemory::new()), "/".into(), Path::from("t/7"), "7");
        Self {
            partition: 0,
            partition_tag: "_default".into(),
            segment_id: "7".into(),
            rows,
            deleted: Arc::default(),
            row_count: None,
            deleted_docs_bytes: 8,
            ids: ObjectMeta {
                location: files.ids_path(),
                last_modified: Default::default(),
                size: 8 + rows * 8,
                e_tag: None,
                version: None,
            },
            files,
            id_range: Arc::default(),
        }
    }
}

/// Reads the headers of all segments of a collection, in its order.
pub(crate) async fn read(roots: &Roots, collection: &Collection) -> Result<Vec<SegmentStats>> {
    let locator = roots.locator().await?;
    let mut segments = Vec::new();
    for (index, partition) in collection.partitions.iter().enumerate() {
        segments
            .extend(partition.segments.iter().map(|segment| read_one(locator, index, partition, segment)));
    }
    stream::iter(segments).buffered(roots.headers_at_once()).try_collect().await
}

/// Reads the headers of the segments of collections that can be read, in the
/// order of the collections, and looks whether there are as many vectors as ids.
/// A store that cannot be reached is asked once.
pub(crate) async fn read_readable(roots: &Roots, collections: &[Collection]) -> Vec<ReadableSegments> {
    let locator = roots.locator().await.ok();
    let mut all = Vec::with_capacity(collections.len());
    for collection in collections {
        let read = match locator {
            Some(locator) => readable(locator, collection, roots.headers_at_once()).await,
            None => ReadableSegments { unreadable: collection.segments().count(), ..Default::default() },
        };
        all.push(read);
    }
    all
}

async fn readable(locator: &SegmentLocator, collection: &Collection, at_once: usize) -> ReadableSegments {
    let headers = headers_at(locator, collection, at_once).await;
    ReadableSegments { unreadable: headers.damaged + headers.unread.len(), segments: headers.segments }
}

/// What became of reading the headers of a collection's live segments.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    /// The segments whose files are whole, in order of partitions and segments.
    pub(crate) segments: Vec<SegmentStats>,
    /// How many are damaged.
    pub(crate) damaged: usize,
    /// Those that cannot be read for another reason, which may be gone the next time.
    pub(crate) unread: Vec<UnreadSegment>,
}

/// A segment whose headers cannot be read, although they may be whole.
#[derive(Debug)]
pub(crate) struct UnreadSegment {
    pub(crate) partition_tag: String,
    pub(crate) segment_id: String,
    pub(crate) error: Error,
}

/// Reads the headers of the segments of a collection, and tells damage from what
/// keeps them from being read. A store that cannot be reached is an error.
pub(crate) async fn headers(roots: &Roots, collection: &Collection) -> Result<Headers> {
    Ok(headers_at(roots.locator().await?, collection, roots.headers_at_once()).await)
}

async fn headers_at(locator: &SegmentLocator, collection: &Collection, at_once: usize) -> Headers {
    let mut reads = Vec::new();
    for (index, partition) in collection.partitions.iter().enumerate() {
        for segment in &partition.segments {
            reads.push(async move {
                let read = async {
                    let stats = read_one(locator, index, partition, segment).await?;
                    stats.files.check_vectors(stats.rows, collection.layout).await?;
                    Ok(stats)
                };
                let (partition_tag, segment_id) = (&partition.tag, &segment.segment_id);
                read.await.map_err(|error| UnreadSegment {
                    partition_tag: partition_tag.clone(),
                    segment_id: segment_id.clone(),
                    error,
                })
            });
        }
    }
    let read: Vec<Result<SegmentStats, UnreadSegment>> =
        stream::iter(reads).buffered(at_once).collect().await;
    let mut headers = Headers::default();
    for segment in read {
        match segment {
            Ok(stats) => headers.segments.push(stats),
            Err(segment) if segment.error.is_damage() => headers.damaged += 1,
            Err(segment) => headers.unread.push(segment),
        }
    }
    headers
}

/// Reads the headers of one segment.
pub(crate) async fn read_one(
    locator: &SegmentLocator,
    index: usize,
    partition: &Partition,
    segment: &Segment,
) -> Result<SegmentStats> {
    let files = locator.files(&partition.table_id, &segment.segment_id).await?;
    let (rows, ids) = files.rows(segment.row_count).await?;
    let (deleted, deleted_docs_bytes) = files.deleted_docs(rows).await?;
    Ok(SegmentStats {
        partition: index,
        partition_tag: partition.tag.clone(),
        segment_id: segment.segment_id.clone(),
        rows,
        deleted: Arc::new(deleted),
        row_count: segment.row_count,
        deleted_docs_bytes,
        ids,
        files,
        id_range: Arc::default(),
    })
}

#[cfg(test)]
mod tests;
