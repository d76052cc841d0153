-- Rows and deletes that stand only in the write-ahead log. No row is good news.
--
-- Columns: `collection`, `partition_tag`; `inserted_rows` and `deleted_rows` that
-- are in no segment; `records` (of the log).
--
-- Worth a look before migrating: start the old server once and stop it cleanly,
-- and these rows are in segments.
SELECT collection, partition_tag, inserted_rows, deleted_rows, records
FROM meta.wal
ORDER BY collection, partition_tag
