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
    concat(inserted_rows, ' inserted rows and ', deleted_rows, ' deletes stand only in the write-ahead log') AS message
FROM meta.wal
ORDER BY collection, partition_tag
