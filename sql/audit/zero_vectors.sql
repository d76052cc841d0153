-- Vectors whose components are all zero, compared by inner product.
--
-- severity: note
-- remedy: Nothing has to be done. Do not choose COSINE for such a collection, or leave
-- these rows out with `--where "l2_norm(vector) > 0"`.
--
-- A zero vector has no direction: its inner product with everything is 0, its cosine
-- is not defined. Such vectors are often placeholders.
SELECT
    s.collection,
    s.partition_tag,
    s.segment_id,
    s.zero_rows AS rows,
    concat(s.zero_rows, CASE WHEN s.zero_rows = 1 THEN ' row has' ELSE ' rows have' END, ' a vector of zeros') AS message
FROM measure.segments AS s
JOIN meta.collections AS c ON c.collection = s.collection
WHERE c.metric = 'IP' AND s.zero_rows > 0 AND s.problem IS NULL
ORDER BY s.collection, s.partition_tag, s.segment_id
