-- Metadata without a live collection.
--
-- severity: error
-- remedy: See that it is the metadata of this installation, and that a `meta.sqlite`
-- came with the `meta.sqlite-wal` beside it, where the newest rows may stand. `m2m
-- recover --tables DIR --out NEW` shows what the folders hold.
--
-- Nothing would be migrated.
SELECT metadata, 'the metadata has no live collection' AS message
FROM meta.server
WHERE NOT EXISTS (SELECT 1 FROM meta.collections) AND NOT EXISTS (SELECT 1 FROM meta.problems WHERE place <> 'log')
