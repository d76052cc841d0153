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
    collection,
    partition_tag,
    segment_id,
    missing_ids,
    CASE
        WHEN problem IS NOT NULL THEN concat('whether the bloom filter knows the ids cannot be told: ', problem)
        ELSE concat(missing_ids, CASE WHEN missing_ids = 1 THEN ' id is' ELSE ' ids are' END, ' not in the bloom filter')
    END AS message
FROM measure.bloom_filters
WHERE state = 'incomplete' OR problem IS NOT NULL
ORDER BY collection, partition_tag, segment_id
