-- Live segments without a file of deleted rows.
--
-- severity: error
-- remedy: Copy the segment's folder again, or restore the file from a backup. If no
-- row of the segment was ever deleted, a file of 8 zero bytes named `deleted_docs`
-- says so.
--
-- A server writes the file for every segment, last of all. Without it deleted rows
-- would come back, so nothing is guessed.
SELECT collection, partition_tag, segment_id, row_count AS metadata_rows, problem AS message
FROM meta.segments
WHERE problem_kind IN ('missing deleted docs')
ORDER BY collection, partition_tag, segment_id
