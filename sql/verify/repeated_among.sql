-- Which of the given ids stand in more than one live row of a partition.
SELECT DISTINCT id
FROM (
    SELECT id, partition_tag
    FROM milvus.collections.{collection}
    WHERE id IN ({ids})
    GROUP BY id, partition_tag
    HAVING count(*) > 1
) AS repeated
