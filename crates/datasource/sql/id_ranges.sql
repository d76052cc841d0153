-- The smallest and the largest id of each live segment of a collection. Ranges
-- that overlap are normal: segments are merged by size, not by id.
SELECT
    partition_tag,
    segment_id,
    count(*) AS live_rows,
    min(id) AS min_id,
    max(id) AS max_id
FROM {collection}
GROUP BY partition_tag, segment_id
ORDER BY partition_tag, segment_id
