-- An old server that still runs.
--
-- severity: error
-- remedy: Stop the old server, so that it flushes what it holds and changes nothing
-- more.
--
-- Rows that it holds in memory would be missed, and segments that it merges or removes
-- while they are read would end the migration.
SELECT metadata, sign AS message
FROM meta.server
WHERE is_running
