-- Rows and deletes that stand only in the write-ahead log: start the old server
-- once and stop it cleanly before migrating. No row is good news.
SELECT collection, partition_tag, inserted_rows, deleted_rows, records
FROM meta.wal
ORDER BY collection, partition_tag
