-- Collections that get another index in Milvus 2.x, or other parameters, or none.
--
-- severity: note
-- remedy: Nothing has to be done: results differ a little, rows do not. `--set
-- m2m.index=auto` leaves the choice to Milvus, `none` builds none.
--
-- Indexes are built anew from the vectors, which are all there. The nearest index takes
-- the place of one that Milvus 2.x does not have; others change because the settings
-- say so.
SELECT collection, engine, index_params, target_index, target_params, index_note AS message
FROM mapping.collections
WHERE index_note IS NOT NULL
ORDER BY collection
