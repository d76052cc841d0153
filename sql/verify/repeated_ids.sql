-- Ids that stand in more than one live row of a collection. Milvus 2.x counts
-- every row of such an id, but a query by id returns one of them; inside one
-- partition the others cannot be seen at all.
SELECT
    count(*) AS ids,
    CAST(coalesce(sum(times - 1), 0) AS BIGINT) AS hidden_rows,
    CAST(coalesce(sum(unseen), 0) AS BIGINT) AS unseen_rows
FROM (
    SELECT id, sum(times) AS times, sum(CASE WHEN times > 1 THEN times ELSE 0 END) AS unseen
    FROM (
        SELECT id, partition_tag, count(*) AS times
        FROM milvus.collections.{collection}
        GROUP BY id, partition_tag
    ) AS of_partition
    GROUP BY id
    HAVING sum(times) > 1
) AS repeated
