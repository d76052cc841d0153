-- Segment folders that the old server was about to remove.
--
-- severity: note
-- remedy: Nothing has to be done: they are not migrated.
--
-- Sources of a merge or a compaction, segments that were being written, and dropped
-- collections and partitions, whose folders a server removes later.
SELECT
    collection,
    partition_tag,
    table_id,
    segment_id,
    state,
    rows,
    bytes,
    path,
    concat(
        CASE state
            WHEN 'replaced' THEN 'the segment was merged, compacted or dropped'
            WHEN 'unfinished' THEN 'the segment was being written'
            ELSE concat('collection or partition `', table_id, '` is dropped')
        END,
        ': ', files, CASE WHEN files = 1 THEN ' file, ' ELSE ' files, ' END, bytes, ' bytes'
    ) AS message
FROM measure.directories
WHERE state IN ('replaced', 'unfinished', 'dropped')
ORDER BY table_id, segment_id
