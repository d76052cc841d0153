-- The live segments of each collection: rows in the files, rows that are
-- deleted, rows that live, and what is wrong with those that cannot be read.
SELECT collection, partition_tag, segment_id, rows, deleted, live, file_types, path, problem
FROM meta.segments
ORDER BY collection, partition_tag, segment_id
