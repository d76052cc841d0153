-- Metadata that cannot be read.
--
-- severity: error
-- remedy: Restore the metadata from a backup. Without one, `m2m recover --tables DIR`
-- rebuilds what the segment files tell.
--
-- The metadata says which collections there are and which of their segments live.
-- SQLite is asked whether its database is sound. Milvus 0.11 has other files, which
-- m2m does not read.
SELECT collection, subject, message, remedy
FROM meta.problems
WHERE place = 'metadata'
ORDER BY collection, subject
