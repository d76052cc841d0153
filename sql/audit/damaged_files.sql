-- Live segments whose files are damaged.
--
-- severity: error
-- remedy: Copy the segment's folder again, or restore it from a backup; then leave the
-- collection out with `--col` if neither helps.
--
-- A file says how long it is, ids and vectors say how many rows there are, and these
-- contradict each other. Milvus 1.x does not notice and serves zeros.
SELECT collection, partition_tag, segment_id, row_count AS metadata_rows, problem AS message
FROM meta.segments
WHERE problem_kind IN ('damaged')
ORDER BY collection, partition_tag, segment_id
