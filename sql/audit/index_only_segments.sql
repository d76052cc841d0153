-- Live segments that only an index row names.
--
-- severity: warning
-- remedy: Compare the count of the collection with what the old server counted. The
-- segment is read from its raw file; leave it out with a condition over `segment_id`
-- if its rows were archived.
--
-- Servers of 0.9.0 could archive the raw row of a segment and forget its index.
SELECT
    collection,
    partition_tag,
    segment_id,
    file_types,
    'the metadata has an index row and no raw row; the raw file is read' AS message
FROM meta.segments
WHERE NOT has_raw_row
ORDER BY collection, partition_tag, segment_id
