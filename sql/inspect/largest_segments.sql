-- The twenty largest segments by bytes of ids and vectors.
SELECT collection, partition_tag, segment_id, rows, file_size, file_types, path
FROM meta.segments
ORDER BY file_size DESC, segment_id
LIMIT 20
