-- The smallest and the largest id of the live rows of each segment.
--
-- Columns: `collection`, `partition_tag`, `segment_id`; `live_rows`; `min_id`,
-- `max_id`. A segment without a live row is not shown.
--
-- Worth a look to find the segments that may hold an id, or to see whether
-- segments overlap. Reads the ids of a collection, and no vector.
SELECT
    {collection} AS collection,
    partition_tag,
    segment_id,
    count(*) AS live_rows,
    min(id) AS min_id,
    max(id) AS max_id
FROM {table}
GROUP BY partition_tag, segment_id
ORDER BY collection, partition_tag, segment_id
