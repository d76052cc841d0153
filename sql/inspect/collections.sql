-- The collections of an installation: what they are, and how many rows live in
-- them.
--
-- Columns: `collection`; `metric`, `dimension`, `engine` (the index); `partitions`
-- and `segments` (how many); `live_rows` and `deleted_rows` of the files;
-- `problems` (segments whose files cannot be read).
--
-- Worth a look first, before anything else. `problems` above 0 ask for
-- `inspect.segments`.
SELECT
    c.collection,
    c.metric,
    c.dimension,
    c.engine,
    c.partitions,
    c.segments,
    coalesce(s.live, 0) AS live_rows,
    coalesce(s.deleted, 0) AS deleted_rows,
    coalesce(s.problems, 0) AS problems
FROM meta.collections AS c
LEFT JOIN (
    SELECT collection, sum(live) AS live, sum(deleted) AS deleted, count(problem) AS problems
    FROM meta.segments
    GROUP BY collection
) AS s ON s.collection = c.collection
ORDER BY c.collection
