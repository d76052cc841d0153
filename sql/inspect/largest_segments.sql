-- The twenty largest segments by bytes of ids and vectors.
--
-- Columns: `collection`, `partition_tag`, `segment_id`; `rows` (stored);
-- `file_size` (bytes, as the metadata says) and `file_types`; `path` (the folder).
--
-- Worth a look to see where the bytes are; `inspect.sizes` adds them up.
SELECT collection, partition_tag, segment_id, rows, file_size, file_types, path
FROM meta.segments
ORDER BY file_size DESC, segment_id
LIMIT 20
