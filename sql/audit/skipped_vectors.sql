-- Vectors with NaN or infinity, whose rows are left out.
--
-- severity: warning
-- remedy: Nothing has to be done: that is what `m2m.invalidVectors: skip` chooses. The
-- rows go to `<collection>/quarantine.parquet` beside the import files.
--
-- Milvus 1.x took any component; Milvus 2.x refuses the import.
SELECT
    s.collection,
    s.partition_tag,
    s.segment_id,
    s.not_finite_rows AS rows,
    concat(s.not_finite_rows, CASE WHEN s.not_finite_rows = 1 THEN ' row is' ELSE ' rows are' END, ' left out because of NaN or infinity') AS message
FROM measure.segments AS s
JOIN mapping.collections AS m ON m.collection = s.collection
WHERE s.not_finite_rows > 0 AND m.invalid_vectors = 'skip' AND s.problem IS NULL
ORDER BY s.collection, s.partition_tag, s.segment_id
