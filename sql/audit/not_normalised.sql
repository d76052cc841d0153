-- Vectors of other lengths than 1, where that stops the migration.
--
-- severity: error
-- remedy: Choose `--set m2m.ipToCosine=never` to keep the inner product, or `always`
-- if another order of the results is wanted.
--
-- `m2m.ipToCosine: ifNormalised` has a migration end when a vector is longer or shorter
-- than 1 by more than 0.001: its results would come in another order.
SELECT
    s.collection,
    sum(s.live_rows) - sum(s.unit_rows) AS rows,
    min(s.min_norm) AS min_norm,
    max(s.max_norm) AS max_norm,
    concat(
        sum(s.live_rows) - sum(s.unit_rows), ' of ', sum(s.live_rows), ' vectors have other lengths than 1, from ',
        round(min(s.min_norm), 6), ' to ', round(max(s.max_norm), 6)
    ) AS message
FROM measure.segments AS s
JOIN mapping.collections AS m ON m.collection = s.collection
WHERE m.metric = 'IP' AND m.ip_to_cosine = 'ifNormalised' AND s.problem IS NULL
GROUP BY s.collection
HAVING sum(s.unit_rows) < sum(s.live_rows)
ORDER BY s.collection
