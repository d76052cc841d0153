-- Segments with deleted rows, those with the largest share first, and how the
-- metadata's row count compares with the files.
--
-- Columns: `collection`, `partition_tag`, `segment_id`; `rows` (stored), `deleted`,
-- `deleted_percent`; `metadata_rows` (the row count of the metadata) and
-- `live_rows` (that of the files).
--
-- Worth a look when a collection has fewer rows than the server counted, or is
-- larger than its rows explain.
SELECT
    collection,
    partition_tag,
    segment_id,
    rows,
    deleted,
    round(100.0 * deleted / rows, 1) AS deleted_percent,
    row_count AS metadata_rows,
    live AS live_rows
FROM meta.segments
WHERE deleted > 0
ORDER BY deleted_percent DESC, segment_id
