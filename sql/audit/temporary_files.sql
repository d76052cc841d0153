-- Live segments with files that a crash left behind.
--
-- severity: note
-- remedy: Nothing has to be done: `temp_del` and `temp_bloom` are not read.
--
-- A server writes deleted rows into a temporary file first and was killed before it
-- took the place of the old one. The delete then stands in the write-ahead log.
SELECT
    collection,
    partition_tag,
    segment_id,
    path,
    concat(temporary_files, CASE WHEN temporary_files = 1 THEN ' temporary file is' ELSE ' temporary files are' END, ' left of a crash') AS message
FROM measure.directories
WHERE state = 'live' AND temporary_files > 0
ORDER BY collection, partition_tag, segment_id
