-- Rows whose id a query of Milvus 2.x does not find.
--
-- severity: warning
-- remedy: Give these rows other ids in a query (`--query`), or leave them out with
-- `--where`. They are migrated otherwise.
--
-- The largest and the smallest 64-bit integer: Milvus 2.x stores, counts and searches
-- such rows, but a query by id does not find them.
SELECT
    collection,
    partition_tag,
    segment_id,
    min_id,
    max_id,
    CASE
        WHEN max_id = 9223372036854775807 AND min_id = -9223372036854775807 - 1 THEN 'ids 9223372036854775807 and -9223372036854775808 are here'
        WHEN max_id = 9223372036854775807 THEN 'id 9223372036854775807 is here'
        ELSE 'id -9223372036854775808 is here'
    END AS message
FROM measure.segments
WHERE (max_id = 9223372036854775807 OR min_id = -9223372036854775807 - 1) AND problem IS NULL
ORDER BY collection, partition_tag, segment_id
