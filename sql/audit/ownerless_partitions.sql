-- Partitions whose collection is dropped or does not exist.
--
-- severity: warning
-- remedy: If the collection was dropped, nothing has to be done: its partitions are not
-- migrated. If the rows are missed, correct `owner_table` in a copy of the metadata and
-- name it with `--tables` and `--meta`.
--
-- A server drops a collection first and its partitions later, and may be killed between
-- the two. Rows are counted as the metadata has them.
SELECT
    p.table_id,
    p.partition_tag,
    p.owner_table,
    coalesce(f.rows, 0) AS rows,
    concat(
        'partition `', p.partition_tag, '` (folder `', p.table_id, '`) belongs to `', p.owner_table,
        '`, which is dropped or does not exist; it has ', coalesce(f.rows, 0), ' rows by the metadata'
    ) AS message
FROM meta.tables AS p
LEFT JOIN meta.tables AS o ON o.table_id = p.owner_table AND o.state = 0 AND o.owner_table = ''
LEFT JOIN (
    SELECT table_id, sum(rows) AS rows
    FROM (
        SELECT table_id, segment_id, max(row_count) AS rows
        FROM meta.files
        WHERE file_type IN (1, 2, 3, 7)
        GROUP BY table_id, segment_id
    ) AS segments
    GROUP BY table_id
) AS f ON f.table_id = p.table_id
WHERE p.state = 0 AND p.owner_table <> '' AND o.table_id IS NULL
ORDER BY p.table_id
