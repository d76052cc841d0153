-- Rows of the metadata that belong to nothing.
--
-- severity: note
-- remedy: Nothing has to be done: they are not migrated.
--
-- A server removes the row of a dropped collection before those of its partitions and
-- files.
SELECT
    f.table_id,
    NULL AS partition_tag,
    count(*) AS rows,
    concat(count(*), ' rows of `TableFiles` name the table `', f.table_id, '`, which does not exist') AS message
FROM meta.files AS f
LEFT JOIN meta.tables AS t ON t.table_id = f.table_id
WHERE t.table_id IS NULL
GROUP BY f.table_id
UNION ALL
SELECT
    p.table_id,
    p.partition_tag,
    1 AS rows,
    concat('partition `', p.partition_tag, '` belongs to `', p.owner_table, '`, which is dropped or does not exist') AS message
FROM meta.tables AS p
LEFT JOIN meta.tables AS o ON o.table_id = p.owner_table AND o.state = 0 AND o.owner_table = ''
WHERE p.state = 0 AND p.owner_table <> '' AND o.table_id IS NULL
ORDER BY table_id
