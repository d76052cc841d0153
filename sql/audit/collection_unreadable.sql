-- Collections whose metadata is impossible.
--
-- severity: error
-- remedy: Correct the row in a copy of the metadata and name the copy with `--meta`,
-- or leave the collection out with `--col`.
--
-- A metric, dimension, state or name that no server writes. The other collections are
-- read.
SELECT collection, subject, message, remedy
FROM meta.problems
WHERE place = 'collection'
ORDER BY collection, subject
