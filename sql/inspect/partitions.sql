-- The partitions of each collection and the rows that live in them, the empty
-- ones too.
--
-- Columns: `collection`, `partition_tag`; `table_id` (the folder of its segments);
-- `segments` (how many); `live_rows`.
--
-- Worth a look before migrating: each becomes a partition of Milvus 2.x.
SELECT
    p.collection,
    p.partition_tag,
    p.table_id,
    p.segments,
    coalesce(sum(s.live), 0) AS live_rows
FROM meta.partitions AS p
LEFT JOIN meta.segments AS s ON s.collection = p.collection AND s.partition_tag = p.partition_tag
GROUP BY p.collection, p.partition_tag, p.table_id, p.segments
ORDER BY p.collection, live_rows DESC, p.partition_tag
