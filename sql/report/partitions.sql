-- What an audit says of each partition.
SELECT
    p.collection,
    p.partition_tag AS tag,
    coalesce(m.target_name, '') AS target_name,
    p.segments,
    coalesce(s.live, 0) AS live_rows,
    coalesce(s.deleted, 0) AS deleted_rows,
    coalesce(s.live_bytes, 0) AS live_bytes
FROM meta.partitions AS p
LEFT JOIN mapping.partitions AS m
    ON m.collection = p.collection AND m.partition_tag = p.partition_tag
LEFT JOIN (
    SELECT
        collection,
        partition_tag,
        sum(live) FILTER (WHERE problem IS NULL) AS live,
        sum(deleted) FILTER (WHERE problem IS NULL) AS deleted,
        sum(live * ((ids_bytes + vectors_bytes - 16) / nullif(rows, 0))) AS live_bytes
    FROM meta.segments
    GROUP BY collection, partition_tag
) AS s ON s.collection = p.collection AND s.partition_tag = p.partition_tag
ORDER BY p.collection, p.partition_tag <> '_default', p.partition_tag
