-- Live segments whose ids or vectors are not there.
--
-- severity: error
-- remedy: Copy the segment's folder again, or restore it from a backup. If it was on
-- another path of the old server, name that too: `--tables` can be given several
-- times. Otherwise leave the collection out with `--col`.
--
-- The metadata counts on the segment, and its rows are nowhere else.
SELECT collection, partition_tag, segment_id, row_count AS metadata_rows, problem AS message
FROM meta.segments
WHERE problem_kind IN ('missing ids', 'missing vectors')
ORDER BY collection, partition_tag, segment_id
