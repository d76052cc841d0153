-- Segment folders that no row of the metadata names.
--
-- severity: warning
-- remedy: If all collections and rows that should be there are, nothing has to be
-- done: these folders are not migrated. If rows are missed, `m2m recover --tables DIR
-- --out NEW` shows what the folders hold.
--
-- A server forgets segments that it was still writing when it was killed; their rows
-- are in the write-ahead log. Or the metadata is of another time than the files.
SELECT
    collection,
    partition_tag,
    table_id,
    segment_id,
    state,
    rows,
    bytes,
    path,
    concat(
        CASE WHEN state = 'ghost' THEN concat('no collection or partition is called `', table_id, '`') ELSE 'the metadata does not name this segment' END,
        ': ', files, CASE WHEN files = 1 THEN ' file, ' ELSE ' files, ' END, bytes, ' bytes', CASE WHEN rows IS NULL THEN '' ELSE concat(', ', rows, ' rows') END
    ) AS message
FROM measure.directories
WHERE
    state IN ('unknown', 'ghost')
    -- Of metadata that cannot be read every folder would be unknown.
    AND NOT EXISTS (SELECT 1 FROM meta.problems WHERE place = 'metadata' AND NOT EXISTS (SELECT 1 FROM meta.collections))
    -- Those of a collection that cannot be read are told with it.
    AND table_id NOT IN (
        SELECT t.table_id
        FROM meta.tables AS t
        JOIN meta.problems AS p ON p.collection = t.table_id OR p.collection = t.owner_table
        WHERE p.place = 'collection'
    )
ORDER BY table_id, segment_id
