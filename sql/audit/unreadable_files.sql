-- Live segments whose files cannot be opened.
--
-- severity: error
-- remedy: See that the user who runs m2m may read the folder, that the store answers,
-- and that no segment stands in two `tables` folders.
--
-- Nothing is known of their rows.
SELECT collection, partition_tag, segment_id, row_count AS metadata_rows, problem AS message
FROM meta.segments
WHERE problem_kind IN ('unreadable', 'twice')
ORDER BY collection, partition_tag, segment_id
