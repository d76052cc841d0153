-- Ids that several live rows have. Milvus 1.x keeps every row of an id.
--
-- Columns: `collection`, `id`; `rows` (that have it); `partitions` (that have such
-- rows, how many).
--
-- Worth a look before migrating: Milvus 2.x does not say which of these rows it
-- shows. Reads the ids of a collection, and no vector.
SELECT {collection} AS collection, id, sum(rows) AS rows, count(*) AS partitions
FROM (
    SELECT id, partition_tag, count(*) AS rows
    FROM {table}
    GROUP BY id, partition_tag
) AS by_partition
GROUP BY id
HAVING sum(rows) > 1
ORDER BY collection, id
