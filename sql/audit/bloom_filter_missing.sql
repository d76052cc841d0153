-- Live segments without a bloom filter.
--
-- severity: note
-- remedy: Nothing has to be done: a migration does not need it.
--
-- The old server may have failed to load the segment, or have rebuilt the filter in
-- memory.
SELECT collection, partition_tag, segment_id, 'the segment has no file `bloom_filter`' AS message
FROM measure.bloom_filters
WHERE state = 'missing' AND problem IS NULL
ORDER BY collection, partition_tag, segment_id
