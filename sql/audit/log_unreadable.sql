-- A write-ahead log that cannot be read.
--
-- severity: error
-- remedy: Start the old server once and stop it cleanly; then nothing stands only in
-- the log.
--
-- Whether rows or deletes stand only in the log cannot be told.
SELECT collection, subject, message, remedy
FROM meta.problems
WHERE place = 'log'
ORDER BY collection, subject
