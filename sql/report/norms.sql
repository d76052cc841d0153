-- The lengths of the float vectors of each collection.
SELECT
    collection,
    min(min_norm) AS min,
    sum(avg_norm * (live_rows - not_finite_rows)) / nullif(sum(live_rows - not_finite_rows), 0) AS mean,
    max(max_norm) AS max,
    CAST(sum(unit_rows) AS DOUBLE) / nullif(sum(live_rows), 0) AS unit_share
FROM measure.segments
WHERE min_norm IS NOT NULL
GROUP BY collection
