-- Which of some ids stand in more than one row of a place, so that a query by id
-- returns any one of them.
--
-- Column: `id`.
--
-- `{rows}` is a relation with the columns `id` and `place`; `{ids}` is a list of ids.
SELECT DISTINCT id
FROM (
    SELECT id, place
    FROM {rows}
    WHERE id IN ({ids})
    GROUP BY id, place
    HAVING count(*) > 1
) AS repeated
