-- Live segments whose bloom filter does not know their ids.
--
-- severity: warning
-- remedy: Compare some of the ids with what clients of the old server know. If the
-- file of ids is of another segment, restore the folder from a backup. A filter that
-- cannot be read is no loss: a migration does not need it.
--
-- The filter is written together with the ids, and every live id must pass it. One
-- that does not says that the ids or the filter are damaged.
SELECT
    b.collection,
    b.partition_tag,
    b.segment_id,
    b.missing_ids,
    CASE
        WHEN b.problem IS NOT NULL THEN concat('whether the bloom filter knows the ids cannot be told: ', b.problem)
        ELSE concat(b.missing_ids, CASE WHEN b.missing_ids = 1 THEN ' id is' ELSE ' ids are' END, ' not in the bloom filter')
    END AS message
FROM measure.bloom_filters AS b
JOIN measure.segments AS s
    ON s.collection = b.collection AND s.partition_tag = b.partition_tag AND s.segment_id = b.segment_id
-- Where the ids cannot be read, another check says so.
WHERE b.state = 'incomplete' OR (b.problem IS NOT NULL AND s.problem IS NULL)
ORDER BY b.collection, b.partition_tag, b.segment_id
