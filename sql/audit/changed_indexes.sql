-- Indexes that Milvus 2.x does not have, or builds with other parameters.
--
-- severity: note
-- remedy: Nothing has to be done: the nearest index is built. `--set m2m.index=auto`
-- leaves the choice to Milvus, `none` builds none.
--
-- Indexes are built anew from the vectors, which are all there.
SELECT collection, engine, index_params, target_index, target_params, index_note AS message
FROM mapping.collections
WHERE index_note IS NOT NULL
ORDER BY collection
