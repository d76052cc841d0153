-- The bytes of each partition.
--
-- Columns: `collection`, `partition_tag`; `segments` (how many); `rows` (stored) and
-- `live_rows`; `ids_bytes` and `vectors_bytes` of the files; `deleted_bytes` (of them,
-- those of deleted rows, which are not migrated); `index_bytes` (as the metadata
-- says; a `meta.json` does not); `problems` (segments whose files cannot be read:
-- what is not known of them is not counted).
--
-- Worth a look to see how much there is to migrate. Of whole collections:
-- `SELECT collection, sum(vectors_bytes) FROM inspect.sizes GROUP BY collection`.
SELECT
    p.collection,
    p.partition_tag,
    p.segments,
    coalesce(s.rows, 0) AS rows,
    coalesce(s.live_rows, 0) AS live_rows,
    coalesce(s.ids_bytes, 0) AS ids_bytes,
    coalesce(s.vectors_bytes, 0) AS vectors_bytes,
    coalesce(s.deleted_bytes, 0) AS deleted_bytes,
    coalesce(i.bytes, 0) AS index_bytes,
    coalesce(s.problems, 0) AS problems
FROM meta.partitions AS p
LEFT JOIN (
    -- Each file begins with 8 bytes that hold its length.
    SELECT
        collection,
        partition_tag,
        sum(rows) AS rows,
        sum(live) AS live_rows,
        sum(ids_bytes) AS ids_bytes,
        sum(vectors_bytes) AS vectors_bytes,
        sum(deleted * ((ids_bytes + vectors_bytes - 16) / nullif(rows, 0))) AS deleted_bytes,
        count(problem) AS problems
    FROM meta.segments
    GROUP BY collection, partition_tag
) AS s ON s.collection = p.collection AND s.partition_tag = p.partition_tag
LEFT JOIN (
    SELECT table_id, sum(file_size) AS bytes
    FROM meta.files
    WHERE file_type_name = 'INDEX'
    GROUP BY table_id
) AS i ON i.table_id = p.table_id
ORDER BY p.collection, p.partition_tag
