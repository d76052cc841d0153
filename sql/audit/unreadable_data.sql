-- Live segments whose data cannot be read to the end.
--
-- severity: error
-- remedy: Copy the segment's folder again, or restore it from a backup: the disk or
-- the store failed while it was read.
--
-- The lengths of its files are right, but not all of their bytes can be read.
SELECT collection, partition_tag, segment_id, problem AS message
FROM measure.segments
WHERE problem IS NOT NULL
ORDER BY collection, partition_tag, segment_id
