-- Ids that stand in more than one of the rows that are compared. Milvus 2.x
-- counts every row of such an id, but a query by id returns one of them; inside
-- one place the others cannot be seen at all. A place is what a query can be
-- narrowed to: a partition, or everything where a partition key decides.
--
-- Columns: `ids` that repeat; `hidden_rows`, which a query of the whole collection
-- does not return; `unseen_rows`, whose id repeats inside their place.
--
-- `{rows}` is a relation with the columns `id` and `place`.
SELECT
    count(*) AS ids,
    CAST(coalesce(sum(times - 1), 0) AS BIGINT) AS hidden_rows,
    CAST(coalesce(sum(unseen), 0) AS BIGINT) AS unseen_rows
FROM (
    SELECT id, sum(times) AS times, sum(CASE WHEN times > 1 THEN times ELSE 0 END) AS unseen
    FROM (
        SELECT id, place, count(*) AS times
        FROM {rows}
        GROUP BY id, place
    ) AS of_place
    GROUP BY id
    HAVING sum(times) > 1
) AS repeated
