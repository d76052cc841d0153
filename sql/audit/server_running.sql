-- Metadata that another program has open: the old server still runs.
--
-- severity: error
-- remedy: Stop the old server, so that it flushes what it holds and changes nothing
-- more.
--
-- Only another program that reads the database, such as a shell of SQLite, looks the same.
-- Rows that the server holds in memory would be missed, and segments that it merges or
-- removes while they are read would end the migration.
SELECT metadata, sign AS message
FROM meta.server
WHERE is_running
