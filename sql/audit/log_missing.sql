-- No write-ahead log is known.
--
-- severity: note
-- remedy: Name the folder with `--wal`, next to the metadata in SQLite or MySQL. If
-- the old server was stopped cleanly, nothing is missing.
--
-- Rows and deletes of a server that was killed may stand only in its write-ahead log,
-- and cannot be told without it. A `meta.json` says nothing of a log.
SELECT
    metadata,
    CASE
        WHEN kind = 'meta.json' THEN 'a `meta.json` says nothing of the write-ahead log'
        ELSE 'no write-ahead log was found or named'
    END AS message
FROM meta.server
WHERE wal IS NULL AND EXISTS (SELECT 1 FROM meta.collections)
