-- Collections of unit vectors, compared by inner product.
--
-- severity: note
-- remedy: `--set m2m.ipToCosine=ifNormalised` makes the metric COSINE in Milvus 2.x.
--
-- The inner product of vectors of length 1 is their cosine; COSINE says so, and gives
-- the same scores.
SELECT
    s.collection,
    sum(s.live_rows) AS rows,
    concat('all ', sum(s.live_rows), ' vectors have length 1, to within 0.001: the inner product is the cosine') AS message
FROM measure.segments AS s
JOIN mapping.collections AS c ON c.collection = s.collection
WHERE c.metric = 'IP' AND c.target_metric IS DISTINCT FROM 'COSINE'
GROUP BY s.collection
HAVING sum(s.live_rows) > 0 AND sum(s.unit_rows) = sum(s.live_rows) AND count(s.problem) = 0
ORDER BY s.collection
