-- Collections that get another metric in Milvus 2.x.
--
-- severity: warning
-- remedy: Compare rankings, not scores, with those of the old server.
--
-- The nearest metric takes the place of one that Milvus 2.x does not have; others
-- change because the settings say so.
SELECT
    collection,
    metric,
    target_metric,
    coalesce(metric_note, concat('metric ', metric, ' becomes ', target_metric)) AS message
FROM mapping.collections
WHERE target_metric IS NOT NULL AND target_metric <> metric
ORDER BY collection
