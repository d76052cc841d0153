-- The server versions that made the collections.
--
-- Columns: `version` (empty when the metadata does not say); `collections` (how
-- many); `first_created`, `last_created` (times).
--
-- Worth a look when an installation has been through upgrades, or nobody knows
-- which server it was.
SELECT
    version,
    count(*) AS collections,
    to_timestamp_micros(min(created_on)) AS first_created,
    to_timestamp_micros(max(created_on)) AS last_created
FROM meta.collections
GROUP BY version
ORDER BY version
