-- Collections whose metadata is impossible.
--
-- severity: error
-- remedy: Correct the value in a copy of the metadata, or set `state` of the collection
-- to 1, which drops it, and name the copy with `--meta`.
--
-- A metric, dimension, state or name that no server writes. The audit reads the other
-- collections; other commands want metadata that is whole.
SELECT collection, subject, message, remedy
FROM meta.problems
WHERE place = 'collection'
ORDER BY collection, subject
