-- Metadata that cannot be read.
--
-- severity: error
-- remedy: Restore the metadata from a backup. Without one, `m2m recover --tables DIR
-- --out NEW` writes a `meta.json` of what the segment files tell; name it with
-- `--meta`.
--
-- The metadata says which collections there are and which of their segments live.
-- SQLite is asked whether its database is sound. Milvus 0.11 has other files, which
-- m2m does not read.
SELECT collection, subject, message, remedy
FROM meta.problems
WHERE place = 'metadata'
ORDER BY collection, subject
