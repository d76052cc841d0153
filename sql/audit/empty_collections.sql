-- Collections without a live row.
--
-- severity: note
-- remedy: Nothing has to be done: they are created empty. `--col` leaves them out.
SELECT c.collection, c.segments, 'the collection has no live row' AS message
FROM meta.collections AS c
LEFT JOIN (
    SELECT collection, sum(live) AS live, count(problem) AS problems
    FROM meta.segments
    GROUP BY collection
) AS s ON s.collection = c.collection
WHERE coalesce(s.live, 0) = 0 AND coalesce(s.problems, 0) = 0
ORDER BY c.collection
