-- What an audit says of each collection: bytes are those of ids and vectors, which
-- stand behind 8 bytes in their files. Nothing of a segment with a problem is counted.
SELECT
    c.collection AS name,
    CASE WHEN c.metric IN ('L2', 'IP') THEN 'float' ELSE 'binary' END AS vectors,
    c.metric,
    c.dimension,
    c.engine AS index,
    c.segments,
    coalesce(s.problems, 0) AS unreadable_segments,
    coalesce(s.live, 0) AS live_rows,
    coalesce(s.deleted, 0) AS deleted_rows,
    coalesce(s.live_bytes, 0) AS live_bytes,
    coalesce(s.deleted_bytes, 0) AS deleted_bytes
FROM meta.collections AS c
LEFT JOIN (
    SELECT
        collection,
        count(problem) AS problems,
        sum(live) FILTER (WHERE problem IS NULL) AS live,
        sum(deleted) FILTER (WHERE problem IS NULL) AS deleted,
        sum(live * ((ids_bytes + vectors_bytes - 16) / nullif(rows, 0))) AS live_bytes,
        sum(deleted * ((ids_bytes + vectors_bytes - 16) / nullif(rows, 0))) AS deleted_bytes
    FROM meta.segments
    GROUP BY collection
) AS s ON s.collection = c.collection
ORDER BY c.collection
