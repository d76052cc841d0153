-- The index of each collection, and how much of the collection has one.
--
-- Columns: `collection`, `metric`, `engine` (the index), `index_params`; `segments`
-- (how many) and `indexed_segments` (of them, with an index on disk); `index_bytes`
-- (as the metadata says; a `meta.json` does not).
--
-- Worth a look before migrating: an index is built anew by Milvus 2.x, and not all
-- of them exist there.
SELECT
    c.collection,
    c.metric,
    c.engine,
    c.index_params,
    c.segments,
    coalesce(s.indexed, 0) AS indexed_segments,
    coalesce(i.bytes, 0) AS index_bytes
FROM meta.collections AS c
LEFT JOIN (
    SELECT collection, count(*) AS indexed
    FROM meta.segments
    WHERE concat('+', file_types, '+') LIKE '%+INDEX+%'
    GROUP BY collection
) AS s ON s.collection = c.collection
LEFT JOIN (
    SELECT p.collection, sum(f.file_size) AS bytes
    FROM meta.files AS f
    JOIN meta.partitions AS p ON p.table_id = f.table_id
    WHERE f.file_type_name = 'INDEX'
    GROUP BY p.collection
) AS i ON i.collection = c.collection
ORDER BY c.collection
