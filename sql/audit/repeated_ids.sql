-- Ids that several live rows have.
--
-- severity: warning
-- remedy: All rows are migrated unless `m2m.duplicates` says otherwise: `first` or
-- `last` keeps one row of each id, `fail` stops. `SELECT * FROM inspect.duplicates`
-- lists the ids.
--
-- Milvus 1.x keeps and returns every row of an id. Milvus 2.x keeps them too, but does
-- not say which of them it answers with. Rows with equal vectors come from a log that
-- was replayed; different vectors from clients that took an insert for an update.
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
WHERE m.duplicates <> 'fail'
ORDER BY r.collection
