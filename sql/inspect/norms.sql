-- The lengths of the float vectors of each partition.
--
-- Columns: `collection`, `metric`, `partition_tag`; `rows` (live); `not_finite`
-- (rows with NaN or an infinite component, which count for no other column);
-- `min_norm`, `avg_norm`, `max_norm`; `unit_share` (of the rows, from 0 to 1, that
-- have length 1 to within 0.001).
--
-- Worth a look when the metric is IP: where `unit_share` is 1, the inner product
-- is the cosine. Reads every vector of a collection.
SELECT
    {collection} AS collection,
    {metric} AS metric,
    partition_tag,
    count(*) AS rows,
    count(*) - count(norm) AS not_finite,
    min(norm) AS min_norm,
    avg(norm) AS avg_norm,
    max(norm) AS max_norm,
    avg(CASE WHEN abs(norm - 1) <= 0.001 THEN 1.0 ELSE 0.0 END) AS unit_share
FROM (
    SELECT partition_tag, CASE WHEN is_finite(vector) THEN l2_norm(vector) END AS norm
    FROM {float_table}
) AS lengths
GROUP BY partition_tag
ORDER BY collection, partition_tag
