-- Segments on several paths.
--
-- severity: note
-- remedy: Name every path of the old server with `--tables`, as it is done here.
--
-- Servers of 0.9 could spread segments over a primary and secondary paths.
SELECT
    root,
    count(*) AS segments,
    sum(bytes) AS bytes,
    concat(count(*), CASE WHEN count(*) = 1 THEN ' live segment is' ELSE ' live segments are' END, ' in `', root, '`') AS message
FROM measure.directories
WHERE state = 'live' AND has_ids AND (SELECT count(DISTINCT root) FROM measure.directories WHERE state = 'live' AND has_ids) > 1
GROUP BY root
ORDER BY root
