-- The live segments of each collection, and what is wrong with those that cannot
-- be read.
--
-- Columns: `collection`, `partition_tag`, `segment_id`; `rows` (stored), `deleted`
-- and `live` rows of the files; `file_types` of the metadata; `path` (the folder);
-- `problem` (null when the files can be read).
--
-- Worth a look when `inspect.collections` counts problems:
-- `SELECT * FROM inspect.segments WHERE problem IS NOT NULL`.
SELECT collection, partition_tag, segment_id, rows, deleted, live, file_types, path, problem
FROM meta.segments
ORDER BY collection, partition_tag, segment_id
