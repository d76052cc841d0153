-- Ids that stand in more than one live row of a collection, and where. Milvus
-- 1.x keeps and counts every such row; the most frequent ids come first.
SELECT
    id,
    count(*) AS rows,
    count(DISTINCT segment_id) AS segments,
    count(DISTINCT partition_tag) AS partitions
FROM {collection}
GROUP BY id
HAVING count(*) > 1
ORDER BY rows DESC, id
