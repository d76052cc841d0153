-- Ids that several live rows have, where that stops the migration.
--
-- severity: error
-- remedy: Choose `--set m2m.duplicates=first` or `last` to keep one row of each id, or
-- `keep` for all. `SELECT * FROM inspect.duplicates` lists the ids.
--
-- `m2m.duplicates: fail` has a migration end when it finds them.
SELECT
    r.collection,
    r.ids,
    r.rows,
    r.across_partitions,
    r.different_vectors,
    concat(
        r.ids, CASE WHEN r.ids = 1 THEN ' id has ' ELSE ' ids have ' END, r.rows, ' rows; ',
        r.across_partitions, ' of them in several partitions, ',
        r.different_vectors, ' with different vectors'
    ) AS message
FROM measure.repeats AS r
JOIN mapping.collections AS m ON m.collection = r.collection
WHERE m.duplicates = 'fail'
ORDER BY r.collection
