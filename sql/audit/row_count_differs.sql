-- Segments with other live rows than the metadata claims.
--
-- severity: warning
-- remedy: Nothing has to be done: the files are right, and they are what is migrated.
-- Counts of the old server were wrong by as much.
--
-- A server lowers the count when it has written a delete, and not if it is killed
-- between the two; up to 1.1.0 it subtracts a repeated delete twice.
SELECT
    collection,
    partition_tag,
    segment_id,
    live,
    row_count AS metadata_rows,
    CASE
        WHEN row_count IS NULL THEN concat('the files hold ', live, ' live rows, the metadata has no usable count')
        ELSE concat('the files hold ', live, ' live rows, the metadata says ', row_count)
    END AS message
FROM meta.segments
WHERE problem IS NULL AND row_count IS DISTINCT FROM live
ORDER BY collection, partition_tag, segment_id
