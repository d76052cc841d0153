-- Live segments whose data cannot be read to the end.
--
-- severity: error
-- remedy: Copy the segment's folder again, or restore it from a backup: the disk or
-- the store failed while it was read.
--
-- Not all bytes of its files can be read, though nothing is wrong with their lengths.
SELECT s.collection, s.partition_tag, s.segment_id, s.problem AS message
FROM measure.segments AS s
LEFT JOIN meta.segments AS m
    ON m.collection = s.collection AND m.partition_tag = s.partition_tag AND m.segment_id = s.segment_id
-- Files that cannot even be opened are told by another check.
WHERE s.problem IS NOT NULL AND m.problem IS NULL
ORDER BY s.collection, s.partition_tag, s.segment_id
