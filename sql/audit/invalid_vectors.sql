-- Vectors with a component that is NaN or infinite.
--
-- severity: error
-- remedy: `--set m2m.invalidVectors=skip` leaves these rows out and writes them into a
-- file of their own. `SELECT * FROM inspect.not_finite` lists them.
--
-- Milvus 1.x took any component; Milvus 2.x refuses the import.
SELECT
    s.collection,
    s.partition_tag,
    s.segment_id,
    s.not_finite_rows AS rows,
    concat(s.not_finite_rows, CASE WHEN s.not_finite_rows = 1 THEN ' row has' ELSE ' rows have' END, ' a vector with NaN or infinity') AS message
FROM measure.segments AS s
JOIN mapping.collections AS m ON m.collection = s.collection
WHERE s.not_finite_rows > 0 AND m.invalid_vectors = 'fail' AND s.problem IS NULL
ORDER BY s.collection, s.partition_tag, s.segment_id
