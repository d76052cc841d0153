-- Rows of the metadata that belong to nothing.
--
-- severity: note
-- remedy: Nothing has to be done: they are not migrated.
--
-- A server removes the row of a dropped collection or partition before those of its
-- files.
SELECT
    f.table_id,
    count(*) AS rows,
    concat(count(*), CASE WHEN count(*) = 1 THEN ' row' ELSE ' rows' END, ' of `TableFiles` name the table `', f.table_id, '`, which does not exist') AS message
FROM meta.files AS f
LEFT JOIN meta.tables AS t ON t.table_id = f.table_id
WHERE t.table_id IS NULL
GROUP BY f.table_id
ORDER BY f.table_id
