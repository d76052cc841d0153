-- Signs that the old server runs, or was not stopped cleanly.
--
-- severity: warning
-- remedy: If the old server runs, stop it. If it was killed, start it once and stop it
-- cleanly; it then leaves no such sign.
--
-- The metadata is read with what stands in the files beside it, so nothing committed
-- is missed.
SELECT metadata, sign AS message
FROM meta.server
WHERE sign IS NOT NULL AND NOT is_running
