-- Segments of which a quarter of the rows or more are deleted.
--
-- severity: note
-- remedy: Nothing has to be done: deleted rows are not migrated. Compacting in the old
-- server first makes less to read.
SELECT
    collection,
    partition_tag,
    segment_id,
    rows,
    deleted,
    concat(deleted, ' of ', rows, ' rows are deleted (', round(100.0 * deleted / rows, 1), ' %)') AS message
FROM meta.segments
WHERE rows > 0 AND 4 * deleted >= rows
ORDER BY collection, partition_tag, segment_id
