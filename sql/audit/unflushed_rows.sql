-- Rows and deletes that stand only in the write-ahead log.
--
-- severity: error
-- remedy: Start the old server once and stop it cleanly: it writes them into segments.
-- `--allow-unflushed` migrates without them.
--
-- The server was killed before it flushed them. Without them inserted rows are lost
-- and deleted rows come back.
SELECT
    collection,
    partition_tag,
    inserted_rows,
    deleted_rows,
    records,
    concat(
        inserted_rows, CASE WHEN inserted_rows = 1 THEN ' inserted row and ' ELSE ' inserted rows and ' END,
        deleted_rows, CASE WHEN deleted_rows = 1 THEN ' deleted id' ELSE ' deleted ids' END,
        ' stand only in the write-ahead log'
    ) AS message
FROM meta.wal
ORDER BY collection, partition_tag
